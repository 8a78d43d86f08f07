"""Traffic of the injected pod goes through Envoy, and Envoy's own traffic does not loop."""

import allure
import pytest

from fixtures.checks.iptables import (
    EXEMPT_PORTS,
    check_captured,
    check_exempt_ports,
    check_one_injector,
    check_proxy_excepted,
    check_redirects,
)
from fixtures.clusters.pod_network import PodNetwork
from fixtures.stages import Observed

pytestmark = pytest.mark.stage("iptables")


@allure.title("Inbound traffic goes to 15006, outbound to 15001")
def test_traffic_is_redirected_to_envoy(injected_network: PodNetwork, observed: Observed) -> None:
    """The app is injected: its nat table redirects inbound traffic to port 15006 and outbound to 15001."""
    check_redirects(injected_network.nat())
    exempt = ", ".join(map(str, sorted(EXEMPT_PORTS)))
    observed(f"inbound to 15006, outbound to 15001; exempt: {exempt} and user 1337")


@allure.title("Istio's own ports are exempt")
def test_only_istios_own_ports_are_exempt(injected_network: PodNetwork) -> None:
    """The app is injected: ISTIO_INBOUND returns only for ports 15008, 15020, 15021 and 15090."""
    check_exempt_ports(injected_network.nat())


@allure.title("The proxy's own traffic is not redirected")
def test_traffic_of_the_proxy_is_not_redirected(injected_network: PodNetwork) -> None:
    """The app is injected: its nat table does not redirect traffic of user and group 1337."""
    check_proxy_excepted(injected_network.nat())


@allure.title("Every listening port is captured")
def test_every_listening_port_is_captured(injected_network: PodNetwork) -> None:
    """The app is injected: every listening port of its pod is captured, except the exempt ones."""
    check_captured(injected_network.nat(), injected_network.listening())


@allure.title("There is one injector")
def test_only_one_injector_wrote_chains(injected_network: PodNetwork) -> None:
    """The app is injected: its nat table has Istio's four chains once and no other chain."""
    check_one_injector(injected_network.nat())
