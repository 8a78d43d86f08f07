"""Gateway and sidecar count each request once, with the standard labels, and nothing else."""

import allure
import pytest

from fixtures.checks.mesh import check_not_retried, check_routed
from fixtures.checks.metrics import (
    HISTOGRAMS,
    check_growth,
    check_histogram,
    check_labels,
    check_not_grown,
    check_only,
    check_scraped_since,
)
from fixtures.clients.kube import Resource
from fixtures.clusters.cluster_waits import ClusterWaits
from fixtures.mesh.ingress import Ingress
from fixtures.mesh.installation import Mesh
from fixtures.stages import Observed
from fixtures.workloads.app import App
from fixtures.workloads.request_counters import CountedRequests

pytestmark = pytest.mark.stage("metrics")


@allure.title("The measured route has no retries")
def test_measured_route_is_not_retried(
    counted_requests: CountedRequests, istio: Mesh, ingress: Ingress, app: App
) -> None:
    """The VirtualService sets attempts to 0: the gateway's Envoy has no retries on the route."""
    check_not_retried(check_routed(istio.routes(), ingress.route_name(), app.upstreams))


@allure.title("The gateway counts each request once")
def test_gateway_counts_each_request_once(
    counted_requests: CountedRequests, istio: Mesh, cluster_waits: ClusterWaits, observed: Observed
) -> None:
    """N responses of each code came: the gateway's counters grew by exactly N per code."""
    gateway = istio.gateway()["metadata"]["name"]
    cluster_waits.counted(
        lambda: check_growth(
            counted_requests.growth(), counted_requests.sent, reporter="source", pod=gateway
        ),
        "the gateway has counted each request once",
    )
    sent = ", ".join(f"{count} x {code}" for code, count in counted_requests.sent.items())
    observed(f"{sent} sent, same counts on both sides")


@allure.title("The app's sidecar counts each request once")
def test_sidecar_counts_each_request_once(
    counted_requests: CountedRequests, injected_app: Resource, cluster_waits: ClusterWaits
) -> None:
    """N responses of each code came: the sidecars' counters grew by exactly N per code."""
    cluster_waits.counted(
        lambda: check_growth(counted_requests.growth(), counted_requests.sent, reporter="destination"),
        "the sidecars have counted each request once",
    )


@allure.title("Counters of both sides name workloads, Service and principals")
@pytest.mark.parametrize("reporter", ["source", "destination"], ids=["gateway", "sidecar"])
def test_counters_carry_the_standard_labels(
    counted_requests: CountedRequests, app: App, reporter: str
) -> None:
    """The requests are counted: labels name workloads, Service and principals, and mTLS at the sidecar."""
    secured = "mutual_tls" if app.uses_mutual_tls else "none"
    policy = secured if reporter == "destination" else "unknown"
    labels = app.labels_as_reported(reporter)
    expected = [{**each, "connection_security_policy": policy} for each in labels]
    check_labels(counted_requests.growth(), expected, reporter=reporter)


@allure.title("Durations and sizes are measured once per request, with the same labels")
@pytest.mark.parametrize("histogram", HISTOGRAMS, ids=["duration", "request size", "response size"])
def test_each_counted_request_is_measured(
    counted_requests: CountedRequests, cluster_waits: ClusterWaits, histogram: str
) -> None:
    """Both sides counted the requests: each histogram has equal counts and labels and a plausible mean."""
    counters = counted_requests.counters
    cluster_waits.counted(
        lambda: check_histogram(
            counters.scraped(), histogram, counters.measured(histogram), HISTOGRAMS[histogram]
        ),
        f"{histogram} has measured each counted request",
    )


@allure.title("No other traffic was counted")
def test_no_other_workload_was_counted(counted_requests: CountedRequests, app: App) -> None:
    """Only the gateway sent requests, only to the app: no counter of another pair of workloads grew."""
    pairs = {
        f"{each['source_workload']} {each['destination_workload']}" for each in app.labels_as_destination()
    }
    check_only(counted_requests.growth(), {"source": pairs, "destination": pairs})


@allure.title("The counts stay the same over another scrape")
def test_counts_stay_over_another_scrape(
    counted_requests: CountedRequests, cluster_waits: ClusterWaits
) -> None:
    """The requests are counted and no more are sent: no counter has grown after the next scrape."""
    counters = counted_requests.counters
    grown, before = counted_requests.growth(), counters.scrape_times()
    cluster_waits.counted(
        lambda: check_scraped_since(before, counters.scrape_times()), "Prometheus has read both proxies again"
    )
    check_not_grown(grown, counted_requests.growth())
