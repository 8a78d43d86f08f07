"""Waits, on a clock that only the test advances."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from fixtures import waits
from fixtures.waits import Clock, ConditionNotMet, NotReady, consistently, eventually, watched


@dataclass
class Watch:
    """The test's own clock: a pause takes no time and is added to `seconds`."""

    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds

    def pause(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def clock(watch: Watch) -> Clock:
    return Clock(watch.now, watch.pause)


def passing_from(try_number: int, but_not: tuple[int, ...] = ()) -> Callable[[], int]:
    """A check that passes from its n-th attempt on and returns the number of the attempt."""
    tries = iter(range(1, 10_000))

    def check() -> int:
        number = next(tries)
        assert number >= try_number, f"only try {number}"
        assert number not in but_not, f"try {number} is a bad one"
        return number

    return check


def key_error() -> None:
    raise KeyError("status")


def always_fails() -> None:
    raise AssertionError("503 instead of 200")


def test_eventually_returns_the_result_of_the_passing_check(clock: Clock) -> None:
    assert eventually(passing_from(4), "it passes", 5, clock=clock) == 4


def test_eventually_notices_within_one_interval(clock: Clock, watch: Watch) -> None:
    eventually(passing_from(4), "it passes", 5, interval=0.1, clock=clock)
    assert watch.seconds == pytest.approx(0.3)


def test_successes_are_counted_in_a_row(clock: Clock) -> None:
    assert eventually(passing_from(2, but_not=(4,)), "it lasts", 5, successes=3, clock=clock) == 7


def test_interrupted_row_of_successes_is_reported(clock: Clock) -> None:
    with pytest.raises(ConditionNotMet, match=r"passed 2 of 3 times in a row; before that: only try 3"):
        eventually(passing_from(4), "it lasts", 1, interval=0.25, successes=3, clock=clock)


def test_failure_states_everything_known(clock: Clock) -> None:
    with pytest.raises(ConditionNotMet) as caught:
        eventually(
            always_fails,
            "nginx is served",
            1,
            interval=0.25,
            diagnose=lambda: "no route",
            reproduce="curl x",
            clock=clock,
        )
    assert str(caught.value).splitlines() == [
        "timed out after 1.0 s (5 attempts): nginx is served",
        "  last observation: 503 instead of 200",
        "  likely cause: no route",
        "  reproduce: curl x",
    ]
    assert isinstance(caught.value.__cause__, AssertionError)


def test_last_attempt_is_made_at_the_time_out(clock: Clock, watch: Watch) -> None:
    with pytest.raises(ConditionNotMet, match=r"timed out after 1\.0 s \(3 attempts\): it passes"):
        eventually(always_fails, "it passes", 1, interval=0.7, clock=clock)


def test_zero_time_out_makes_one_attempt(clock: Clock) -> None:
    assert eventually(passing_from(1), "it passes", 0, clock=clock) == 1


def test_bug_in_a_check_surfaces_at_once(clock: Clock, watch: Watch) -> None:
    with pytest.raises(KeyError):
        eventually(key_error, "it passes", 5, clock=clock)
    assert watch.seconds == 0


def test_failed_wait_inside_a_check_is_final(clock: Clock, watch: Watch) -> None:
    inner = lambda *_: eventually(always_fails, "the inner wait", 1, clock=clock)  # noqa: E731
    with pytest.raises(ConditionNotMet, match=r"timed out after 1\.0 s \(1[12] attempts\): the inner wait"):
        eventually(inner, "the outer wait", 60, clock=clock)
    with pytest.raises(ConditionNotMet, match=r"timed out after 1\.0 s \(1[12] attempts\): the inner wait"):
        watched(lambda _: iter(["Pending"]), inner, "the outer watch", 60, clock=clock)
    assert watch.seconds == pytest.approx(2)


def test_long_observation_is_shown_by_its_ends(clock: Clock) -> None:
    def fails_at_length() -> None:
        raise AssertionError("status 503" + "x" * 100_000 + "the end")

    with pytest.raises(ConditionNotMet, match=r"96017 characters left out") as caught:
        eventually(fails_at_length, "it passes", 0, clock=clock)
    assert caught.value.last.startswith("status 503")
    assert caught.value.last.endswith("the end")


def test_named_exceptions_are_retried(clock: Clock) -> None:
    def refused() -> None:
        raise ConnectionRefusedError("port 80")

    with pytest.raises(ConditionNotMet, match="ConnectionRefusedError: port 80"):
        eventually(refused, "it answers", 1, retry_on=(AssertionError, ConnectionError), clock=clock)


def test_environment_failure_is_no_assertion_error(clock: Clock) -> None:
    with pytest.raises(NotReady, match="503") as caught:
        eventually(always_fails, "the pod is Ready", 1, raises=NotReady, clock=clock)
    assert not isinstance(caught.value, AssertionError)


def test_lasting_cause_ends_the_wait(clock: Clock, watch: Watch) -> None:
    with pytest.raises(NotReady, match=r"^gave up after 1\.\d s .*\n.*\n  likely cause: Insufficient cpu"):
        eventually(
            always_fails, "Ready", 300, raises=NotReady, give_up=lambda: "Insufficient cpu", clock=clock
        )
    assert watch.seconds < 1.2


def test_lasting_causes_are_checked_once_a_second(clock: Clock, watch: Watch) -> None:
    asked: list[float] = []
    with pytest.raises(ConditionNotMet, match="likely cause: none was found"):
        eventually(always_fails, "Ready", 5, give_up=lambda: asked.append(watch.seconds), clock=clock)
    assert len(asked) == 4


@pytest.mark.parametrize("question", ["diagnose", "give_up"])
def test_failed_diagnosis_hides_nothing(question: str, clock: Clock) -> None:
    looks: dict[str, Any] = {question: lambda: 1 // 0}
    with pytest.raises(ConditionNotMet, match="503 instead of 200") as caught:
        eventually(always_fails, "it passes", 3, clock=clock, **looks)
    assert "the diagnosis failed: ZeroDivisionError" in str(caught.value.cause)


def test_consistently_checks_until_the_end(clock: Clock, watch: Watch) -> None:
    assert consistently(passing_from(1), "nothing changes", 5, interval=0.5, clock=clock) == 11
    assert watch.seconds == pytest.approx(5)


def test_consistently_fails_at_the_first_failed_attempt(clock: Clock) -> None:
    with pytest.raises(
        ConditionNotMet, match=r"failed after 0\.6 s \(4 attempts\): nothing changes"
    ) as caught:
        consistently(passing_from(1, but_not=(4,)), "nothing changes", 5, clock=clock)
    assert caught.value.last.startswith("try 4 is a bad one")


def test_consistently_checks_at_the_end_however_slow_the_check_is(clock: Clock, watch: Watch) -> None:
    begun = []

    def slow() -> None:
        begun.append(watch.seconds)
        watch.seconds += 7

    consistently(slow, "nothing changes", 5, clock=clock)
    assert begun == [0, 7]


def test_consistently_without_a_duration_checks_once(clock: Clock) -> None:
    assert consistently(passing_from(1), "it passes", 0, clock=clock) == 1


def test_attempt_that_blocks_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "BLOCKED_AFTER", 0.05)
    with pytest.raises(ConditionNotMet, match=r"blocked after(?s:.*)did not return within"):
        eventually(lambda: threading.Event().wait(60), "it returns", 0.05)
    with pytest.raises(ConditionNotMet, match="blocked after"):
        consistently(lambda: threading.Event().wait(60), "it returns", 0.05)


def test_watch_that_blocks_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "BLOCKED_AFTER", 0.05)

    def silent(_seconds: float) -> Iterator[str]:
        threading.Event().wait(60)
        yield "too late"

    with pytest.raises(NotReady, match="blocked after"):
        watched(silent, is_ready, "the pod is Ready", 0.05, raises=NotReady)


