"""The nightly's shell steps run here, in order and with the runner's variables: cells, gather and the issue.

The matrix of the copied checkout holds two cells of the lab. In the quick tests no cluster is made: what the
tests of a cell come to is acted. The full tests run a cell and an upgrade in quick mode on the lab.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.sources import versions_of
from reports import conformance
from suites.lab.workflow_steps import Job, Runner, checkout, variables, write_matrix
from suites.nightly import matrix, results
from suites.selftest import fake_github
from suites.selftest.fake_github import TOKEN, Github

pytestmark = pytest.mark.lab

OLD, NEW = versions_of("istio")[-2:]
#: The number of tests by the strategy of an upgrade, or "" of a run, as the matrix has it.
TESTS = {each.strategy: each.tests for each in matrix.read()}
CELLS = [
    matrix.Cell("run-lab", "run", NEW, "", tests=TESTS[""]),
    matrix.Cell("upgrade-lab", "upgrade", NEW, "", OLD, "canary", "quick", TESTS["canary"]),
]
#: What other work on this machine spoils: the same as in the Makefile's `test`.
BUSY = (
    "--exempt latency-p50 --exempt latency-p99 --exempt lag --exempt load --exempt silence --exempt requests"
)
#: The cell's shell steps and their exit codes, if a test fails.
STEPS = [("Machine", 0), ("History", 0), ("Cell", 1), ("Record", 0)]
ACTED = "-p suites.lab.acted -p no:cacheprovider"


@pytest.fixture
def github() -> Iterator[Github]:
    """A repository on loopback."""
    with fake_github.serving() as serving:
        yield serving


@pytest.fixture
def runner(github: Github, tmp_path: Path) -> Runner:
    """A runner whose checkout has two cells of the lab in its matrix."""
    copied = checkout(tmp_path / "checkout")
    write_matrix(copied, CELLS)
    return Runner(copied, tmp_path / "artifacts", tmp_path / "temporary", variables(copied, github.url))


def cells(runner: Runner) -> list[dict[str, str]]:
    """The cells, as the job `matrix` hands them to the others."""
    listed: list[dict[str, str]] = json.loads(runner.run("nightly", "matrix", {}).outputs["cells"]["cells"])
    return listed


def run_cell(runner: Runner, cell: dict[str, str], options: str, **overrides: str) -> Job:
    """Run the job `cell` with the lab and these options."""
    context: dict[str, Any] = {"matrix": {"cell": cell}, "github": {"token": TOKEN}}
    return runner.run("nightly", "cell", context, DISTRIBUTION="lab", OPTIONS=options, **overrides)


def recorded(runner: Runner, cell: str) -> results.Result:
    """Return the result in the cell's artifact."""
    found = results.read(runner.artifacts / f"report-{cell}" / "cell" / results.FILE)
    assert found is not None
    return found


def gather_and_report(runner: Runner) -> tuple[Job, Job]:
    """Run the jobs `gather` and `issue`, each with the artifacts that it downloads."""
    context = {"github": {"token": TOKEN}}
    downloaded = runner.checkout / "reports" / "cells"
    downloaded.parent.mkdir(exist_ok=True)
    if runner.artifacts.exists():
        runner.artifacts.rename(downloaded)
    gathered = runner.run("nightly", "gather", context)
    (runner.artifacts / "nightly").rename(runner.checkout / "reports" / "nightly")
    return gathered, runner.run("nightly", "issue", context)


def test_red_night_goes_from_the_cells_to_one_issue(runner: Runner, github: Github) -> None:
    """One cell fails, the other misses evidence: the first counts, and the issue names stage and cause."""
    first, second = cells(runner)
    failed = run_cell(runner, first, ACTED, ACTED="mesh")
    unproven = run_cell(runner, second, ACTED, ACTED="pass")
    assert [(each.name, each.status) for each in failed.ran] == STEPS
    assert failed.outputs["cell"]["status"] == "1"
    assert unproven.outputs["cell"]["status"] == "11", unproven.ran[2].output[-3000:]
    assert (recorded(runner, "run-lab").kind, recorded(runner, "upgrade-lab").kind) == (
        "mesh", "not enough evidence",
    )  # fmt: skip
    assert "--distribution=lab" in recorded(runner, "run-lab").command
    assert (runner.artifacts / "report-run-lab" / "cell" / "junit.xml").exists()
    assert "failed" in failed.summary
    assert {each.name for each in (runner.artifacts / "report-run-lab").iterdir()} >= {"cell", "results"}
    gathered, reported = gather_and_report(runner)
    assert [each.status for each in gathered.ran] == [1]
    assert "| run-lab | mesh |" in gathered.summary
    assert reported.ran[0].status == 0, reported.ran[0].output
    assert [each["title"].partition(" since")[0] for each in github.issues] == [
        "Nightly red: 1 of 2 cells, 1 to confirm,"
    ]
    assert "the app is served" in github.issues[0]["body"]


