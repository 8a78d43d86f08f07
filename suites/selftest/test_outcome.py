"""The outcome of a request: every way in which an HTTP response can fail to arrive, on real sockets."""

import errno
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from fixtures.clients.http import kept_connections, request

Peer = Callable[[socket.socket], object]
PAGE = b"HTTP/1.1 200 OK\r\nServer: istio-envoy\r\nContent-Length: 5\r\n\r\nhello"
MOVED = b"HTTP/1.1 302 Found\r\nLocation: http://name.invalid/\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def served_by(peer: Peer) -> Iterator[str]:
    """Pass one connection at a time to `peer` until the block ends; yields host:port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, peer), daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _serve(server: socket.socket, peer: Peer) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            peer(connection)


def read_request(connection: socket.socket) -> bytes:
    """The head of the request, or the part received before the client closed."""
    head = b""
    while b"\r\n\r\n" not in head and (more := connection.recv(4096)):
        head += more
    return head


def sends(answer: bytes) -> Peer:
    def peer(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    return peer


def resets(connection: socket.socket) -> None:
    read_request(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def hangs(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def stalls_in_the_body(connection: socket.socket) -> None:
    sends(PAGE[:-2])(connection)
    hangs(connection)


def test_response_has_status_lower_case_headers_and_text() -> None:
    with served_by(sends(PAGE)) as place:
        outcome = request("GET", f"http://{place}/", timeout=5)
    assert (outcome.kind, outcome.status, outcome.text) == ("status", 200, "hello")
    assert outcome.headers["server"] == "istio-envoy"
    assert "status 200, server: istio-envoy, body of 5 characters" in outcome.describe()


@pytest.mark.parametrize(
    ("peer", "kind", "cause"),
    [
        pytest.param(read_request, "empty reply", "RemoteDisconnected", id="closes"),
        pytest.param(resets, "reset", "ConnectionResetError", id="resets"),
        pytest.param(sends(b"220 smtp ready\r\n"), "malformed", "BadStatusLine", id="speaks-smtp"),
        pytest.param(sends(PAGE[:-2]), "cut off", "the head of a response with status 200", id="stops"),
        pytest.param(hangs, "timeout", "timed out", id="hangs"),
        pytest.param(stalls_in_the_body, "timeout", "with status 200", id="stalls-in-the-body"),
    ],
)
def test_incomplete_response_is_classified_by_its_cause(peer: Peer, kind: str, cause: str) -> None:
    with served_by(peer) as place:
        outcome = request("GET", f"http://{place}/", timeout=0.3)
    assert (outcome.kind, outcome.status) == (kind, None), outcome
    assert cause in outcome.cause
    assert outcome.describe().startswith(f"GET http://{place}/: {kind} after 0.")


def test_closed_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert request("GET", f"http://127.0.0.1:{port}/", timeout=5).kind == "refused"


def test_unknown_host_name_is_a_dns_failure() -> None:
    assert request("GET", "http://name.invalid/", timeout=5).kind == "dns"


def test_tls_to_a_plain_port_is_a_tls_failure() -> None:
    with served_by(lambda connection: connection.sendall(b"220 plain\r\n")) as place:
        outcome = request("GET", f"https://{place}/", timeout=5)
    assert outcome.kind == "tls", outcome


def test_host_without_route_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object) -> None:
        raise OSError(errno.EHOSTUNREACH, "No route to host")

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert request("GET", "http://127.0.0.1/", timeout=5).kind == "unreachable"


def test_redirect_is_not_followed() -> None:
    with served_by(sends(MOVED)) as place:
        assert request("GET", f"http://{place}/", timeout=5).status == 302


def test_proxies_from_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://name.invalid:3128")
    monkeypatch.setenv("no_proxy", "")
    with served_by(sends(PAGE)) as place:
        assert request("GET", f"http://{place}/", timeout=5).status == 200


def test_request_is_sent_once_and_closes_its_connection() -> None:
    heads: list[bytes] = []
    with served_by(lambda connection: heads.append(read_request(connection))) as place:
        request("POST", f"http://{place}/", timeout=5, body=b"x", headers={"X-Mark": "once"})
    assert len(heads) == 1
    assert b"Connection: close\r\n" in heads[0]
    assert b"X-Mark: once\r\n" in heads[0]


def test_session_keeps_its_connection() -> None:
    heads: list[bytes] = []

    def answers_twice(connection: socket.socket) -> None:
        for _ in range(2):
            heads.append(read_request(connection))
            connection.sendall(PAGE)

    with served_by(answers_twice) as place, kept_connections() as session:
        answers = [request("GET", f"http://{place}/", timeout=5, session=session) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert len(heads) == 2


def test_malformed_url_is_an_error_and_not_an_outcome() -> None:
    with pytest.raises(ValueError, match="No scheme supplied"):
        request("GET", "nonsense", timeout=5)
