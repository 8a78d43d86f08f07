"""Faults planted in a real app under real traffic: each is detected in its phase, and nothing else is."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence

import pytest

from fixtures.upgrade.judging.accounting import Account, reconcile
from fixtures.upgrade.judging.log_entries import app_entries
from fixtures.upgrade.judging.phases import Phase
from suites.selftest.traffic_faults import Faulty, plant, seen
from suites.selftest.traffic_peers import run_accelerated, sent, serving, stream

#: Duration of each of the seven phases, in seconds.
SECONDS = 4.0
STREAMS = (
    stream("get kept", rate=60, kept=True, hold_ms=110),
    stream("post kept", rate=60, kept=True, method="POST", body_bytes=64),
    stream("get new", rate=60),
    stream("denied", rate=20, kept=True, path="/denied", expected="403"),
)


@pytest.fixture(scope="module")
def run() -> tuple[Account, Sequence[Phase]]:
    """Several thousand requests and their accounting."""
    lines: list[str] = []

    async def traffic() -> tuple[Account, Sequence[Phase]]:
        app = Faulty(lines.append)
        async with serving(app) as (port, _):
            planted = asyncio.create_task(plant(app, port, SECONDS))
            result = await sent(port, STREAMS, seconds=SECONDS * 7)
            phases = await planted
        account = reconcile(
            result.records,
            gateway=(),
            sidecar=(),
            app=app_entries(lines, pod="app-1"),
            streams=STREAMS,
            phases=phases,
        )
        return account, phases

    return run_accelerated(traffic())


@pytest.mark.slow
def test_every_planted_fault_is_detected(run: tuple[Account, Sequence[Phase]]) -> None:
    found = seen(*run, STREAMS)
    assert all(found.values()), found


def test_no_other_fault_is_reported(run: tuple[Account, Sequence[Phase]]) -> None:
    account, _ = run
    assert account.total.sent == 7 * SECONDS * 200
    wrong = Counter((each.phase, each.outcome) for each in account.failed)
    assert wrong.pop(("failed", "empty reply")) == 1
    assert {phase for phase, _ in wrong} == {"outage"}
    assert (account.total.duplicated, account.total.wrongly_allowed, account.unrecorded) == (1, 1, 0)


def test_failed_request_is_shown_with_every_known_detail(
    run: tuple[Account, Sequence[Phase]],
) -> None:
    failure = next(each for each in run[0].failed if each.phase == "failed")
    assert (failure.outcome, failure.served, failure.reached) == ("empty reply", 0, "nowhere")
    assert "failed: " in failure.describe()
    assert "not in any proxy's log" in failure.describe()
    assert json.loads(failure.record.line())["id"] == failure.record.id
