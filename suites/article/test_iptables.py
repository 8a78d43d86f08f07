"""Traffic of the injected pod goes through Envoy, and Envoy's own traffic does not loop."""

from collections.abc import Callable

import allure
import pytest

from fixtures.checks.chains import Capture, check_chains, families
from fixtures.checks.iptables import check_captured, check_dns_captured, check_only_chains
from fixtures.checks.outbound import check_bypassed, check_seen
from fixtures.clients.kube import Resource
from fixtures.clusters.cluster_waits import ClusterWaits
from fixtures.clusters.pod_network import PodNetwork
from fixtures.settings import Thresholds
from fixtures.stages import Observed
from fixtures.workloads.access_logs import OutboundRequest
from fixtures.workloads.app import App

pytestmark = pytest.mark.stage("iptables")


@allure.title("Inbound traffic is captured as called for")
def test_inbound_chains_are_as_called_for(
    injected_app: Resource, injected_network: PodNetwork, capture: Capture, observed: Observed
) -> None:
    """The app is injected: its inbound chains are complete and in order, in each of its address families."""
    found = families(injected_app)
    for family in found:
        check_chains(injected_network.nat(family), capture.inbound())
    exempt = ", ".join(sorted(("15008", *capture.excluded_inbound)))
    listed = " and ".join(f"IPv{family}" for family in found)
    observed(f"{listed}: inbound to 15006, outbound to 15001; exempt: {exempt} and user 1337; seen by Envoy")


@allure.title("Outbound traffic is captured as called for")
def test_outbound_chains_are_as_called_for(
    injected_app: Resource, injected_network: PodNetwork, capture: Capture
) -> None:
    """The app is injected: its outbound chains are complete and in order, in each of its address families."""
    for family in families(injected_app):
        nat = injected_network.nat(family)
        check_chains(nat, capture.outbound(family))
        if capture.dns:
            check_dns_captured(nat)


@allure.title("Every listening port is captured")
def test_every_listening_port_is_captured(injected_network: PodNetwork, capture: Capture, app: App) -> None:
    """The app is injected: all ports of its Service, and all listening ports not excluded, are captured."""
    serving = app.target_ports()
    meant = {port for port in injected_network.listening() if port in serving or capture.captures(port)}
    check_captured(injected_network.nat(), meant)


@allure.title("There is one injector")
def test_only_one_injector_wrote_chains(injected_network: PodNetwork, capture: Capture) -> None:
    """The app is injected: its nat table has Istio's chains once and no other chain."""
    check_only_chains(injected_network.nat(), dns=capture.dns)


@allure.title("A connection of the app is seen by its Envoy")
def test_connection_of_the_app_is_seen_by_its_envoy(
    injected_network: PodNetwork,
    capture: Capture,
    send_from_pod: Callable[[int], OutboundRequest],
    cluster_waits: ClusterWaits,
) -> None:
    """The app is injected: a request of its user passes its Envoy, unless annotations exclude its target."""
    sent = [send_from_pod(user) for user in sorted(injected_network.users())]

    def seen() -> None:
        for each in sent:
            if capture.captures_outbound(each.address, each.port):
                check_seen(each.at_sidecar())
            else:
                check_bypassed(each.at_gateway(), each.at_sidecar())

    cluster_waits.configured(
        seen, f"Envoy logs a request of each of the users {[each.user for each in sent]}"
    )


@allure.title("A connection of user 1337 is not seen by Envoy")
def test_connection_of_the_proxys_user_is_not_seen_by_envoy(
    send_from_pod: Callable[[int], OutboundRequest], thresholds: Thresholds, cluster_waits: ClusterWaits
) -> None:
    """The app is injected: a request from its network as user 1337 leaves the pod without passing Envoy."""
    sent = send_from_pod(thresholds.proxy_uid)
    cluster_waits.configured(
        lambda: check_bypassed(sent.at_gateway(), sent.at_sidecar()),
        "the request reaches the gateway directly",
    )