def test_a_wait_inside_a_check_does_not_end_the_limit_of_the_outer_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waits, "BLOCKED_AFTER", 0.05)

    def check() -> None:
        consistently(lambda: None, "a moment passes", 0)
        threading.Event().wait(60)

    with pytest.raises(ConditionNotMet, match="blocked after"):
        eventually(check, "it returns", 0.05)


def test_consistently_raises_bugs_in_a_check(clock: Clock) -> None:
    with pytest.raises(ZeroDivisionError):
        consistently(lambda: 1 // 0, "nothing changes", 5, clock=clock)


def is_ready(phase: str) -> str:
    assert phase == "Ready", f"phase is {phase}"
    return phase


def test_watch_is_followed_until_the_check_passes(clock: Clock) -> None:
    phases = iter(["Pending", "Running", "Ready", "Gone"])
    assert watched(lambda _: phases, is_ready, "the pod is Ready", 5, clock=clock) == "Ready"
    assert next(phases) == "Gone"


def test_watch_that_ends_early_is_reopened(clock: Clock) -> None:
    openings = iter([["Pending"], [], ["Running", "Ready"]])
    assert watched(lambda _: iter(next(openings)), is_ready, "Ready", 5, clock=clock) == "Ready"


def test_watch_is_opened_for_the_remaining_time(clock: Clock, watch: Watch) -> None:
    opened: list[float] = []

    def stream(seconds: float) -> Iterator[str]:
        opened.append(seconds)
        watch.pause(4)
        yield "Pending"

    with pytest.raises(
        NotReady, match=r"after 8\.0 s \(2 attempts\): Ready\n  last observation: phase is Pending"
    ):
        watched(stream, is_ready, "Ready", 6, raises=NotReady, clock=clock)
    assert opened == [6, 2]


def test_lasting_cause_ends_a_silent_watch_within_seconds(clock: Clock, watch: Watch) -> None:
    def silent(seconds: float) -> Iterator[str]:
        watch.pause(seconds)
        return iter(())

    with pytest.raises(ConditionNotMet, match="nothing was observed") as caught:
        watched(silent, is_ready, "Ready", 300, give_up=lambda: "no such image", clock=clock)
    assert caught.value.cause == "no such image"
    assert watch.seconds == 1


def test_breaking_watch_is_reopened_at_intervals(clock: Clock) -> None:
    def broken(seconds: float) -> Iterator[str]:
        raise ConnectionError("API server")

    with pytest.raises(
        ConditionNotMet, match=r"\(5 attempts\): Ready\n  last observation: ConnectionError: API server"
    ):
        watched(
            broken,
            is_ready,
            "Ready",
            1,
            interval=0.25,
            retry_on=(AssertionError, ConnectionError),
            clock=clock,
        )


def test_bug_in_the_check_of_a_watch_surfaces(clock: Clock) -> None:
    with pytest.raises(KeyError):
        watched(lambda _: iter(["Pending"]), lambda _: key_error(), "Ready", 5, clock=clock)
