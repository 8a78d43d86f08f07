"""The few calls to GitHub's API that the nightly makes."""

import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import requests

from reports.redaction import redact

_SECONDS = 30.0
_PAGE = 100
#: Largest file of an artifact to read, in bytes.
_LARGEST = 5_000_000


class ApiError(RuntimeError):
    """GitHub's API refused a call or could not be reached; the message names the call."""


class Repository:
    """One repository at an API server, such as https://api.github.com."""

    def __init__(self, api: str, name: str, token: str) -> None:
        self._base = f"{api.rstrip('/')}/repos/{name}"
        self._session = requests.Session()
        self._session.headers.update(
            {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        )
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    @classmethod
    def here(cls) -> "Repository":
        """Return the repository of this job, from the runner's variables; ApiError if one is not set."""
        missing = [name for name in ("GITHUB_REPOSITORY", "GITHUB_TOKEN") if not os.environ.get(name)]
        if missing:
            raise ApiError(f"{', '.join(missing)} must be set: run this in a job, or set them")
        api = os.environ.get("GITHUB_API_URL") or "https://api.github.com"
        return cls(api, os.environ["GITHUB_REPOSITORY"], os.environ["GITHUB_TOKEN"])

    def open_issues(self) -> Iterator[dict[str, Any]]:
        """Yield the open issues without pull requests, oldest first."""
        for page in self._pages("issues", {"state": "open", "sort": "created", "direction": "asc"}):
            yield from (each for each in page if "pull_request" not in each)

    def create_issue(self, title: str, body: str) -> int:
        """Open an issue and return its number."""
        return int(self._call("POST", "issues", json={"title": title, "body": body}).json()["number"])

    def change_issue(self, number: int, **fields: str) -> None:
        """Change fields of an issue, such as title, body or state."""
        self._call("PATCH", f"issues/{number}", json=fields)

    def comment(self, number: int, body: str) -> None:
        """Add a comment to an issue."""
        self._call("POST", f"issues/{number}/comments", json={"body": body})

    def last_artifact(self, name: str, branch: str) -> dict[str, str]:
        """Return the text files of the newest artifact of this name from a branch; empty if there is none."""
        for page in self._pages("actions/artifacts", {"name": name}):
            for each in page["artifacts"]:
                if each["expired"] or not _is_of(each.get("workflow_run") or {}, branch):
                    continue
                packed = self._call("GET", f"actions/artifacts/{each['id']}/zip").content
                return _unpacked(packed)
        return {}

    def _pages(self, path: str, query: dict[str, str]) -> Iterator[Any]:
        url: str | None = path
        parameters: dict[str, str] | None = {**query, "per_page": str(_PAGE)}
        while url:
            answer = self._call("GET", url, params=parameters)
            yield answer.json()
            url, parameters = answer.links.get("next", {}).get("url"), None

    def _call(self, method: str, path: str, **given: Any) -> requests.Response:
        url = path if path.startswith(("http://", "https://")) else f"{self._base}/{path}"
        try:
            answer = self._session.request(method, url, timeout=_SECONDS, **given)
        except requests.RequestException as error:
            raise ApiError(f"{method} {path}: {type(error).__name__}: no answer of GitHub's API") from error
        if not answer.ok:
            raise ApiError(f"{method} {path}: {answer.status_code} {redact(answer.text)[:200]}")
        return answer


def _is_of(run: dict[str, Any], branch: str) -> bool:
    """Return whether a run was of this repository's branch: a fork's branch may have the same name."""
    own = run.get("head_repository_id") == run.get("repository_id")
    return own and run.get("head_branch") == branch


def _unpacked(packed: bytes) -> dict[str, str]:
    """Return the files by name, without those that are too large or no text."""
    found = {}
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            for each in archive.infolist():
                if each.file_size <= _LARGEST:
                    with suppress(UnicodeDecodeError):
                        found[each.filename] = archive.read(each).decode("utf-8")
    except zipfile.BadZipFile:
        return {}
    return found
