"""The timeline: consecutive phases with their steps, each held for its minimum."""

import pytest

from fixtures.upgrade.timeline import Timeline
from fixtures.waits import NotReady


def flows() -> None:
    """The traffic flows."""


def stopped() -> None:
    raise AssertionError("the generator has ended")


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def protocol(told: list[str]) -> Timeline:
    return Timeline(minima={"held": 0.2}, check_flowing=flows, tell=told.append)


def test_phase_begins_where_the_previous_one_ended(protocol: Timeline) -> None:
    for name in ("one", "two"):
        with protocol.phase(name, "a title", ("north-south",)):
            pass
    one, two = protocol.phases
    assert (two.begun, two.replaces) == (one.ended, ("north-south",))


def test_phase_is_held_for_its_minimum_and_reported(protocol: Timeline, told: list[str]) -> None:
    with protocol.phase("held", "nothing is changed"):
        pass
    assert protocol.phases[0].seconds >= 0.2
    assert told == ["held: nothing is changed, for 0.2 s at least"]


def test_phase_is_not_held_after_the_traffic_stops(protocol: Timeline) -> None:
    protocol.check_flowing = stopped
    with pytest.raises(NotReady, match="the generator has ended"), protocol.phase("held", ""):
        pass
    assert protocol.phases[0].seconds < 0.2


def test_failed_step_is_recorded_and_ends_the_phase(protocol: Timeline) -> None:
    with pytest.raises(RuntimeError), protocol.phase("one", ""), protocol.step("install"):
        raise RuntimeError("no room")
    (step,) = protocol.steps
    assert (step.phase, step.what, step.error) == ("one", "install", "RuntimeError: no room")
    assert protocol.phase_now == protocol.phases[0].name == "one"


def test_timeline_is_rendered_line_by_line(protocol: Timeline) -> None:
    with protocol.phase("one", "first"), protocol.step("do it"):
        pass
    phase, step = protocol.lines()
    assert phase.endswith("one: first (0.0 s, at least 0)")
    assert step.endswith("    do it (0.0 s)")
