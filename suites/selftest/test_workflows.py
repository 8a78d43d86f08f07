"""The GitHub workflows: pinned, least privileges, limited in time, no expression in a shell step."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from suites.nightly import __main__ as nightly
from suites.nightly import matrix

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
#: The only permissions beyond reading the checkout, by workflow and job.
GRANTED = {
    ("nightly", "cell"): {"actions": "read"},
    ("nightly", "gather"): {"actions": "read"},
    ("nightly", "issue"): {"issues": "write"},
    ("weekly", "lab"): {"actions": "read"},
}
#: An action that runs even if an earlier step failed.
ALWAYS = "always()"


def loaded(workflow: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(workflow.read_text())
    return content


def jobs(workflow: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = loaded(workflow)["jobs"]
    return found


def steps(workflow: Path) -> Iterator[dict[str, Any]]:
    for job in jobs(workflow).values():
        yield from job["steps"]


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


def test_permissions_are_read_only_except_for_the_jobs_that_need_more(workflow: Path) -> None:
    assert loaded(workflow)["permissions"] == {"contents": "read"}
    for name, job in jobs(workflow).items():
        expected = {"contents": "read", **GRANTED.get((workflow.stem, name), {})}
        assert job.get("permissions", {"contents": "read"}) == expected, name


def test_only_one_job_of_all_workflows_may_write_anything() -> None:
    writing = [
        (path.stem, name, what)
        for path in WORKFLOWS
        for name, job in jobs(path).items()
        for what, access in job.get("permissions", {}).items()
        if access == "write"
    ]
    assert writing == [("nightly", "issue", "issues")]


def test_runs_are_limited_in_time_and_number(workflow: Path) -> None:
    assert "group" in loaded(workflow)["concurrency"]
    assert all(0 < job["timeout-minutes"] <= 90 for job in jobs(workflow).values())


def test_runner_images_are_named(workflow: Path) -> None:
    assert {job["runs-on"] for job in jobs(workflow).values()} == {"ubuntu-24.04"}


def test_no_credentials_stay_in_the_checkout(workflow: Path) -> None:
    checkouts = [each for each in steps(workflow) if each.get("uses", "").startswith("actions/checkout@")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False] * len(checkouts)


def test_no_shell_step_holds_an_expression(workflow: Path) -> None:
    assert [step["run"] for step in steps(workflow) if "${{" in step.get("run", "")] == []


def test_tokens_reach_only_the_steps_that_call_the_api(workflow: Path) -> None:
    text = workflow.read_text()
    assert "secrets." not in text
    holders = [step.get("name") for step in steps(workflow) if "GITHUB_TOKEN" in step.get("env", {})]
    known = {"nightly": ["History", "Gather", "Issue"], "weekly": ["History"]}
    assert holders == known.get(workflow.stem, [])
    assert text.count("github.token") == len(holders)


def test_verdicts_come_from_the_command_and_never_through_make(workflow: Path) -> None:
    ran = "\n".join(step.get("run", "") for step in steps(workflow))
    assert re.findall(r"\bmake \S+", ran) == (["make check"] if workflow.stem == "checks" else [])


@pytest.mark.parametrize(("stem", "job"), [("nightly", "cell"), ("weekly", "lab")])
def test_cell_prints_the_machine_first_and_keeps_its_report_whatever_the_verdict(stem: str, job: str) -> None:
    found = jobs(ROOT / ".github" / "workflows" / f"{stem}.yml")[job]
    shell = [step["run"] for step in found["steps"] if "run" in step]
    assert shell[0] == ".ci/machine"
    assert found["steps"][-1]["if"] == ALWAYS
    assert "reports/results" in found["steps"][-1]["with"]["path"]
    # The run ends by itself, with time to clean up and to upload, before the job's limit.
    assert int(found["env"]["LIMIT_SECONDS"]) + 600 <= found["timeout-minutes"] * 60


def test_nightly_takes_its_cells_from_the_matrix_file_and_gathers_them_even_if_some_died() -> None:
    found = jobs(ROOT / ".github" / "workflows" / "nightly.yml")
    assert found["cell"]["strategy"]["matrix"] == {"cell": "${{ fromJSON(needs.matrix.outputs.cells) }}"}
    assert found["cell"]["strategy"]["fail-fast"] is False
    assert (found["gather"]["needs"], found["gather"]["if"]) == ("cell", ALWAYS)
    assert found["issue"]["needs"] == "gather"
    assert found["issue"]["if"].startswith(ALWAYS)


def test_weekly_builds_the_lab_with_nothing_cached() -> None:
    path = ROOT / ".github" / "workflows" / "weekly.yml"
    assert any("istio-conformance lab build" in step.get("run", "") for step in steps(path))
    assert not re.search(r"actions/cache|cache: (pip|true|npm)", path.read_text())


@pytest.mark.parametrize(("stem", "job"), [("nightly", "cell"), ("weekly", "lab")])
def test_cell_fetches_its_trends_before_the_run_and_keeps_them_whatever_the_verdict(
    stem: str, job: str
) -> None:
    found = jobs(ROOT / ".github" / "workflows" / f"{stem}.yml")[job]
    names = [each.get("name") for each in found["steps"]]
    assert names.index("History") < names.index("Cell")
    cell = found["env"]["CELL"]
    (kept,) = (each for each in found["steps"] if each.get("with", {}).get("name") == f"history-{cell}")
    assert (kept["if"], kept["with"]["path"]) == (ALWAYS, str(nightly.HISTORY))


def test_weekly_expects_the_tests_that_a_cell_of_the_nightly_expects() -> None:
    found = jobs(ROOT / ".github" / "workflows" / "weekly.yml")["lab"]
    assert {each.tests for each in matrix.read() if each.kind == "run"} == {int(found["env"]["TESTS"])}
    assert any("report gate --tests" in step.get("run", "") for step in found["steps"])


def test_readmes_workflow_to_paste_follows_the_same_rules() -> None:
    found = re.search(
        r"^```yaml\n(jobs:.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert found
    job = yaml.safe_load(found[1])["jobs"]["istio-conformance"]
    pins = {pin for path in WORKFLOWS for pin in re.findall(r"uses: (\S+ # \S+)", path.read_text())}
    assert set(re.findall(r"uses: (\S+ # \S+)", found[1])) <= pins
    assert (job["runs-on"], job["permissions"]) == ("ubuntu-24.04", {"contents": "read"})
    assert "${{" not in found[1]
    assert any(
        "istio-conformance run --distribution upstream" in step.get("run", "") for step in job["steps"]
    )


def test_whole_night_ends_within_three_hours() -> None:
    found = jobs(ROOT / ".github" / "workflows" / "nightly.yml")
    rounds = math.ceil(len(matrix.read()) / found["cell"]["strategy"]["max-parallel"])
    others = sum(found[name]["timeout-minutes"] for name in ("matrix", "gather", "issue"))
    assert rounds * found["cell"]["timeout-minutes"] + others <= 180
