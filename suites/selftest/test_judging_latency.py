"""The judgement of latency: phases against their rehearsal, old and new proxies side by side."""

from dataclasses import replace

import pytest

from fixtures.upgrade.judging.accounting import reconcile
from fixtures.upgrade.judging.bounds import Sample
from fixtures.upgrade.judging.budgets import BudgetResult
from fixtures.upgrade.judging.latency import Answers
from fixtures.upgrade.judging.phases import Phase
from fixtures.upgrade.judging.verdict import judge, verdict
from suites.selftest.judged_runs import (
    HELD,
    INJECTIONS,
    LATENCIES,
    PHASES,
    STREAMS,
    account,
    judged,
    missed,
    records,
    served,
)


def test_five_milliseconds_of_added_latency_miss_both_budgets() -> None:
    found = judged(records(slow=0.007))
    assert missed(found) == ["latency-p50", "latency-p99"]
    assert found["latency-p50"].value == pytest.approx(3.5)
    assert "gateway, north-south: 9.1 ms, baseline 2.6 ms (phase before)" in found["latency-p50"].note


def test_difference_within_scheduler_noise_is_ignored() -> None:
    assert missed(judged(records(slow=0.003))) == []


def test_latency_that_a_busy_machine_may_explain_is_not_shown() -> None:
    late = [replace(each, lag=0.003 if each.start >= 20 else 0.001) for each in records(slow=0.007)]
    found = judged(late)
    assert missed(found) == []
    assert "lag 3.0 ms: noise or machine load may explain it" in found["latency-p50"].note
    assert (found["latency-p50"].met, found["latency-p50"].word) == (None, "not shown")


def test_latency_is_compared_with_the_same_phase_of_a_reference_run() -> None:
    slow = account(records(slow=0.007))
    found = judge(slow, PHASES, streams=STREAMS, baseline=slow)
    ratios = [each for each in found if each.budget.unit == "ratio"]
    assert [each.value for each in ratios] == [1, 1]
    assert all("(rehearsal)" in each.note for each in ratios)


def test_ratio_above_its_limit_that_may_be_chance_is_a_gap() -> None:
    sent = [replace(each, seconds=0.5) if 35 <= each.start < 36 else each for each in records()]
    found = verdict(list(judged(sent).values()), (), ())
    assert found.word == "not enough evidence"
    (gap,) = (each for each in found.gaps if each.name == "latency-p99")
    assert gap.text.startswith("latency-p99 156.2 is not shown to be within 1.25: ")
    assert "gateway, north-south: 500.0 ms" in gap.text


FOUR = (
    PHASES[0],
    *(Phase(name, "", start, start + 20, 20) for name, start in zip("abc", (20, 40, 60), strict=True)),
)


def beside(new: float) -> Answers:
    """Answers of old and new proxies in the same seconds; `new` is the new side's factor."""
    answers = [
        Sample(number / 40, 0.002 * (1 + number % 7 / 10) * (new if number % 3 else 1), number % 3 == 0)
        for number in range(800)
    ]
    return {"north-south": [answers]}


def four_phases(
    *factors: float, count: float = 20, lag: float = 0.001, side_by_side: Answers | None = None
) -> dict[str, BudgetResult]:
    """Judge three phases of `count` seconds of requests, whose latencies are these factors of the first."""
    sent = [
        replace(each, start=each.start, seconds=each.seconds * factors[int(each.start // 20) - 1], lag=lag)
        if each.start >= 20
        else replace(each, lag=lag)
        for each in records(80)
        if each.start < 20 or each.start % 20 < count
    ]
    found = reconcile(sent, gateway=(), sidecar=(), app=served(sent), streams=STREAMS, phases=FOUR)
    return {
        each.budget.name: each
        for each in judge(
            found,
            FOUR,
            streams=STREAMS,
            held=[HELD],
            injections=INJECTIONS,
            side_by_side=beside(1.05) if side_by_side is None else side_by_side,
        )
    }


def test_latency_is_within_its_limit_if_old_and_new_proxies_show_it_side_by_side() -> None:
    found = four_phases(1.0, 1.1, 1.05)["latency-p50"]
    assert found.met
    assert found.value == pytest.approx(1.05, abs=0.01)
    assert "north-south: new 2.73 ms, old 2.60 ms side by side, ratio 1.05" in found.note
    assert "north-south: mean of 3 phases 1.05, at least " in found.note
    assert "a lasting change is detected from 1." in found.note


def test_new_proxies_that_are_half_as_slow_again_miss_the_budget_whatever_the_phases_show() -> None:
    found = four_phases(1.0, 1.1, 1.05, side_by_side=beside(1.5))["latency-p50"]
    assert found.met is False
    assert found.value == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("found", "source"),
    [
        (judged(records(slow=0.007)), "gateway, north-south, against the phase before"),
        (four_phases(1.0, 1.1, 1.05), "north-south, new proxies against old ones side by side"),
        (four_phases(9.5, 10.0, 10.5), "c, north-south, against the phase before"),
        (four_phases(1.0, 1.1, 1.05, side_by_side={}), "north-south, mean of 3 phases"),
    ],
    ids=["phase", "side by side", "phase beside side by side", "mean"],
)
def test_value_lies_within_the_bounds_of_its_source(found: dict[str, BudgetResult], source: str) -> None:
    result = found["latency-p50"]
    assert result.source == source
    bounds = result.shown[source]
    assert bounds.value == result.value
    assert bounds.low <= bounds.value <= bounds.high


def test_latency_without_answers_side_by_side_is_not_shown() -> None:
    found = four_phases(1.0, 1.1, 1.05, side_by_side={})["latency-p50"]
    assert found.met is None
    assert "north-south: too few answers of old and new proxies side by side" in found.note


def test_phase_that_cannot_be_held_is_compared_together_with_the_next() -> None:
    named = (FOUR[0], replace(FOUR[1], name="control-plane", minimum=0), *FOUR[2:])
    sent = [each for each in records(80) if not 24 <= each.start < 40]
    found = reconcile(sent, gateway=(), sidecar=(), app=served(sent), streams=STREAMS, phases=named)
    results = judge(found, named, streams=STREAMS, side_by_side=beside(1.0))
    (latency,) = (each for each in results if each.budget.name == "latency-p50")
    assert latency.met
    assert "too few answers" not in latency.note


def test_lasting_slowdown_is_shown_although_the_generator_lagged_as_much_before() -> None:
    late = four_phases(9.5, 10.0, 10.5, lag=0.1)
    assert [late[name].met for name in LATENCIES] == [False, False]
    assert "lag 100.0 ms: noise or machine load may explain it" in late["latency-p50"].note


def test_phases_that_vary_do_not_hide_what_old_and_new_proxies_show_side_by_side() -> None:
    assert four_phases(0.8, 1.4, 1.0)["latency-p50"].met


def test_phase_with_too_few_answers_is_a_gap_and_not_a_note() -> None:
    found = four_phases(1.0, 1.0, 1.0, count=4.5)["latency-p50"]
    assert (found.met, found.word) == (None, "not shown")
    assert "too few answers to compare: a, north-south; b, north-south" in found.note
