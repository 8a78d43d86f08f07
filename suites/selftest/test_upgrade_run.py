"""One strategy carried out: the order of its moments, and what becomes of one that dies."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from fixtures.clients.command import CommandFailed
from fixtures.upgrade.release import UpgradeVersion
from fixtures.upgrade.request import Upgrade
from fixtures.upgrade.run import Run, Strategy
from fixtures.upgrade.timeline import Timeline
from fixtures.upgrade.traffic import Traffic, TrafficResult
from fixtures.waits import NotReady

SENT = cast("TrafficResult", object())


class Acting:
    """A strategy of one phase each way, which fails where it is told to."""

    def __init__(self) -> None:
        self.fails: dict[str, Exception] = {}
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


class Flowing:
    """Traffic that flows until it is told to have stopped."""

    flows = True

    def check_flowing(self) -> None:
        assert self.flows, "the generator has ended"

    def stop(self) -> TrafficResult:
        return SENT


def release(version: str, revision: str) -> UpgradeVersion:
    return UpgradeVersion(version=version, envoy="1", istioctl=cast("Any", None), files=(), revision=revision)


@pytest.fixture
def acting() -> Acting:
    return Acting()


@pytest.fixture
def flowing() -> Flowing:
    return Flowing()


@pytest.fixture
def begun(acting: Acting, flowing: Flowing) -> Callable[..., Run]:
    """A run, carried out."""

    def begin(**options: Any) -> Run:
        run = Run(
            upgrade=Upgrade(old="1.28.2", new="1.29.1", **options),
            strategy_name="canary",
            strategy=cast("Strategy", acting),
            timeline=Timeline(minima={}, check_flowing=flowing.check_flowing, report=lambda _: None),
            traffic=cast("Traffic", flowing),
            observe=acting.observe,
            find_leftovers=lambda revision: [f"left of {revision}"],
        )
        run.carry_out()
        return run

    return begin


def phases(run: Run) -> list[str]:
    return [phase.name for phase in run.timeline.phases]


def test_the_way_forward_and_back_with_a_look_at_each_end(begun: Callable[..., Run]) -> None:
    run = begun()
    assert phases(run) == [
        "before",
        "rehearsal-workloads",
        "control-plane",
        "after",
        "rollback-control-plane",
        "after-rollback",
        "clean-up",
    ]
    assert list(run.observations) == ["before", "after", "after-rollback"]
    assert run.leftovers == {"1-29-1": ["left of 1-29-1"], "1-28-2": ["left of 1-28-2"]}
    assert (run.failure, run.traffic_result) == (None, SENT)


def test_with_the_meshs_retries_it_goes_forward_only(begun: Callable[..., Run]) -> None:
    assert phases(begun(mesh_retries=True)) == ["before", "rehearsal-workloads", "control-plane", "after"]


def test_an_upgrade_that_fails_by_itself_is_taken_back(acting: Acting, begun: Callable[..., Run]) -> None:
    acting.fails["control-plane"] = NotReady("istioctl ends", elapsed=180, tries=9, last="pod Pending")
    run = begun()
    assert run.failure is not None
    assert (run.failure.phase, run.failure.external, run.failure.rolled_back) == (
        "control-plane",
        False,
        True,
    )
    assert phases(run) == [
        "before",
        "rehearsal-workloads",
        "control-plane",
        "rollback-control-plane",
        "after-rollback",
    ]
    assert "pod Pending" in str(run.failure)


def test_what_has_been_taken_back_is_not_taken_back_again(acting: Acting, begun: Callable[..., Run]) -> None:
    acting.fails["observe: after-rollback"] = NotReady("it is logged", elapsed=30, tries=9, last="0 lines")
    run = begun()
    assert run.failure is not None
    assert (run.failure.phase, run.failure.rolled_back) == ("after-rollback", True)
    assert phases(run)[-2:] == ["rollback-control-plane", "after-rollback"]


def test_an_upgrade_whose_istioctl_was_killed_ended_from_outside(
    acting: Acting, begun: Callable[..., Run]
) -> None:
    acting.fails["control-plane"] = CommandFailed(["istioctl"], "ended with status -9", status=-9)
    run = begun()
    assert run.failure is not None
    assert run.failure.external
    assert run.traffic_result is SENT


def test_one_that_can_not_be_taken_back_says_so(acting: Acting, begun: Callable[..., Run]) -> None:
    acting.fails |= {name: RuntimeError(name) for name in ("control-plane", "rollback-control-plane")}
    run = begun()
    assert run.failure is not None
    assert "NOT rolled back (rollback-control-plane)" in str(run.failure)


def test_without_traffic_there_is_no_way_back_to_watch(
    acting: Acting, flowing: Flowing, begun: Callable[..., Run]
) -> None:
    flowing.flows = False
    run = begun()
    assert run.failure is not None
    assert (run.failure.phase, run.failure.external, run.failure.rolled_back) == ("before", True, True)


def test_an_error_of_the_suites_own_is_raised(acting: Acting, begun: Callable[..., Run]) -> None:
    acting.fails["control-plane"] = KeyError("spec")
    with pytest.raises(KeyError):
        begun()
