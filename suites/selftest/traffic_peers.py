"""Peers for traffic selftests: good and bad servers on loopback, and an accelerated clock."""

import asyncio
import io
import selectors
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from fixtures.traffic.app import App
from fixtures.traffic.generator import Generator
from fixtures.traffic.plan import LongStream, Plan
from fixtures.traffic.records import Result, Stream, read

T = TypeVar("T")
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
LOOPBACK = "127.0.0.1"
#: With SO_LINGER set to this, close sends a reset.
NOT_AT_ALL = struct.pack("ii", 1, 0)


def stream(name: str = "get", *, rate: float = 50, kept: bool = False, **others: object) -> Stream:
    fields = {"method": "GET", "path": "/echo", "direction": "north-south", **others}
    return Stream(name=name, rate=rate, kept=kept, **fields)  # type: ignore[arg-type]


class _AcceleratedSelector(selectors.DefaultSelector):
    """Real sockets with accelerated time: when no data arrives, the clock jumps to the end of the wait.

    Data that a process sends to itself over loopback has arrived by the next poll, however busy the machine.
    """

    ahead = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select()
        found = super().select(0)
        if not found:
            # A busy kernel may deliver from a separate thread.
            found = super().select(0)
        if not found:
            self.ahead += max(timeout, 0)
        return found


class _AcceleratedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._hurried = _AcceleratedSelector()
        self._begun = time.monotonic()
        super().__init__(self._hurried)

    def time(self) -> float:
        return self._begun + self._hurried.ahead


def run_accelerated(coroutine: Coroutine[object, object, T]) -> T:
    """The result of a coroutine whose peers run in the same loop; its waits take no real time."""
    with asyncio.Runner(loop_factory=_AcceleratedLoop) as runner:
        return runner.run(coroutine)


@asynccontextmanager
async def listening(peer: Peer) -> AsyncIterator[int]:
    """Pass each connection to `peer` and close it afterwards; yields the port."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await peer(reader, writer)
        writer.close()

    async with await asyncio.start_server(connected, LOOPBACK, 0) as server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[tuple[int, int]]:
    """Run the app until the block ends; yields its HTTP and TCP ports."""
    yield await app.start(LOOPBACK, 0, 0)
    await app.drain(grace=0.1)


async def sent(
    port: int,
    streams: Sequence[Stream],
    *,
    seconds: float = 0.19,
    deadline: float = 2.0,
    silence: float = 2.0,
    held: Sequence[LongStream] = (),
    tcp: int = 1,
) -> Result:
    """The output of a generator that sends to this port for this many seconds."""
    plan = Plan(
        address=f"http://{LOOPBACK}:{port}",
        tcp=f"{LOOPBACK}:{tcp}",
        streams=streams,
        held=held,
        seconds=seconds,
        deadline=deadline,
        silence=silence,
    )
    out = io.StringIO()
    await Generator(plan, out).run()
    return read(out.getvalue().splitlines())


async def read_request(reader: asyncio.StreamReader) -> str:
    """The head of the next request, after reading its body too; IncompleteReadError if there is none."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    if "content-length: " in head:
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        head += (await reader.readexactly(length)).decode()
    return head


def id_in(head: str) -> str:
    """The id of the request with this head."""
    return head.partition("id=")[2].partition("&")[0].partition(" ")[0]


def answers(writer: asyncio.StreamWriter, *headers: str, body: bytes = b"hello") -> None:
    """Write a complete response."""
    lines = ["HTTP/1.1 200 OK", f"content-length: {len(body)}", *headers, "", ""]
    writer.write("\r\n".join(lines).encode() + body)


def resets(writer: asyncio.StreamWriter) -> None:
    """Close with a reset instead of a FIN."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NOT_AT_ALL)
    writer.transport.abort()
