"""The page's first screen: a failure is explained there, and an unsafe upgrade does not look green."""

import json
from pathlib import Path
from typing import Any

import pytest

from reports import answer, conformance
from reports.errors import ReportError
from reports.summary import StageRecord, TestOutcome
from suites.selftest.test_machine_results import FACTS, LAB, SKIPPED, stage, verdict
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


def page(folder: Path, *stages: StageRecord) -> str:
    conformance.write(folder / conformance.FILE, conformance.document(stages, LAB, FACTS))
    return answer.section(folder)


def test_failure_is_explained_without_a_click(tmp_path: Path) -> None:
    found = page(tmp_path, stage(FAILED))
    assert '<h1 class="bad">Failed</h1>' in found
    for word, text in {
        "Expected": "timed out after 30.0 s (276 attempts): the gateway &lt;answers&gt; 404",
        "Observed": "404 expected, got a reset",
        "Likely cause": "selector matches no gateway pod: &#x27;ingresgateway&#x27;",
        "What to do": "Remove the likely cause",
        "Command": "<code>istio-conformance run --stage=x</code>",
    }.items():
        assert f"<dt>{word}</dt><dd>{text}" in found
    assert "<details" not in found


def test_failure_without_a_cause_leads_to_the_evidence(tmp_path: Path) -> None:
    alone = TestOutcome(name="test_b", result="failed", kind="suite", reason="KeyError: x")
    found = page(tmp_path, stage(alone))
    assert "<dt>What to do</dt><dd>Read the evidence" in found
    assert "The suite itself has an error." in found


def test_stages_show_what_was_seen_and_why_one_was_skipped(tmp_path: Path) -> None:
    record = StageRecord("gateway", "Gateway", tests=1, seconds=125.4, seen=["404, empty body"])
    found = page(tmp_path, record, stage(SKIPPED, name="graph"))
    assert "<td>2 min 5 s</td><td>404, empty body</td>" in found
    assert "there is no Grafana" in found
    assert "Passed, with skipped tests" in found


def test_unsafe_upgrade_opens_with_the_word_and_its_budgets(tmp_path: Path) -> None:
    document: Any = verdict([judged(sent(records("north-south get new")))])
    (tmp_path / conformance.VERDICT_FILE).write_text(json.dumps(document))
    found = answer.section(tmp_path)
    assert '<h1 class="bad">Unsafe</h1>' in found
    assert '<td>failed</td><td><span class="bad">missed</span></td><td>1</td><td>0 requests</td>' in found
    assert "Missing evidence, requests:" in found


def test_run_without_a_result_has_no_answer(tmp_path: Path) -> None:
    assert answer.section(tmp_path) == ""


@pytest.mark.parametrize("content", ["[1", "- 1", "stages: 3", "{}"])
def test_invalid_result_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / conformance.FILE).write_text(content)
    with pytest.raises(ReportError, match="is not the result of a run"):
        answer.section(tmp_path)


@pytest.mark.parametrize(("seconds", "words"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (61.0, "1 min 1 s")])
def test_duration_has_one_format(seconds: float, words: str) -> None:
    assert answer.duration(seconds) == words
