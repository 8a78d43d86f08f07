"""Measure the generator, and check that the accounting finds each planted fault; on loopback, no mesh."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fixtures.traffic.__main__ import NICENESS
from fixtures.traffic.plan import LongStream, Plan
from fixtures.traffic.records import DIRECTIONS, LongStreamKind, Result, Stream, Summary, read
from fixtures.traffic.streams import streams
from fixtures.upgrade.judging.accounting import Account, reconcile
from fixtures.upgrade.judging.evidence_gaps import QUICK
from fixtures.upgrade.judging.log_entries import app_entries
from fixtures.upgrade.judging.phases import Phase
from fixtures.upgrade.judging.verdict import judge
from lab.paths import PROJECT
from suites.selftest.traffic_faults import Faulty, alarms, plant, seen
from suites.selftest.traffic_peers import LOOPBACK, serving

#: The goal for the generator's CPU time, as a fraction of a core.
PROCESSOR_GOAL = 0.5

_HELD: dict[LongStreamKind, str] = {"events": "/events", "websocket": "/socket", "tcp": ""}


@dataclass(frozen=True, slots=True)
class _Run:
    """The requests of one generator to an app with planted faults, and the account of them."""

    streams: Sequence[Stream]
    phases: Sequence[Phase]
    result: Result
    account: Account


async def _run(seconds: float, folder: Path) -> _Run:
    sent = [stream for direction in DIRECTIONS for stream in streams(direction)]
    held = [
        LongStream(name=f"{direction} {kind}", kind=kind, direction=direction, path=path)
        for direction in DIRECTIONS
        for kind, path in _HELD.items()
    ]
    lines: list[str] = []
    app = Faulty(lines.append)
    plan, out = folder / "plan.json", folder / "out"
    async with serving(app) as (http, tcp):
        address = f"http://{LOOPBACK}:{http}"
        plan.write_text(Plan(address=address, tcp=f"{LOOPBACK}:{tcp}", streams=sent, held=held).text())
        command = ["-m", "fixtures.traffic", "--plan", str(plan), "--out", str(out)]
        generator = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=PROJECT)
        phases = await plant(app, http, seconds)
        generator.terminate()
        await generator.wait()
    result = read(out.read_text().splitlines())
    entries = app_entries(lines, pod="app")
    account = reconcile(result.records, gateway=(), sidecar=(), app=entries, streams=sent, phases=phases)
    return _Run(sent, phases, result, account)


def _rates(run: _Run, summary: Summary) -> None:
    planned = sum(stream.rate for stream in run.streams)
    starts = [record.start for record in run.result.records]
    rate = len(starts) / (max(starts) - min(starts))
    print(f"rate            {rate:.1f} of {planned:.0f} requests per second, ratio {rate / planned:.4f}")
    print(f"  ({len(starts):,} requests, {len(run.result.held)} sessions of long streams)")
    print(f"lag             p50 {summary.lag_p50 * 1000:.2f} ms, p99 {summary.lag_p99 * 1000:.2f} ms")
    if summary.lag_p99 > QUICK.lag:
        print("  (the machine is too busy: with this lag, an upgrade gives not enough evidence)")
    print(f"processor       {summary.processor:.3f} of a core; goal {PROCESSOR_GOAL}")


def traffic(seconds: float) -> None:
    """Run one generator with the streams of both directions, through seven phases of `seconds` each."""
    # The app runs in this process. Raise its priority, so that the benchmark measures the generator only.
    with suppress(PermissionError):
        os.nice(NICENESS)
    with tempfile.TemporaryDirectory() as folder:
        run = asyncio.run(_run(seconds, Path(folder)))
    if run.result.summary is None:
        print("the generator exited without a summary")
        return
    _rates(run, run.result.summary)
    found = seen(run.account, run.phases, run.streams)
    for fault, is_seen in found.items():
        print(f"  {fault:<28} {'seen' if is_seen else 'NOT SEEN'}")
    before, _, delayed, *_ = run.phases
    for each in judge(run.account, [before, delayed], streams=run.streams):
        if each.budget.unit == "ratio":
            print(f"  ({each.describe()})")
    print(f"planted faults  {sum(found.values())} of {len(found)} seen")
    without = alarms(run.account, run.phases, run.streams)
    print(f"false alarms    {len(without)}")
    for alarm in without:
        print(f"  {alarm}")
