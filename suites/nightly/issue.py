"""One issue while the nightly is red: opened once, rewritten each night, closed when every cell is green.

A hidden marker in the body recognises the issue, and only in an issue that this job's own account wrote. The
marker also records what the last night said, so that a comment is written only when that changes.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from suites.nightly.gather import Entry, cell
from suites.nightly.github import Repository

#: The account of GITHUB_TOKEN in a workflow. Source: GitHub's documentation, "GITHUB_TOKEN".
AUTHOR = "github-actions[bot]"
_MARKER = re.compile(r"\A<!-- istio-conformance-nightly (\[.*?\]) -->")
_SHA = 12


def update(repository: Repository, entries: Sequence[Entry], run_url: str, author: str = AUTHOR) -> str:
    """Open, rewrite, comment on or close the issue, and return what was done in one line."""
    found = _find(repository, author)
    red, counted = [each for each in entries if each.red], [each for each in entries if each.counted]
    if found is None:
        if not counted:
            return f"no issue is open, and none is needed: {len(red)} cells are red for the first night"
        number = repository.create_issue(title(entries), body(entries, run_url))
        return f"opened issue {number}"
    number = int(found["number"])
    if not red:
        repository.comment(number, f"All {len(entries)} cells are green: [the run]({run_url}).")
        repository.change_issue(number, title=found["title"], body=body(entries, run_url), state="closed")
        return f"closed issue {number}"
    changes = _changes(_last_facts(found), _facts(entries))
    repository.change_issue(number, title=title(entries), body=body(entries, run_url))
    if changes:
        repository.comment(number, "\n".join([*changes, f"\n[The run]({run_url})"]))
    return f"rewrote issue {number}" + (f", {len(changes)} changes" if changes else ", nothing changed")


def title(entries: Sequence[Entry]) -> str:
    """Return the issue's title, such as "Nightly red: 2 of 9 cells since 2026-11-27"."""
    counted = [each for each in entries if each.counted]
    waiting = sum(each.red and not each.counted for each in entries)
    since = min(each.since for each in entries if each.red)
    more = f", {waiting} to confirm," if waiting else ""
    return f"Nightly red: {len(counted)} of {len(entries)} cells{more} since {since}"


def body(entries: Sequence[Entry], run_url: str) -> str:
    """Return the issue's body, marker first."""
    lines = [f"<!-- istio-conformance-nightly {json.dumps(_facts(entries))} -->"]
    red = [each for each in entries if each.red]
    lines.append(f"{len(red)} of {len(entries)} cells are red in [the last run]({run_url}).")
    lines += [
        "",
        "| cell | stage | kind of failure | likely cause | first red commit | last green commit | artifact |",
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for each in red:
        result = each.result
        kind = result.kind if each.counted else f"{result.kind}, first night: counts if it lasts"
        values = (result.cell, result.stage, kind, result.cause, _sha(each.first_red), _sha(each.last_green))
        shown = " | ".join(cell(value) or "unknown" for value in values)
        lines.append(f"| {shown} | [{cell(result.artifact)}]({run_url}#artifacts) |")
    for each in red:
        lines += [
            "",
            f"To repeat {cell(each.result.cell)}:",
            "",
            f"    {' '.join(each.result.command.split())}",
        ]
    return "\n".join(lines) + "\n"


def _sha(commit: str) -> str:
    return commit[:_SHA]


def _find(repository: Repository, author: str) -> dict[str, Any] | None:
    for each in repository.open_issues():
        own = (each.get("user") or {}).get("login") == author
        if own and _MARKER.match(each.get("body") or ""):
            return each
    return None


def _facts(entries: Sequence[Entry]) -> list[list[str]]:
    """Return what makes a night differ from another: the red cells with kind and stage."""
    facts = [[each.result.cell, each.result.kind, each.result.stage] for each in entries if each.red]
    # A stage is a test's text; it must not end the comment that holds the marker.
    return [[re.sub(r"[^\w ./()-]", "", text) for text in each] for each in facts]


def _last_facts(issue: dict[str, Any]) -> list[list[str]]:
    """Return what the issue's marker records of the last night; empty if it records nothing valid."""
    matched = _MARKER.match(issue["body"])
    try:
        facts = json.loads(matched.group(1)) if matched else []
    except ValueError:
        return []
    return [each for each in facts if isinstance(each, list) and len(each) == 3]


def _changes(before: list[list[str]], now: list[list[str]]) -> list[str]:
    old, new = {each[0]: each[1:] for each in before}, {each[0]: each[1:] for each in now}
    words = {name: cell(": ".join(part for part in parts if part)) for name, parts in {**old, **new}.items()}
    lines = [f"- {cell(name)} is red: {words[name]}" for name in new if name not in old]
    lines += [
        f"- {cell(name)} fails in another way: {words[name]}"
        for name in new
        if name in old and old[name] != new[name]
    ]
    return lines + [
        f"- {cell(name)} is green again, or no longer expected" for name in old if name not in new
    ]
