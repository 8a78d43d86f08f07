"""The benchmark's own options do not reach the commands that it times."""

from pathlib import Path

from suites.bench.timed import timed


def test_timed_command_ignores_the_options_of_an_outer_make(tmp_path: Path) -> None:
    """`make bench ARGS=...` passes ARGS to every nested make through the environment."""
    outer = {"PATH": "/usr/bin:/bin", "ARGS": "same --runs 2", "MAKEFLAGS": " -- ARGS=same", "MODE": "gate"}
    seconds, status = timed(["env"], outer, tmp_path / "log")
    told = (tmp_path / "log").read_text()
    assert seconds > 0
    assert status == 0
    assert "MODE=gate" in told
    assert "same" not in told
