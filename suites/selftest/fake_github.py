"""A GitHub API on loopback that keeps issues, comments and artifacts, and checks the token."""

import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "the-token"
BOT = "github-actions[bot]"
NAME = "owner/project"


@dataclass
class Github:
    """What the server keeps. `page` is the number of issues on one page."""

    issues: list[dict[str, Any]] = field(default_factory=list)
    comments: list[tuple[int, str]] = field(default_factory=list)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    packed: dict[int, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    page: int = 2
    url: str = ""

    def opened(self, body: str, *, author: str = BOT, **more: object) -> dict[str, Any]:
        """Add an open issue."""
        issue = {"number": len(self.issues) + 1, "state": "open", "title": "", "body": body,
                 "user": {"login": author}, **more}  # fmt: skip
        self.issues.append(issue)
        return issue

    def uploaded(
        self,
        files: dict[str, str],
        *,
        name: str = "nightly",
        branch: str = "main",
        expired: bool = False,
        fork: bool = False,
    ) -> None:
        """Add an artifact, newest first, as the API lists them."""
        number, packed = len(self.artifacts) + 1, io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
        self.packed[number] = packed.getvalue()
        entry = {
            "id": number,
            "name": name,
            "expired": expired,
            "workflow_run": {
                "head_branch": branch,
                "repository_id": 1,
                "head_repository_id": 2 if fork else 1,
            },
        }
        self.artifacts.insert(0, entry)


class _Handler(BaseHTTPRequestHandler):
    github: Github

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write nothing."""

    def do_GET(self) -> None:
        path, query = self._path()
        if path == "issues":
            open_ones = [each for each in self.github.issues if each["state"] == query["state"]]
            first = (int(query.get("page", "1")) - 1) * self.github.page
            more = len(open_ones) > first + self.github.page
            link = f"{self.github.url}/repos/{NAME}/issues?state=open&page={int(query.get('page', '1')) + 1}"
            self._answer(200, open_ones[first : first + self.github.page], link if more else "")
        elif path == "actions/artifacts":
            self._answer(
                200, {"artifacts": [each for each in self.github.artifacts if each["name"] == query["name"]]}
            )
        elif matched := re.fullmatch(r"actions/artifacts/(\d+)/zip", path):
            self._answer(200, self.github.packed[int(matched[1])])
        else:
            self._answer(404, {"message": "Not Found"})

    def do_POST(self) -> None:
        path, _ = self._path()
        if path == "issues":
            issue = self.github.opened("")
            issue.update(self._body())
            self._answer(201, issue)
        elif matched := re.fullmatch(r"issues/(\d+)/comments", path):
            self.github.comments.append((int(matched[1]), self._body()["body"]))
            self._answer(201, {})
        else:
            self._answer(404, {"message": "Not Found"})

    def do_PATCH(self) -> None:
        path, _ = self._path()
        matched = re.fullmatch(r"issues/(\d+)", path)
        if matched is None or int(matched[1]) > len(self.github.issues):
            self._answer(404, {"message": "Not Found"})
            return
        issue = self.github.issues[int(matched[1]) - 1]
        issue.update(self._body())
        self._answer(200, issue)

    def _path(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        self.github.calls.append(f"{self.command} {parts.path}")
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return "refused", {}
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return parts.path.removeprefix(f"/repos/{NAME}/"), query

    def _body(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return content

    def _answer(self, status: int, content: object, following: str = "") -> None:
        sent = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(sent)))
        if following:
            self.send_header("Link", f'<{following}>; rel="next"')
        self.end_headers()
        self.wfile.write(sent)


@contextmanager
def serving() -> Iterator[Github]:
    """Serve an empty repository until the block ends."""
    github = Github()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"github": github}))
    github.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield github
    finally:
        server.shutdown()
        server.server_close()
