"""After the label is removed, a new pod has no sidecar."""

from collections.abc import Callable

import allure
import pytest

from fixtures.causes import INGRESS
from fixtures.checks.access_log import check_plain_upstream
from fixtures.checks.cluster import check_gone
from fixtures.checks.iptables import check_no_istio_chains
from fixtures.checks.pods import check_containers
from fixtures.checks.responses import check_page, check_served_by_mesh
from fixtures.clients.kube import Resource
from fixtures.clusters.cluster_waits import ClusterWaits
from fixtures.clusters.pod_network import PodNetwork
from fixtures.mesh.ingress import Ingress
from fixtures.settings import REVISION, Names
from fixtures.stages import Observed
from fixtures.workloads.access_logs import MarkedRequest
from fixtures.workloads.app import App

pytestmark = pytest.mark.stage("label-removed")


@allure.title("The namespace has no injection label")
def test_namespace_is_not_labelled(plain_app_again: Resource, app: App) -> None:
    """The label was removed: the namespace has neither istio-injection nor istio.io/rev."""
    labels = app.namespace()["metadata"]["labels"]
    assert not {"istio-injection", REVISION} & {*labels}, f"the namespace's labels are {labels}"


@allure.title("The new pod has only its own container")
def test_new_pod_has_only_its_own_container(plain_app_again: Resource, app: App, observed: Observed) -> None:
    """The label was removed and the app restarted: each pod has exactly the containers of its template."""
    app.check_pods(check_containers)
    own = list(app.declared.workload.containers)
    observed(f"containers {own} again")


@allure.title("The new pod's nat table has no Istio chain")
def test_new_pods_nat_table_has_no_istio_chain(plain_network_again: PodNetwork) -> None:
    """The label was removed and the app scaled to 0 and to 1: the pod's nat table has no Istio chain."""
    check_no_istio_chains(plain_network_again.nat())


@allure.title("The injected pod is gone")
def test_injected_pod_is_gone(plain_app_again: Resource, injected_app: Resource, app: App) -> None:
    """The app was scaled to 0 and to 1: the pod with the sidecar no longer exists."""
    check_gone(app.pods(), injected_app)


@allure.title("The app is still served through the gateway")
def test_app_is_served_without_its_sidecar(
    plain_app_again: Resource,
    virtual_service: list[Resource],
    ingress: Ingress,
    names: Names,
    cluster_waits: ClusterWaits,
    observed: Observed,
) -> None:
    """The app has no sidecar in a STRICT namespace: the gateway sends it plain text and serves GET /."""
    cluster_waits.holds(
        ingress.get_many,
        lambda answer: check_page(check_served_by_mesh(answer), names.page),
        "the app is served through the gateway without a sidecar",
        reproduce=ingress.command(),
        circumstances=INGRESS,
    )
    observed("served through the gateway")


@allure.title("The gateway sends the app plain text")
def test_gateway_sends_plain_text_to_the_app_without_sidecar(
    plain_app_again: Resource, mark_request: Callable[[], MarkedRequest], cluster_waits: ClusterWaits
) -> None:
    """The app has no sidecar: the gateway's access log names no identity of the app for a marked request."""
    entry = cluster_waits.configured(mark_request().at_gateway, "the gateway has logged the request")
    check_plain_upstream(entry)
