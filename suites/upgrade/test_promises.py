"""The article's promises, on the new version and after the rollback, while the traffic goes on."""

from collections.abc import Callable

import allure
import pytest

from fixtures.checks.access_log import check_one, check_request_id, check_same_request
from fixtures.checks.iptables import check_captured, check_exempt_ports, check_one_injector, check_redirects
from fixtures.checks.mesh import check_not_retried, check_routed
from fixtures.checks.mtls import check_peer
from fixtures.checks.pods import check_all_ready, check_injected
from fixtures.checks.responses import check_status
from fixtures.settings import REQUEST_METRICS, Names
from fixtures.upgrade.app import APP, NAMESPACE
from fixtures.upgrade.probe import MARKED
from fixtures.upgrade.release import UpgradeVersion
from fixtures.upgrade.request import Upgrade
from fixtures.upgrade.run import Moment
from suites.upgrade.conftest import Seen

pytestmark = [pytest.mark.upgrade, pytest.mark.parametrize("moment", ["after", "after-rollback"])]


@allure.title("The app's pod has its sidecar, {moment} ({strategy})")
def test_the_pod_has_its_sidecar(strategy: str, moment: Moment, seen: Seen) -> None:
    """istio-proxy and istio-init beside the app, all ready."""
    check_injected(seen(moment).pod, [APP])
    check_all_ready(seen(moment).pod)


@allure.title("Every port of the app is captured by iptables, {moment} ({strategy})")
def test_every_port_is_captured(strategy: str, moment: Moment, seen: Seen) -> None:
    """Istio's chains once, to its ports, with its own four excepted."""
    nat = seen(moment).nat
    check_one_injector(nat)
    check_redirects(nat)
    check_exempt_ports(nat)
    check_captured(nat, seen(moment).listening)


@allure.title("The gateway's route leads to the app, {moment} ({strategy})")
def test_the_route_leads_to_the_app(strategy: str, moment: Moment, seen: Seen, upgrade: Upgrade) -> None:
    """In the gateway's own configuration; without retries, unless they are to be counted."""
    route = check_routed(seen(moment).routes, "http.8080", f"outbound|80||app.{NAMESPACE}.svc.cluster.local")
    if not upgrade.mesh_retries:
        check_not_retried(route)


@allure.title("A marked request goes by gateway, sidecar and app, {moment} ({strategy})")
def test_a_marked_request_goes_its_way(strategy: str, moment: Moment, seen: Seen) -> None:
    """Each of the marked requests is once in each of the three logs, with the gateway's request id."""
    observation = seen(moment)
    check_status(observation.outcome, 404)
    assert len(observation.at_app) == len(observation.at_gateway) == MARKED
    for entry in observation.at_gateway:
        request_id = check_request_id(entry)
        mine = [each for each in observation.at_sidecar if each["request_id"] == request_id]
        check_same_request(check_one(mine, f"/{observation.mark}", "the sidecar's log"), request_id)


@allure.title("Gateway to app is mutual TLS with the gateway's identity, {moment} ({strategy})")
def test_the_gateway_is_known_by_its_identity(
    strategy: str, moment: Moment, seen: Seen, names: Names
) -> None:
    """The sidecar logs the gateway's service account for the marked requests."""
    account = f"{names.ingress_gateway}-service-account"
    for entry in seen(moment).at_sidecar:
        check_peer(entry, f"spiffe://cluster.local/ns/{names.istio_namespace}/sa/{account}")


@allure.title("Each marked request is counted once on both sides, {moment} ({strategy})")
def test_marked_requests_are_counted_exactly(
    strategy: str, moment: Moment, seen: Seen, release_at: Callable[[Moment], UpgradeVersion]
) -> None:
    """istio_requests_total of code 404, which no other request is answered with."""
    if why := release_at(moment).lacks.get(REQUEST_METRICS):
        pytest.skip(why)
    counted = seen(moment).counted
    for reporter in ("source", "destination"):
        mine = {labels: count for labels, count in counted.items() if ("reporter", reporter) in labels}
        assert sum(mine.values()) == MARKED, f"{reporter} counted {mine}, not {MARKED} in all"
