"""Progress: steps done and time left, from recorded durations; plain lines without a terminal."""

import io
import re
import sys
from pathlib import Path

import pytest

from lab import environment
from lab.progress import Progress, readable


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (75, "1 min 15 s"), (600, "10 min 00 s")])
def test_duration_is_human_readable(seconds: float, text: str) -> None:
    assert readable(seconds) == text


def test_time_left_counts_the_remaining_steps(tmp_path: Path) -> None:
    stream = io.StringIO()
    progress = Progress(tmp_path / "times.json", stream)
    progress.expect({"a": 60.0, "b": 120.0})
    with progress.step("a", "first"):
        pass
    with progress.step("b", "second"):
        pass
    assert "first (about 1 min 00 s; whole build: 3 min 00 s left)" in stream.getvalue()
    assert "second (about 2 min 00 s; whole build: 2 min 00 s left)" in stream.getvalue()


def test_recorded_times_are_the_next_builds_estimate(tmp_path: Path) -> None:
    first = Progress(tmp_path / "times.json", io.StringIO())
    first.expect({"a": 60.0})
    with first.step("a", "first"):
        pass
    stream = io.StringIO()
    second = Progress(tmp_path / "times.json", stream)
    second.expect({"a": 60.0})
    with second.step("a", "first"):
        pass
    assert "(about 0 s; whole build: 0 s left)" in stream.getvalue()


def test_truncated_record_of_times_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "times.json").write_text("{")
    progress = Progress(tmp_path / "times.json", io.StringIO())
    progress.expect({"a": 1.0})
    assert progress.total == 1.0


def test_failed_step_records_no_time(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "times.json", io.StringIO())
    progress.expect({"a": 60.0})
    with pytest.raises(RuntimeError, match="no"), progress.step("a", "first"):
        raise RuntimeError("no")
    assert not (tmp_path / "times.json").exists()


def test_total_counts_the_programs_that_a_step_ran(tmp_path: Path) -> None:
    stream = io.StringIO()
    progress = Progress(tmp_path / "times.json", stream)
    with progress.step("a", "first"):
        environment.run([sys.executable, "-c", "sum(range(20_000_000))"], env=environment.needed())
    with progress.step("b", "second"):
        pass
    progress.say_total()
    assert progress.processor_seconds["a"] > 0.1
    assert progress.processor_seconds["b"] < 0.1
    assert re.search(
        r"\d processor-seconds in all, without the container engine's: a \d, b 0$", stream.getvalue()
    )
