"""The CI script ends in time and names the phases it did not reach."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PHASES = ("check", "stages", "promises", "upgrade")
RUN = Path(__file__).resolve().parents[2] / ".ci" / "run"


def ci(folder: Path, recipe: str, limit: str = "30") -> subprocess.CompletedProcess[str]:
    (folder / ".ci").mkdir()
    (folder / "reports").mkdir()
    shutil.copy(RUN, folder / ".ci" / "run")
    (folder / "Makefile").write_text(f"test:\n\t{recipe}\n")
    return subprocess.run(
        ["bash", str(folder / ".ci" / "run")],
        env={**os.environ, "CI_LIMIT_SECONDS": limit, "MAKEFLAGS": ""},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


def test_green_run_exits_with_zero(tmp_path: Path) -> None:
    assert ci(tmp_path, "true").returncode == 0


def test_run_past_its_limit_is_stopped_and_names_unreached_phases(tmp_path: Path) -> None:
    done = ci(tmp_path, "echo check > reports/phases; sleep 20", limit="1")
    assert done.returncode != 0
    assert "stopped after 1 s" in done.stderr
    assert "not reached or failed: stages promises upgrade" in done.stderr


@pytest.mark.parametrize("reached", ["", "check", "check stages"])
def test_failed_run_names_the_missing_phases(tmp_path: Path, reached: str) -> None:
    done = ci(tmp_path, f"for phase in {reached}; do echo $$phase >> reports/phases; done; false")
    missing = [phase for phase in PHASES if phase not in reached.split()]
    assert done.returncode != 0
    assert f"not reached or failed: {' '.join(missing)}\n" in done.stderr
