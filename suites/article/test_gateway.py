"""A Gateway without a route."""

import allure
import pytest

from fixtures.causes import INGRESS
from fixtures.checks.access_log import check_flag
from fixtures.checks.mesh import check_listener
from fixtures.checks.responses import check_no_route, check_redirected
from fixtures.clients.kube import Kube, Resource
from fixtures.clusters.cluster_waits import ClusterWaits
from fixtures.mesh.ingress import Ingress
from fixtures.mesh.installation import Mesh
from fixtures.stages import Observed
from fixtures.workloads.access_logs import entries, new_mark

pytestmark = pytest.mark.stage("gateway")


@allure.title("The gateway's Envoy listens on the target port")
def test_listener_appears_after_gateway(
    gateway: list[Resource], istio: Mesh, ingress: Ingress, cluster_waits: ClusterWaits
) -> None:
    """The Gateway is applied: the gateway's Envoy listens on the Service's target port."""
    cluster_waits.configured(
        lambda: check_listener(istio.listeners(), ingress.target_port()),
        "the gateway listens on the target port",
        circumstances=INGRESS,
    )


@allure.title("The gateway answers 404 without a VirtualService")
def test_gateway_answers_404_without_a_route(
    gateway: list[Resource], ingress: Ingress, cluster_waits: ClusterWaits, observed: Observed
) -> None:
    """The Gateway has no route yet: istio-envoy answers 404 with an empty body, or redirects to HTTPS."""
    answer = cluster_waits.holds(
        ingress.get_many,
        check_no_route,
        "the gateway answers 404",
        reproduce=ingress.command(),
        circumstances=INGRESS,
    )
    redirected = ""
    if ingress.entry.redirecting:
        check_redirected(ingress.get_plain(ingress.entry.redirecting), ingress.entry.host, ingress.entry.path)
        redirected = ", and redirects plain HTTP to HTTPS"
    observed(f"{answer.status}, server: {answer.headers['server']}, empty body, response flag NR{redirected}")


@allure.title("The gateway logs that it has no route")
def test_gateway_logs_that_it_has_no_route(
    gateway: list[Resource], ingress: Ingress, istio: Mesh, kube: Kube, cluster_waits: ClusterWaits
) -> None:
    """The Gateway has no route yet: the gateway's access log has a marked request once, with the flag NR."""
    mark = new_mark()
    check_no_route(ingress.get(user_agent=mark))
    cluster_waits.configured(
        lambda: check_flag(entries(kube, istio.gateway(), mark), "NR"), "the gateway has logged the request"
    )
