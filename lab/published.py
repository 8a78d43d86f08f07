"""The lab's programs and images under the names and in the layouts in which their projects publish them.

For proving the distribution `upstream` without a network: a folder that an HTTP server can serve as every
release server, an OCI registry, and a node image of the shape that kind publishes. docs/upstream.md
lists how they differ from the real ones.
"""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from lab import environment, rootfs
from lab.build import Plan
from lab.engine import Engine
from lab.errors import LabError
from lab.images import Archive, compose, configuration
from lab.node import CONFIGURATION, _Lookup, _remove
from lab.paths import LABEL, OWNER_LABEL, PROJECT, SOURCES, owner
from lab.sources import Image, versions_of
from reports.redaction import redact

#: Published names of the lab's own images, for the registry and for the samples.
NAMES = {
    "registry.lab/nginx:1.22.1": "docker.io/library/nginx:1.22.1",
    "registry.lab/client:1": "docker.io/curlimages/curl:8.11.1",
    "registry.lab/python:3.11": "docker.io/library/python:3.11-slim",
    "registry.lab/prometheus:3.11.3": "docker.io/prom/prometheus:v3.11.3",
    "registry.lab/kiali:1.89.0": "quay.io/kiali/kiali:v1.89.0",
    "registry.lab/jaeger:1.76.0": "docker.io/jaegertracing/all-in-one:1.76.0",
}
#: Where the registry keeps the images of each registry that it mirrors.
PREFIXES = {"docker.io": "", "quay.io": "quay/", "registry.k8s.io": "k8s/"}
_FILES = PROJECT / "lab" / "published"
_NODE = "istio-conformance-lab/published-node"


def images(plan: Plan, folder: Path) -> list[str]:
    """Write one archive with the images that a node pulls, and return the registry's arguments for it.

    An argument is ARCHIVE//NAME=REPOSITORY:TAG, where NAME is an image in the archive.
    """
    built = {name: entry.path for name, entry in plan.programs.items()}
    lookup = _Lookup(plan.sources, built)
    unpacked = rootfs.unpack(plan.rootfs.path / "rootfs.tar", folder / "rootfs")
    archive, arguments = folder / "images.tar", []
    (cluster,) = (source for source in plan.sources if "kubernetes" in source.versions)
    with closing(Archive(archive)) as target:
        for source in plan.sources:
            wanted = [each for each in source.images if _is_pulled(each.name)]
            for image in [*wanted, *([_kube_proxy(source.versions)] if source is cluster else [])]:
                layers = compose(image, lookup.programs(source), lookup.files(source), unpacked, folder)
                target.add(image.name, layers, configuration(image))
                _remove(layers)
                arguments.append(_argument(archive, image.name, NAMES.get(image.name, image.name)))
    shutil.rmtree(unpacked)
    return arguments


def releases(plan: Plan, kind_version: str, folder: Path) -> Path:
    """Write the release files with their checksums below a folder, by path on their servers."""
    tools = plan.tools()
    kubernetes = versions_of("kubernetes", plan.sources)[-1]
    places = {
        f"kubernetes-sigs/kind/releases/download/{kind_version}/kind-linux-amd64": (
            tools["kind"],
            ".sha256sum",
        ),
        f"release/v{kubernetes}/bin/linux/amd64/kubectl": (tools["kubectl"], ".sha256"),
    }
    for name, (program, suffix) in places.items():
        _publish(folder / name, program.read_bytes(), suffix, named=suffix == ".sha256sum")
    for version in plan.istio_versions:
        archive = folder / f"istio/istio/releases/download/{version}/istio-{version}-linux-amd64.tar.gz"
        _publish(archive, _istio(tools[f"istioctl-{version}"], version), ".sha256", named=True)
    listed = folder / "repos" / "istio" / "istio" / "releases"
    listed.parent.mkdir(parents=True)
    tags = [*plan.istio_versions, "1.2.3-not-a-version"]
    listed.write_text(json.dumps([{"tag_name": each} for each in tags]))
    return folder


