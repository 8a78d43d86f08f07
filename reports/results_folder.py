"""Checks a folder of Allure results before the page embeds its files, and before a run empties it.

A page is a file to share, and a results folder may come from elsewhere. So the page embeds only files of that
folder: an attachment such as ../notes or a symbolic link to another folder is an error. --clean-alluredir
removes the folder with everything in it. So a run refuses a folder with files that Allure did not write.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reports.errors import ReportError

HERE = Path(__file__).resolve().parent
#: Results folders of the suites `article` and `upgrade`, which only runs of this project write.
RESULTS = HERE / "results"
UPGRADE_RESULTS = HERE / "results-upgrade"
GLOBALS = "*-globals.json"
_RECORDS = ("*-result.json", "*-container.json", GLOBALS)
# File names in a folder of Allure results. Source: Allure's documentation, "Test results files".
_ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_RECORD = re.compile(rf"{_ID}-(result|container|globals)\.json")
_FILE = re.compile(
    rf"{_ID}-((result|container|globals)\.json(\.tmp)?|attachment(\..+)?)"
    r"|environment\.(properties|xml)|(categories|executor)\.json|conformance\.yaml|verdict\.json"
)
# Source: Allure's documentation, "History files".
_HISTORY = re.compile(r"history\.json|(history|duration|retry|categories)-trend\.json")


def check(results: Path) -> None:
    """Raise ReportError for a broken link or record, or for one that refers to a file outside the folder."""
    _check_links(results)
    for path in sorted(each for pattern in _RECORDS for each in results.glob(pattern)):
        for attachment in _attachments(_record(path)):
            _check_attachment(path, attachment)
    for path in results.glob(GLOBALS):
        for attachment in _record(path).get("attachments", []):
            _check_global(path, attachment)


def kept_by(folder: Path) -> str:
    """Return why the folder must not be removed, or "" if Allure and this project wrote everything in it.

    Files such as categories.json in a folder without any result may be the user's. The project's own folders
    are an exception, because an interrupted run may leave only environment.properties there.
    """
    every = sorted(folder.iterdir())
    foreign = next((path.name for path in every if not _is_of_allure(path)), None)
    if foreign:
        return f"its file {foreign} is not an Allure result"
    of_this_project = folder.resolve() in {RESULTS, UPGRADE_RESULTS}
    if every and not of_this_project and not any(_RECORD.fullmatch(path.name) for path in every):
        return f"its file {every[0].name} has no Allure result with it and may be yours"
    return ""


def _is_of_allure(path: Path) -> bool:
    if path.name == "history" and path.is_dir() and not path.is_symlink():
        return all(_is_file(each, _HISTORY) for each in path.iterdir())
    return _is_file(path, _FILE)


def _is_file(path: Path, names: re.Pattern[str]) -> bool:
    return names.fullmatch(path.name) is not None and path.is_file() and not path.is_symlink()


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
