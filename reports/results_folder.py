"""Checks a folder of Allure results before the page embeds its files.

A page is a file to share, and a results folder may come from elsewhere. So the page embeds only files of that
folder: an attachment such as ../notes or a symbolic link to another folder is an error.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reports.errors import ReportError

GLOBALS = "*-globals.json"
_RECORDS = ("*-result.json", "*-container.json", GLOBALS)


def check(results: Path) -> None:
    """Raise ReportError for a broken link or record, or for one that refers to a file outside the folder."""
    _check_links(results)
    for path in sorted(each for pattern in _RECORDS for each in results.glob(pattern)):
        for attachment in _attachments(_record(path)):
            _check_attachment(path, attachment)
    for path in results.glob(GLOBALS):
        for attachment in _record(path).get("attachments", []):
            _check_global(path, attachment)


def _check_links(results: Path) -> None:
    inside = results.resolve()
    for path in results.rglob("*"):
        if path.is_symlink() and not (path.is_file() and path.resolve().is_relative_to(inside)):
            raise ReportError(
                f"{path} is a symbolic link that does not lead to a file in the results folder: remove it"
            )


def _record(path: Path) -> dict[str, Any]:
    """Return the content of a result, container or globals file."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ReportError(f"{path} is not valid JSON ({error}): remove it or repeat the run") from error
    if not isinstance(record, dict):
        raise ReportError(f"{path} is not an Allure result, because it is not a JSON object: remove it")
    return record


def _attachments(part: object) -> Iterator[object]:
    """Yield each attachment at any depth: tests, fixtures and their steps have attachments."""
    if isinstance(part, list):
        for each in part:
            yield from _attachments(each)
    elif isinstance(part, dict):
        own = part.get("attachments") or []
        yield from own if isinstance(own, list) else [own]
        for each in part.values():
            yield from _attachments(each)


def _check_attachment(record: Path, attachment: object) -> None:
    source = attachment.get("source") if isinstance(attachment, dict) else None
    if not isinstance(source, str) or source in {"", ".", ".."} or set("/\\\0") & set(source):
        raise ReportError(
            f"{record} has an attachment with the source {source!r}, which is not a file name in the results "
            "folder: remove the attachment, or the file"
        )


def _check_global(record: Path, attachment: dict[str, Any]) -> None:
    texts = all(isinstance(attachment.get(key), str) for key in ("name", "type"))
    if not texts or not isinstance(attachment.get("timestamp"), int | float):
        raise ReportError(f"{record} has an attachment without name, type or timestamp: remove the file")
    if not (record.parent / attachment["source"]).is_file():
        raise ReportError(
            f"{record} has the attachment {attachment['source']}, which does not exist: remove the file"
        )