def test_cell_that_died_is_missing_and_red(runner: Runner, github: Github) -> None:
    """One cell is green and the other left no artifact: the night is red, the issue names it."""
    run_cell(runner, cells(runner)[0], ACTED, ACTED="pass")
    gathered, _ = gather_and_report(runner)
    assert gathered.failed
    assert "| run-lab | green |" in gathered.summary
    assert "| upgrade-lab | missing |" in gathered.summary
    assert len(github.issues) == 1


def test_green_cell_that_lost_tests_is_incomplete(runner: Runner) -> None:
    """A run of one stage passes, but the cell expects the tests of all stages."""
    done = run_cell(runner, cells(runner)[0], f"{ACTED} --stage=cluster", ACTED="pass")
    assert done.outputs["cell"]["status"] == "0", done.ran[2].output[-3000:]
    found = recorded(runner, "run-lab")
    assert (found.kind, found.cause) == ("incomplete", f"3 of {CELLS[0].tests} expected tests have a result")


def test_cell_continues_the_trends_that_it_kept_last(runner: Runner, github: Github) -> None:
    """The histories of the cell's last artifact are there for its run, and go into its next artifact."""
    point = json.dumps({"uuid": "1", "timestamp": 0, "testResults": {}})
    last = {"lab_istio-1.jsonl": point, "upstream_istio-1.jsonl": "[1", "notes.txt": "x", "../x.jsonl": point}
    github.uploaded(last, name="history-run-lab")
    github.uploaded({"lab_istio-2.jsonl": point}, name="history-upgrade-lab")
    run_cell(runner, cells(runner)[0], ACTED, ACTED="pass")
    kept = {each.name: each.read_text() for each in (runner.artifacts / "history-run-lab").iterdir()}
    assert kept == {"lab_istio-1.jsonl": f"{point}\n"}


def test_cell_past_its_limit_is_stopped_and_recorded(runner: Runner) -> None:
    """The run is interrupted before the job's own limit, so that its result still reaches the night."""
    done = run_cell(runner, cells(runner)[0], ACTED, ACTED="pass", LIMIT_SECONDS="1")
    assert done.outputs["cell"]["status"] == "124"
    assert recorded(runner, "run-lab").kind == "time limit"


@pytest.mark.full
def test_cell_runs_the_article_on_the_lab(runner: Runner) -> None:
    """The cell's steps pass on a real cluster, and the artifact holds page, results and the cell's result."""
    done = run_cell(runner, cells(runner)[0], "--timeout-factor=3")
    assert not done.failed, done.ran[-2].output[-6000:]
    found = recorded(runner, "run-lab")
    assert (found.kind, found.exit_code, found.artifact) == ("green", 0, done.artifact)
    (trend,) = (runner.artifacts / "history-run-lab").iterdir()
    assert re.fullmatch(rf"lab_istio-{NEW}_kubernetes-[\d.]+\.jsonl", trend.name)
    assert len(trend.read_text().splitlines()) == 1
    folder = runner.artifacts / done.artifact
    assert found.tests == len(list((folder / "results").glob("*-result.json")))
    assert found.command.startswith("istio-conformance run --distribution=lab --istio-version=")
    report = yaml.safe_load((folder / "results" / conformance.FILE).read_text(encoding="utf-8"))
    assert re.fullmatch(r"[0-9a-f]{40}(-modified)?", report["suite"]["commit"])
    assert (folder / "html" / "index.html").stat().st_size > 100_000


@pytest.mark.full
def test_cell_runs_a_quick_upgrade_on_the_lab(runner: Runner) -> None:
    """The cell's steps upgrade Istio with one strategy, and the exit code is the verdict's."""
    done = run_cell(runner, cells(runner)[1], BUSY)
    assert done.outputs["cell"]["status"] in ("0", "10", "11"), done.ran[-2].output[-6000:]
    found = recorded(runner, "upgrade-lab")
    assert str(found.exit_code) == done.outputs["cell"]["status"]
    assert "verdict: " in done.ran[2].output.splitlines()[-1]
    folder = runner.artifacts / done.artifact
    assert found.tests > 0
    assert (folder / "html" / "upgrade.html").stat().st_size > 100_000
