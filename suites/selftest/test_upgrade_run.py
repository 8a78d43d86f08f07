"""One run of a strategy: the order of its steps, and what happens when it dies."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from fixtures.clients.command import CommandFailed
from fixtures.upgrade.release import UpgradeVersion
from fixtures.upgrade.request import Upgrade
from fixtures.upgrade.run import Run, Strategy
from fixtures.upgrade.timeline import Timeline
from fixtures.upgrade.traffic import Sent, Traffic
from fixtures.waits import NotReady

SENT = cast("Sent", object())


class Acting:
    """A strategy with one phase in each direction that fails where it is told to."""

    def __init__(self) -> None:
        self.fails: dict[str, Exception] = {}
        self.old, self.new = release("1.28.2", "1-28-2"), release("1.29.1", "1-29-1")

    def _phase(self, protocol: Timeline, name: str) -> None:
        with protocol.phase(name, ""), protocol.step(name):
            if name in self.fails:
                raise self.fails[name]

    def rehearse(self, protocol: Timeline) -> None:
        self._phase(protocol, "rehearsal-workloads")

    def forward(self, protocol: Timeline) -> None:
        self._phase(protocol, "control-plane")

    def back(self, protocol: Timeline) -> None:
        self._phase(protocol, "rollback-control-plane")

    def clean_up(self, protocol: Timeline) -> None:
        self._phase(protocol, "clean-up")

    def look(self, moment: str) -> Any:
        if f"look: {moment}" in self.fails:
            raise self.fails[f"look: {moment}"]
        return moment


class Flowing:
    """Traffic that flows until a test stops it."""

    flows = True

    def check_flowing(self) -> None:
        assert self.flows, "the generator has ended"

    def stop(self) -> Sent:
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
    """A run that has been executed."""

    def begin(**options: Any) -> Run:
        run = Run(
            upgrade=Upgrade(old="1.28.2", new="1.29.1", **options),
            strategy="canary",
            acting=cast("Strategy", acting),
            protocol=Timeline(minima={}, check_flowing=flowing.check_flowing, tell=lambda _: None),
            traffic=cast("Traffic", flowing),
            look=acting.look,
            remains=lambda revision: [f"left of {revision}"],
        )
        run.carry_out()
        return run

    return begin


def phases(run: Run) -> list[str]:
    return [phase.name for phase in run.protocol.phases]


def test_run_goes_forward_and_back_with_a_probe_at_each_end(begun: Callable[..., Run]) -> None:
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
    assert list(run.seen) == ["before", "after", "after-rollback"]
    assert run.left == {"1-29-1": ["left of 1-29-1"], "1-28-2": ["left of 1-28-2"]}
    assert (run.death, run.sent) == (None, SENT)


def test_run_with_mesh_retries_goes_forward_only(begun: Callable[..., Run]) -> None:
    assert phases(begun(mesh_retries=True)) == ["before", "rehearsal-workloads", "control-plane", "after"]


def test_upgrade_that_fails_by_itself_is_rolled_back(acting: Acting, begun: Callable[..., Run]) -> None:
    acting.fails["control-plane"] = NotReady("istioctl ends", elapsed=180, tries=9, last="pod Pending")
    run = begun()
    assert run.death is not None
    assert (run.death.phase, run.death.from_outside, run.death.taken_back) == ("control-plane", False, True)
    assert phases(run) == [
        "before",
        "rehearsal-workloads",
        "control-plane",
        "rollback-control-plane",
        "after-rollback",
    ]
    assert "pod Pending" in str(run.death)


def test_completed_rollback_is_not_repeated(acting: Acting, begun: Callable[..., Run]) -> None:
    acting.fails["look: after-rollback"] = NotReady("it is logged", elapsed=30, tries=9, last="0 lines")
    run = begun()
    assert run.death is not None
    assert (run.death.phase, run.death.taken_back) == ("after-rollback", True)
    assert phases(run)[-2:] == ["rollback-control-plane", "after-rollback"]


def test_upgrade_whose_istioctl_was_killed_counts_as_ended_from_outside(
    acting: Acting, begun: Callable[..., Run]
) -> None:
    acting.fails["control-plane"] = CommandFailed(["istioctl"], "ended with status -9", status=-9)
    run = begun()
    assert run.death is not None
    assert run.death.from_outside
    assert run.sent is SENT


def test_failed_rollback_is_reported(acting: Acting, begun: Callable[..., Run]) -> None:
    acting.fails |= {name: RuntimeError(name) for name in ("control-plane", "rollback-control-plane")}
    run = begun()
    assert run.death is not None
    assert "could NOT be taken back (rollback-control-plane)" in str(run.death)


def test_no_rollback_without_traffic(acting: Acting, flowing: Flowing, begun: Callable[..., Run]) -> None:
    flowing.flows = False
    run = begun()
    assert run.death is not None
    assert (run.death.phase, run.death.from_outside, run.death.taken_back) == ("before", True, True)


def test_error_in_the_suite_is_raised(acting: Acting, begun: Callable[..., Run]) -> None:
    acting.fails["control-plane"] = KeyError("spec")
    with pytest.raises(KeyError):
        begun()
