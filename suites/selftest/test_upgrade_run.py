"""One run of a strategy: the order of its steps, and what happens when it dies."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from fixtures.clients.command import CommandFailed
from fixtures.upgrade.calibration import Rates
from fixtures.upgrade.old_pods import OldPods
from fixtures.upgrade.release import UpgradeVersion
from fixtures.upgrade.request import Upgrade
from fixtures.upgrade.run import Run, Strategy
from fixtures.upgrade.timeline import Timeline
from fixtures.upgrade.traffic import Traffic, TrafficResult
from fixtures.waits import NotReady

SENT = cast("TrafficResult", object())


class FakeStrategy:
    """A strategy with one phase in each direction that fails where it is told to."""

    def __init__(self) -> None:
        self.fails: dict[str, Exception] = {}
        self.completing = ("clean-up",)
        self.old, self.new = release("1.28.2", "1-28-2"), release("1.29.1", "1-29-1")

    def _phase(self, timeline: Timeline, name: str) -> None:
        with timeline.phase(name, ""), timeline.step(name):
            if name in self.fails:
                raise self.fails[name]

    def rehearse(self, timeline: Timeline) -> None:
        self._phase(timeline, "rehearsal-workloads")

    def forward(self, timeline: Timeline) -> None:
        self._phase(timeline, "control-plane")

    def back(self, timeline: Timeline) -> None:
        self._phase(timeline, "rollback-control-plane")

    def clean_up(self, timeline: Timeline) -> None:
        self._phase(timeline, "clean-up")

    def observe(self, moment: str) -> Any:
        if f"observe: {moment}" in self.fails:
            raise self.fails[f"observe: {moment}"]
        return moment


class FakeOldPods:
    """Old pods that are kept and removed; records both."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def keep(self) -> None:
        self.done.append("keep")

    def remove(self) -> None:
        self.done.append("remove")


class FakeTraffic:
    """Traffic that flows until a test stops it."""

    flows = True

    def check_flowing(self) -> None:
        assert self.flows, "the generator has ended"

    def stop(self) -> TrafficResult:
        return SENT


def release(version: str, revision: str) -> UpgradeVersion:
    return UpgradeVersion(version=version, envoy="1", istioctl=cast("Any", None), files=(), revision=revision)


@pytest.fixture
def fake_strategy() -> FakeStrategy:
    return FakeStrategy()


@pytest.fixture
def fake_traffic() -> FakeTraffic:
    return FakeTraffic()


@pytest.fixture
def start_run(fake_strategy: FakeStrategy, fake_traffic: FakeTraffic) -> Callable[..., Run]:
    """A function that executes a run with these options and returns it."""

    def begin(**options: Any) -> Run:
        run = Run(
            upgrade=Upgrade(old="1.28.2", new="1.29.1", **options),
            strategy_name="canary",
            strategy=cast("Strategy", fake_strategy),
            timeline=Timeline(minima={}, check_flowing=fake_traffic.check_flowing, report=lambda _: None),
            traffic=cast("Traffic", fake_traffic),
            old_pods=cast("OldPods", FakeOldPods()),
            rates=cast("Rates", None),
            seconds=0.0,
            observe=fake_strategy.observe,
            find_leftovers=lambda revision: [f"left of {revision}"],
        )
        run.carry_out()
        return run

    return begin


def phases(run: Run) -> list[str]:
    return [phase.name for phase in run.timeline.phases]


def test_run_goes_forward_and_back_with_a_probe_at_each_end(start_run: Callable[..., Run]) -> None:
    run = start_run()
    assert phases(run) == [
        "before",
        "rehearsal-workloads",
        "rehearsal-old-pods",
        "control-plane",
        "side-by-side",
        "remove-old-pods",
        "after",
        "rollback-control-plane",
        "after-rollback",
        "clean-up",
    ]
    assert list(run.observations) == ["before", "after", "after-rollback"]
    assert run.leftovers == {"1-29-1": ["left of 1-29-1"], "1-28-2": ["left of 1-28-2"]}
    assert (run.failure, run.traffic_result) == (None, SENT)


def test_run_with_mesh_retries_goes_forward_only(start_run: Callable[..., Run]) -> None:
    found = phases(start_run(mesh_retries=True))
    assert found[:2] == ["before", "rehearsal-workloads"]
    assert found[-2:] == ["remove-old-pods", "after"]


def test_upgrade_that_fails_by_itself_is_rolled_back(
    fake_strategy: FakeStrategy, start_run: Callable[..., Run]
) -> None:
    fake_strategy.fails["control-plane"] = NotReady("istioctl ends", elapsed=180, tries=9, last="pod Pending")
    run = start_run()
    assert run.failure is not None
    assert (run.failure.phase, run.failure.external, run.failure.rolled_back) == (
        "control-plane",
        False,
        True,
    )
    assert phases(run) == [
        "before",
        "rehearsal-workloads",
        "rehearsal-old-pods",
        "control-plane",
        "rollback-control-plane",
        "after-rollback",
    ]
    assert "pod Pending" in str(run.failure)
    assert cast("FakeOldPods", run.old_pods).done == ["keep", "remove"]


def test_completed_rollback_is_not_repeated(
    fake_strategy: FakeStrategy, start_run: Callable[..., Run]
) -> None:
    fake_strategy.fails["observe: after-rollback"] = NotReady(
        "it is logged", elapsed=30, tries=9, last="0 lines"
    )
    run = start_run()
    assert run.failure is not None
    assert (run.failure.phase, run.failure.rolled_back) == ("after-rollback", True)
    assert phases(run)[-2:] == ["rollback-control-plane", "after-rollback"]


def test_upgrade_whose_istioctl_was_killed_counts_as_ended_from_outside(
    fake_strategy: FakeStrategy, start_run: Callable[..., Run]
) -> None:
    fake_strategy.fails["control-plane"] = CommandFailed(["istioctl"], "ended with status -9", status=-9)
    run = start_run()
    assert run.failure is not None
    assert run.failure.external
    assert run.traffic_result is SENT


def test_failed_rollback_is_reported(fake_strategy: FakeStrategy, start_run: Callable[..., Run]) -> None:
    fake_strategy.fails |= {name: RuntimeError(name) for name in ("control-plane", "rollback-control-plane")}
    run = start_run()
    assert run.failure is not None
    assert "NOT rolled back (rollback-control-plane)" in str(run.failure)


def test_no_rollback_without_traffic(
    fake_strategy: FakeStrategy, fake_traffic: FakeTraffic, start_run: Callable[..., Run]
) -> None:
    fake_traffic.flows = False
    run = start_run()
    assert run.failure is not None
    assert (run.failure.phase, run.failure.external, run.failure.rolled_back) == ("before", True, True)


def test_error_in_the_suite_is_raised(fake_strategy: FakeStrategy, start_run: Callable[..., Run]) -> None:
    fake_strategy.fails["control-plane"] = KeyError("spec")
    with pytest.raises(KeyError):
        start_run()
