"""The add-ons before the first sidecar: they show the gateway's data and none from the app."""

import allure
import pytest

from fixtures.causes import INGRESS
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


@allure.title("Prometheus scrapes every annotated pod")
def test_every_scrape_target_is_up(
    prometheus: Prometheus, kube: Kube, cluster_waits: ClusterWaits, observed: Observed
) -> None:
    """Prometheus is deployed: each pod annotated for scraping is one target that is up; no other exists."""
    cluster_waits.counted(
        lambda: check_scraped(prometheus.targets(), kube.get_all("v1/Pod")),
        "Prometheus scrapes every annotated pod",
    )
    observed(f"{len(prometheus.targets())} scrape targets, all up")


@allure.title("Kiali lists the workload out of mesh")
def test_kiali_lists_the_workload_out_of_mesh_without_sidecar(
    kiali: Kiali, app: App, cluster_waits: ClusterWaits
) -> None:
    """The app's pod has no sidecar yet: Kiali lists the workload without a sidecar."""
    cluster_waits.counted(
        lambda: check_out_of_mesh(kiali.workloads(app.names.namespace), app.declared.workload.name),
        "Kiali lists the workload out of mesh",
    )


@allure.title("The gateway counts requests to the app")
def test_gateway_counts_requests_to_an_app_without_sidecar(
    requests_before_injection: CountedRequests,
    app: App,
    cluster_waits: ClusterWaits,
    observed: Observed,
    mesh_snapshots: MeshSnapshots,
) -> None:
    """N requests reached the app without a sidecar through the ingress: the gateway counted exactly N."""
    requests = requests_before_injection
    cluster_waits.counted(
        lambda: check_growth(
            requests.growth(), requests.sent, reporter="source", destination_service=app.host
        ),
        "the gateway has counted each request once",
    )
    observed(f"{sum(requests.sent.values())} requests, counted only by the gateway")
    mesh_snapshots.look(BEFORE, lambda: requests)


@allure.title("No counter reports the app as the destination")
def test_no_destination_counter_exists_for_an_app_without_sidecar(
    requests_before_injection: CountedRequests,
) -> None:
    """Requests reached the app without a sidecar: no proxy reports them with reporter=destination."""
    check_no_counter(requests_before_injection.counters.scraped(), reporter="destination")


@allure.title("Jaeger has no trace yet")
def test_no_span_is_sent_before_telemetry_is_applied(
    virtual_service: list[Resource], ingress: Ingress, jaeger: Jaeger, app: App, cluster_waits: ClusterWaits
) -> None:
    """Requests passed the gateway without a Telemetry for tracing: no proxy has sent a span."""
    cluster_waits.served(lambda: check_status(ingress.get(), 200), "the app is served", circumstances=INGRESS)
    for _ in range(cluster_waits.thresholds.traced_requests):
        check_status(ingress.get(), 200)
    gateway, sidecars = app.senders_of_spans()
    senders = [name for name in jaeger.services() if name in (gateway, *sidecars)]
    assert not senders, f"unexpected spans from {senders}"
