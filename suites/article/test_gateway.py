"""A Gateway, and no route for it."""

import allure
import pytest

from fixtures.causes import INGRESS
from fixtures.checks.mesh import check_listener
from fixtures.checks.responses import check_no_route
from fixtures.clients.kube import Resource
from fixtures.values import Observed
from fixtures.values.ingress import Ingress
from fixtures.values.mesh import Mesh
from fixtures.values.patience import Patience

pytestmark = pytest.mark.stage("gateway")


@allure.title("The gateway's Envoy listens on the target port")
def test_listener_appears_after_gateway(
    gateway: list[Resource], istio: Mesh, ingress: Ingress, patience: Patience
) -> None:
    """The Gateway is applied: the gateway's Envoy listens on the Service's target port."""
    patience.configured(
        lambda: check_listener(istio.listeners(), ingress.target_port()),
        "the gateway listens on the target port",
        circumstances=INGRESS,
    )


@allure.title("The gateway answers 404 while no VirtualService routes it")
def test_gateway_answers_404_without_a_route(
    gateway: list[Resource], ingress: Ingress, patience: Patience, observed: Observed
) -> None:
    """The Gateway is applied, no route yet: GET / is answered 404 by istio-envoy, with an empty body."""
    answer = patience.served(
        lambda: check_no_route(ingress.get()),
        "the gateway answers that it has no route",
        reproduce=ingress.command(),
    )
    observed(f"{answer.status}, server: {answer.headers['server']}, empty body")
