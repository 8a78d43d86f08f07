"""The article's app in a namespace without injection."""

import allure
import pytest

from fixtures.causes import CIRCUMSTANCES
from fixtures.checks.endpoints import check_endpoints
from fixtures.checks.iptables import check_no_istio_chains
from fixtures.checks.pods import check_containers
from fixtures.checks.responses import check_page
from fixtures.clusters.cluster_waits import ClusterWaits
from fixtures.clusters.pod_network import PodNetwork
from fixtures.settings import Names
from fixtures.stages import Observed
from fixtures.workloads.app import App
from fixtures.workloads.probe_pod import ProbePod

pytestmark = pytest.mark.stage("test-app")


@allure.title("The app's pods have only their own containers")
def test_pod_has_only_its_own_container(app: App) -> None:
    """The namespace has no injection label: each pod has exactly the containers of its template."""
    app.check_pods(check_containers)


@allure.title("The client pod has no sidecar")
def test_client_has_no_sidecar(app: App, probe_pod: ProbePod) -> None:
    """The client is outside the mesh: its pod has exactly the container [curl]."""
    check_containers(probe_pod.pod(), ["curl"])


@allure.title("The app is served through its Service")
def test_app_is_served_through_its_service(
    app: App, probe_pod: ProbePod, names: Names, cluster_waits: ClusterWaits, observed: Observed
) -> None:
    """The app is deployed: a pod without a sidecar gets its page from the Service's cluster IP."""
    url = app.url()
    served = cluster_waits.holds(
        lambda number: probe_pod.get_many(url, number),
        lambda answer: check_page(answer, names.page),
        "the app is served through its Service",
        circumstances=CIRCUMSTANCES,
    )
    times = cluster_waits.thresholds.held_requests
    observed(
        f"{served.status}, {names.page!r} through the cluster IP, {times} of {times} times; "
        f"containers {list(app.declared.workload.containers)}"
    )


@allure.title("The Service's endpoints are exactly the app's pods")
def test_endpoints_are_exactly_the_apps_pods(app: App, cluster_waits: ClusterWaits) -> None:
    """The app is deployed: its Service has each of its pods as a ready endpoint, and no other."""
    cluster_waits.configured(
        lambda: check_endpoints(app.endpoints(), app.pods()), "the Service's endpoints are the app's pods"
    )


@allure.title("The pod's nat table has no Istio chain")
def test_pods_nat_table_has_no_istio_chain(plain_network: PodNetwork) -> None:
    """The namespace has no injection label: the nat table of the pod has no Istio chain."""
    check_no_istio_chains(plain_network.nat())
