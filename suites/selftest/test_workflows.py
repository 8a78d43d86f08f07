"""The GitHub workflows: pinned, with least privileges, and limited in time."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def loaded(workflow: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(workflow.read_text())
    return content


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def workflow(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_every_action_is_pinned_by_commit_with_its_version_in_a_comment(workflow: Path) -> None:
    uses = [line for line in workflow.read_text().splitlines() if "uses:" in line]
    assert uses
    assert [line for line in uses if not re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line)] == []


def test_each_action_has_the_same_commit_in_all_workflows() -> None:
    pins = {pin for path in WORKFLOWS for pin in re.findall(r"uses: (\S+)@([0-9a-f]{40})", path.read_text())}
    assert len(pins) == len({action for action, _ in pins})


def test_permissions_are_read_only(workflow: Path) -> None:
    assert loaded(workflow)["permissions"] == {"contents": "read"}
    assert not [job for job in loaded(workflow)["jobs"].values() if "permissions" in job]


def test_runs_are_limited_in_time_and_number(workflow: Path) -> None:
    assert "group" in loaded(workflow)["concurrency"]
    assert all(0 < job["timeout-minutes"] <= 90 for job in loaded(workflow)["jobs"].values())


def test_no_credentials_stay_in_the_checkout(workflow: Path) -> None:
    steps = [step for job in loaded(workflow)["jobs"].values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False] * len(checkouts)


def test_nightly_run_keeps_the_report_whatever_the_result() -> None:
    steps = loaded(ROOT / ".github/workflows/nightly.yml")["jobs"]["conformance"]["steps"]
    assert steps[-1]["if"] == "always()"
    assert "reports/html" in steps[-1]["with"]["path"]
    assert any("make test" in step.get("run", "") for step in steps)
