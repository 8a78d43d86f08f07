"""The add-ons run before the first sidecar: they see the gateway, and nothing of the app's own."""

import allure
import pytest

from fixtures.checks.graph import check_out_of_mesh
from fixtures.checks.metrics import check_growth, check_no_counter
from fixtures.checks.responses import check_status
from fixtures.checks.scraping import check_scraped
from fixtures.clients.jaeger import Jaeger
from fixtures.clients.kiali import Kiali
from fixtures.clients.kube import Kube, Resource
from fixtures.clients.prometheus import Prometheus
from fixtures.clusters.cluster_waits import ClusterWaits
from fixtures.mesh.ingress import Ingress
from fixtures.mesh.snapshot import BEFORE, MeshSnapshots
from fixtures.stages import Observed
from fixtures.workloads.app import App
from fixtures.workloads.request_counters import CountedRequests

pytestmark = pytest.mark.stage("add-ons")


@allure.title("Prometheus scrapes every pod that asks for it")
def test_every_scrape_target_is_up(
    prometheus: Prometheus, kube: Kube, cluster_waits: ClusterWaits, observed: Observed
) -> None:
    """Prometheus runs: each pod annotated for scraping is one target, up, and there is no other."""
    cluster_waits.counted(
        lambda: check_scraped(prometheus.targets(), kube.get_all("v1/Pod")),
        "every pod that asks for it is scraped",
    )
    observed(f"{len(prometheus.targets())} scrape targets, all up")


@allure.title("Kiali calls the workload out of mesh")
def test_kiali_calls_the_workload_out_of_mesh(kiali: Kiali, app: App, cluster_waits: ClusterWaits) -> None:
    """The app's pod has no sidecar yet: Kiali lists the workload without one."""
    cluster_waits.counted(
        lambda: check_out_of_mesh(kiali.workloads(app.names.namespace), app.names.deployment),
        "Kiali calls the workload out of mesh",
    )


@allure.title("The gateway counts requests to the app")
def test_gateway_counts_requests_to_an_app_without_sidecar(
    requests_before_injection: CountedRequests,
    app: App,
    cluster_waits: ClusterWaits,
    observed: Observed,
    mesh_snapshots: MeshSnapshots,
) -> None:
    """N requests went through the ingress to the app without sidecar: the gateway's counter grew by N."""
    requests = requests_before_injection
    cluster_waits.counted(
        lambda: check_growth(
            requests.growth(), requests.sent, reporter="source", destination_service=app.host
        ),
        "the gateway has counted each request once",
    )
    observed(f"{sum(requests.sent.values())} requests, counted by the gateway alone")
    mesh_snapshots.look(BEFORE, lambda: requests)


@allure.title("Nothing is counted on the app's side")
def test_nothing_is_counted_on_the_side_of_an_app_without_sidecar(
    requests_before_injection: CountedRequests,
) -> None:
    """Requests have reached the app without sidecar: no proxy reports them as their destination."""
    check_no_counter(requests_before_injection.counters.scraped(), reporter="destination")


@allure.title("Jaeger has no trace yet")
def test_nothing_is_traced_before_it_is_asked_for(
    virtual_service: list[Resource], ingress: Ingress, jaeger: Jaeger, app: App, cluster_waits: ClusterWaits
) -> None:
    """Requests go through the gateway, and no Telemetry asks for traces: no proxy has sent a span."""
    cluster_waits.served(lambda: check_status(ingress.get(), 200), "the app is served")
    for _ in range(cluster_waits.thresholds.traced_requests):
        check_status(ingress.get(), 200)
    senders = [name for name in jaeger.services() if name in app.senders_of_spans()]
    assert not senders, f"spans were sent by {senders}"
