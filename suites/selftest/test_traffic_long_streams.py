"""Long streams: received messages are counted, missing ones are lost, and every end has its cause."""

import asyncio

import pytest

from fixtures.traffic import websocket
from fixtures.traffic.app import App
from fixtures.traffic.plan import LongStream
from fixtures.traffic.records import LongStreamKind, StreamSession
from suites.selftest.traffic_peers import (
    Peer,
    listening,
    read_request,
    resets,
    run_accelerated,
    sent,
    serving,
    stream,
)

PATHS: dict[LongStreamKind, str] = {"events": "/events", "websocket": "/socket", "tcp": ""}
GET = stream(rate=1)
SSE = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def stream_of(kind: LongStreamKind) -> LongStream:
    return LongStream(name=kind, kind=kind, direction="north-south", path=PATHS[kind])


def sessions_of(kind: LongStreamKind, peer: Peer, *, silence: float = 2.0) -> list[StreamSession]:
    """The successive sessions of a long stream with a peer."""

    async def run() -> list[StreamSession]:
        async with listening(peer) as port:
            held = [stream_of(kind)]
            result = await sent(port, [GET], held=held, tcp=port, silence=silence, seconds=4)
            return list(result.held)

    return run_accelerated(run())


def chunk(text: str) -> bytes:
    return b"%x\r\n%s\r\n" % (len(text), text.encode())


@pytest.mark.parametrize("kind", PATHS)
def test_stream_open_to_the_end_lost_nothing(kind: LongStreamKind) -> None:
    async def run() -> list[StreamSession]:
        async with serving(App(lambda _: None)) as (http, tcp):
            return list((await sent(http, [GET], held=[stream_of(kind)], tcp=tcp, seconds=4)).held)

    (life,) = run_accelerated(run())
    assert (life.end, life.ended, life.broken, life.lost, life.reconnects) == ("open", None, False, 0, 0)
    assert life.messages in (20, 21)
    assert life.longest_gap == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("kind", PATHS)
def test_app_closes_streams_cleanly_and_they_are_reopened(kind: LongStreamKind) -> None:
    async def run() -> list[StreamSession]:
        app = App(lambda _: None)
        async with serving(app) as (http, tcp):
            asyncio.get_running_loop().call_later(1, lambda: asyncio.ensure_future(app.drain()))
            return list((await sent(http, [GET], held=[stream_of(kind)], tcp=tcp, seconds=4)).held)

    first, second, *_ = run_accelerated(run())
    assert (first.end, first.broken, first.reconnects, first.lost) == ("closed", True, 0, 0)
    assert first.ended is not None
    assert first.ended < second.start
    assert (second.end, second.reconnects, second.messages) == ("refused", 1, 0)


def sends(data: bytes, *, reset: bool = False, hang: bool = False) -> Peer:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(data)
        await asyncio.sleep(0.01)
        if hang:
            await reader.read()
        if reset:
            resets(writer)

    return peer


EVENTS = SSE + chunk("data: 0\n\n") + chunk("data: 1\n\nda") + chunk("ta: 4\n\n")


@pytest.mark.parametrize(
    ("peer", "end"),
    [
        pytest.param(sends(EVENTS + b"0\r\n\r\n"), "closed", id="ends-in-order"),
        pytest.param(sends(EVENTS), "cut off", id="closes-in-the-middle"),
        pytest.param(sends(EVENTS, reset=True), "reset", id="resets"),
        pytest.param(sends(EVENTS, hang=True), "timeout", id="falls-silent"),
        pytest.param(sends(EVENTS + chunk("data: 3\n\n"), hang=True), "malformed", id="goes-back"),
    ],
)
def test_missing_numbers_are_lost_and_an_end_has_its_cause(peer: Peer, end: str) -> None:
    first = sessions_of("events", peer, silence=1)[0]
    assert (first.end, first.messages, first.lost) == (end, 3, 2)


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n", "503"),
        (b"", "empty reply"),
        (b"220 smtp ready\r\n", "malformed"),
    ],
    ids=["503", "nothing", "smtp"],
)
@pytest.mark.parametrize("kind", ["events", "websocket"])
def test_stream_that_never_starts_is_reported_with_its_cause(
    kind: LongStreamKind, answer: bytes, end: str
) -> None:
    assert {(life.end, life.messages) for life in sessions_of(kind, sends(answer))[:-1]} == {(end, 0)}


def test_websocket_accepted_with_another_key_is_malformed() -> None:
    answer = b"HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: x\r\n\r\n"
    assert sessions_of("websocket", sends(answer))[0].end == "malformed"


def upgraded(*frames: bytes) -> Peer:
    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_request(reader)
        key = head.lower().partition("sec-websocket-key: ")[2]
        accepted = websocket.accept(head[-len(key) :].partition("\r\n")[0])
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: %s\r\n\r\n" % accepted.encode()
        )
        writer.write(b"".join(frames))
        await reader.read(100)

    return peer


def test_websocket_without_a_close_frame_is_cut_off_and_its_missing_echoes_are_lost() -> None:
    first = sessions_of("websocket", upgraded())[0]
    assert (first.end, first.messages) == ("cut off", 0)
    assert first.lost >= 1


def test_ping_is_no_message_and_a_close_frame_is_a_clean_end() -> None:
    ping = websocket.frame(websocket.PING, b"x", masked=False)
    goodbye = websocket.frame(websocket.CLOSE, websocket.GOING_AWAY, masked=False)
    first = sessions_of("websocket", upgraded(ping, goodbye))[0]
    assert (first.end, first.messages) == ("closed", 0)


async def stops_echoing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.readline())
    while await reader.read(100):
        pass


def test_numbers_no_longer_echoed_are_lost_by_time_out() -> None:
    first = sessions_of("tcp", stops_echoing, silence=1)[0]
    assert (first.end, first.messages) == ("timeout", 1)
    assert first.lost in (4, 5)
    assert first.longest_gap == pytest.approx(1, abs=0.01)
