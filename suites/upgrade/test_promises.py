"""The article's promises hold on the new version and after the rollback, while the traffic goes on."""

import allure
import pytest

from fixtures.checks.access_log import check_one, check_request_id, check_same_request
from fixtures.checks.iptables import check_captured, check_exempt_ports, check_one_injector, check_redirects
from fixtures.checks.mesh import check_not_retried, check_routed
from fixtures.checks.mtls import check_peer
from fixtures.checks.pods import check_all_ready, check_injected
from fixtures.checks.responses import check_status
from fixtures.mesh.ingress import Ingress
from fixtures.settings import Names
from fixtures.upgrade.app import APP, NAMESPACE
from fixtures.upgrade.probe import MARKED
from fixtures.upgrade.request import Upgrade
from fixtures.upgrade.run import Moment, ObservationAt

pytestmark = [pytest.mark.upgrade, pytest.mark.parametrize("moment", ["after", "after-rollback"])]


@allure.title("The app's pod has its sidecar, {moment} ({strategy})")
def test_app_pod_has_its_sidecar(
    strategy: str, moment: Moment, observation_at: ObservationAt, names: Names
) -> None:
    """The pod runs istio-proxy and Istio's init container beside the app, and all containers are ready."""
    check_injected(observation_at(moment).pod, [APP], init=names.installed.init_container)
    check_all_ready(observation_at(moment).pod)


@allure.title("iptables captures every port of the app, {moment} ({strategy})")
def test_iptables_captures_every_port(strategy: str, moment: Moment, observation_at: ObservationAt) -> None:
    """Istio's chains exist once, redirect to Istio's ports, and exempt its own four ports."""
    nat = observation_at(moment).nat
    check_one_injector(nat)
    check_redirects(nat)
    check_exempt_ports(nat)
    check_captured(nat, observation_at(moment).listening)


@allure.title("The gateway routes to the app, {moment} ({strategy})")
def test_gateway_routes_to_the_app(
    strategy: str,
    moment: Moment,
    observation_at: ObservationAt,
    upgrade: Upgrade,
    upgrade_ingress: Ingress,
) -> None:
    """The gateway's configuration has the route, without retries unless --mesh-retries is given."""
    name, cluster = upgrade_ingress.route_name(), f"outbound|80||app.{NAMESPACE}.svc.cluster.local"
    routes = check_routed(observation_at(moment).routes, name, [cluster])
    if not upgrade.mesh_retries:
        check_not_retried(routes)


@allure.title("A marked request passes gateway, sidecar and app, {moment} ({strategy})")
def test_marked_request_passes_gateway_sidecar_and_app(
    strategy: str, moment: Moment, observation_at: ObservationAt
) -> None:
    """Each marked request appears once in each of the three logs, with the gateway's request id."""
    observation = observation_at(moment)
    check_status(observation.outcome, 404)
    assert len(observation.at_app) == len(observation.at_gateway) == MARKED
    for entry in observation.at_gateway:
        request_id = check_request_id(entry)
        mine = [each for each in observation.at_sidecar if each["request_id"] == request_id]
        check_same_request(check_one(mine, f"/{observation.mark}", "the sidecar's log"), request_id)


@allure.title("Gateway to app uses mutual TLS with the gateway's identity, {moment} ({strategy})")
def test_gateway_to_app_uses_mutual_tls(
    strategy: str, moment: Moment, observation_at: ObservationAt, names: Names
) -> None:
    """The sidecar logs the gateway's service account for the marked requests."""
    for entry in observation_at(moment).at_sidecar:
        check_peer(entry, names.gateway.principal)


@allure.title("Both sides count each marked request once, {moment} ({strategy})")
def test_both_sides_count_each_marked_request_once(
    strategy: str,
    moment: Moment,
    observation_at: ObservationAt,
) -> None:
    """istio_requests_total grows for code 404, which only marked requests get."""
    counted = observation_at(moment).counted
    for reporter in ("source", "destination"):
        mine = {labels: count for labels, count in counted.items() if ("reporter", reporter) in labels}
        assert sum(mine.values()) == MARKED, f"{reporter}: {MARKED} requests expected, counted {mine}"
