"""The order of each strategy's steps follows Istio's documentation and docs/upgrade-protocol.md."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from fixtures.clients.istioctl import Istioctl
from fixtures.declaration import names_in
from fixtures.installers.operator_names import operator_names
from fixtures.manifests import Manifests
from fixtures.upgrade.app import TrafficApp
from fixtures.upgrade.release import UpgradeVersion
from fixtures.upgrade.steps import Steps
from fixtures.upgrade.strategies.canary import Canary
from fixtures.upgrade.strategies.in_place import InPlace
from fixtures.upgrade.timeline import Timeline


class CallRecorder:
    """A stand-in for every building block that records its calls."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.kube = self
        self.generations = iter(range(100))

    @contextmanager
    def installing(self, release: UpgradeVersion, *, upgrade: bool = False) -> Iterator[None]:
        self.done.append(f"{'upgrade' if upgrade else 'install'} {release.version}")
        yield

    def install(self, release: UpgradeVersion) -> None:
        self.done.append(f"install {release.version} as {release.revision}")

    def apply(self, resource: dict[str, Any]) -> None:
        self.done.append(f"apply {resource['kind']} {resource['metadata']['name']}")

    def scale(self, name: str, namespace: str, replicas: int) -> None:
        self.done.append(f"scale {name} to {replicas}")

    def delete(self, kind: str, name: str, namespace: str) -> None:
        self.done.append(f"delete {name}")

    def restart(self, *names: str) -> None:
        self.done.append(f"restart {names[0] if names else 'the workloads'}")

    def set_tag(self, tag: str, revision: str) -> None:
        self.done.append(f"tag {tag} on {revision}")

    def uninstall_revision(self, revision: str) -> None:
        self.done.append(f"uninstall {revision}")

    def generation(self, name: str, namespace: str) -> int:
        return next(self.generations)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


@pytest.fixture
def recorder() -> CallRecorder:
    return CallRecorder()


@pytest.fixture
def timeline() -> Timeline:
    return Timeline(minima={}, check_flowing=lambda: None, report=lambda _: None)


def release(recorder: CallRecorder, version: str, revision: str = "") -> UpgradeVersion:
    istioctl = cast("Istioctl", recorder)
    return UpgradeVersion(
        version=version, envoy="1.37.0", istioctl=istioctl, files=(Path("x"),), revision=revision
    )


@pytest.fixture
def canary(recorder: CallRecorder) -> Canary:
    return Canary(
        steps=cast("Steps", recorder),
        app=cast("TrafficApp", recorder),
        names=names_in(Manifests(), operator_names()),
        manifests=Manifests(),
        old=release(recorder, "1.28.2", "1-28-2"),
        new=release(recorder, "1.29.1", "1-29-1"),
    )


def in_place(recorder: CallRecorder, new: str = "1.29.1") -> InPlace:
    steps, app = cast("Steps", recorder), cast("TrafficApp", recorder)
    old = release(recorder, "1.28.2")
    return InPlace(
        steps=steps,
        app=app,
        names=names_in(Manifests(), operator_names()),
        old=old,
        new=release(recorder, new),
    )


def test_in_place_runs_istioctl_before_the_workloads(recorder: CallRecorder, timeline: Timeline) -> None:
    in_place(recorder).forward(timeline)
    assert recorder.done == ["upgrade 1.29.1", "restart the workloads"]
    assert [phase.name for phase in timeline.phases] == ["control-plane", "gateway", "workloads"]


def test_in_place_rollback_is_an_install_of_the_old_version(
    recorder: CallRecorder, timeline: Timeline
) -> None:
    in_place(recorder).back(timeline)
    assert recorder.done == ["install 1.28.2", "restart the workloads"]
    assert "wait until the old gateways are gone" in [step.what for step in timeline.steps]
    names = ["rollback-control-plane", "rollback-gateway", "rollback-workloads"]
    assert [phase.name for phase in timeline.phases] == names


def test_rollback_waits_for_no_gateway_that_the_upgrade_never_reached(
    recorder: CallRecorder, timeline: Timeline
) -> None:
    recorder.generations = iter([7] * 10)
    in_place(recorder).back(timeline)
    assert "wait until the old gateways are gone" not in [step.what for step in timeline.steps]


def test_a_a_run_restarts_what_an_upgrade_would(recorder: CallRecorder, timeline: Timeline) -> None:
    recorder.generations = iter([7] * 10)
    in_place(recorder, "1.28.2").forward(timeline)
    assert recorder.done[1:] == ["restart istiod", "restart istio-ingressgateway", "restart the workloads"]


def test_canary_starts_beside_the_old_revision_and_moves_the_tag_last(
    canary: Canary, recorder: CallRecorder, timeline: Timeline
) -> None:
    canary.forward(timeline)
    assert recorder.done == [
        "install 1.29.1 as 1-29-1",
        "apply Deployment istio-ingressgateway-1-29-1",
        "scale istio-ingressgateway-1-28-2 to 0",
        "tag stable on 1-29-1",
        "restart the workloads",
    ]


def test_canary_rolls_back_in_reverse_order(
    canary: Canary, recorder: CallRecorder, timeline: Timeline
) -> None:
    canary.back(timeline)
    assert recorder.done == [
        "tag stable on 1-28-2",
        "restart the workloads",
        "apply Deployment istio-ingressgateway-1-28-2",
        "scale istio-ingressgateway-1-29-1 to 0",
        "tag default on 1-28-2",
        "delete istio-ingressgateway-1-29-1",
        "uninstall 1-29-1",
    ]


def test_canary_gateway_of_each_revision_selects_its_own_pods(canary: Canary, recorder: CallRecorder) -> None:
    applied: list[dict[str, Any]] = []
    recorder.apply = applied.append  # type: ignore[assignment, method-assign]
    canary.install()
    deployment = next(each for each in applied if each["kind"] == "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert labels["istio.io/rev"] == "1-28-2"


def test_old_control_plane_is_uninstalled_last(
    canary: Canary, recorder: CallRecorder, timeline: Timeline
) -> None:
    canary.clean_up(timeline)
    assert recorder.done[-3:] == [
        "tag default on 1-29-1",
        "delete istio-ingressgateway-1-28-2",
        "uninstall 1-28-2",
    ]
    assert [phase.name for phase in timeline.phases] == ["again", "clean-up"]
