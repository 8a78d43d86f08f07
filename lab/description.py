"""What a built lab is, for whoever runs a cluster on it: paths, names, versions, what stands in for what."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab import engine, folders, node, proxies
from lab.build import Plan, plan
from lab.errors import LabError
from lab.sources import versions_of

#: What the lab has in another form than a published Istio; every report made on the lab lists these.
STAND_INS = (
    "Envoy is the upstream build from PyPI, without Istio's own filters (stats, metadata exchange, ALPN).",
    "istio_requests_total, durations and sizes come from Envoy's stats access logger, set by an EnvoyFilter.",
    "While a mesh is upgraded, requests are counted that were answered with 404, and no others.",
    "What a proxy can't know of its peer travels in x-lab-* headers that the receiving proxy takes off.",
    "Kubernetes, etcd, CoreDNS, Prometheus, kind and Istio are compiled from their Go modules, all alike.",
    "Kiali and Jaeger are compiled with the same dependencies, without console and user interface.",
    "Some of their dependencies are newer than in the published programs, for the same reason.",
    "kube-proxy runs as a unit of the node; CoreDNS asks no one outside the cluster.",
    "containerd, runc, CNI plugins, nginx and Python are Debian's.",
)

#: Added to these where --envoy-version names one.
FOREIGN_ENVOY = "Every proxy runs Envoy {}, as asked for, and not the Envoy of its Istio's release line."

#: Systems of the article that the lab doesn't have, and why: what needs one is skipped with this reason.
LACKS = {"grafana": "Grafana is in none of the package registries that the lab is built from"}


@dataclass(frozen=True)
class Release:
    """One Istio of the lab, with the Envoy that its proxies run."""

    istio_version: str
    envoy_version: str
    istioctl: Path
    #: The folder with its dashboards for Grafana.
    dashboards: Path
    #: The folder with its release notes, a YAML file for each change: its own and those of versions before.
    release_notes: Path
    #: What Istio's value global.proxy.image must say.
    proxy_image: str
    #: What can't be had with this Istio and this Envoy, each with the reason.
    lacks: Mapping[str, str]


@dataclass(frozen=True)
class LabDescription:
    """A built lab: its programs, the node image's name, and the environment that reaches the engine."""

    istio_version: str
    kubernetes_version: str
    envoy_version: str
    versions: Mapping[str, str]
    node_image: str
    kind: Path
    kubectl: Path
    istioctl: Path
    #: The folder with this Istio's dashboards for Grafana.
    dashboards: Path
    engine: engine.Engine
    environment: Mapping[str, str] = field(repr=False)
    #: Every Istio that the node image has, by version, the one above included.
    releases: Mapping[str, Release]
    stand_ins: tuple[str, ...] = STAND_INS
    lacks: Mapping[str, str] = field(default_factory=LACKS.copy)


def available_istio_versions() -> list[str]:
    """The Istio versions that `--istio-version` may name on this distribution."""
    return versions_of("istio")


def available_envoy_versions() -> list[str]:
    """The Envoy versions that `--envoy-version` may name on this distribution."""
    return versions_of("envoy")


def describe(istio_version: str, envoy_version: str | None = None) -> LabDescription:
    """The built lab with this Istio version, every proxy with this Envoy where one is named.

    LabError for an unknown version, or a lab not ready.
    """
    folders.check()
    wanted = plan()
    releases = releases_of(wanted, envoy_version)
    if istio_version not in releases:
        raise LabError(f"the lab has no Istio {istio_version}; it has {', '.join(releases)}")
    if not wanted.built():
        raise LabError("the lab is not built on this machine; run `python -m lab build`")
    running = engine.find()
    if running is None:
        raise LabError(
            "no container engine is running; run `python -m lab build`, which starts the lab's own"
        )
    if not node.has(running, wanted.image):
        raise LabError(
            "the node image is not in the engine; run `python -m lab build`, which loads it from the cache"
        )
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
        lacks=chosen.lacks,
    )


def releases_of(wanted: Plan, envoy_version: str | None = None) -> dict[str, Release]:
    """Every Istio by its version, oldest first; LabError for an Envoy that no source has."""
    tools, found = wanted.tools(), {}
    for version in versions_of("istio", wanted.sources):
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
            lacks={**LACKS, **proxy.envoy.lacks},
        )
    return found


def _debian(recorded: Path) -> dict[str, str]:
    """The versions that Debian gave for the packages that matter to a reader."""
    told = dict(line.split("\t") for line in recorded.read_text().splitlines() if "\t" in line)
    return {
        name: told[name] for name in ("containerd", "runc", "nginx", "python3", "iptables") if name in told
    }


def assignments(istio_version: str) -> list[str]:
    """Shell lines that give a person's terminal the built lab: engine, programs, node image."""
    lab = describe(istio_version)
    path = os.pathsep.join([str(lab.istioctl.parent), lab.environment["PATH"]])
    reach = {"DOCKER_HOST": lab.environment["DOCKER_HOST"], "PATH": path}
    values = {**reach, "NODE_IMAGE": lab.node_image, "ISTIO_VERSION": istio_version}
    return [f"export {name}={shlex.quote(value)}" for name, value in values.items()]


def status() -> list[str]:
    """What is built and what runs, a line each."""
    wanted = plan()
    lines = [f"cache    {wanted.root}"]
    entries = [*((source.name, wanted.programs[source.name]) for source in wanted.sources)]
    entries += [("rootfs", wanted.rootfs), ("node", wanted.node)]
    for name, entry in entries:
        lines.append(
            f"{name:<14} {entry.key[:16]}  {'built' if entry.manifest() is not None else 'not built'}"
        )
    running = engine.find()
    if running is None:
        return [*lines, "engine         none runs; `python -m lab build` starts the lab's own"]
    whose = "the lab's own" if running.own else "was there before"
    lines.append(f"engine         {running.version} at {running.host} ({whose})")
    there = node.has(running, wanted.image)
    lines.append(f"node image     {wanted.image} {'loaded' if there else 'not loaded'}")
    nodes = running.docker(
        "ps", "--format", "{{.Names}}", "--filter", "label=io.x-k8s.kind.cluster"
    ).stdout.split()
    return [*lines, f"clusters       {', '.join(nodes) or 'none'}"]
