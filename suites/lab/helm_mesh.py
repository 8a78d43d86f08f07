"""A lab cluster with a mesh as platform teams have it: Istio by Helm, two versions as revisions, and tags.

No fixture of the article creates any of it, so the commands that test them meet a mesh that is not theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from fixtures.checks.cluster import check_available, check_nodes_ready
from fixtures.clients.command import run
from fixtures.clients.helm import ChartRelease, Helm
from fixtures.clusters.base import Cluster, ClusterRequest
from fixtures.clusters.kind.cluster import KindProvider
from fixtures.clusters.run_lock import locked_folder
from fixtures.distributions.base import Charts, Distribution, Edition
from fixtures.installers import chart_values
from fixtures.installers.install_files import write_files
from fixtures.installers.operator_spec import merged
from fixtures.manifests import Manifests, resources_in
from fixtures.settings import ISTIO_NAMESPACE, Timeouts
from fixtures.waits import eventually

NAME = "istio-conformance-by-helm"
OBJECTS = Path(__file__).with_suffix(".yaml")
#: The revisions in the order of the lab's two newest versions, and the tag of each.
REVISIONS: Mapping[str, str] = {"blue": "old", "green": "prod"}
#: Name and namespace of each gateway by the tag that injects it.
GATEWAYS = {"old": ("old-gateway", "old-ingress"), "prod": ("istio-ingressgateway", "istio-ingress")}
#: The namespaces of helm_mesh.yaml, each with one app.
APPS = ("shop", "billing", "batch")
_DEPLOYMENT = "apps/v1/Deployment"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chart:
    """One release to install, and the version of its chart."""

    version: str
    name: str
    namespace: str
    chart: str
    values: Mapping[str, Any]


@contextmanager
def helm_mesh(source: Distribution, manifests: Manifests, timeouts: Timeouts) -> Iterator[Cluster]:
    """Yield a new cluster with the mesh and its apps, all ready; it is removed at the end."""
    versions = source.istio_versions()[-len(REVISIONS) :]
    source.prepare(versions, print)
    with locked_folder(source.run_folder(NAME)) as folder:
        edition = source.edition(versions[-1], None, manifests, also=versions)
        request = ClusterRequest(
            name=NAME,
            folder=folder,
            keep=False,
            reuse=False,
            distribution=source,
            edition=edition,
            timeouts=timeouts,
            namespaces=(),
            uninstall=lambda _: None,
        )
        provider = KindProvider()
        provider.check(request)
        try:
            with provider.provide(request) as cluster:
                _await_network(cluster)
                _install(cluster, {each: source.charts(each, print) for each in versions}, folder)
                _apply(cluster)
                yield cluster
        finally:
            source.remove_run_folder(folder)


def _await_network(cluster: Cluster) -> None:
    kube = cluster.kube()
    for each in resources_in(cluster.distribution.cluster_manifests):
        kube.apply(each)
    eventually(
        lambda: check_nodes_ready(kube.get_all("v1/Node")), "the node is Ready", cluster.timeouts.node_network
    )
    _await_available(cluster, "coredns", "kube-system")


def _install(cluster: Cluster, charts: Mapping[str, Charts], folder: Path) -> None:
    """Install the CRDs, the control planes and the gateways, each release until it is ready."""
    newest = charts[cluster.distribution.istio_version]
    helm = Helm(
        program=newest.helm,
        kubeconfig=cluster.kubeconfig,
        environment=cluster.distribution.environment,
        folder=folder / "helm",
        timeout=cluster.timeouts.command,
    )
    seconds = cluster.timeouts.istio_install
    for each in _releases(cluster.distribution, [*charts], folder):
        path = folder / f"values-of-{each.name}.yaml"
        path.write_text(yaml.safe_dump(dict(each.values)), encoding="utf-8")
        chart = charts[each.version].charts[each.chart]
        release = ChartRelease(name=each.name, namespace=each.namespace, chart=chart, values=path)
        run(helm.install_command(release, timeout=seconds), environment=helm.variables(), timeout=seconds)


def _releases(edition: Edition, versions: list[str], folder: Path) -> Iterator[_Chart]:
    """Yield the releases in order; the validator of the CRDs' chart is that of the newest revision."""
    system = partial(_Chart, namespace=ISTIO_NAMESPACE)
    revisions = [*zip(versions, REVISIONS.items(), strict=True)]
    newest = [*REVISIONS][-1]
    yield system(version=versions[-1], name="istio-base", chart="base", values={"defaultRevision": newest})
    for version, (revision, tag) in revisions:
        image = edition.releases[version].proxy_image
        layers = (edition.install_values,)
        files = write_files(folder, version, revision, layers=layers, proxy_image=image)
        values = chart_values.istiod(merged(files), [tag])
        yield system(version=version, name=f"istiod-{revision}", chart="istiod", values=values)
    for version, (_, tag) in revisions:
        name, namespace = GATEWAYS[tag]
        yield _Chart(version=version, name=name, namespace=namespace, chart="gateway", values=_gateway(tag))


def _gateway(tag: str) -> dict[str, Any]:
    return {
        "revision": tag,
        "autoscaling": {"enabled": False},
        # See chart_values.gateway.
        "imagePullPolicy": "IfNotPresent",
        "service": {"type": "ClusterIP"},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
    }


def _apply(cluster: Cluster) -> None:
    """Apply the distribution's telemetry and the apps, and wait until the apps are available."""
    kube = cluster.kube()
    for each in resources_in((*cluster.distribution.telemetry_manifests, OBJECTS)):
        kube.apply(each)
    for namespace in APPS:
        _await_available(cluster, "app", namespace)


def _await_available(cluster: Cluster, name: str, namespace: str) -> None:
    kube = cluster.kube()
    eventually(
        lambda: check_available(kube.get(_DEPLOYMENT, name, namespace)),
        f"Deployment {namespace}/{name} is available",
        cluster.timeouts.deployment_available,
        interval=0.5,
    )
