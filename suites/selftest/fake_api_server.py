"""A scripted API server that knows Pods and Deployments."""

import json
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

Json = dict[str, Any]
PODS = "/api/v1/namespaces/test/pods"


@dataclass(frozen=True)
class Stream:
    """Events of a watch; the connection then closes cleanly, or breaks midway if `broken`."""

    events: Iterable[Json]
    broken: bool = False


@dataclass
class FakeApiServer:
    """Scripted responses by method and path, in order (the last one repeats), and the recorded requests."""

    kubeconfig: Path
    kinds: dict[str, list[str]] = field(default_factory=lambda: {"v1": ["Pod"], "apps/v1": ["Deployment"]})
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    answers: dict[str, deque[tuple[int, Json | str] | Stream]] = field(
        default_factory=lambda: defaultdict(deque)
    )

    def on(self, asked: str, *answers: Json | str | tuple[int, Json] | Stream) -> None:
        """Set the responses to `asked` ("GET /path" or "WATCH /path"), one for each request."""
        given = [each if isinstance(each, tuple | Stream) else (200, each) for each in answers]
        self.answers[asked].extend(given)

    def answer(self, asked: str) -> tuple[int, Json | str] | Stream:
        """The next response; 404 if none is set."""
        scripted = self.answers[asked]
        if not scripted:
            return self._discovery(asked)
        return scripted.popleft() if len(scripted) > 1 else scripted[0]

    def _discovery(self, asked: str) -> tuple[int, Json]:
        api_version = asked.removeprefix("GET /apis/").removeprefix("GET /api/")
        if api_version not in self.kinds:
            return refusal(404, "NotFound", f"{asked} not found")
        names = [(kind, f"{kind.lower()}s") for kind in self.kinds[api_version]]
        found = [{"kind": kind, "name": name, "namespaced": True} for kind, name in names]
        status = [{"kind": kind, "name": f"{name}/status", "namespaced": True} for kind, name in names]
        return 200, {"resources": [*found, *status]}


@contextmanager
def fake_api_server(folder: Path) -> Iterator[FakeApiServer]:
    """Run a fake API server and write its kubeconfig into the folder."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        fake = server.fake = FakeApiServer(folder / "kubeconfig")  # type: ignore[attr-defined]
        fake.kubeconfig.write_text(yaml.safe_dump(_kubeconfig(f"http://127.0.0.1:{server.server_port}")))
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield fake
        server.shutdown()
        thread.join()


def pod(name: str, version: int, **status: str) -> Json:
    metadata = {"name": name, "namespace": "test", "resourceVersion": str(version)}
    return {"metadata": metadata, "status": status}


def pods(version: int, *items: Json) -> Json:
    return {"metadata": {"resourceVersion": str(version)}, "items": list(items)}


def event(kind: str, resource: Json) -> Json:
    return {"type": kind, "object": resource}


def refusal(status: int, reason: str, message: str) -> tuple[int, Json]:
    return status, {"kind": "Status", "code": status, "reason": reason, "message": message}


def _kubeconfig(server: str) -> Json:
    return {
        "current-context": "fake",
        "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
        "clusters": [{"name": "fake", "cluster": {"server": server}}],
        "users": [{"name": "fake", "user": {}}],
    }


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Ignore the error: a client may disconnect in the middle of a stream."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are two writes, and the second would wait 40 ms for the acknowledgement of the first.
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        fake: FakeApiServer = self.server.fake  # type: ignore[attr-defined]
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        verb = "WATCH" if "watch" in query else self.command
        fake.asked.append((verb, url.path, query, json.loads(body) if body else None))
        answer = fake.answer(f"{verb} {url.path}")
        if isinstance(answer, Stream):
            self._stream(answer)
            return
        status, content = answer
        text = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PATCH = do_POST = do_DELETE = _serve  # noqa: N815 - names that http.server calls

    def _stream(self, stream: Stream) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for each in stream.events:
            line = json.dumps(each).encode() + b"\n"
            # Each line is sent as two chunks, which the reader must join.
            for part in (line[:9], line[9:]):
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        if stream.broken:
            self.close_connection = True
            self.wfile.write(b"40\r\nhalf a li")
        else:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Log nothing: the output belongs to pytest."""
