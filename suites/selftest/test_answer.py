"""The page's first screen: a failure is explained there, and an unsafe upgrade does not look green."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures.checks.upgrade import BudgetMissed, check_met
from fixtures.plugins.failures import kind_and_reason
from fixtures.upgrade.explanation import explanation
from fixtures.waits import ConditionNotMet
from reports import answer, conformance
from reports.errors import ReportError
from reports.summary import StageRecord, TestOutcome
from suites.selftest.test_machine_results import FACTS, LAB, SKIPPED, problems, stage, verdict
from suites.selftest.test_upgrade_judgement import judged, records, sent

REASON = (
    "timed out after 30.0 s (276 attempts): the gateway <answers> 404\n"
    "last observation: 404 expected, got a reset\n"
    "likely cause: selector matches no gateway pod: 'ingresgateway'\n"
    "reproduce: curl -i http://127.0.0.1/"
)
FAILED = TestOutcome(
    name="test_404",
    result="failed",
    kind="product",
    reason=REASON,
    reproduce="istio-conformance run --stage=x",
)


def answered(folder: Path) -> answer.Answer:
    found = answer.of(folder)
    assert found is not None
    return found


def page(folder: Path, *stages: StageRecord) -> answer.Answer:
    conformance.write(folder / conformance.FILE, conformance.document(stages, LAB, FACTS))
    return answered(folder)


def test_failure_is_explained_without_a_click(tmp_path: Path) -> None:
    found = page(tmp_path, stage(FAILED)).verdict
    assert '<h1 class="bad">Failed</h1>' in found
    for word, text in {
        "Expected": "the gateway &lt;answers&gt; 404</dd>",
        "Observed": "404 expected, got a reset</dd>",
        "Waited": "timed out after 30.0 s (276 attempts)</dd>",
        "Likely cause": "selector matches no gateway pod: &#x27;ingresgateway&#x27;",
        "What to do": "Remove the likely cause",
        "Command": "<code>istio-conformance run --stage=x</code>",
    }.items():
        assert f"<dt>{word}</dt><dd>{text}" in found
    assert "<details" not in found


@pytest.mark.parametrize("ended", ["timed out", "gave up", "blocked", "failed"])
def test_what_was_expected_is_apart_from_how_the_wait_ended(tmp_path: Path, ended: str) -> None:
    wait = ConditionNotMet("the mesh: it is ready", elapsed=125, tries=1, last="no: 503", ended=ended)
    found = page(tmp_path, stage(replace(FAILED, reason=kind_and_reason(wait)[1]))).verdict
    assert "<dt>Expected</dt><dd>the mesh: it is ready</dd>" in found
    assert "<dt>Observed</dt><dd>no: 503</dd>" in found
    assert f"<dt>Waited</dt><dd>{ended} after 2 min 05 s (1 attempt)</dd>" in found


def test_failure_without_a_cause_leads_to_the_evidence(tmp_path: Path) -> None:
    alone = TestOutcome(name="test_b", result="failed", kind="suite", reason="KeyError: x")
    found = page(tmp_path, stage(alone)).verdict
    assert "<dt>Error</dt><dd>KeyError: x</dd>" in found
    assert "<dt>What to do</dt><dd>Read the evidence" in found
    assert "The suite itself has an error." in found


def test_stages_show_what_was_seen_and_why_one_was_skipped(tmp_path: Path) -> None:
    record = StageRecord("gateway", "Gateway", tests=1, seconds=125.4, seen=["404, empty body"])
    found = page(tmp_path, record, stage(SKIPPED, name="graph"))
    assert "<td>2 min 05 s</td><td>404, empty body</td>" in found.details
    assert "there is no Grafana" in found.details
    assert "Passed, with skipped tests" in found.verdict
    assert "<p>Skipped:</p><ul><li>Graph: there is no Grafana</li></ul>" in found.verdict


def test_stages_say_why_one_was_not_reached_and_what_a_failed_one_saw(tmp_path: Path) -> None:
    beyond = StageRecord(
        "metrics", "Metrics", verdict="not reached", reason="not reached because of test_404"
    )
    found = page(tmp_path, stage(FAILED), beyond).details
    assert "<td>404 expected, got a reset</td>" in found
    assert "<td>not reached because of test_404</td>" in found


def test_verdict_names_a_lab_build_and_the_time_of_the_whole_run(tmp_path: Path) -> None:
    found = page(tmp_path, StageRecord("gateway", "Gateway", tests=1, seconds=1.0)).verdict
    assert "Istio 1.31.0, lab build, on Kubernetes 1.36.3." in found
    assert "in 1 min 15 s." in found


def test_unsafe_upgrade_opens_with_the_word_and_its_budgets(tmp_path: Path) -> None:
    document: Any = verdict([judged(sent(records("north-south get new")))])
    (tmp_path / conformance.VERDICT_FILE).write_text(json.dumps(document))
    found = answered(tmp_path)
    assert '<h1 class="bad">Unsafe</h1>' in found.verdict
    assert "<li>Missed: failed 1, limit 0 requests</li>" in found.verdict
    assert "<li>Not shown: latency-p50 not measured, limit 1.25</li>" in found.verdict
    assert "<li>Missing evidence: " in found.verdict
    assert '<td>failed</td><td><span class="bad">missed</span></td><td>1</td>' in (found.details)
    assert found.evidence == ["canary: requests and pods that failed", "canary: timeline"]


def test_failed_promise_of_an_upgrade_is_explained(tmp_path: Path) -> None:
    document: Any = verdict([judged(sent(records()))], broken=["test_404"], outcomes=[FAILED])
    assert problems("verdict", document) == []
    (tmp_path / conformance.VERDICT_FILE).write_text(json.dumps(document))
    found = answered(tmp_path).verdict
    assert "<h2>Upgrade: test_404</h2><p>The mesh did not behave as expected.</p>" in found
    assert "<dt>Likely cause</dt><dd>selector matches no gateway pod" in found


def test_missed_budget_is_explained_from_the_records(tmp_path: Path) -> None:
    """Its name, limit, value, cause and advice are on the first screen, without the test's own words."""
    found = judged(sent(records(), missed="refused 4 times: 400 Bad Request"))
    (mine,) = (each for each in found.verdict.results if each.budget.name == "missed-injections")
    with pytest.raises(BudgetMissed) as caught:
        check_met(mine.met, **explanation(mine, found))
    kind, reason = kind_and_reason(caught.value)
    name = "test_budget_is_met[in-place-missed-injections]"
    outcome = TestOutcome(name=name, result="failed", kind=kind, reason=reason, reproduce="again")
    (tmp_path / conformance.VERDICT_FILE).write_text(
        json.dumps(verdict([found], broken=[name], outcomes=[outcome]))
    )
    shown = answered(tmp_path).verdict
    for text in (
        "<h2>Upgrade: in-place, budget missed-injections</h2>",
        "<dt>Expected</dt><dd>at most 0 pods: created pods that got no sidecar</dd>",
        "<dt>Observed</dt><dd>1 pods, among 1;",
        "<dt>Likely cause</dt><dd>in before: refused 4 times: 400 Bad Request</dd>",
        "<dt>What to do</dt><dd>Create no pods in that phase",
    ):
        assert text in shown
    assert "Repeat it" not in shown, "the box has the command already"


