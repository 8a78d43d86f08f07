"""HTTP/1.1 and WebSocket on the wire."""

import pytest

from fixtures.traffic import websocket
from fixtures.traffic.http1 import Answer, CutOff, EmptyReply, Malformed, Template
from fixtures.traffic.websocket import CLOSE, PING, TEXT, Frames, accept, frame
from suites.selftest.traffic_peers import stream

SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Conformance-Id: r-1\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nExpires: 0\r\n\r\n"
)
UNSIZED = b"HTTP/1.1 200 OK\r\n\r\nhello"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + SIZED


def fed(data: bytes, size: int) -> tuple[Answer, bytes]:
    body = bytearray()
    answer = Answer(body.extend)
    for place in range(0, len(data), size):
        answer.feed(data[place : place + size])
    return answer, bytes(body)


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("data", [SIZED, CHUNKED, INTERIM], ids=["sized", "chunked", "interim"])
def test_response_is_complete_with_its_last_byte_however_it_is_split(data: bytes, size: int) -> None:
    answer, body = fed(data, size)
    assert (answer.whole, answer.status, body, answer.keep_alive) == (True, 200, b"hello", True)
    assert not fed(data[:-1], size)[0].whole


def test_bytes_after_a_response_are_returned() -> None:
    assert Answer().feed(SIZED + b"HTTP/1.1 408") == b"HTTP/1.1 408"


def test_response_without_a_length_ends_with_the_connection() -> None:
    answer, body = fed(UNSIZED, 1000)
    assert not answer.whole
    answer.closed()
    assert (answer.whole, answer.keep_alive, body) == (True, False, b"hello")


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    ],
    ids=["close", "upgrade"],
)
def test_connection_that_will_close_is_reported(data: bytes) -> None:
    answer, _ = fed(data, 1000)
    assert (answer.whole, answer.keep_alive) == (True, False)


def test_no_byte_of_a_response_is_an_empty_reply() -> None:
    with pytest.raises(EmptyReply):
        Answer().closed()


@pytest.mark.parametrize("data", [SIZED[:-1], CHUNKED[:-2], SIZED[:20]], ids=["body", "chunk", "head"])
def test_unfinished_response_is_cut_off(data: bytes) -> None:
    with pytest.raises(CutOff):
        fed(data, 1000)[0].closed()


@pytest.mark.parametrize(
    "data",
    [
        b"220 smtp ready\r\n",
        b"\x15\x03\x01",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    ],
    ids=["smtp", "tls", "status", "header", "length", "chunk-size", "chunk-end", "head"],
)
def test_invalid_http_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        Answer().feed(data)


def test_request_has_its_id_in_query_header_and_body() -> None:
    post = stream(method="POST", kept=True, body_bytes=8, hold_ms=110, host="app.example")
    assert Template(post, "127.0.0.1:80").request("r-1") == (
        b"POST /echo?id=r-1&hold_ms=110 HTTP/1.1\r\nhost: app.example\r\nuser-agent: istio-conformance\r\n"
        b"accept: */*\r\ncontent-length: 8\r\nx-conformance-id: r-1\r\n\r\nr-1....."
    )


def test_request_on_a_new_connection_asks_to_close_it() -> None:
    request = Template(stream(path="/x?y=z"), "127.0.0.1:80").request("r-1")
    assert request.startswith(b"GET /x?y=z&id=r-1 HTTP/1.1\r\nhost: 127.0.0.1:80\r\n")
    assert b"\r\nconnection: close\r\n" in request


def test_key_is_accepted_as_in_the_standard() -> None:
    assert accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(
    ("data", "masked"),
    [("810548656c6c6f", False), ("818537fa213d7f9f4d5158", True), ("010348656c80026c6f", False)],
    ids=["plain", "masked", "fragmented"],
)
def test_example_frames_of_the_standard_are_read(data: str, masked: bool, size: int) -> None:
    frames, came = Frames(masked=masked), bytes.fromhex(data)
    parts = [came[place : place + size] for place in range(0, len(came), size)]
    assert [message for part in parts for message in frames.feed(part)] == [(TEXT, b"Hello")]


@pytest.mark.parametrize("size", [0, 125, 126, 60_000])
@pytest.mark.parametrize("masked", [True, False])
def test_frame_is_read_back_as_written(size: int, masked: bool) -> None:
    data = frame(TEXT, b"x" * size, masked=masked) + frame(PING, b"", masked=masked)
    assert Frames(masked=masked).feed(data) == [(TEXT, b"x" * size), (PING, b"")]


@pytest.mark.parametrize(
    "data",
    ["8180", "8300", "c100", "8000", "010161" + "810162", "817f" + "00" * 3 + "ff" * 5],
    ids=["masked", "opcode", "reserved", "continuation", "begun-twice", "length"],
)
def test_invalid_websocket_data_is_malformed(data: str) -> None:
    with pytest.raises(Malformed):
        Frames(masked=False).feed(bytes.fromhex(data))


def test_each_key_is_new() -> None:
    assert websocket.new_key() != websocket.new_key()


def test_close_frame_within_a_message_is_read_at_once() -> None:
    data = bytes.fromhex("010361") + b"bc" + frame(CLOSE, websocket.GOING_AWAY, masked=False)
    assert Frames(masked=False).feed(data) == [(CLOSE, b"\x03\xe9")]
