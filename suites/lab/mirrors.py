"""A release server and a registry on a network of the lab, with the lab's parts under published names."""

import contextlib
import functools
import http.server
import ipaddress
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fixtures.distributions.upstream.published import PUBLISHED
from lab import build, engine, network, published
from lab.paths import PROJECT

#: The ranges of pods and services in manifests/kind/upstream.yaml.
PODS, SERVICES = "10.244.0.0/16", "10.96.0.0/16"
_HOSTS = ("github.com", "api.github.com", "dl.k8s.io")


@dataclass(frozen=True, slots=True)
class Mirrors:
    """The release server and the registry by HOST:PORT, the network that reaches both, and a node image."""

    releases: str
    registry: str
    network: str
    node_image: str
    kubernetes: str
    istio: str
    engine: engine.Engine

    def options(self, overlay: Path) -> list[str]:
        """Return the options of a run that gets everything from these mirrors."""
        releases = [f"--release-mirror={host}=http://{self.releases}" for host in _HOSTS]
        registries = [
            f"--registry-mirror={host}=http://{self.registry}{'/' + prefix.rstrip('/') if prefix else ''}"
            for host, prefix in published.PREFIXES.items()
        ]
        telemetry = [
            f"--mesh-manifests={PROJECT}/manifests/lab/{name}.yaml"
            for name in ("application-protocols", "request-metrics")
        ]
        return [
            "--distribution=upstream",
            f"--istio-version={self.istio.rpartition('.')[0]}",
            f"--kubernetes-version={self.kubernetes}",
            f"--node-image={self.node_image}",
            f"--docker-network={self.network}",
            f"--manifests={overlay}",
            *releases,
            *registries,
            *telemetry,
        ]


@contextlib.contextmanager
def serve(run: str, istio: str) -> Iterator[Mirrors]:
    """Make the network of a run, with the lab's firewall rules, and serve both mirrors at its gateway.

    Builds and loads the lab first if it is not there. Removes network, node and node image at the end.
    """
    plan = build.build(istio={istio})
    running = engine.ensure(print)
    kubernetes = next(each.versions["kubernetes"] for each in plan.sources if "kubernetes" in each.versions)
    with (
        tempfile.TemporaryDirectory(prefix="ilab-published-") as made,
        _network(running, run) as net,
        _node_image(plan, running) as node_image,
    ):
        folder, gateway = Path(made), str(ipaddress.ip_network(net.subnet)[1])
        tree = published.releases(plan, istio, PUBLISHED["kind"]["version"], folder / "releases")
        with _files(tree, gateway) as releases, _registry(folder, plan, istio, gateway) as registry:
            yield Mirrors(releases, registry, net.name, node_image, kubernetes, istio, running)


@contextlib.contextmanager
def _network(running: engine.Engine, run: str) -> Iterator[network.Network]:
    made = network.create_network(running, run)
    try:
        # The rules must be there before the first node is.
        network.guard(running, made, PODS, SERVICES)
        yield made
    finally:
        network.remove_network(running, made)


@contextlib.contextmanager
def _node_image(plan: build.Plan, running: engine.Engine) -> Iterator[str]:
    name = published.node_image(plan, running)
    try:
        yield name
    finally:
        running.docker("image", "rm", name, check=False)


@contextlib.contextmanager
def _files(folder: Path, address: str) -> Iterator[str]:
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
def _registry(folder: Path, plan: build.Plan, istio: str, address: str) -> Iterator[str]:
    archive, pairs = published.images(plan, istio, folder)
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