def test_failed_check_says_what_the_test_expects_and_what_it_saw(tmp_path: Path) -> None:
    """Without pytest's repetition of the asserted expression, and cut where a pod is described at length."""
    left, seen = ["web"], f"the traffic of containers ['web'] is not captured: {'pod ' * 200}"
    with pytest.raises(AssertionError) as caught:
        assert not left, seen
    kind, reason = kind_and_reason(caught.value)
    failed = replace(FAILED, kind=kind, reason=reason, expected="No container runs as <the proxy's> user.")
    found = page(tmp_path, stage(failed))
    assert "<dt>Expected</dt><dd>No container runs as &lt;the proxy&#x27;s&gt; user.</dd>" in found.verdict
    assert (
        "<dt>Observed</dt><dd>the traffic of containers [&#x27;web&#x27;] is not captured:" in found.verdict
    )
    assert "assert not" not in found.verdict
    assert "...</dd>" in found.verdict
    assert len(found.details) < 1500


def test_cause_of_most_failed_requests_is_named(tmp_path: Path) -> None:
    found = judged(sent(records("north-south get new", "reset")))
    (mine,) = (each for each in found.verdict.results if each.budget.name == "failed")
    assert explanation(mine, found)["cause"] == "in before: reset, reached nowhere"


def test_failure_whose_cause_was_not_found_leads_to_the_evidence(tmp_path: Path) -> None:
    reason = "AssertionError: wrong\nlikely cause: none was found; applied so far: Gateway a/b"
    shown = page(tmp_path, stage(replace(FAILED, reason=reason))).verdict
    assert "<dt>What to do</dt><dd>Read the evidence" in shown


def test_upgrade_says_what_is_not_covered(tmp_path: Path) -> None:
    (tmp_path / conformance.VERDICT_FILE).write_text(json.dumps(verdict([judged(sent(records()))])))
    found = answered(tmp_path).details
    assert "<h2>Not covered</h2><ul><li>a stand-in</li><li>one node: " in found
    assert "<li>what the stand-ins replace, which are listed below</li></ul>" in found


def test_ratio_is_shown_with_the_bounds_of_its_source(tmp_path: Path) -> None:
    document: Any = verdict([judged(sent(records()))])
    (strategy,) = document["strategies"]
    (budget,) = (each for each in strategy["budgets"] if each["name"] == "latency-p50")
    bounds = {"value": 2.04, "atLeast": 1.8, "atMost": 2.31, "detectableFrom": 1.42}
    budget |= {
        "value": 2.04,
        "source": "b, against the rehearsal",
        "shown": {"b, against the rehearsal": bounds},
    }
    (tmp_path / conformance.VERDICT_FILE).write_text(json.dumps(document))
    shown = "b, against the rehearsal: 2.04, at least 1.8, at most 2.31, a lasting one detected from 1.42"
    assert shown in answered(tmp_path).details


def test_run_without_a_result_has_no_answer(tmp_path: Path) -> None:
    assert answer.of(tmp_path) is None


@pytest.mark.parametrize("content", ["[1", "- 1", "stages: 3", "{}"])
def test_invalid_result_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / conformance.FILE).write_text(content)
    with pytest.raises(ReportError, match="is not the result of a run"):
        answer.of(tmp_path)
