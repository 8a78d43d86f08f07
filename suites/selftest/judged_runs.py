"""A short run of two streams and two phases, and its judgement, for the selftests of judging."""

from collections.abc import Sequence
from dataclasses import replace

from fixtures.traffic.records import Record, Result, StreamSession, Summary
from fixtures.upgrade.judging.accounting import Account, reconcile
from fixtures.upgrade.judging.budgets import BudgetResult
from fixtures.upgrade.judging.evidence_gaps import Mode
from fixtures.upgrade.judging.log_entries import AppEntry
from fixtures.upgrade.judging.phases import Phase, Removal
from fixtures.upgrade.judging.verdict import Injections, judge
from suites.selftest.traffic_peers import stream

STREAMS = (stream("get", rate=40), stream("denied", rate=10, expected="403", path="/denied"))
PHASES = (Phase("before", "", 0, 20, 20), Phase("gateway", "", 20, 40, 20))
MODE = Mode(name="trial", requests=1_600)
HELD = StreamSession("events", "events", "north-south", 0.0, None, "open", 200, 0.3, 0, 40.0)
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


#: Two phases are too few for the mean that shows a latency to be within its limit.
LATENCIES = ("latency-p50", "latency-p99")
