"""Background programs: readable while they run, and never left behind."""

import sys
from pathlib import Path
from signal import SIGKILL

import pytest

from fixtures.clients.background import background
from fixtures.clients.command import CommandFailed
from fixtures.waits import eventually

LINGERS = "import time; print('begun'); time.sleep(60)"


def python(code: str) -> list[str]:
    return [sys.executable, "-u", "-c", code]


def confirm(condition: object) -> None:
    assert condition


def test_running_program_shows_its_output_and_no_status() -> None:
    with background(python(LINGERS), environment={}) as running:
        eventually(lambda: confirm(running.printed() == "begun\n"), "the program has printed", 10)
        assert running.ended() is None


def test_reading_the_output_does_not_move_the_write_position() -> None:
    code = "import sys; print('one'); sys.stdin.read(); print('two')"
    with background(python(code), environment={}) as running:
        running.printed()
        eventually(lambda: confirm(running.ended()), "the program has ended", 10)
        assert running.printed() == "one\ntwo\n"


def test_finished_program_returns_both_streams_in_order() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); print('out again')"
    with background(python(code), environment={}) as running:
        eventually(lambda: confirm(running.ended()), "the program has ended", 10)
        ended = running.ended()
    assert ended is not None
    assert ended.stdout == "out\nerr\nout again\n"


def test_failed_program_reports_its_last_output() -> None:
    code = "import sys; sys.exit('no cluster')"
    with (
        background(python(code), environment={}) as running,
        pytest.raises(CommandFailed, match=r"ended with status 1:\nno cluster"),
    ):
        eventually(lambda: confirm(running.ended()), "the program has ended", 10)


def test_running_program_is_killed_on_exit() -> None:
    with background(python(LINGERS), environment={}) as running:
        assert running.ended() is None
    assert running.status() == -SIGKILL


def test_missing_program_is_reported() -> None:
    with pytest.raises(CommandFailed, match="could not be started"), background(["/no/such"], environment={}):
        pass


def test_program_runs_in_exactly_the_given_environment() -> None:
    code = "import os; print(sorted(set(os.environ) - {'LC_CTYPE'}))"
    with background(python(code), environment={"ONLY": "this"}) as running:
        eventually(lambda: confirm(running.ended()), "the program has ended", 10)
        assert running.printed() == "['ONLY']\n"


def test_stopped_program_exits_by_itself(tmp_path: Path) -> None:
    stops = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))"
    code = f"{stops}; print('up'); signal.pause()"
    said = tmp_path / "said"
    with background(python(code), environment={}, output_file=said) as running:
        eventually(
            lambda: confirm(said.exists() and said.read_text() == "up\n"), "the program is running", 10
        )
        assert running.stop(10) == 3


def test_program_that_does_not_stop_is_an_error() -> None:
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); signal.pause()"
    with background(python(code), environment={}) as running:
        eventually(lambda: confirm(running.printed()), "the program is running", 10)
        with pytest.raises(CommandFailed, match=r"did not end 0\.1 s after SIGTERM"):
            running.stop(0.1)


def test_tail_of_the_output_can_be_read_alone() -> None:
    with background(python("print('one'); print('two')"), environment={}) as running:
        eventually(lambda: confirm(running.ended()), "the program has ended", 10)
        assert running.printed(last=4) == "two\n"
