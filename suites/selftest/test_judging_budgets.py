"""Budgets by name, their results, and the verdict."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fixtures.settings import UnknownName
from fixtures.traffic.records import Record, StreamSession
from fixtures.upgrade.judging.budgets import BUDGETS, BudgetResult, Gap, Verdict, check_exempt, overridden
from fixtures.upgrade.judging.verdict import Injections, judge, verdict
from suites.selftest.judged_runs import (
    AGAIN,
    HELD,
    LATENCIES,
    PHASES,
    REMOVALS,
    STREAMS,
    account,
    judged,
    missed,
    records,
    served,
    with_outcome,
)


def test_budget_is_overridden_by_name_and_others_stay() -> None:
    limits = {budget.name: budget.limit for budget in overridden({"failed": 2})}
    assert limits == {budget.name: budget.limit for budget in BUDGETS} | {"failed": 2}


def test_unknown_budget_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        UnknownName, match=r"no budget named 'faild' \(did you mean failed\?\); known: failed"
    ):
        overridden({"faild": 2})


@pytest.mark.parametrize("limit", [-1, float("nan")])
def test_negative_budget_is_refused(limit: float) -> None:
    with pytest.raises(ValueError, match="failed must be at least 0 requests, not"):
        overridden({"failed": limit})


def test_sound_run_meets_every_budget_and_states_what_it_proves() -> None:
    found = judged(records())
    assert list(found) == [budget.name for budget in BUDGETS]
    assert missed(found) == []
    # Of 2,000 requests, 400 must be denied, and half of the others were sent in each of the two phases.
    assert found["failed"].upper_bound == pytest.approx(1 - 0.05 ** (1 / 800))
    assert found["failed"].describe() == (
        "met          failed: 0 (limit 0 requests); at most 0.374% with 95% confidence; "
        "among 2,000, bound of phase before with 800, if failures are independent"
    )
    assert found["wrongly-allowed"].upper_bound == pytest.approx(1 - 0.05 ** (1 / 200))


def test_one_failed_request_misses_its_budget_with_its_phase() -> None:
    found = judged(with_outcome(records(), "get-1000", "reset"))
    assert missed(found) == ["failed"]
    assert (found["failed"].value, found["failed"].note) == (
        1,
        (
            "among 2,000, bound of phase gateway with 800, if failures are independent: "
            "1 in gateway; 1 in no log, 0 served but not answered"
        ),
    )


def test_raised_limit_is_met() -> None:
    sent = with_outcome(records(), "get-1000", "reset")
    found = judge(account(sent), PHASES, streams=STREAMS, budgets=overridden({"failed": 1}))
    assert [each.met for each in found if each.budget.name == "failed"] == [True]


def test_one_wrongly_allowed_request_misses_its_budget() -> None:
    assert missed(judged(with_outcome(records(), "denied-100", "200"))) == ["wrongly-allowed"]


def test_one_duplicate_misses_its_budget() -> None:
    sent = records()
    assert missed(judged(sent, [*served(sent), *served(sent)[:1]])) == ["duplicated"]


def test_pod_without_a_sidecar_misses_its_budget() -> None:
    found = judge(account(records()), PHASES, streams=STREAMS, held=[HELD], injections=Injections(40, 1))
    assert [each.budget.name for each in found if each.met is False] == ["missed-injections"]


def pods_judged(name: str, injections: Injections | None) -> BudgetResult:
    found = judge(account(records()), PHASES, streams=STREAMS, held=[HELD], injections=injections)
    (pods,) = [each for each in found if each.budget.name == name]
    return pods


def test_pods_refused_while_one_istiod_is_replaced_meet_their_budget() -> None:
    refused = pods_judged("refused-injections", Injections(600, 0, {"control-plane": 10, "rollback": 9}))
    assert (refused.value, refused.met) == (10, True)
    assert refused.note == "10 in control-plane, 9 in rollback"


def test_webhook_that_refuses_most_pods_at_first_misses_its_budget() -> None:
    refused = pods_judged("refused-injections", Injections(600, 0, {"before": 290, "after": 290}))
    assert (refused.value, refused.met) == (290, False)


@pytest.mark.parametrize(
    ("held", "broken"),
    [
        (replace(HELD, ended=30.0, end="closed"), 0),
        (replace(HELD, ended=10.0, end="closed"), 1),
        (replace(HELD, direction="east-west", ended=30.0, end="cut off"), 1),
        (replace(HELD, lost=2), 1),
        (replace(HELD, ended=30.0, end="503", messages=0), 1),
        (replace(HELD, ended=30.0, end="refused", messages=0), 1),
    ],
    ids=[
        "with-its-pod",
        "before-that",
        "in-the-other-direction",
        "lost-messages",
        "answered-with-an-error",
        "never-connected",
    ],
)
def test_long_stream_may_end_only_with_the_pod_that_carries_it(held: StreamSession, broken: int) -> None:
    (found,) = (
        each
        for each in judge(
            account(records()), PHASES, streams=STREAMS, held=[HELD, held, AGAIN], removals=REMOVALS
        )
        if each.budget.name == "held-broken"
    )
    assert (found.value, found.met) == (broken, not broken)


@pytest.mark.parametrize(("again", "broken"), [(31.0, 0), (36.0, 1), (None, 1)])
def test_stream_must_carry_messages_again_after_its_pod_was_replaced(
    again: float | None, broken: int
) -> None:
    ended = replace(HELD, ended=30.0, as_of=30.0, end="closed")
    later = [replace(HELD, start=again, reconnects=1)] if again else []
    results = judge(account(records()), PHASES, streams=STREAMS, held=[ended, *later], removals=REMOVALS)
    (found,) = (each for each in results if each.budget.name == "held-broken")
    assert (found.value, found.met) == (broken, not broken)
    assert ("not back within 5.0 s" if broken else "again after 1.0 s at most") in found.note


@pytest.mark.parametrize(("until", "broken"), [(40.0, 0), (30.0, 1)])
def test_stream_of_a_replaced_client_is_back_if_the_new_client_carries_it(until: float, broken: int) -> None:
    """The new pod sends before the old one stops, so its session began earlier and need not begin again."""
    ended = replace(HELD, ended=30.0, as_of=30.0, end="closed")
    new_client = replace(HELD, start=29.0, as_of=until)
    results = judge(account(records()), PHASES, streams=STREAMS, held=[ended, new_client], removals=REMOVALS)
    (found,) = (each for each in results if each.budget.name == "held-broken")
    assert (found.value, found.met) == (broken, not broken)


def test_unmeasured_budget_is_not_met() -> None:
    found = judge(account(records(), app=()), PHASES[:1], streams=STREAMS)
    unknown = [each.budget.name for each in found if each.met is None]
    assert unknown == [
        "duplicated",
        "missed-injections",
        "refused-injections",
        "latency-p50",
        "latency-p99",
        "held-broken",
    ]


def given(sent: Sequence[Record], *missing: str) -> Verdict:
    lacking = [Gap("requests", text) for text in missing]
    return verdict(list(judged(sent).values()), lacking, ["one node"], LATENCIES)


def test_all_budgets_met_without_gaps_is_safe() -> None:
    found = given(records())
    assert (found.word, found.exit_code, found.missed) == ("safe", 0, ())
    assert found.line().startswith("safe: failed, wrongly-allowed, ")
    assert "not covered: one node" in found.describe()


def test_any_gap_is_not_enough_evidence() -> None:
    found = given(records(), "too few")
    assert (found.word, found.exit_code) == ("not enough evidence", 11)
    assert found.line() == "not enough evidence: too few; exempt, so not shown: latency-p50, latency-p99"


def test_exceeded_budget_is_unsafe_despite_gaps() -> None:
    found = given(with_outcome(records(), "get-1000", "reset"), "too few")
    assert (found.word, found.exit_code, found.missed) == ("unsafe", 10, ("failed",))
    assert found.line() == "unsafe: failed 1 (limit 0)"
    assert "missing evidence: too few" in found.describe()


def test_unmeasured_budget_is_a_gap() -> None:
    some = judge(account(records()), PHASES, streams=STREAMS, held=[HELD])
    found = verdict(some, (), (), LATENCIES)
    assert found.word == "not enough evidence"
    names = ("missed-injections", "refused-injections")
    lacking = "; ".join(f"{name}: the injection probe created no pods" for name in names)
    assert found.line().startswith(f"not enough evidence: {lacking}; exempt, ")


def test_exempt_names_are_evidence_or_budgets() -> None:
    check_exempt(["lag", "latency-p50"])
    with pytest.raises(
        UnknownName, match=r"no evidence named 'lagg' \(did you mean lag\?\); known: requests"
    ):
        check_exempt(["lagg"])


def test_long_stream_that_ends_in_a_phase_without_a_removed_pod_is_broken() -> None:
    ended = replace(HELD, ended=30.0, as_of=30.0, end="closed")
    results = judge(account(records()), PHASES, streams=STREAMS, held=[ended, AGAIN], removals=())
    (found,) = (each for each in results if each.budget.name == "held-broken")
    assert found.value == 1
    assert "events: closed in gateway after 200 messages" in found.note
