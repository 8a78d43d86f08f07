"""The generator's output never delays its requests."""

import asyncio
import io
import threading

import pytest

from fixtures.traffic.generator import FLUSH_EVERY, Generator
from fixtures.traffic.plan import Plan
from fixtures.traffic.records import read
from suites.selftest.traffic_peers import LOOPBACK, answers, listening, read_request, stream


class SlowFile(io.StringIO):
    """A file that blocks writes until it is released, which only a running event loop can do."""

    def __init__(self) -> None:
        super().__init__()
        self.takes = threading.Event()

    def write(self, text: str) -> int:
        assert self.takes.wait(10), "the sending loop was blocked"
        return super().write(text)


class FullDisk(io.StringIO):
    """A file on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    answers(writer)


async def generated(out: io.StringIO) -> None:
    async with listening(served) as port:
        plan = Plan(address=f"http://{LOOPBACK}:{port}", streams=[stream()], seconds=4 * FLUSH_EVERY)
        if isinstance(out, SlowFile):
            asyncio.get_running_loop().call_later(3 * FLUSH_EVERY, out.takes.set)
        await Generator(plan, out).run()


def test_slow_reader_delays_no_request_and_misses_no_line() -> None:
    out = SlowFile()
    asyncio.run(generated(out))
    result = read(out.getvalue().splitlines())
    assert result.summary
    assert len(result.records) == sum(result.summary.sent.values()) > 0


def test_failed_write_is_an_error() -> None:
    with pytest.raises((OSError, ExceptionGroup)):
        asyncio.run(generated(FullDisk()))
