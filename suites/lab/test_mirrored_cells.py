"""The nightly's shell steps run as on a hosted runner: the distribution upstream from mirrors, no root."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures.stages import STAGES
from lab.sources import versions_of
from reports import conformance
from suites.lab import mirrored_cell, mirrors, users_machine
from suites.lab.mirrors import MIRRORS, NAME, NETWORK, Site
from suites.lab.test_upstream import BUDGETS
from suites.nightly import matrix, results

pytestmark = [pytest.mark.lab, pytest.mark.full]

OLD, ISTIO = versions_of("istio")[-2:]
#: The number of tests by the strategy of an upgrade, or "" of a run, as the matrix has it.
TESTS = {each.strategy: each.tests for each in matrix.read()}
STEPS = ["Machine", "History", "Cell", "Record"]


@dataclass(frozen=True, slots=True)
class Ran:
    """What a cell came to: its job as workflow_steps.Job has it, its artifacts and its result."""

    job: dict[str, Any]
    artifacts: Path
    result: results.Result

    @property
    def report(self) -> Path:
        """The artifact with the report."""
        return self.artifacts / str(self.job["artifact"])

    def output(self, step: str) -> str:
        """Return what a step wrote."""
        return next(str(each["output"]) for each in self.job["ran"] if each["name"] == step)


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Path, Site]]:
    """The mirrors' content, and a user's machine with Allure in the user's cache."""
    with users_machine.made() as (folder, made):
        users_machine.add_allure(folder)
        yield folder, made


def ran(site: tuple[Path, Site], cell: matrix.Cell, *options: str) -> Ran:
    """Run a cell, with options that a cell on real servers does not need."""
    folder, made = site
    place = users_machine.home(folder)
    (place / mirrored_cell.GIVEN).write_text(json.dumps(asdict(cell)))
    command = [users_machine.PYTHON, "-m", "suites.lab.mirrored_cell", str(place)]
    given = [*users_machine.STAND_INS[cell.kind], *options, f"--cluster-name={NAME}", MIRRORS, NETWORK]
    done = mirrors.run(folder, replace(made, steps={cell.name: [*command, *given]}))[cell.name]
    assert done["status"] == 0, str(done["output"])[-6000:]
    job = json.loads((place / mirrored_cell.CAME_TO).read_text())
    artifacts = place / mirrored_cell.ARTIFACTS
    result = results.read(artifacts / job["artifact"] / "cell" / results.FILE)
    assert result, job["ran"]
    return Ran(job, artifacts, result)


def cell(kind: str, **more: Any) -> matrix.Cell:
    """A cell of the mirrors' versions."""
    return matrix.Cell(f"{kind}-mirrors", kind, ISTIO, users_machine.kubernetes_version(), **more)


@pytest.fixture(scope="module")
def article(site: tuple[Path, Site]) -> Ran:
    """What the cell with the article came to."""
    return ran(site, cell("run", tests=TESTS[""]))


@pytest.fixture(scope="module")
def upgrade(site: tuple[Path, Site]) -> Ran:
    """What the cell with one strategy of an upgrade came to."""
    more = {"old": OLD, "strategy": "in-place", "mode": "quick", "tests": TESTS["in-place"]}
    return ran(site, cell("upgrade", **more), *BUDGETS)


def test_article_cell_is_green(article: Ran) -> None:
    """Every step exits with 0, and the cell has as many results as the matrix expects."""
    steps = [(each["name"], each["status"]) for each in article.job["ran"]]
    assert steps == [(name, 0) for name in STEPS], article.output("Cell")[-6000:]
    assert " processors" in article.output("Machine")
    assert article.job["outputs"] == {"cell": {"status": "0"}}
    found = article.result
    assert (found.kind, found.exit_code, found.tests) == ("green", 0, TESTS[""])
    assert found.command.startswith("istio-conformance run --distribution=upstream --istio-version=")


def test_article_cell_has_a_summary(article: Ran) -> None:
    """The job's summary opens with the verdict and has a row for each stage."""
    assert article.job["summary"].startswith("### passed")
    for title in (each.title for each in STAGES):
        assert f"| {title} | passed |" in article.job["summary"]


def test_article_cell_keeps_its_trend(article: Ran) -> None:
    """The artifact with the history has one run, in the file of this environment."""
    (trend,) = (article.artifacts / "history-run-mirrors").iterdir()
    assert re.fullmatch(rf"upstream_istio-{ISTIO}_kubernetes-[\d.]+\.jsonl", trend.name)
    assert len(trend.read_text().splitlines()) == 1


def test_article_cell_uploads_page_and_results(article: Ran) -> None:
    """The artifact holds the cell's result, JUnit XML, the page and the report for programs."""
    assert {each.name for each in article.report.iterdir()} == {"cell", "html", "results"}
    assert (article.report / "cell" / "junit.xml").read_text().count("<testcase ") == TESTS[""]
    assert (article.report / "html" / "index.html").stat().st_size > 100_000
    report = yaml.safe_load((article.report / "results" / conformance.FILE).read_text(encoding="utf-8"))
    assert report["environment"]["distribution"] == "upstream"
    assert re.fullmatch(r"[0-9a-f]{40}", report["suite"]["commit"])


def test_upgrade_cell_is_judged(upgrade: Ran) -> None:
    """The step's exit code is the verdict's. Each verdict will do, because the steps are tested."""
    output, code = upgrade.output("Cell"), upgrade.job["outputs"]["cell"]["status"]
    assert code in ("0", "10", "11"), output[-6000:]
    assert output.splitlines()[-1].startswith("verdict: ")
    assert (upgrade.result.exit_code, upgrade.result.tests) == (int(code), TESTS["in-place"])
    assert "--distribution=upstream" in upgrade.result.command
    assert "| budget | result |" in upgrade.job["summary"]


def test_upgrade_cell_uploads_page_and_verdict(upgrade: Ran) -> None:
    """The artifact holds the cell's result, the page and the verdict for programs."""
    assert {each.name for each in upgrade.report.iterdir()} == {"cell", "html", "results-upgrade"}
    assert (upgrade.report / "html" / "upgrade.html").stat().st_size > 100_000
    verdict = json.loads((upgrade.report / "results-upgrade" / conformance.VERDICT_FILE).read_text())
    assert verdict["exitCode"] == upgrade.result.exit_code