def program(name: str, folder: Path) -> Path:
    """Build `registry` or `coredns` of lab/sources into a folder and return its path.

    LabError with Go's output if that fails. From empty caches each takes up to two minutes, and then seconds.
    """
    built = folder / name
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    done = subprocess.run(
        ["go", "build", "-trimpath", "-o", str(built), "."],
        cwd=SOURCES / name, env=environment.for_registries() | settings, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise LabError(f"`go build` of {name} failed:\n{redact(done.stderr).strip()[-1500:]}")
    return built


def node_image(plan: Plan, engine: Engine, folder: Path) -> str:
    """Make an archive with a node image of kind's published shape, and return the registry's argument for it.

    Only the images that kubeadm expects stay in it; its kube-proxy and CoreDNS are kubeadm's workloads. The
    registry gets it as docker.io/kindest/node, with the lab's Kubernetes version as its tag.
    """
    kubernetes = versions_of("kubernetes", plan.sources)[-1]
    name, archive = _reshaped(plan, engine, _coredns(plan, folder)), folder / "node.tar"
    try:
        engine.docker("save", f"--output={archive}", name)
    finally:
        engine.docker("image", "rm", name, check=False)
    return _argument(archive, name, f"docker.io/kindest/node:v{kubernetes}")


def _coredns(plan: Plan, folder: Path) -> Path:
    """Write an archive with the image of a CoreDNS that has the plugins of kubeadm's Corefile."""
    lookup = _Lookup(plan.sources, {name: entry.path for name, entry in plan.programs.items()})
    (cluster,) = (source for source in plan.sources if "kubernetes" in source.versions)
    image = next(each for each in cluster.images if "/coredns:" in each.name)
    programs = {**lookup.programs(cluster), "coredns": program("coredns", folder)}
    archive = folder / "coredns.tar"
    with closing(Archive(archive)) as target:
        layers = compose(image, programs, lookup.files(cluster), folder, folder)
        target.add(image.name, layers, configuration(image))
        _remove(layers)
    return archive


def _reshaped(plan: Plan, engine: Engine, coredns: Path) -> str:
    """Make the node image in the engine, with this archive's CoreDNS, and return its name."""
    name = f"{_NODE}:{plan.node.key[:16]}-{owner()}"
    labels = (f"--label={LABEL}=published", f"--label={OWNER_LABEL}={owner()}")
    created = engine.docker(
        "create",
        "--privileged",
        "--network=none",
        *labels,
        "--entrypoint=/bin/bash",
        plan.image,
        "/reshape.sh",
    )
    container = created.stdout.strip()
    try:
        engine.docker("cp", str(_FILES / "reshape.sh"), f"{container}:/reshape.sh")
        engine.docker("cp", f"{_FILES}/manifests", f"{container}:/kind/manifests")
        engine.docker("cp", str(coredns), f"{container}:/coredns.tar")
        ran = engine.docker("start", "--attach", container, check=False)
        if ran.returncode:
            raise LabError(
                f"reshaping the node image failed:\n{redact(ran.stderr)[-2000:]}{redact(ran.stdout)[-1000:]}"
            )
        changes = [f"--change=ENTRYPOINT {json.dumps(CONFIGURATION['Entrypoint'])}", "--change=CMD []"]
        engine.docker("commit", *changes, container, name)
    finally:
        engine.docker("rm", "--force", "--volumes", container, check=False)
    return name


def _kube_proxy(versions: Mapping[str, str]) -> Image:
    """Return kubeadm's image of kube-proxy, which the lab's own node does not use."""
    return Image(
        name=f"registry.k8s.io/kube-proxy:v{versions['kubernetes']}",
        programs={"kube-proxy": "/usr/local/bin/kube-proxy"},
        files={},
        debian=(
            "/usr/sbin/xtables-nft-multi",
            "/usr/sbin/xtables-legacy-multi",
            # Of the plugin libxt_statistic, which balances the endpoints of a Service.
            "/lib/x86_64-linux-gnu/libm.so.6",
        ),
        folders=(),
        links={},
        entrypoint=(),
        user="",
        environment={},
        iptables=True,
    )


def _is_pulled(name: str) -> bool:
    return name in NAMES or name.startswith("docker.io/istio/")


def _argument(archive: Path, name: str, published: str) -> str:
    host, _, repository = published.partition("/")
    return f"{archive}//{name}={PREFIXES[host]}{repository}"


def _istio(istioctl: Path, version: str) -> bytes:
    """Return a release archive: istioctl, and the project's add-ons with published image names."""
    top = f"istio-{version}"
    files = {f"{top}/bin/istioctl": istioctl.read_bytes()}
    for sample in sorted((PROJECT / "manifests" / "addons").glob("[pkj]*.yaml")):
        text = sample.read_text(encoding="utf-8")
        for ours, theirs in NAMES.items():
            text = text.replace(ours, theirs)
        files[f"{top}/samples/addons/{sample.name}"] = text.encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _publish(path: Path, content: bytes, suffix: str, *, named: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    path.with_name(path.name + suffix).write_text(f"{digest}  {path.name}\n" if named else digest)
