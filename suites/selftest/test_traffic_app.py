"""The app that receives the traffic: its responses, its log, and its shutdown."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fixtures.traffic.app import App
from fixtures.traffic.connection import Address, Connection, connect
from suites.selftest.traffic_peers import LOOPBACK, run_accelerated, serving


def request(path: str, *headers: str, method: str = "GET", body: str = "") -> bytes:
    length = [f"content-length: {len(body)}"] if body else []
    return "\r\n".join([f"{method} {path} HTTP/1.1", "host: app", *headers, *length, "", body]).encode()


def with_app(
    steps: Callable[[App, Connection], Awaitable[Any]],
) -> tuple[Any, list[dict[str, Any]]]:
    """The result of the steps, run with one connection to the app, and the lines that the app logged."""
    lines: list[dict[str, Any]] = []

    async def run() -> Any:
        app = App(lambda line: lines.append(json.loads(line)))
        async with serving(app) as (port, _):
            return await steps(app, await connect(Address(LOOPBACK, port)))

    return run_accelerated(run()), lines[1:]


@pytest.mark.parametrize(
    ("asked", "status", "logged"),
    [
        (request("/echo?id=r-1"), 200, [("r-1", "GET", "/echo")]),
        (request("/echo?id=r-1", method="POST", body="r-1..."), 200, [("r-1", "POST", "/echo")]),
        (request("/echo?id=r-1", method="POST", body="r-2..."), 400, [("r-1", "POST", "/echo")]),
        (request("/denied", "x-conformance-id: r-1"), 200, [("r-1", "GET", "/denied")]),
        (request("/nothing?id=r-1"), 404, [("r-1", "GET", "/nothing")]),
        (request("/healthz"), 200, []),
    ],
    ids=["get", "post", "another-body", "denied", "unknown", "health"],
)
def test_each_request_is_answered_and_logged_with_its_id(
    asked: bytes, status: int, logged: list[tuple[str, str, str]]
) -> None:
    async def steps(_: App, connection: Connection) -> tuple[int, bool]:
        answer = await connection.send(asked, "r-1" if logged else "")
        return answer.status, connection.usable

    answered, lines = with_app(steps)
    assert answered == (status, True)
    assert [(line["id"], line["method"], line["path"]) for line in lines] == logged


def test_connection_is_closed_after_its_last_request() -> None:
    async def steps(_: App, connection: Connection) -> bool:
        return (await connection.send(request("/echo?id=1", "connection: close"), "1")).keep_alive

    assert with_app(steps)[0] is False


def test_response_is_delayed_as_long_as_requested() -> None:
    async def steps(_: App, connection: Connection) -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await connection.send(request("/echo?id=1&hold_ms=50"), "1")
        return loop.time() - begun

    # A timer of the event loop may fire early by the resolution of its clock.
    assert with_app(steps)[0] >= 0.049


def test_request_in_flight_at_shutdown_is_answered_and_closes_its_connection() -> None:
    async def steps(app: App, connection: Connection) -> tuple[int, bool]:
        asking = asyncio.create_task(connection.send(request("/echo?id=1&hold_ms=100"), "1"))
        await asyncio.sleep(0.03)
        await app.drain()
        answer = await asking
        return answer.status, answer.keep_alive

    assert with_app(steps)[0] == (200, False)


def test_idle_connection_is_closed_at_once_on_shutdown() -> None:
    async def steps(app: App, connection: Connection) -> bool:
        await connection.send(request("/echo?id=1"), "1")
        await app.drain()
        return connection.usable

    assert with_app(steps)[0] is False


def test_program_logs_its_ports_and_exits_on_sigterm() -> None:
    ports = ["--host", LOOPBACK, "--http-port", "0", "--tcp-port", "0"]
    command = [sys.executable, "-m", "fixtures.traffic.app", *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        listening = json.loads(program.stdout.readline())["listening"]
        program.send_signal(signal.SIGTERM)
        assert program.wait(10) == 0
    assert set(listening) == {"http", "tcp"}
    assert all(listening.values())
