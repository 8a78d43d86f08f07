"""The ingress gateway without a Gateway: silent by configuration, not because of a broken path."""

import allure
import pytest

from fixtures.checks.cluster import check_endpoints
from fixtures.checks.mesh import check_no_listener
from fixtures.checks.responses import check_silence, check_status
from fixtures.clients.nodes import Node
from fixtures.mesh.ingress import Ingress
from fixtures.mesh.installation import Mesh
from fixtures.settings import Thresholds
from fixtures.stages import Observed
from fixtures.workloads.app import App

pytestmark = pytest.mark.stage("before-gateway")


@allure.title("The published port gives no HTTP response")
def test_published_port_is_silent_before_the_gateway(
    app: App, ingress: Ingress, thresholds: Thresholds, observed: Observed
) -> None:
    """There is no Gateway: a request to the published port gets an empty reply or a reset, each time."""
    kinds = [
        check_silence(ingress.get_plain(), ingress.silence).kind for _ in range(thresholds.successes_in_a_row)
    ]
    observed(f"no answer ({', '.join(sorted(set(kinds)))}), readiness 200, no listener on the port")


@allure.title("The node port refuses connections")
def test_node_port_refuses_before_the_gateway(app: App, ingress: Ingress, node: Node) -> None:
    """There is no Gateway: the node port, dialled on the node, refuses the connection."""
    check_silence(ingress.get_at_node_port(node), ["refused"])


@allure.title("A port-forward gives no HTTP response")
def test_port_forward_gives_no_answer_before_the_gateway(app: App, ingress: Ingress) -> None:
    """There is no Gateway: a request through a new port-forward gets an empty reply or a reset."""
    # kubectl accepts, dials and closes: an empty reply if it has read the request, otherwise a reset.
    check_silence(ingress.get_through_port_forward(), ["empty reply", "reset"])


@allure.title("The gateway's readiness port answers")
def test_readiness_answers_before_the_gateway(app: App, ingress: Ingress) -> None:
    """There is no Gateway: the gateway's readiness port, on the same Service and node, answers 200."""
    check_status(ingress.readiness(), 200)


@allure.title("The gateway's endpoints are ready")
def test_endpoints_are_ready_before_the_gateway(app: App, ingress: Ingress) -> None:
    """There is no Gateway: the ingress Service has ready endpoints on its target port."""
    check_endpoints(ingress.endpoints(), ingress.target_port())


@allure.title("The gateway's Envoy has no listener on the port")
def test_no_listener_before_the_gateway(app: App, istio: Mesh, ingress: Ingress) -> None:
    """There is no Gateway: the gateway's Envoy listens, but not on the Service's target port."""
    check_no_listener(istio.listeners(), ingress.target_port())
