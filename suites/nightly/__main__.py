"""The commands of the nightly's jobs. Their inputs are the runner's variables."""

import argparse
import datetime
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from reports.history import SUFFIX, cleaned
from reports.redaction import guarded_streams
from reports.results_folder import RESULTS, UPGRADE_RESULTS
from suites.nightly import gather, issue, matrix, results
from suites.nightly.github import ApiError, Repository

_STATE_ARTIFACT = "nightly"
#: Where a run of a cell finds and keeps the histories; the workflow uploads the folder.
HISTORY = Path("reports") / "history"


def main(arguments: Sequence[str]) -> int:
    """Run one command. Return 0 on success, 1 if cells are red or with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m suites.nightly", description="Commands of the nightly.")
    commands = parser.add_subparsers(dest="command", required=True)
    deriving = commands.add_parser("derive", help="derive .github/matrix.yaml from Istio's table")
    deriving.add_argument("table", type=Path, help="a copy of data/compatibility/supportStatus.yml")
    deriving.add_argument("--to", type=Path, default=matrix.MATRIX)
    commands.add_parser("cells", help="write cells=JSON, the cells, to GITHUB_OUTPUT")
    fetching = commands.add_parser("history", help="fetch the histories that the cell CELL kept last")
    fetching.add_argument("--to", type=Path, default=HISTORY)
    recording = commands.add_parser("record", help="write the result of the cell CELL with exit code STATUS")
    recording.add_argument("--results", type=Path, help="folder of the Allure results (by KIND)")
    recording.add_argument("--to", type=Path, default=Path("reports") / "cell" / results.FILE)
    gathering = commands.add_parser("gather", help="collect all cells; exit code 1 if any is red")
    gathering.add_argument("folder", type=Path, help="folder with the cells' artifacts")
    gathering.add_argument("--to", type=Path, default=Path("reports") / "nightly" / gather.STATE)
    writing = commands.add_parser("issue", help="open, rewrite or close the one issue")
    writing.add_argument("state", type=Path, help="the file that gather wrote")
    chosen = parser.parse_args(arguments)
    known: dict[str, Callable[[argparse.Namespace], int]] = {
        "derive": _derive, "cells": _cells, "history": _history, "record": _record, "gather": _gather,
        "issue": _issue,
    }  # fmt: skip
    try:
        return known[chosen.command](chosen)
    except (ApiError, OSError, ValueError) as error:
        sys.stderr.write(f"[nightly] {error}\n")
        return 1


def _derive(chosen: argparse.Namespace) -> int:
    cells = matrix.published_cells(chosen.table)
    chosen.to.write_text(matrix.text(cells), encoding="utf-8")
    sys.stdout.write(f"[nightly] {len(cells)} cells: {chosen.to}\n")
    return 0


def _cells(_: argparse.Namespace) -> int:
    cells = matrix.read()
    _append("GITHUB_OUTPUT", f"cells={json.dumps([asdict(each) for each in cells])}\n")
    sys.stdout.write("".join(f"[nightly] {each.name}\n" for each in cells))
    return 0


def _history(chosen: argparse.Namespace) -> int:
    """Fetch the histories; without them, tonight's page has no trend, and the cell runs all the same."""
    try:
        kept = Repository.here().last_artifact(f"history-{os.environ['CELL']}", _branch())
    except ApiError as error:
        sys.stderr.write(f"[nightly] the trend starts anew: {error}\n")
        return 0
    chosen.to.mkdir(parents=True, exist_ok=True)
    for name, text in kept.items():
        if name == Path(name).name and name.endswith(SUFFIX) and (points := cleaned(text)):
            (chosen.to / name).write_text(points, encoding="utf-8")
            sys.stdout.write(f"[nightly] {name}: {points.count(chr(10))} runs\n")
    return 0


def _record(chosen: argparse.Namespace) -> int:
    commands = _commands()
    name = os.environ["CELL"]
    environ = {"COMMAND": commands.get(name, ""), **os.environ}
    folder = UPGRADE_RESULTS if os.environ.get("KIND") == "upgrade" else RESULTS
    result = results.of_run(name, os.environ.get("STATUS", ""), chosen.results or folder, environ)
    results.write(result, chosen.to)
    sys.stdout.write(f"[nightly] {name}: {result.kind}\n")
    return 0


def _gather(chosen: argparse.Namespace) -> int:
    found = gather.collect(_commands(), chosen.folder)
    before = gather.load(_last_night())
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    entries = gather.carry_on(found, before, commit=os.environ.get("GITHUB_SHA", ""), date=today)
    gather.save(entries, chosen.to)
    _append("GITHUB_STEP_SUMMARY", gather.table(entries))
    red = [each for each in entries if each.red]
    sys.stdout.write("".join(f"[nightly] {each.result.cell}: {each.result.kind}\n" for each in red))
    sys.stdout.write(f"[nightly] {len(entries) - len(red)} of {len(entries)} cells are green\n")
    return 1 if red else 0


def _commands() -> dict[str, str]:
    """Return the command of each cell, with the distribution that the job sets, or the nightly's own."""
    distribution = os.environ.get("DISTRIBUTION", "upstream")
    return {each.name: results.command(each, distribution) for each in matrix.read()}


def _branch() -> str:
    return os.environ.get("GITHUB_REF_NAME", "main")


def _last_night() -> str:
    """Return the file that the last night saved; "" if it can't be read: tonight is still reported."""
    try:
        return Repository.here().last_artifact(_STATE_ARTIFACT, _branch()).get(gather.STATE, "")
    except ApiError as error:
        sys.stderr.write(f"[nightly] the history starts anew: {error}\n")
        return ""


def _issue(chosen: argparse.Namespace) -> int:
    entries = list(gather.load(chosen.state.read_text(encoding="utf-8")).values())
    if not entries:
        raise ValueError(f"{chosen.state} holds no cells: did the job `gather` end?")
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    url = f"{server}/{os.environ.get('GITHUB_REPOSITORY')}/actions/runs/{os.environ.get('GITHUB_RUN_ID')}"
    sys.stdout.write(f"[nightly] {issue.update(Repository.here(), entries, url)}\n")
    return 0


def _append(variable: str, text: str) -> None:
    """Append to the file that a variable of the runner names; nothing outside a runner."""
    if file := os.environ.get(variable):
        with Path(file).open("a", encoding="utf-8") as stream:
            stream.write(text)


if __name__ == "__main__":
    with guarded_streams():
        sys.exit(main(sys.argv[1:]))
