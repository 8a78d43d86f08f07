"""One marked request, found once in each access log on its path."""

import allure
import pytest

from fixtures.checks.access_log import check_request_id, check_same_request
from fixtures.checks.responses import check_page, check_served_by_mesh
from fixtures.clusters.cluster_waits import ClusterWaits
from fixtures.settings import Names
from fixtures.stages import Observed
from fixtures.workloads.access_logs import MarkedRequest

pytestmark = pytest.mark.stage("traffic-path")


@allure.title("The app answers the marked request through the mesh")
def test_marked_request_is_answered(marked_request: MarkedRequest, names: Names) -> None:
    """One request with a unique path and User-Agent was sent: it returns the app's page."""
    check_page(check_served_by_mesh(marked_request.outcome), names.page)


@allure.title("The gateway logs it once, with a new request id")
def test_gateway_logs_marked_request(
    marked_request: MarkedRequest, cluster_waits: ClusterWaits, observed: Observed
) -> None:
    """The request had no id: the gateway's access log has exactly one entry, with a new UUID."""
    entry = cluster_waits.configured(marked_request.at_gateway, "the gateway has logged the request")
    observed(f"request id {check_request_id(entry)}, one entry each: gateway, sidecar, app")


@allure.title("The sidecar logs it once, with the gateway's request id")
def test_sidecar_logs_marked_request(marked_request: MarkedRequest, cluster_waits: ClusterWaits) -> None:
    """The gateway set a request id: the sidecar's access log has exactly one entry, with this id."""
    at_gateway = cluster_waits.configured(marked_request.at_gateway, "the gateway has logged the request")
    at_sidecar = cluster_waits.configured(marked_request.at_sidecar, "the sidecar has logged the request")
    check_same_request(at_sidecar, check_request_id(at_gateway))


@allure.title("The app logs it once")
def test_app_logs_marked_request(marked_request: MarkedRequest, cluster_waits: ClusterWaits) -> None:
    """The request passed gateway and sidecar: the app's own log has exactly one entry for it."""
    cluster_waits.configured(marked_request.at_app, "the app has logged the request")
