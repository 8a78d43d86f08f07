"""Budgets by name, their results, evidence gaps, and the verdict."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fixtures.settings import UnknownName
from fixtures.traffic.records import Record, Result, StreamSession, Summary
from fixtures.upgrade.judging.accounting import Account, reconcile
from fixtures.upgrade.judging.bounds import Sample
from fixtures.upgrade.judging.budgets import BUDGETS, BudgetResult, Gap, Verdict, check_exempt, overridden
from fixtures.upgrade.judging.evidence_gaps import GATE, QUICK, Mode, gaps
from fixtures.upgrade.judging.latency import Answers
from fixtures.upgrade.judging.log_entries import AppEntry
from fixtures.upgrade.judging.phases import Phase, Removal
from fixtures.upgrade.judging.verdict import Injections, judge, verdict
from suites.selftest.traffic_peers import stream

STREAMS = (stream("get", rate=40), stream("denied", rate=10, expected="403", path="/denied"))
PHASES = (Phase("before", "", 0, 20, 20), Phase("gateway", "", 20, 40, 20))
MODE = Mode(name="trial", requests=1_600)
HELD = StreamSession("events", "events", "north-south", 0.0, None, "open", 200, 0.3, 0)
#: The gateway's pod is removed in this time.
REMOVALS = (Removal("gateway-1", ("north-south",), 28.0, 33.0),)
AGAIN = replace(HELD, start=31.0, reconnects=1)
INJECTIONS = Injections(created=40, missed=0)


def records(seconds: float = 40, *, slow: float = 0.002) -> list[Record]:
    """The records of both streams; latencies vary slightly, and are `slow` from the second phase on."""
    sent = []
    for each in STREAMS:
        for number in range(int(seconds * each.rate)):
            start = number / each.rate
            took = (0.002 if start < 20 else slow) * (1 + number % 7 / 10)
            sent.append(Record(f"{each.name}-{number}", each.name, start, took, each.expected, "new", 0.001))
    return sent


def served(sent: Sequence[Record]) -> list[AppEntry]:
    return [AppEntry(each.id, "GET", "/echo", each.start, "app-1") for each in sent if each.outcome == "200"]


def account(sent: Sequence[Record], app: Sequence[AppEntry] | None = None) -> Account:
    entries = served(sent) if app is None else app
    return reconcile(sent, gateway=(), sidecar=(), app=entries, streams=STREAMS, phases=PHASES)


def result(sent: Sequence[Record]) -> Result:
    counts = {each.name: sum(one.stream == each.name for one in sent) for each in STREAMS}
    return Result(tuple(sent), (HELD,), Summary(0.0, 40.0, "SIGTERM", counts, 0.001, 0.001, 0.1, 9), 0)


def judged(sent: Sequence[Record], app: Sequence[AppEntry] | None = None) -> dict[str, BudgetResult]:
    found = judge(account(sent, app), PHASES, streams=STREAMS, held=[HELD], injections=INJECTIONS)
    return {each.budget.name: each for each in found}


def missed(found: dict[str, BudgetResult]) -> list[str]:
    return [name for name, each in found.items() if each.met is False]


def with_outcome(sent: list[Record], identity: str, outcome: str) -> list[Record]:
    return [replace(each, outcome=outcome) if each.id == identity else each for each in sent]


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
    ended = replace(HELD, ended=30.0, end="closed")
    later = [replace(HELD, start=again, reconnects=1)] if again else []
    results = judge(account(records()), PHASES, streams=STREAMS, held=[ended, *later], removals=REMOVALS)
    (found,) = (each for each in results if each.budget.name == "held-broken")
    assert (found.value, found.met) == (broken, not broken)
    assert ("not back within 5 s" if broken else "again after 1.0 s at most") in found.note


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


def texts(found: Sequence[Gap]) -> tuple[str, ...]:
    return tuple(each.text for each in found)


def found_gaps(sent: Sequence[Record], **others: object) -> tuple[str, ...]:
    fields = {"streams": STREAMS, "phases": PHASES, "mode": MODE, **others}
    return texts(gaps(account(sent), [result(sent)], **fields))  # type: ignore[arg-type]


def test_enough_of_everything_leaves_no_gap() -> None:
    assert found_gaps(records()) == ()


def test_too_few_requests_are_reported_in_proportion_to_the_streams_rate() -> None:
    assert found_gaps(records(), mode=replace(MODE, requests=30_000)) == (
        "get: 1,600 requests sent, mode trial requires 30,000",
        "denied: 400 requests sent, mode trial requires 7,500",
    )


def test_too_short_phase_is_reported() -> None:
    phases = [replace(PHASES[0], minimum=45), PHASES[1]]
    assert found_gaps(records(), phases=phases) == (
        "phase before lasted 20.0 s, less than its minimum of 45 s",
    )  # fmt: skip


def test_traffic_that_stops_is_reported_by_stream() -> None:
    found = found_gaps(records(30), mode=replace(MODE, requests=1_000))
    assert found == (
        "get: no request was sent for 10.0 s, starting 30.0 s after the start of the first phase",
        "denied: no request was sent for 10.1 s, starting 29.9 s after the start of the first phase",
    )


def test_killed_generator_is_reported() -> None:
    sent = records()
    killed = replace(result(sent), summary=None)
    assert texts(gaps(account(sent), [killed], streams=STREAMS, phases=PHASES, mode=MODE)) == (
        "the generator of denied exited without a summary after 2,000 records",
    )


def test_lost_records_are_reported() -> None:
    sent = records()
    torn = replace(result(sent), records=tuple(sent[:-3]))
    assert texts(gaps(account(sent), [torn], streams=STREAMS, phases=PHASES, mode=MODE)) == (
        "3 of 2,000 records are missing",
    )


def test_lagging_generator_is_reported() -> None:
    sent = [replace(each, lag=0.15 if each.stream == "get" else 0.001) for each in records()]
    assert found_gaps(sent) == ("get: the generator's lag is too high: p99 0.150 s (limit 0.1 s)",)


@pytest.mark.parametrize(
    ("kept", "gap"),
    [
        (0, "the app's log is missing"),
        (1_500, "100 of 1,600 answered requests are missing from the app's log"),
    ],
)
def test_app_log_with_gaps_is_reported(kept: int, gap: str) -> None:
    sent = records()
    (found,) = gaps(
        account(sent, served(sent)[:kept]), [result(sent)], streams=STREAMS, phases=PHASES, mode=MODE
    )
    # A log without any entry is missing; only one that lacks some entries has gaps.
    assert found.text.startswith(gap)
    assert found.name == "logs"


def test_requests_found_only_in_logs_are_reported() -> None:
    sent = records()
    more = [*served(sent), AppEntry("get-9999", "GET", "/echo", 1.0, "app-1")]
    assert texts(gaps(account(sent, more), [result(sent)], streams=STREAMS, phases=PHASES, mode=MODE)) == (
        "1 requests are in the logs but have no record",
    )


def test_absence_of_phases_is_reported() -> None:
    assert found_gaps(records(), phases=()) == ("no phase was recorded",)


#: Two phases are too few for the mean that shows a latency to be within its limit.
LATENCIES = ("latency-p50", "latency-p99")


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


def test_exempt_names_are_evidence_or_budgets() -> None:
    check_exempt(["lag", "latency-p50"])
    with pytest.raises(
        UnknownName, match=r"no evidence named 'lagg' \(did you mean lag\?\); known: requests"
    ):
        check_exempt(["lagg"])


def test_gate_promises_ten_times_as_much_as_quick() -> None:
    assert (QUICK.requests, GATE.requests) == (3_000, 30_000)


def test_long_stream_that_ends_in_a_phase_without_a_removed_pod_is_broken() -> None:
    ended = replace(HELD, ended=30.0, end="closed")
    results = judge(account(records()), PHASES, streams=STREAMS, held=[ended, AGAIN], removals=())
    (found,) = (each for each in results if each.budget.name == "held-broken")
    assert found.value == 1
    assert "events: closed in gateway after 200 messages" in found.note
