"""The judgement of an upgrade, and how it is rendered."""

from dataclasses import replace
from typing import cast

import pytest

from fixtures.declaration import names_in
from fixtures.installers.operator_names import operator_names
from fixtures.manifests import Manifests
from fixtures.plugins.upgrade_verdict import picture
from fixtures.traffic.records import NothingSent, Record, Result, Summary
from fixtures.upgrade import summary
from fixtures.upgrade.calibration import Attempt, Rates
from fixtures.upgrade.injection import InjectionAttempt
from fixtures.upgrade.judging.budgets import BUDGETS, EVIDENCE
from fixtures.upgrade.judging.judgement import Judgement, judge_run
from fixtures.upgrade.judging.log_entries import AppEntry
from fixtures.upgrade.judging.phases import Phase
from fixtures.upgrade.old_pods import OldPods
from fixtures.upgrade.request import Upgrade
from fixtures.upgrade.run import Run, Strategy, UpgradeFailure
from fixtures.upgrade.steps import Steps
from fixtures.upgrade.timeline import Timeline
from fixtures.upgrade.traffic import Traffic, TrafficResult, is_single, plan
from suites.selftest.secret_cases import JWT

UPGRADE = Upgrade(old="1.28.2", new="1.29.1")
STREAMS = [each for way in ("north-south", "east-west") for each in plan(way, "http://any:80").streams]
SECONDS = 4


def records(failed: str = "", outcome: str = "503") -> list[Record]:
    """Records of every stream for this many seconds, all correct except one request of one stream."""
    made = []
    for place, stream in enumerate(STREAMS):
        for number in range(int(stream.rate * SECONDS)):
            answered = outcome if stream.name == failed and number == 5 else stream.expected
            start = 100 + number / stream.rate
            made.append(Record(f"r-{place}-{number}", stream.name, start, 0.01, answered, "new", 0.0))
    return made


def sent(mine: list[Record], missed: str = "") -> TrafficResult:
    count: dict[str, int] = {}
    for each in mine:
        count[each.stream] = count.get(each.stream, 0) + 1
    summary = Summary(100, 104, "SIGTERM", count, 0, 0, 0.1, 3)
    served = [
        AppEntry(each.id, "GET", "/echo", each.start, "app-1") for each in mine if each.outcome == "200"
    ]
    return TrafficResult(
        results=[Result(tuple(mine), (), summary, 0)],
        gateway=[],
        client=[],
        sidecar=[],
        app=served,
        injections=[InjectionAttempt(100, 0.1, "" if missed else "proxyv2:1.28.2", missed)],
    )


def run(what: TrafficResult | None, failure: UpgradeFailure | None = None) -> Run:
    timeline = Timeline(minima={}, check_flowing=lambda: None, report=lambda _: None)
    timeline.phases.append(Phase("before", "nothing", 100, 102, 0))
    timeline.phases.append(Phase("workloads", "restarts", 102, 104, 0))
    return Run(
        upgrade=UPGRADE,
        strategy_name="canary",
        strategy=cast("Strategy", None),
        timeline=timeline,
        traffic=cast("Traffic", None),
        old_pods=OldPods(
            steps=cast("Steps", None), names=names_in(Manifests(), operator_names()), kept={"old"}
        ),
        rates=Rates(0.002, [Attempt(1.0, 0.003)]),
        seconds=0.0,
        observe=lambda _: None,  # type: ignore[arg-type, return-value]
        find_leftovers=lambda _: [],
        traffic_result=what,
        failure=failure,
    )


def judged(
    what: TrafficResult | None, failure: UpgradeFailure | None = None, upgrade: Upgrade = UPGRADE
) -> Judgement:
    return judge_run(run(what, failure), upgrade=upgrade, stand_ins=["a stand-in"])


def budget(found: Judgement, name: str) -> tuple[float | None, bool | None]:
    (mine,) = (each for each in found.verdict.results if each.budget.name == name)
    return mine.value, mine.met


def test_short_run_without_failures_is_not_enough_evidence() -> None:
    found = judged(sent(records()))
    assert budget(found, "failed") == (0, True)
    assert found.verdict.word == "not enough evidence"
    assert "mode quick requires" in found.verdict.gaps[0].text


def test_one_failed_request_is_unsafe_and_shown() -> None:
    found = judged(sent(records("north-south get new")))
    assert budget(found, "failed") == (1, False)
    assert found.verdict.word == "unsafe"
    (line,) = summary.failure_lines(found)
    assert line.startswith("failed: before: north-south get new")


def test_pod_without_a_sidecar_is_in_the_picture_without_secrets() -> None:
    """A reason is cut for its tooltip, behind the first part of the token."""
    shown = picture(judged(sent(records(), missed=f"{'refused ' * 22}{JWT} end")))
    assert "1 pod got no sidecar" in shown
    assert "refused refused" in shown
    assert JWT.partition(".")[0] not in shown


