"""The generator: outcomes by cause, nothing sent twice, no request waits for a response."""

import asyncio
import io
import json
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from fixtures.traffic.app import App
from fixtures.traffic.connection import Address, Pool, connect
from fixtures.traffic.generator import Generator
from fixtures.traffic.plan import BadPlan, LongStream, Plan
from fixtures.traffic.records import NothingSent, Record, read
from suites.selftest.test_outcome import served_by
from suites.selftest.traffic_peers import (
    LOOPBACK,
    NOT_AT_ALL,
    Peer,
    answers,
    id_in,
    listening,
    read_request,
    resets,
    run_accelerated,
    sent,
    serving,
    stream,
)

PAGE = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
#: Number of requests that `records_of` sends.
COUNT = 10


def records_of(peer: Peer, *, kept: bool = False, deadline: float = 2.0) -> list[Record]:
    async def run() -> list[Record]:
        async with listening(peer) as port:
            result = await sent(port, [stream(kept=kept)], deadline=deadline)
            return sorted(result.records, key=lambda record: record.start)

    return run_accelerated(run())


async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)


async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    resets(writer)


def sends(answer: bytes) -> Peer:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)

    return peer


def sends_and_resets(answer: bytes) -> Peer:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await sends(answer)(reader, writer)
        await asyncio.sleep(0.02)
        resets(writer)

    return peer


def sends_and_hangs(answer: bytes) -> Peer:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await sends(answer)(reader, writer)
        await reader.read()

    return peer


@pytest.mark.parametrize(
    ("peer", "outcome"),
    [
        pytest.param(sends(PAGE), "200", id="answers"),
        pytest.param(sends(PAGE.replace(b"200 OK", b"503 Service Unavailable")), "503", id="answers-503"),
        pytest.param(closes, "empty reply", id="closes"),
        pytest.param(resetting, "reset", id="resets"),
        pytest.param(sends(b"220 smtp ready\r\n"), "malformed", id="speaks-smtp"),
        pytest.param(
            sends(PAGE.replace(b"\r\n\r", b"\r\nx-conformance-id: z\r\n\r")), "malformed", id="other-id"
        ),
        pytest.param(sends(PAGE[:-2]), "cut off", id="stops"),
        pytest.param(sends_and_resets(PAGE[:-2]), "cut off", id="resets-in-the-body"),
        pytest.param(sends_and_hangs(b""), "timeout", id="hangs"),
        pytest.param(sends_and_hangs(PAGE[:-2]), "timeout", id="hangs-in-the-body"),
    ],
)
def test_outcome_of_a_request_follows_from_its_cause(peer: Peer, outcome: str) -> None:
    records = records_of(peer, deadline=0.2)
    assert len(records) == COUNT
    assert {record.outcome for record in records} == {outcome}
    assert {record.connection for record in records} == {"new"}


@pytest.mark.parametrize(
    ("address", "outcome"),
    [("http://127.0.0.1:1", "refused"), ("http://name.invalid:80", "dns")],
    ids=["refused", "dns"],
)
def test_outcome_without_a_connection_follows_from_its_cause(address: str, outcome: str) -> None:
    out = io.StringIO()
    asyncio.run(Generator(Plan(address=address, streams=[stream()], seconds=0.05), out).run())
    assert {record.outcome for record in read(out.getvalue().splitlines()).records} == {outcome}


def test_tls_to_a_plain_port_is_a_tls_failure() -> None:
    out = io.StringIO()
    with served_by(lambda connection: connection.sendall(b"220 plain\r\n")) as place:
        asyncio.run(Generator(Plan(address=f"https://{place}", streams=[stream()], seconds=0.05), out).run())
    assert {record.outcome for record in read(out.getvalue().splitlines()).records} == {"tls"}


def test_every_request_has_its_own_id_and_is_sent_once() -> None:
    seen: Counter[str] = Counter()

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen[id_in(await read_request(reader))] += 1

    records = records_of(peer)
    assert seen == Counter(record.id for record in records)
    assert set(seen.values()) == {1}


def test_slow_response_delays_no_other_request() -> None:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await asyncio.sleep(0.3)
        answers(writer)

    records = records_of(peer)
    assert [record.outcome for record in records] == ["200"] * COUNT
    assert records[-1].start - records[0].start < records[0].seconds


def test_streams_with_the_same_rate_alternate() -> None:
    async def run() -> list[float]:
        async with listening(sends(PAGE)) as port:
            result = await sent(port, [stream("a", rate=10), stream("b", rate=10)], seconds=0.19)
            return sorted(record.start for record in result.records)

    one, other, _, _ = run_accelerated(run())
    assert other - one == pytest.approx(0.05, abs=1e-4)


async def forever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        answers(writer)


def test_kept_connection_is_reused() -> None:
    connections = [record.connection for record in records_of(forever, kept=True)]
    assert connections == ["new"] + ["kept"] * (COUNT - 1)


async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    answers(writer)


async def once_and_announces_the_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    answers(writer, "connection: close")
    await reader.read()


