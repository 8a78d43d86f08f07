"""Describes a built lab to its callers: paths, names, versions and stand-ins."""

import os
import shlex
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab import engine, folders, node, proxies
from lab.build import Plan, plan
from lab.errors import LabError
from lab.paths import PROJECT
from lab.sources import versions_of

#: How the lab differs from a published Istio, and the price of each difference. Every report lists them.
STAND_INS = tuple(
    f"{each['difference']} Price: {each['price']}"
    for each in tomllib.loads((PROJECT / "lab" / "stand_ins.toml").read_text())["stand_in"]
)

#: Added to the stand-ins when --envoy-version names an Envoy.
FOREIGN_ENVOY = (
    "Every proxy runs Envoy {}, set by --envoy-version, instead of the Envoy of its Istio release."
)

#: Systems from the article that the lab lacks, each with the reason; tests that need one skip with it.
LACKS = {"grafana": "no package registry that the lab is built from publishes Grafana"}


@dataclass(frozen=True)
class Release:
    """One Istio version of the lab and the Envoy that its proxies run."""

    istio_version: str
    envoy_version: str
    istioctl: Path
    #: Folder of its Grafana dashboards.
    dashboards: Path
    #: Folder of its release notes, one YAML file per change, for this version and earlier ones.
    release_notes: Path
    #: The value to set for Istio's global.proxy.image.
    proxy_image: str


@dataclass(frozen=True)
class LabDescription:
    """A built lab: its programs, its node image and the environment for reaching its engine."""

    istio_version: str
    kubernetes_version: str
    envoy_version: str
    versions: Mapping[str, str]
    node_image: str
    kind: Path
    kubectl: Path
    istioctl: Path
    #: Folder of this Istio's Grafana dashboards.
    dashboards: Path
    engine: engine.Engine
    environment: Mapping[str, str] = field(repr=False)
    #: Every Istio in the node image by version, including `istio_version`.
    releases: Mapping[str, Release]
    stand_ins: tuple[str, ...] = STAND_INS
    lacks: Mapping[str, str] = field(default_factory=LACKS.copy)


def available_istio_versions() -> list[str]:
    """Return the Istio versions that `--istio-version` accepts on this distribution."""
    return versions_of("istio")


def available_envoy_versions() -> list[str]:
    """Return the Envoy versions that `--envoy-version` accepts on this distribution."""
    return versions_of("envoy")


def describe(
    istio_version: str, envoy_version: str | None = None, also: Collection[str] = ()
) -> LabDescription:
    """Describe the built lab with this Istio version, and with the versions `also` in the node image.

    `envoy_version` selects the Envoy of every proxy; by default each Istio runs the Envoy of its release.
    Raises LabError for an unknown version, and if the lab is not built or not loaded into an engine.
    """
    folders.check()
    wanted = plan(istio={istio_version, *also})
    releases = releases_of(wanted, envoy_version)
    if not wanted.built():
        raise LabError("the lab is not built on this machine; run `istio-conformance lab build`")
    running = engine.find()
    if running is None:
        raise LabError(
            "no usable engine is running; run `istio-conformance lab build`, which starts the lab's own"
        )
    if not node.has(running, wanted.image):
        raise LabError("the engine lacks the node image; run `istio-conformance lab build`, which loads it")
    wanted.use()
    tools = wanted.tools()
    versions: dict[str, str] = {}
    for source in wanted.sources:
        versions |= source.versions
    chosen = releases[istio_version]
    versions |= {"istio": istio_version, "envoy": chosen.envoy_version}
    environment = running.environment()
    environment["PATH"] = os.pathsep.join([str(tools["kind"].parent), environment["PATH"]])
    return LabDescription(
        istio_version=istio_version,
        kubernetes_version=versions["kubernetes"],
        envoy_version=chosen.envoy_version,
        versions=versions | {"engine": running.version} | _debian(wanted.node.path / "packages.txt"),
        node_image=wanted.image,
        kind=tools["kind"],
        kubectl=tools["kubectl"],
        istioctl=chosen.istioctl,
        dashboards=chosen.dashboards,
        engine=running,
        environment=environment,
        releases=releases,
        stand_ins=STAND_INS if envoy_version is None else (*STAND_INS, FOREIGN_ENVOY.format(envoy_version)),
    )


def releases_of(wanted: Plan, envoy_version: str | None = None) -> dict[str, Release]:
    """Return every Istio of this lab by version, oldest first. Raises LabError for an unknown Envoy."""
    tools, found = wanted.tools(), {}
    for version in wanted.istio_versions:
        source = wanted.istio(version)
        folder = wanted.programs[source.name].path
        proxy = proxies.proxy(source, wanted.sources, envoy_version)
        found[version] = Release(
            istio_version=version,
            envoy_version=proxy.envoy.versions["envoy"],
            istioctl=tools[f"istioctl-{version}"],
            dashboards=folder / "dashboards",
            release_notes=folder / "releasenotes",
            proxy_image=proxy.name,
        )
    return found


def _debian(recorded: Path) -> dict[str, str]:
    """Return the recorded versions of the Debian packages that matter in a report."""
    versions = dict(line.split("\t") for line in recorded.read_text().splitlines() if "\t" in line)
    shown = ("containerd", "runc", "nginx", "python3", "iptables")
    return {name: versions[name] for name in shown if name in versions}


def assignments(istio_version: str) -> list[str]:
    """Return the shell assignments that point a terminal at the built lab: engine, programs, node image."""
    lab = describe(istio_version)
    path = os.pathsep.join([str(lab.istioctl.parent), lab.environment["PATH"]])
    reach = {"DOCKER_HOST": lab.environment["DOCKER_HOST"], "PATH": path}
    values = {**reach, "NODE_IMAGE": lab.node_image, "ISTIO_VERSION": istio_version}
    return [f"export {name}={shlex.quote(value)}" for name, value in values.items()]


def status() -> list[str]:
    """Return one line for each part, built or not, and for each running part."""
    everything, wanted = plan(), plan(istio=())
    lines = [f"cache    {wanted.root}"]
    entries = [*everything.programs.items(), ("rootfs", wanted.rootfs), ("node", wanted.node)]
    for name, entry in entries:
        lines.append(
            f"{name:<14} {entry.key[:16]}  {'built' if entry.manifest() is not None else 'not built'}"
        )
    running = engine.find()
    if running is None:
        return [*lines, "engine         none running; `istio-conformance lab build` starts the lab's own"]
    owner = "the lab's own" if running.own else "not started by the lab"
    lines.append(f"engine         {running.version} at {running.host} ({owner})")
    loaded = node.has(running, wanted.image)
    lines.append(f"node image     {wanted.image} {'loaded' if loaded else 'not loaded'}")
    nodes = running.docker(
        "ps", "--format", "{{.Names}}", "--filter", "label=io.x-k8s.kind.cluster"
    ).stdout.split()
    return [*lines, f"clusters       {', '.join(nodes) or 'none'}"]
