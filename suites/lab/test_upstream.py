"""The distribution `upstream` climbs the article from mirrors that hold the lab's own parts."""

import contextlib
import functools
import http.server
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.distributions.upstream.published import PUBLISHED
from lab import build, engine, published
from lab.paths import PROJECT
from lab.sources import versions_of

pytestmark = [
    pytest.mark.lab,
    pytest.mark.full,
    pytest.mark.skip(
        reason="not proven yet: the servers must listen on a network that the lab made, and the kind network "
        "must have the lab's firewall rules (docs/upstream.md)"
    ),
]

VERSION = versions_of("istio")[-1]


@dataclass(frozen=True, slots=True)
class Mirror:
    """The release server and the registry, by HOST:PORT, the node image and the engine to use."""

    releases: str
    registry: str
    node_image: str
    kubernetes: str
    engine: engine.Engine


def own_address() -> str:
    """Return an address of this machine that its containers reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as chosen:
        # Connecting a datagram socket sends nothing; it selects the address that leads outside.
        chosen.connect(("192.0.2.1", 9))
        return str(chosen.getsockname()[0])


@contextlib.contextmanager
def serving(folder: Path, address: str) -> Iterator[str]:
    """Serve a folder by HTTP at an address of this machine, and yield HOST:PORT."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Write nothing."""

    server = http.server.ThreadingHTTPServer((address, 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"{address}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def registry(folder: Path, plan: build.Plan, address: str) -> Iterator[str]:
    """Serve the lab's images as a registry at an address of this machine, and yield HOST:PORT."""
    archive, pairs = published.images(plan, VERSION, folder)
    with socket.create_server((address, 0)) as chosen:
        place = f"{address}:{chosen.getsockname()[1]}"
    command = [str(published.registry(folder)), place, str(archive), *pairs]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout
            assert running.stdout.readline() == "ready\n"
            yield place
        finally:
            running.terminate()


@pytest.fixture(scope="module")
def mirror() -> Iterator[Mirror]:
    """A release server and a registry with everything that a run needs, and a node image of kind's shape."""
    plan = build.plan(istio={VERSION})
    found = engine.find()
    if found is None or not plan.built():
        pytest.skip("the lab is not built: run `istio-conformance lab build`")
    address = own_address()
    with tempfile.TemporaryDirectory(prefix="ilab-published-") as made:
        folder = Path(made)
        tree = published.releases(plan, VERSION, PUBLISHED["kind"]["version"], folder / "releases")
        with serving(tree, address) as releases, registry(folder, plan, address) as images:
            node_image = published.node_image(plan, found)
            kubernetes = next(s.versions["kubernetes"] for s in plan.sources if "kubernetes" in s.versions)
            yield Mirror(releases, images, node_image, kubernetes, found)
            found.docker("image", "rm", node_image, check=False)


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """A folder for --manifests with the lab's install values, because its Envoy lacks Istio's own filters."""
    values = tmp_path / "overlay" / "upstream" / "istio-values.yaml"
    values.parent.mkdir(parents=True)
    values.write_text((PROJECT / "manifests" / "lab" / "istio-values.yaml").read_text(encoding="utf-8"))
    return tmp_path / "overlay"


def options(mirror: Mirror, overlay: Path) -> list[str]:
    """Return the options of a run that pulls and downloads everything from the mirrors."""
    releases = [
        f"--release-mirror={host}=http://{mirror.releases}"
        for host in ("github.com", "api.github.com", "dl.k8s.io")
    ]
    registries = [
        f"--registry-mirror={host}=http://{mirror.registry}{'/' + prefix.rstrip('/') if prefix else ''}"
        for host, prefix in published.PREFIXES.items()
    ]
    telemetry = [
        f"--mesh-manifests={PROJECT}/manifests/lab/{name}.yaml"
        for name in ("application-protocols", "request-metrics")
    ]
    return [
        "--distribution=upstream",
        f"--istio-version={VERSION.rpartition('.')[0]}",
        f"--kubernetes-version={mirror.kubernetes}",
        f"--node-image={mirror.node_image}",
        f"--manifests={overlay}",
        *releases,
        *registries,
        *telemetry,
    ]


def test_upstream_climbs_the_article_from_mirrors(mirror: Mirror, overlay: Path, tmp_path: Path) -> None:
    """With a release mirror, registry mirrors and a node of kind's shape, every stage passes."""
    chosen = {
        **os.environ,
        **{name: mirror.engine.environment()[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG", "PATH")},
        "ISTIO_CONFORMANCE_CACHE": str(tmp_path / "cache"),
        "NO_PROXY": "*",
    }
    command = [sys.executable, "-m", "pytest", "suites/article", "-p", "no:cacheprovider", "-rs"]
    ran = subprocess.run(
        [*command, *options(mirror, overlay)],
        cwd=PROJECT,
        env=chosen,
        capture_output=True,
        text=True,
        check=False,
    )
    (tmp_path / "output.txt").write_text(ran.stdout + ran.stderr)
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-6000:]
    assert f"image docker.io/istio/pilot:{VERSION} from {mirror.registry}/istio/pilot:{VERSION}" in ran.stdout