async def once_and_complains(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await once(reader, writer)
    await asyncio.sleep(0)
    writer.write(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
    await reader.read()


@pytest.mark.parametrize("peer", [once, once_and_announces_the_close, once_and_complains])
def test_kept_connection_closed_while_idle_is_no_failure(peer: Peer) -> None:
    records = records_of(peer, kept=True)
    assert [(record.outcome, record.connection) for record in records] == [("200", "new")] * COUNT


@pytest.mark.parametrize(("ends", "outcome"), [(lambda _: None, "empty reply"), (resets, "reset")])
def test_written_request_without_a_response_is_a_failure(ends: object, outcome: str) -> None:
    seen: Counter[str] = Counter()

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen[id_in(await read_request(reader))] += 1
        answers(writer)
        seen[id_in(await read_request(reader))] += 1
        assert callable(ends)
        ends(writer)

    records = records_of(peer, kept=True)
    became = [(record.outcome, record.connection) for record in records]
    assert became == [("200", "new"), (outcome, "kept")] * (COUNT // 2)
    assert seen == Counter(record.id for record in records)


@pytest.mark.parametrize("linger", [None, NOT_AT_ALL], ids=["closes", "resets"])
def test_close_known_only_to_the_kernel_counts(linger: bytes | None) -> None:
    close, closed = threading.Event(), threading.Event()

    def peer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(PAGE)
        close.wait(5)
        if linger:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.close()
        closed.set()

    async def run(port: int) -> list[bool]:
        pool, connection = Pool(), await connect(Address(LOOPBACK, port))
        await connection.send(b"GET / HTTP/1.1\r\n\r\n", "")
        pool.give(connection, asyncio.get_running_loop().time())
        before = connection.usable
        # The event loop is blocked here, so it cannot have read the close.
        close.set()
        closed.wait(5)
        return [before, connection.usable, pool.take() is connection]

    with served_by(peer) as place:
        assert asyncio.run(run(int(place.rpartition(":")[2]))) == [True, False, False]


def test_unneeded_kept_connection_is_closed() -> None:
    async def run() -> tuple[bool, bool]:
        async with listening(forever) as port:
            pool, address = Pool(), Address(LOOPBACK, port)
            old, new = await connect(address), await connect(address)
            for connection in (old, new):
                await connection.send(b"GET / HTTP/1.1\r\n\r\n", "")
            pool.give(old, old.idle_since)
            new.idle_since = old.idle_since + Pool.MAX_IDLE + 0.1
            pool.give(new, new.idle_since)
            usable = old.usable, new.usable
            pool.close()
            return usable

    assert asyncio.run(run()) == (False, True)


def test_zero_requests_are_an_error() -> None:
    async def run() -> None:
        generator = Generator(Plan(address="http://127.0.0.1:1", streams=[stream()]), io.StringIO())
        generator.stop("SIGTERM")
        await generator.run()

    with pytest.raises(NothingSent, match=r"no request was due in the .* s until SIGTERM"):
        asyncio.run(run())


HELD = LongStream(name="echo", kind="tcp", direction="east-west")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"streams": []}, "no stream to send"),
        ({"streams": [stream(), stream()]}, "two streams have the same name"),
        ({"streams": [stream(rate=0)]}, "get: the rate must be above 0, not 0"),
        ({"address": "127.0.0.1:80"}, "not an http address"),
        ({"address": "http://127.0.0.1"}, "expected host:port, not '127.0.0.1'"),
        ({"held": [HELD]}, "a TCP stream needs an address"),
        ({"deadline": 0}, "above 0 seconds"),
    ],
)
def test_unfeasible_plan_is_refused(change: dict[str, object], message: str) -> None:
    fields = {"address": "http://127.0.0.1:80", "streams": [stream()], **change}
    with pytest.raises(BadPlan, match=message):
        Plan(**fields)  # type: ignore[arg-type]


def test_plan_is_read_back_as_written() -> None:
    plan = Plan(address="http://[::1]:80", tcp="app:9000", streams=(stream(),), held=(HELD,))
    assert Plan.from_text(plan.text()) == plan
    assert plan.http_address().authority == "[::1]:80"


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"address": "http://x:1", "strems": []}'])
def test_invalid_plan_is_refused(text: str) -> None:
    with pytest.raises(BadPlan, match="not a valid plan"):
        Plan.from_text(text)


def started(folder: Path, plan: Plan) -> "subprocess.Popen[str]":
    file = folder / "plan.json"
    file.write_text(plan.text())
    command = [sys.executable, "-m", "fixtures.traffic", "--plan", str(file), "--out", "-"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_sigterm_finishes_requests_in_flight_and_writes_a_summary(tmp_path: Path) -> None:
    held = LongStream(name="events", kind="events", direction="north-south", path="/events")

    async def run() -> tuple[int, str]:
        async with serving(App(lambda _: None)) as (port, _):
            plan = Plan(address=f"http://{LOOPBACK}:{port}", streams=[stream(hold_ms=150)], held=[held])
            with started(tmp_path, plan) as program:
                assert program.stdout is not None
                # Output starts with the first responses, so from then on there is something to stop.
                first = await asyncio.to_thread(program.stdout.readline)
                program.send_signal(signal.SIGTERM)
                rest = await asyncio.to_thread(program.stdout.read)
                return await asyncio.to_thread(program.wait), first + rest

    status, text = asyncio.run(run())
    result = read(text.splitlines())
    assert status == 0
    assert {record.outcome for record in result.records} == {"200"}
    assert result.summary is not None
    assert (result.summary.stopped, result.summary.sent) == ("SIGTERM", {"get": len(result.records)})
    assert [(held.end, held.ended) for held in result.held] == [("open", None)]
    assert json.loads(text.splitlines()[-1])["line"] == "summary"


def test_generator_exits_with_the_reason_on_an_invalid_plan(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("{}")
    command = [sys.executable, "-m", "fixtures.traffic", "--plan", str(file), "--out", "-"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "not a valid plan" in ended.stderr
