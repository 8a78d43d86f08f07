"""The trend of an environment: Allure's history file of its earlier runs, which the page reads and extends.

Each combination of distribution, Istio and Kubernetes has a file of its own, named after what the results say
of themselves. So results of the lab never stand on one trend with those of a published Istio, whichever
folder they are given. Source of the format (JSON Lines, one run a line): Allure 3's documentation, "History".
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reports import environment
from reports.errors import ReportError
from reports.redaction import redact_tree

#: Runs that a file keeps.
LIMIT = 30
SUFFIX = ".jsonl"
_FAILED = {"failed", "broken"}


@dataclass(frozen=True, slots=True)
class History:
    """An environment's history: its file, and the copy that Allure works on until the page is complete."""

    file: Path
    copy: Path

    def sentence(self) -> str:
        """Return how the earlier runs ended; call it before Allure adds this one."""
        points = [json.loads(line) for line in self.copy.read_text(encoding="utf-8").splitlines()]
        if not points:
            return "This is the first run on the trend of this environment."
        failed = [
            each for each in points if _FAILED & {one.get("status") for one in each["testResults"].values()}
        ]
        dates = ", ".join(dict.fromkeys(_date(each) for each in failed))
        ended = f"{len(failed)} with failed tests, on {dates}" if failed else "none with a failed test"
        runs = "1 earlier run" if len(points) == 1 else f"{len(points)} earlier runs"
        return f"{runs} of this environment, {ended}. Trends: “Graphs” in the menu below."

    def save(self) -> None:
        """Replace the file by Allure's copy, at once. Raises OSError on failure."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        try:
            unfinished.write_bytes(self.copy.read_bytes())
            unfinished.replace(self.file)
        finally:
            unfinished.unlink(missing_ok=True)


def _date(point: Mapping[str, Any]) -> str:
    return datetime.fromtimestamp(point["timestamp"] / 1000, UTC).date().isoformat()


def opened(folder: Path, results: Path, work: Path) -> History | None:
    """Return the history for these results, with its copy in `work`; None if they name no environment.

    Raises ReportError for a file that is not a history.
    """
    name = environment.key(results)
    if not name:
        return None
    history = History(folder / f"{name}{SUFFIX}", work / f"history{SUFFIX}")
    earlier = history.file.read_text(encoding="utf-8") if history.file.is_file() else ""
    if (points := cleaned(earlier)) is None:
        raise ReportError(f"{history.file} is not a history of Allure: remove it, and the trend starts anew")
    history.copy.write_text(points, encoding="utf-8")
    return history


def cleaned(text: str) -> str | None:
    """Return the runs of a history without secrets, the newest `LIMIT` of them; None if it is no history."""
    try:
        points = [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError:
        return None
    if not all(_is_run(each) for each in points):
        return None
    return "".join(f"{json.dumps(redact_tree(each))}\n" for each in points[-LIMIT:])


def _is_run(point: object) -> bool:
    if not isinstance(point, dict) or not isinstance(point.get("timestamp"), int):
        return False
    results = point.get("testResults")
    return isinstance(results, dict) and all(isinstance(each, dict) for each in results.values())
