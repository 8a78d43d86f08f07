"""curl's responses and failures map to the same outcomes as our own requests, on the same sockets."""

import os
import shutil
import socket

import pytest

from fixtures.clients import curl
from fixtures.clients.command import CommandFailed, Completed, run
from fixtures.clients.http import Outcome
from suites.selftest.test_outcome import (
    PAGE,
    Peer,
    hangs,
    read_request,
    resets,
    sends,
    served_by,
    stalls_in_the_body,
)

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this machine")


def fetched(url: str, timeout: float = 5) -> Outcome:
    command = curl.command(url, timeout=timeout, headers={"X-Mark": "one"})
    environment = {"PATH": os.environ["PATH"], "http_proxy": "http://name.invalid:3128"}
    return curl.outcome(run(command, environment=environment, timeout=10, check=False))


@needs_curl
def test_response_has_status_lower_case_headers_and_text() -> None:
    with served_by(sends(PAGE)) as place:
        outcome = fetched(f"http://{place}/")
    assert (outcome.kind, outcome.status, outcome.text) == ("status", 200, "hello")
    assert outcome.headers["server"] == "istio-envoy"
    assert outcome.describe().startswith(f"GET http://{place}/: status 200, server: istio-envoy")


@needs_curl
@pytest.mark.parametrize(
    ("peer", "kind"),
    [
        pytest.param(read_request, "empty reply", id="closes"),
        pytest.param(resets, "reset", id="resets"),
        pytest.param(sends(b"220 smtp ready\r\n"), "malformed", id="speaks-smtp"),
        pytest.param(sends(PAGE[:-2]), "cut off", id="stops"),
        pytest.param(hangs, "timeout", id="hangs"),
        pytest.param(stalls_in_the_body, "timeout", id="stalls-in-the-body"),
    ],
)
def test_incomplete_response_is_classified_like_our_own_requests(peer: Peer, kind: str) -> None:
    with served_by(peer) as place:
        outcome = fetched(f"http://{place}/", timeout=0.3)
    assert (outcome.kind, outcome.status) == (kind, None), outcome


@needs_curl
def test_refused_dns_and_tls_are_distinguished() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert fetched(f"http://127.0.0.1:{port}/").kind == "refused"
    assert fetched("http://name.invalid/").kind == "dns"
    with served_by(lambda connection: connection.sendall(b"220 plain\r\n")) as place:
        assert fetched(f"https://{place}/").kind == "tls"


def ended(status: int, stderr: str) -> Completed:
    return Completed(tuple(curl.command("http://10.0.0.1/", timeout=5)), status, "", stderr, 0.1)


def test_host_without_route_is_unreachable() -> None:
    notes = "* connect to 10.0.0.1 port 80 failed: No route to host\n* Failed to connect"
    assert curl.outcome(ended(7, f"{notes}\n* Closing connection 0\n")).kind == "unreachable"


def test_cause_is_curls_last_note() -> None:
    notes = "* Connected\n> GET / HTTP/1.1\n* Empty reply from server\n* Closing connection 0\n"
    assert curl.outcome(ended(52, notes)).cause == "curl ended with status 52: Empty reply from server"


def test_missing_curl_is_an_error_and_not_an_outcome() -> None:
    with pytest.raises(CommandFailed, match="status 127, which does not describe the peer:\nno curl here"):
        curl.outcome(ended(127, "no curl here"))


@pytest.mark.parametrize(
    ("status", "stderr"),
    [
        (1, "error: unable to upgrade connection: container not found (curl)"),
        (1, 'Error from server (NotFound): pods "client" not found'),
        (1, "Error response from daemon: Container 4711 is not running"),
        (7, "The connection to the server 127.0.0.1:6443 was refused"),
    ],
    ids=["exec", "pod", "docker", "api-server"],
)
def test_a_failure_of_the_program_that_runs_curl_is_an_error_and_no_outcome(status: int, stderr: str) -> None:
    """The environment failed, so nothing is known of the app that was to answer."""
    with pytest.raises(CommandFailed, match=f"status {status}, which does not describe the peer"):
        curl.outcome(ended(status, stderr))


@needs_curl
def test_many_requests_use_a_new_connection_each() -> None:
    connections = []

    def counted(connection: socket.socket) -> None:
        connections.append(connection)
        sends(PAGE)(connection)

    with served_by(counted) as place:
        sent = several(f"http://{place}/", 5)
    assert [(each.status, each.text) for each in sent] == [(200, "hello")] * 5
    assert len(connections) == 5


@needs_curl
def test_one_of_many_requests_that_fails_has_its_own_outcome() -> None:
    peers = iter([sends(PAGE), resets, hangs, sends(PAGE)])

    def next_peer(connection: socket.socket) -> None:
        next(peers)(connection)

    with served_by(next_peer) as place:
        sent = several(f"http://{place}/", 4, timeout=0.3)
    assert [each.kind for each in sent] == ["status", "reset", "timeout", "status"]


@needs_curl
def test_many_requests_to_a_closed_port_are_refused() -> None:
    assert [each.kind for each in several("http://127.0.0.1:9/", 2)] == ["refused"] * 2


def test_program_that_did_not_send_all_requests_failed() -> None:
    with pytest.raises(CommandFailed, match="printed 0 of 3 outcomes"):
        curl.outcomes(Completed(("kubectl", "exec"), 1, "", "no such pod", 0.1), 3)


def several(url: str, number: int, timeout: float = 5) -> list[Outcome]:
    command = curl.many(url, number, timeout=timeout)
    ran = run(command, environment={"PATH": os.environ["PATH"]}, timeout=10, check=False)
    return curl.outcomes(ran, number)
