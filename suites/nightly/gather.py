"""Collect the results of all expected cells, and carry the history of each from night to night.

A cell whose artifact is absent or broken is `missing`, and red. A failure of the environment and missing
evidence count after two nights in a row, because a hosted runner may be short of disk or network once.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from suites.nightly.results import ENVIRONMENT, EVIDENCE, FILE, GREEN, MISSING, Result, read

#: The kinds that count from the second night on.
_PATIENT = frozenset({ENVIRONMENT, EVIDENCE})
STATE = "nightly.json"
#: The ampersand comes first, because the others add one.
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "@": "&#64;", "`": "&#96;", "[": "&#91;"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One cell with its history: the red nights in a row, the date of the first, and commits."""

    result: Result
    nights: int = 0
    since: str = ""
    first_red: str = ""
    last_green: str = ""

    @property
    def red(self) -> bool:
        """Whether the cell is not green."""
        return self.result.kind != GREEN

    @property
    def counted(self) -> bool:
        """Whether the cell is red and counts: at once, or from the second night on."""
        return self.red and (self.result.kind not in _PATIENT or self.nights > 1)


def collect(expected: Mapping[str, str], folder: Path) -> list[Result]:
    """Return one result for each expected cell, in order.

    `expected` maps cells to the commands that repeat them.
    """
    found = [read(each) for each in sorted(folder.rglob(FILE))]
    results = {each.cell: each for each in found if each is not None}
    lost = "the job ended without a result: see its log"
    return [
        results.get(cell) or Result(cell, MISSING, cause=lost, command=command, artifact=f"report-{cell}")
        for cell, command in expected.items()
    ]


def carry_on(
    results: Sequence[Result], before: Mapping[str, Entry], *, commit: str, date: str
) -> list[Entry]:
    """Return the results with their history, which continues that of the night before."""
    entries = []
    for result in results:
        last = before.get(result.cell, Entry(result))
        if result.kind == GREEN:
            entries.append(Entry(result, last_green=commit))
        elif last.nights:
            entries.append(replace(last, result=result, nights=last.nights + 1))
        else:
            entries.append(Entry(result, 1, date, commit, last.last_green))
    return entries


def save(entries: Sequence[Entry], file: Path) -> None:
    """Write the entries as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"format": 1, "cells": [asdict(each) for each in entries]}
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load(text: str) -> dict[str, Entry]:
    """Return the entries of a saved file by cell; empty for "" and for a file of another format."""
    try:
        content = json.loads(text)
        if content["format"] != 1:
            return {}
        known = {each.name for each in fields(Entry)}
        entries = [
            Entry(**{**{name: each[name] for name in known}, "result": Result(**each["result"])})
            for each in content["cells"]
        ]
    except (ValueError, KeyError, TypeError):
        return {}
    return {each.result.cell: each for each in entries}


def table(entries: Sequence[Entry]) -> str:
    """Return the night as a Markdown table for the job's summary."""
    lines = ["| cell | result | stage | likely cause |", "|---|---|---|---|"]
    for each in entries:
        kind = each.result.kind if each.counted or not each.red else f"{each.result.kind} (first night)"
        lines.append(
            f"| {each.result.cell} | {kind} | {cell(each.result.stage)} | {cell(each.result.cause)} |"
        )
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """Return text for one cell of a Markdown table, which can start no markup, no mention and no comment."""
    flat = " ".join(text.split())
    for sign, written in _ESCAPES.items():
        flat = flat.replace(sign, written)
    return flat
