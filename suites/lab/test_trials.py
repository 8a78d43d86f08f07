"""Stages with a wrong manifest: the expected check fails and names the cause."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures.settings import MANIFESTS
from lab.paths import PROJECT

pytestmark = [pytest.mark.lab, pytest.mark.full]

TRIALS = yaml.safe_load((Path(__file__).parent / "trials.yaml").read_text(encoding="utf-8"))
#: A correct condition is met within seconds; a broken one never is.
SOONER = ("config_propagation", "metrics_visible", "traces_visible")


def overlay(trial: Any, folder: Path) -> Path:
    """A folder with the manifest, its one text replaced."""
    text = (MANIFESTS / trial["manifest"]).read_text(encoding="utf-8")
    before = trial.get("instead_of")
    if before is not None:
        assert text.count(before) >= 1, f"{trial['manifest']} has no {before!r}"
    changed = text.replace(before, trial["there_is"]) if before else f"{text}---\n{trial['there_is']}"
    made = folder / trial["manifest"]
    made.parent.mkdir(parents=True)
    made.write_text(changed, encoding="utf-8")
    return folder


@pytest.mark.parametrize("trial", TRIALS, ids=[trial["trial"] for trial in TRIALS])
def test_stage_with_a_wrong_manifest_fails_and_names_the_cause(trial: Any, tmp_path: Path) -> None:
    """`--stage` with the wrong manifest fails in the expected test, which names the cause first."""
    options = [f"--manifests={overlay(trial, tmp_path)}", "--stage", trial["stage"]]
    options += [word for name in SOONER for word in ("--time-out", f"{name}=10")]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "suites/article", *options, "-p", "no:cacheprovider", "-rfE"],
        cwd=PROJECT,
        env={**os.environ, "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED, ran.stdout[-3000:]
    _, _, failure = ran.stdout.partition(f" {trial['fails']}")
    assert failure, ran.stdout[-3000:]
    _, _, cause = failure.lower().partition("likely cause")
    assert cause.lstrip(": ").removeprefix("perhaps ").startswith(f"{trial['cause'].lower()}: "), ran.stdout[
        -6000:
    ]
