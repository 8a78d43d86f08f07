"""Results for programs keep to their schemas, and say what the run came to."""

import json
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from fixtures.plugins.failures import expectation
from fixtures.upgrade import verdict_document
from fixtures.upgrade.judging.judgement import Judgement
from reports import conformance, github
from reports.conformance import RunFacts
from reports.redaction import MARK, remember
from reports.summary import StageRecord, TestOutcome
from suites.selftest.nested import ROOT, run_pytest
from suites.selftest.test_report import CONFTEST
from suites.selftest.test_upgrade_judgement import UPGRADE, judged, records, sent

FACTS = RunFacts(
    date="2026-11-27T20:00:00Z",
    exit_code=0,
    seconds=75.4,
    reproduce="istio-conformance run --distribution=lab",
    commit="0" * 40,
    version="0.1.0",
    installer="istioctl",
    profile="default",
)
LAB: Any = SimpleNamespace(
    name="lab",
    istio_version="1.31.0",
    kubernetes_version="1.36.3",
    envoy_version="1.39.0",
    versions={"kind": "0.33.0"},
    stand_ins=("plain Envoy",),
)
UPSTREAM: Any = SimpleNamespace(**{**vars(LAB), "name": "upstream", "stand_ins": ()})
PLUGINS = ("options", "report", "stages", "upgrade_options", "upgrade_verdict", "verdict", "redaction")
STAGES = """
    import pytest

    def pytest_istio_versions():
        return ["1.29.1"]

    @pytest.mark.stage("cluster")
    def test_node(distribution): ...

    @pytest.mark.stage("cluster")
    def test_other(distribution):
        pytest.skip("there is no node of pl_anted_val_ue_43")

    @pytest.mark.stage("gateway")
    @pytest.mark.parametrize("place", ["a,b"])
    def test_page(place):
        assert "password=hunter2-hunter2" == "nginx", "the page is 100% wrong\\nsecond line"

    @pytest.mark.stage("metrics")
    def test_beyond(): ...
"""


