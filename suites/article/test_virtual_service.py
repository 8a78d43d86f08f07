"""A VirtualService exposes the app through the gateway, without a sidecar."""

import allure
import pytest

from fixtures.causes import INGRESS
from fixtures.checks.mesh import check_routed
from fixtures.checks.pods import check_containers
from fixtures.checks.responses import check_page, check_served_by_mesh
from fixtures.clients.kube import Resource
from fixtures.clusters.cluster_waits import ClusterWaits
from fixtures.mesh.ingress import Ingress
from fixtures.mesh.installation import Mesh
from fixtures.settings import Names
from fixtures.stages import Observed
from fixtures.workloads.app import App

pytestmark = pytest.mark.stage("virtual-service")


@allure.title("The app is served after the VirtualService is applied")
def test_app_is_served_after_virtual_service(
    virtual_service: list[Resource],
    ingress: Ingress,
    names: Names,
    cluster_waits: ClusterWaits,
    observed: Observed,
) -> None:
    """Gateway and VirtualService are applied: GET returns the app's page from istio-envoy."""
    served = cluster_waits.holds(
        ingress.get_many,
        lambda answer: check_page(check_served_by_mesh(answer), names.page),
        "the app is served through the ingress gateway",
        reproduce=ingress.command(),
        circumstances=INGRESS,
    )
    times = cluster_waits.thresholds.held_requests
    observed(f"{served.status}, {names.page!r}, server: {served.headers['server']}, {times} of {times} times")


@allure.title("The gateway routes to the Service")
def test_route_points_at_the_service(
    virtual_service: list[Resource], istio: Mesh, ingress: Ingress, app: App
) -> None:
    """Gateway and VirtualService are applied: the gateway's Envoy routes to the declared destinations."""
    check_routed(istio.routes(), ingress.route_name(), app.upstreams)


@allure.title("The app's pod still has no sidecar")
def test_pod_has_no_sidecar_after_virtual_service(virtual_service: list[Resource], app: App) -> None:
    """Gateway and VirtualService are applied: each pod still has exactly the containers of its template."""
    app.check_pods(check_containers)
