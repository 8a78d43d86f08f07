"""A real HTTP or HTTPS server for the selftests of downloads; each test decides what it answers."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import trustme

AUTHORITY = trustme.CA()

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(answer: Answer, *, tls: bool = True) -> Iterator[str]:
    """Serve `answer` for each GET and CONNECT on loopback, and yield the server's URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def do_CONNECT(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    """Answer with a status, headers (Retry_After for Retry-After) and a body, and end the connection."""
    handler.send_response(status)
    lengths = {} if "Content_Length" in headers else {"Content-Length": str(len(body))}
    for name, value in {**lengths, **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = True


def send_file(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    """Answer with the file, or with the range of it that the request asks for."""
    wanted = handler.headers.get("Range")
    if not wanted:
        return send(handler, 200, body)
    first = int(wanted.removeprefix("bytes=").rstrip("-"))
    if first >= len(body):
        return send(handler, 416)
    return send(handler, 206, body[first:], Content_Range=f"bytes {first}-{len(body) - 1}/{len(body)}")