def problems(name: str, document: Any) -> list[str]:
    """What a schema of docs/schemas finds wrong with a document."""
    schema = json.loads((ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return [each.message for each in Draft202012Validator(schema).iter_errors(document)]


def stage(*outcomes: TestOutcome, name: str = "gateway") -> StageRecord:
    record = StageRecord(name, name.title(), tests=len(outcomes), seconds=1.23)
    for each in outcomes:
        record.add(each)
        if each.result == "failed":
            record.worsen("product", each.reason)
        if each.result == "skipped":
            record.skip(each.reason)
    record.settle()
    return record


PASSED = TestOutcome(name="test_a", result="passed")
FAILED = TestOutcome(
    name="test_b",
    result="failed",
    kind="product",
    expected="The app answers.",
    reason="404, not 200",
    reproduce="run it",
    file="suites/a,b.py",
    line=7,
)
SKIPPED = TestOutcome(name="test_c", result="skipped", reason="there is no Grafana")


@pytest.mark.parametrize(
    ("outcomes", "result", "of_stage"),
    [
        ([PASSED], "success", "success"),
        ([PASSED, SKIPPED], "partial", "partial"),
        ([SKIPPED], "partial", "skipped"),
        ([PASSED, FAILED, SKIPPED], "failure", "failure"),
    ],
)
def test_result_is_success_partial_or_failure(
    outcomes: list[TestOutcome], result: str, of_stage: str
) -> None:
    found = conformance.document([stage(*outcomes)], LAB, FACTS)
    assert (found["result"], found["stages"][0]["result"]) == (result, of_stage)
    assert problems("conformance", found) == []
    assert sum(found["statistics"].values()) == len(outcomes)


def test_stage_that_was_not_reached_is_a_failure() -> None:
    beyond = StageRecord("metrics", "Metrics", verdict="not reached")
    assert conformance.document([stage(PASSED), beyond], LAB, FACTS)["result"] == "failure"


def test_only_a_published_istio_is_called_conformance() -> None:
    lab = conformance.document([stage(PASSED)], LAB, FACTS)
    published = conformance.document([stage(PASSED)], UPSTREAM, FACTS)
    assert (lab["kind"], published["kind"]) == ("LabBuildReport", "ConformanceReport")
    assert "lab build" in lab["implementation"]["claim"]
    assert problems("conformance", published) == []
    assert problems("conformance", {**lab, "kind": "ConformanceReport"})


def test_reasons_of_failed_and_skipped_tests_are_named() -> None:
    (found,) = conformance.document([stage(PASSED, FAILED, SKIPPED)], LAB, FACTS)["stages"]
    told = {"expected": "The app answers.", "reason": "404, not 200", "reproduce": "run it"}
    assert found["failed"] == [{"name": "test_b", "kind": "product", **told}]
    assert found["skipped"] == [{"name": "test_c", "reason": "there is no Grafana"}]


def test_expectation_is_the_first_paragraph_of_the_tests_docstring(request: pytest.FixtureRequest) -> None:
    """The report shows this,
    on one line.

    It leaves this out.
    """
    assert expectation(request.node) == "The report shows this, on one line."


def verdict(found: list[Judgement], **more: Any) -> Any:
    return verdict_document.document(UPGRADE, found, LAB, FACTS, line="verdict: x", **more)


@pytest.mark.parametrize("failed", ["", "north-south get new"])
def test_verdict_keeps_to_its_schema(failed: str) -> None:
    found = verdict([judged(sent(records(failed)))])
    assert problems("verdict", found) == []
    (strategy,) = found["strategies"]
    budgets = {each["name"]: each for each in strategy["budgets"]}
    assert budgets["failed"]["value"] == bool(failed)
    assert budgets["failed"]["result"] == ("missed" if failed else "met")
    assert strategy["streams"]["north-south get new"]["failed"] == bool(failed)
    assert strategy["missingEvidence"][0]["text"]
    assert [each["name"] for each in strategy["phases"]] == ["before", "workloads"]


def test_verdict_names_broken_promises_and_exemptions() -> None:
    exempt = judged(sent(records()), upgrade=replace(UPGRADE, exempt=("requests",)))
    found = verdict([exempt], broken=["test_it[canary]"], unknown=["test_other"], changed="2 changes")
    assert found["verdict"] == "unsafe"
    assert found["failedTests"] == ["test_it[canary]"]
    assert found["strategies"][0]["exempt"][0]["name"] == "requests"


def test_summary_has_the_verdict_and_a_row_for_each_stage() -> None:
    record = stage(FAILED)
    record.reason = "404 | <b>not</b>\nlikely cause: `x`"
    text = github.summary("verdict: failed (exit 1): Istio 1.31.0", [record], {})
    assert text.startswith("### failed (exit 1)\n\nIstio 1.31.0\n")
    assert "| Gateway | product | 1.2 s | 404 \\| &lt;b&gt;not&lt;/b&gt; likely cause: \\`x\\` |" in text


def test_summary_of_an_upgrade_has_its_budgets() -> None:
    row = ("failed", "MISSED", "1", "0 requests", "1 in before")
    assert "| failed | MISSED | 1 | 0 requests | 1 in before |" in github.summary(
        "v: x", [], {"canary": [row]}
    )


def test_summary_has_every_reason_of_a_long_verdict() -> None:
    reasons = "; ".join(f"reason {number}" for number in range(100))
    assert f"### unsafe (exit 10)\n\n{reasons}\n" in github.summary(
        f"verdict: unsafe (exit 10): {reasons}", [], {}
    )


def test_annotation_is_escaped_as_a_workflow_command() -> None:
    failed = replace(FAILED, reason="100%\nsecond: line")
    expected = "::error file=suites/a%2Cb.py,line=7,title=test_b::100%25%0Asecond: line"
    assert github.annotation(failed) == expected


#: A secret that Markdown would escape, and one of whose start a cell of the summary has room for.
ESCAPED, LONG = "pl_anted_val_ue_42", "Q7" * 120


@pytest.mark.parametrize("secret", [ESCAPED, LONG], ids=["escaped", "cut"])
@pytest.mark.parametrize("shown", ["verdict", "stage", "budget", "annotation"])
def test_secret_is_removed_before_a_text_is_escaped_or_cut(secret: str, shown: str) -> None:
    remember(secret)
    text = f"{'long ' * 30}{secret}"
    written = {
        "verdict": github.summary(f"verdict: {text}", [], {}),
        "stage": github.summary("v: x", [stage(replace(SKIPPED, reason=text))], {}),
        "budget": github.summary("v: x", [], {"canary": [("failed", "MISSED", "1", "0", text)]}),
        "annotation": github.annotation(replace(FAILED, reason=text.replace(secret, f"{secret}%"))),
    }[shown]
    assert MARK in written.replace("\\", "")
    assert secret[:12] not in written.replace("\\", "")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run as on GitHub's runner: one test passes, one is skipped, one fails."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "conftest.py").write_text(dedent(CONFTEST))
    (folder / "test_stages.py").write_text(dedent(STAGES))
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  stage(name)\n  upgrade\n")
    variables = {
        "GITHUB_ACTIONS": "true",
        "PLANTED_TOKEN": "pl_anted_val_ue_43",
        github.SUMMARY: str(folder / "summary.md"),
    }
    return run_pytest(folder, PLUGINS, "--distribution=lab", ".", **variables)


@pytest.mark.slow
def test_run_writes_its_result(run: Path) -> None:
    file = run / "results" / conformance.FILE
    assert file.exists(), (run / "output").read_text()
    found = yaml.safe_load(file.read_text())
    assert problems("conformance", found) == []
    assert (found["result"], found["exitCode"]) == ("failure", 1)
    assert found["statistics"] == {"passed": 1, "failed": 1, "skipped": 1, "notReached": 1}


def test_stage_that_was_not_reached_has_its_reason_and_its_place_on_the_page(run: Path) -> None:
    stages = yaml.safe_load((run / "results" / conformance.FILE).read_text())["stages"]
    reasons = {each["name"]: each["reason"] for each in stages}
    assert reasons == {
        "cluster": "",
        "gateway": "",
        "metrics": "not reached because of Gateway: test_page[a,b]",
    }
    results = [json.loads(each.read_text()) for each in (run / "results").glob("*-result.json")]
    (beyond,) = (each for each in results if each["name"] == "test_beyond")
    labels = {each["name"]: each["value"] for each in beyond["labels"]}
    assert (labels["suite"], labels["stage"]) == ("12 Metrics", "metrics")


def test_run_shows_the_summary_and_the_failing_line(run: Path) -> None:
    assert "| Gateway | product |" in (run / "summary.md").read_text()
    lines = (run / "output").read_text().splitlines()
    (shown,) = (each for each in lines if each.startswith("::error "))
    assert shown.startswith("::error file=test_stages.py,line=14,title=test_page[a%2Cb]::")


def test_no_output_of_the_run_has_the_secret(run: Path) -> None:
    for path in (run / "results" / conformance.FILE, run / "summary.md", run / "output"):
        shown = path.read_text().replace("\\", "")
        assert "hunter2" not in shown
        assert "val_ue_43" not in shown
