"""One old gateway pod and one old app pod are kept, replaced, and removed."""

from typing import Any, cast

import pytest

from fixtures.declaration import names_in
from fixtures.installers.operator_names import operator_names
from fixtures.manifests import Manifests
from fixtures.settings import Timeouts
from fixtures.upgrade.old_pods import OldPods
from fixtures.upgrade.steps import KEPT, Steps
from fixtures.waits import NotReady

Pod = dict[str, Any]
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def pod(name: str, **labels: str) -> Pod:
    return {"metadata": {"name": name, "labels": {"pod-template-hash": "1", **labels}}, "status": READY}


class FakeSteps:
    """Two Deployments of two pods each that replace a released pod, unless `replaces` is off."""

    def __init__(self) -> None:
        self.kube = self
        self.timeouts = Timeouts(deployment_available=0.05)
        self.replaces = True
        self.deleted: list[str] = []
        self.gone: list[str] = []
        self.live = {
            "istio-system": [pod(f"gateway-{number}", istio="ingressgateway") for number in range(2)],
            "upgrade": [pod(f"app-{number}", app="app") for number in range(2)],
        }

    def pods(self, selector: str, namespace: str) -> list[Pod]:
        kept = selector == KEPT
        return [each for each in self.live[namespace] if not kept or KEPT in each["metadata"]["labels"]]

    def replaceable(self, selector: str, namespace: str) -> list[Pod]:
        return [each for each in self.live[namespace] if KEPT not in each["metadata"]["labels"]]

    def patch(self, kind: str, name: str, change: dict[str, Any], namespace: str) -> None:
        (mine,) = (each for each in self.live[namespace] if each["metadata"]["name"] == name)
        labels = {**mine["metadata"]["labels"], **change["metadata"]["labels"]}
        mine["metadata"]["labels"] = {key: value for key, value in labels.items() if value is not None}
        if self.replaces:
            self.live[namespace].append(pod(f"{name}-again"))

    def delete(self, kind: str, name: str, namespace: str) -> None:
        self.deleted.append(name)

    def await_gone(self, pods: list[Pod], selector: str, namespace: str) -> None:
        self.gone += [each["metadata"]["name"] for each in pods]


@pytest.fixture
def fake_steps() -> FakeSteps:
    return FakeSteps()


@pytest.fixture
def old_pods(fake_steps: FakeSteps) -> OldPods:
    return OldPods(steps=cast("Steps", fake_steps), names=names_in(Manifests(), operator_names()))


def test_one_gateway_pod_and_one_app_pod_are_released_and_replaced(
    old_pods: OldPods, fake_steps: FakeSteps
) -> None:
    old_pods.keep()
    assert old_pods.kept == {"gateway-0", "app-0"}
    assert fake_steps.live["upgrade"][0]["metadata"]["labels"] == {"app": "app", KEPT: "true"}
    assert [each["metadata"]["name"] for each in fake_steps.live["upgrade"]] == [
        "app-0",
        "app-1",
        "app-0-again",
    ]


def test_kept_pods_are_deleted_and_their_names_stay_known(old_pods: OldPods, fake_steps: FakeSteps) -> None:
    old_pods.keep()
    old_pods.remove()
    assert fake_steps.deleted == fake_steps.gone == ["gateway-0", "app-0"]
    assert old_pods.kept == {"gateway-0", "app-0"}


def test_pod_that_no_deployment_replaces_is_not_ready(old_pods: OldPods, fake_steps: FakeSteps) -> None:
    fake_steps.replaces = False
    with pytest.raises(NotReady, match="1 of 2 pods of istio=ingressgateway are Ready"):
        old_pods.keep()
