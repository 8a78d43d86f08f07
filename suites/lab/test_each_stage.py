"""Each stage can be run alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.stages import STAGES
from lab.description import LACKS
from lab.paths import PROJECT

pytestmark = [pytest.mark.lab, pytest.mark.full]


@pytest.mark.parametrize("stage", [stage.name for stage in STAGES])
def test_a_stage_passes_when_it_alone_is_asked_for(stage: str, tmp_path: Path) -> None:
    """`--stage NAME` builds what that stage needs; it skips only the tests of features that the lab lacks."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "suites/article",
        "--stage",
        stage,
        "-rs",
        "-p",
        "no:cacheprovider",
    ]
    ran = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert " passed" in ran.stdout
    skipped = [line for line in ran.stdout.splitlines() if line.startswith("SKIPPED")]
    assert not [line for line in skipped if not line.endswith(tuple(LACKS.values()))]
