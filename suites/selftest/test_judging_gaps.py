"""Reasons why the evidence is not enough."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fixtures.traffic.records import Record
from fixtures.upgrade.judging.budgets import Gap
from fixtures.upgrade.judging.evidence_gaps import GATE, QUICK, gaps
from fixtures.upgrade.judging.log_entries import AppEntry
from suites.selftest.judged_runs import (
    MODE,
    PHASES,
    STREAMS,
    account,
    records,
    result,
    served,
)


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
        "phase before lasted 20.0 s, less than its minimum of 45.0 s",
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


def test_gate_promises_ten_times_as_much_as_quick() -> None:
    assert (QUICK.requests, GATE.requests) == (3_000, 30_000)