def test_failures_of_the_single_replica_count_for_no_budget() -> None:
    found = judged(sent(records("east-west single")))
    assert budget(found, "failed") == (0, True)
    (line,) = (each for each in summary.traffic_lines(found) if "one replica" in each)
    assert line.endswith("1 of 80 requests failed: 1 in before")


def test_missed_injection_is_unsafe() -> None:
    found = judged(sent(records(), missed="created without a sidecar"))
    assert budget(found, "missed-injections") == (1, False)


def test_upgrade_that_died_by_itself_is_unsafe() -> None:
    failure = UpgradeFailure("workloads", "NotReady: no pod", external=False, rolled_back=True)
    found = judged(sent(records()), failure)
    assert budget(found, "died") == (1, False)
    assert found.verdict.word == "unsafe"
    assert "failed in phase workloads; rolled back" in "\n".join(summary.lines(found))


def test_upgrade_whose_istioctl_was_killed_is_not_enough_evidence() -> None:
    found = judged(
        sent(records()),
        UpgradeFailure("control-plane", "CommandFailed: -9", external=True, rolled_back=False),
    )
    assert found.verdict.word == "not enough evidence"
    assert any("NOT rolled back" in gap.text for gap in found.verdict.gaps)


def test_no_traffic_is_an_error() -> None:
    with pytest.raises(NothingSent):
        judged(None)


def test_every_budget_is_listed_met_or_not() -> None:
    lines = [*summary.budget_lines(judged(sent(records("north-south get new"))).verdict.results)]
    assert [line[:12].strip() for line in lines][:2] == ["MISSED", "met"]
    assert "(limit 0 requests)" in lines[0]


def test_verdict_is_one_line_with_its_exit_code() -> None:
    found = judged(sent(records("north-south get new")))
    line = summary.verdict_line(UPGRADE, [found], code=10, broken=["test_a"], changed="2 removed")
    assert line.startswith("verdict: unsafe (exit 10): 1.28.2 to 1.29.1: canary unsafe: failed 1 (limit 0)")
    assert "failed tests: test_a; behaviour changes: 2 removed; not covered: " in line
    assert "\n" not in line


def test_strategy_with_a_broken_promise_is_not_called_safe() -> None:
    sound = judged(sent(records()))
    broken = ["test_proxies_have_the_version[canary-after]"]
    line = summary.verdict_line(UPGRADE, [sound], code=10, broken=broken)
    assert f"canary unsafe: {broken[0]} failed;" in line
    assert next(iter(summary.lines(sound, broken))) == f"canary: unsafe: {broken[0]} failed"
    others = ["test_proxies_have_the_version[in-place-after]"]
    assert "canary not enough evidence" in summary.verdict_line(UPGRADE, [sound], code=10, broken=others)


def exempting(*names: str) -> Upgrade:
    return replace(UPGRADE, exempt=names)


def test_exempt_evidence_may_be_missing_and_the_verdict_says_which() -> None:
    lacking = {gap.name for gap in judged(sent(records())).verdict.gaps}
    found = judged(sent(records()), upgrade=exempting(*lacking))
    assert found.verdict.word == "safe"
    assert summary.exit_code([found], [], []) == 0
    line = summary.verdict_line(UPGRADE, [found], code=0)
    assert all(name in line.partition("exempt, so not shown: ")[2] for name in lacking)
    assert summary.exit_code([found], [], ["test_a"]) == 11
    assert summary.exit_code([found], ["test_a"], []) == 10


def test_other_evidence_must_still_be_there() -> None:
    lacking = sorted({gap.name for gap in judged(sent(records())).verdict.gaps})
    found = judged(sent(records()), upgrade=exempting(*lacking[1:]))
    assert found.verdict.word == "not enough evidence"
    assert {gap.name for gap in found.verdict.gaps} == {lacking[0]}


def test_no_exemption_excuses_a_failure_or_an_upgrade_that_something_stopped() -> None:
    every = exempting(*EVIDENCE, *(budget.name for budget in BUDGETS))
    assert judged(sent(records("north-south get new")), upgrade=every).verdict.word == "unsafe"
    killed = UpgradeFailure("control-plane", "CommandFailed: -9", external=True, rolled_back=True)
    assert judged(sent(records()), killed, upgrade=every).verdict.word == "not enough evidence"


@pytest.mark.parametrize(
    ("broken", "unknown", "word"),
    [([], [], "not enough evidence"), (["a"], [], "unsafe"), ([], ["a"], "not enough evidence")],
)
def test_verdict_is_the_worst_of_all(broken: list[str], unknown: list[str], word: str) -> None:
    assert summary.word([], broken, unknown) == word


def test_only_single_replica_streams_are_excluded_from_budgets() -> None:
    assert [each.name for each in STREAMS if is_single(each.name)] == [
        "north-south single",
        "east-west single",
    ]
