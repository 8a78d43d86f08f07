"""Users' inputs as data: a correct one passes every stage, a broken one fails at its stage with its cause.

Files that contradict each other are refused before a cluster exists.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.paths import PROJECT

pytestmark = [pytest.mark.lab]

HERE = Path(__file__).parent
CASES = yaml.safe_load((HERE / "cases.yaml").read_text(encoding="utf-8"))
#: A correct condition is met within seconds; a broken one never is. A refused sidecar shows at once.
SOONER = {"config_propagation": 15, "metrics_visible": 15, "traces_visible": 15}
#: The word of a stage's line in the summary, by outcome.
SHOWN = {"failed": "FAIL", "environment": "ENV"}
REFUSED = "refused"


def parameters() -> list[Any]:
    """The cases, marked `full` unless they are quick."""
    return [
        pytest.param(case, id=case["case"], marks=[] if case.get("quick") else [pytest.mark.full])
        for case in CASES
    ]


@pytest.mark.parametrize("case", parameters())
def test_users_input_has_its_outcome(case: Any) -> None:
    """`run --manifests` with the case's files passes, or fails at its stage with its cause."""
    options = [f"--manifests={HERE / 'cases' / case['case']}", "-p", "no:cacheprovider"]
    if case["outcome"] != "passed":
        options += [word for each in SOONER.items() for word in ("--time-out", "{}={}".format(*each))]
    ran = subprocess.run(
        [sys.executable, "-m", "suites.command", "run", "--distribution", "lab", *options],
        cwd=PROJECT,
        env={**os.environ, "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )
    if case["outcome"] == REFUSED:
        assert ran.returncode == pytest.ExitCode.USAGE_ERROR, ran.stdout[-6000:]
        assert case["words"] in " ".join((ran.stdout + ran.stderr).split())
        return
    if case["outcome"] == "passed":
        assert ran.returncode == 0, ran.stdout[-6000:]
        return
    line = rf"^{SHOWN[case['outcome']]} +{re.escape(case['stage'])} "
    assert re.search(line, ran.stdout, re.MULTILINE), ran.stdout[-6000:]
    cause = re.search(r"likely cause: (.*)", ran.stdout)
    assert cause, ran.stdout[-6000:]
    assert cause[1].startswith(f"{case['cause']}: "), cause[1]
    assert case.get("words", "") in cause[1], cause[1]
