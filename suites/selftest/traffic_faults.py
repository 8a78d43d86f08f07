"""The app with one planted fault in each phase, and which faults were detected; for bench and selftests."""

import asyncio
from collections.abc import Mapping, Sequence

from fixtures.traffic.app import App, Reply, Request
from fixtures.traffic.clock import SteadyClock
from fixtures.traffic.records import Stream
from fixtures.upgrade.judging.accounting import Account, outages
from fixtures.upgrade.judging.phases import Phase
from fixtures.upgrade.judging.verdict import judge
from suites.selftest.traffic_peers import LOOPBACK

#: Seconds of the planted delay and of the planted outage.
DELAY, OUTAGE = 0.005, 0.020


class Faulty(App):
    """An app that denies requests like a policy, and commits one fault on demand."""

    async def start(self, host: str | None, http_port: int, tcp_port: int) -> tuple[int, int]:
        self.close_next = self.serve_again = self.allow_next = False
        self.delay = 0.0
        self._writers: set[asyncio.StreamWriter] = set()
        return await super().start(host, http_port, tcp_port)

    async def serve(self, request: Request) -> Reply:
        if request.path == "/denied" and not self.allow_next:
            return Reply(403, b"RBAC: access denied")
        if request.path == "/denied":
            self.allow_next = False
        elif self.serve_again:
            self.serve_again = False
            await super().serve(request)
        await asyncio.sleep(self.delay)
        return await super().serve(request)

    async def respond(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        if self.close_next and request.path != "/denied":
            self.close_next = False
            return False
        return await super().respond(request, writer)

    async def fail(self, port: int) -> None:
        """Drop every connection and stop listening for the duration of the outage."""
        self._servers[0].close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(OUTAGE)
        self._servers[0] = await asyncio.start_server(self._tracked(self._http), LOOPBACK, port)

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await super()._http(reader, writer)
        finally:
            self._writers.discard(writer)


async def plant(app: Faulty, port: int, seconds: float) -> list[Phase]:
    """Run phases of this length in sequence, each with its fault in the middle; returns the phases."""
    clock, phases = SteadyClock(asyncio.get_running_loop().time), []
    for name in ("before", "failed", "latency", "duplicated", "outage", "allowed", "after"):
        begun = clock.now()
        app.delay = DELAY if name == "latency" else 0.0
        await asyncio.sleep(seconds / 2)
        app.close_next, app.serve_again, app.allow_next = (
            name == "failed", name == "duplicated", name == "allowed"
        )  # fmt: skip
        if name == "outage":
            await app.fail(port)
        await asyncio.sleep(seconds / 2)
        phases.append(Phase(name, name, begun, clock.now(), seconds))
    return phases


def seen(account: Account, phases: Sequence[Phase], streams: Sequence[Stream]) -> Mapping[str, bool]:
    """For each planted fault, whether it was detected correctly and in its phase."""
    of = account.of_phase
    before, _, latency, *_ = phases
    slower = {
        each.budget.name: each.met is False for each in judge(account, [before, latency], streams=streams)
    }
    stretches = outages(each for each in account.failed if each.phase == "outage")
    return {
        "one failed request": of("failed").failed == 1,
        "5 ms of added latency": slower["latency-p50"],
        "one duplicate": of("duplicated").duplicated == 1,
        "an outage of 20 ms": len(stretches) == 1,
        "one wrongly allowed request": of("allowed").wrongly_allowed == 1,
    }


def alarms(account: Account, phases: Sequence[Phase], streams: Sequence[Stream]) -> list[str]:
    """Faults that were detected where none was planted."""
    before, *_, after = phases
    sound = [account.of_phase(phase.name) for phase in (before, after)]
    found = [f"{counts} in a sound phase" for counts in sound if counts.sent != counts.answered]
    judged = judge(account, [before, after], streams=streams)
    return found + [each.describe() for each in judged if "latency" in each.budget.name and not each.met]
