"""A new pod in the labelled namespace gets the sidecar."""

from functools import partial

import allure
import pytest

from fixtures.causes import INGRESS
from fixtures.checks.cluster import check_gone
from fixtures.checks.mesh import check_in_sync, check_versions
from fixtures.checks.pods import (
    check_all_ready,
    check_captured_user,
    check_injected,
    check_injector,
    check_runs_as,
    container_id,
    containers,
    init_containers,
)
from fixtures.checks.responses import check_page, check_served_by_mesh
from fixtures.clients.istioctl import Istioctl
from fixtures.clients.kube import Resource
from fixtures.clients.nodes import Node
from fixtures.clusters.cluster_waits import ClusterWaits
from fixtures.distributions.base import Edition
from fixtures.mesh.ingress import Ingress
from fixtures.mesh.installation import Mesh
from fixtures.settings import Names, Thresholds
from fixtures.stages import Observed
from fixtures.workloads.app import App

pytestmark = pytest.mark.stage("injection")


@allure.title("The new pod has a ready proxy and its init container")
def test_new_pod_has_a_ready_sidecar(
    injected_app: Resource, app: App, names: Names, observed: Observed
) -> None:
    """The app was scaled to 0 and back: each pod has istio-proxy and istio-init, and is fully ready."""
    app.check_pods(partial(check_injected, init=names.installed.init_container))
    for pod in app.pods():
        check_all_ready(pod)
    native = names.proxy_container in init_containers(injected_app)
    observed(f"{names.proxy_container} as a {'native sidecar' if native else 'container'}, all ready")


@allure.title("The sidecar is of the installed revision and version")
def test_sidecar_is_of_the_installed_revision(
    injected_app: Resource,
    istio: Mesh,
    istioctl: Istioctl,
    distribution: Edition,
    names: Names,
    cluster_waits: ClusterWaits,
) -> None:
    """The app is injected: revision, image and version of its proxy are those that were installed."""
    check_injector(injected_app, names.installed.revision, istio.proxy_image(injected_app))
    # istiod lists a connection of istioctl itself until it has noticed its end.
    cluster_waits.configured(
        lambda: check_versions(istioctl.version(), distribution.istio_version, istio.proxies()),
        "control plane and every proxy have the installed version",
        reproduce="istioctl version",
    )


@allure.title("Envoy runs as user 1337")
def test_envoy_runs_as_the_user_that_iptables_exempts(
    injected_app: Resource, node: Node, names: Names, thresholds: Thresholds
) -> None:
    """The app is injected: on the node, Envoy in its pod runs as user and group 1337."""
    proxy = node.pid(container_id(injected_app, names.proxy_container))
    check_runs_as(node.processes(proxy), "envoy", uid=thresholds.proxy_uid, gid=thresholds.proxy_uid)


@allure.title("No container of the app runs as user 1337")
def test_no_container_of_the_app_runs_as_the_proxys_user(
    injected_app: Resource, node: Node, names: Names, thresholds: Thresholds
) -> None:
    """The app is injected: no other container runs as user or group 1337, whose traffic bypasses Envoy."""
    users = {
        name: {
            number
            for process in node.processes(node.pid(container_id(injected_app, name)))
            for number in (process.uid, process.gid)
        }
        for name in containers(injected_app)
        if name != names.proxy_container
    }
    check_captured_user(injected_app, users, thresholds.proxy_uid)


@allure.title("The sidecar is in sync with istiod")
def test_sidecar_is_in_sync(
    injected_app: Resource,
    virtual_service: list[Resource],
    istio: Mesh,
    istioctl: Istioctl,
    cluster_waits: ClusterWaits,
) -> None:
    """The app is injected and routed: its proxy and the gateway's have acknowledged istiod's last updates."""
    cluster_waits.configured(
        lambda: check_in_sync(
            istioctl.sync_status(), istio.proxies(), with_routes=True, unrouted=istio.egress_proxies()
        ),
        "the gateway and the sidecar are in sync",
        reproduce="istioctl experimental internal-debug syncz --all",
    )


@allure.title("The app is still served through the gateway")
def test_app_is_served_after_injection(
    injected_app: Resource,
    virtual_service: list[Resource],
    ingress: Ingress,
    names: Names,
    cluster_waits: ClusterWaits,
) -> None:
    """The app is injected: GET / through the ingress returns its page, several times in a row."""
    cluster_waits.holds(
        ingress.get_many,
        lambda answer: check_page(check_served_by_mesh(answer), names.page),
        "the app is served through gateway and sidecar",
        reproduce=ingress.command(),
        circumstances=INGRESS,
    )


@allure.title("The old pod is gone")
def test_old_pod_is_gone(injected_app: Resource, injection_label: Resource, app: App) -> None:
    """The app was scaled to 0 and to 1: the pod without a sidecar no longer exists."""
    check_gone(app.pods(), injection_label)
