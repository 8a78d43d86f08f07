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
def timeline(told: list[str]) -> Timeline:
    return Timeline(minima={"held": 0.2}, check_flowing=flows, report=told.append)


def test_phase_begins_where_the_previous_one_ended(timeline: Timeline) -> None:
    for name in ("one", "two"):
        with timeline.phase(name, "a title"):
            pass
    one, two = timeline.phases
    assert two.begun == one.ended


def test_phase_is_held_for_its_minimum_and_reported(timeline: Timeline, told: list[str]) -> None:
    with timeline.phase("held", "nothing is changed"):
        pass
    assert timeline.phases[0].seconds >= 0.2
    assert told == ["held: nothing is changed (at least 0.2 s)"]


def test_phase_is_not_held_after_the_traffic_stops(timeline: Timeline) -> None:
    timeline.check_flowing = stopped
    with pytest.raises(NotReady, match="the generator has ended"), timeline.phase("held", ""):
        pass
    assert timeline.phases[0].seconds < 0.2


def test_failed_step_is_recorded_and_ends_the_phase(timeline: Timeline) -> None:
    with pytest.raises(RuntimeError), timeline.phase("one", ""), timeline.step("install"):
        raise RuntimeError("no room")
    (step,) = timeline.steps
    assert (step.phase, step.what, step.error) == ("one", "install", "RuntimeError: no room")
    assert timeline.phase_now == timeline.phases[0].name == "one"


def test_timeline_is_rendered_line_by_line(timeline: Timeline) -> None:
    with timeline.phase("one", "first"), timeline.step("do it"):
        pass
    phase, step = timeline.lines()
    assert phase.endswith("one: first (0.0 s, at least 0.0 s)")
    assert step.endswith("    do it (0.0 s)")
