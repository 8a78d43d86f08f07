"""Each stage can be climbed to alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.ladder import STAGES
from lab.paths import PROJECT

pytestmark = [pytest.mark.lab, pytest.mark.full]


@pytest.mark.parametrize("stage", [stage.name for stage in STAGES])
def test_a_stage_passes_when_it_alone_is_asked_for(stage: str, tmp_path: Path) -> None:
    """`--stage NAME` builds what that rung needs, and no test of another rung runs."""
    command = [sys.executable, "-m", "pytest", "suites/article", "--stage", stage, "-p", "no:cacheprovider"]
    ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert " passed" in ran.stdout
    assert " skipped" not in ran.stdout
