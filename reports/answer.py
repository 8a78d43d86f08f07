"""The page's answer, from the run's result: the verdict with what failed and why, then stages or budgets.

The page puts its pictures between the two parts.
"""

import html
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from reports import conformance
from reports.answer_style import STYLE
from reports.durations import in_words
from reports.environment import build_of
from reports.errors import ReportError
from reports.summary import one_line

_GOOD, _BAD, _OPEN = "good", "bad", "open"
_COLOURS = {"success": _GOOD, "safe": _GOOD, "met": _GOOD, "failure": _BAD, "unsafe": _BAD, "missed": _BAD}
_WORDS = {"success": "Passed", "partial": "Passed, with skipped tests", "failure": "Failed"}
#: What each line of a failure's reason says, after the first one.
_LABELS = {
    "last observation": "Observed",
    "likely cause": "Likely cause",
    "what to do": "What to do",
    "reproduce": "Try by hand",
}
#: A test of one budget of a strategy.
_BUDGET_TEST = re.compile(r"test_budget_is_met\[(?P<strategy>in-place|canary)-(?P<budget>.+)\]")
#: The first line of a wait's reason: how it ended, and what was expected.
_WAIT = re.compile(r"(?P<ended>[^:]+ after [^:(]+ \(\d+ attempts?\)): (?P<expected>.*)")
_COUNTS = {
    "passed": "tests passed",
    "failed": "failed",
    "skipped": "skipped",
    "notReached": "not reached",
}
#: Attachments of an upgrade's strategy that say what failed, and when.
_EVIDENCE = ("requests and pods that failed", "timeline")
_KINDS = {
    "product": "The mesh did not behave as expected.",
    "environment": "The environment broke before the mesh could be tested.",
    "suite": "The suite itself has an error.",
}
#: How the reason of a check begins.
_CHECKED = "AssertionError: "
#: Characters of an observation in a failure's box, and in the table; Allure's part has the whole text.
_BOX, _ROW = 400, 160
_NO_CAUSE = "none was found"
_TO_DO = {
    True: "Remove the likely cause, then repeat it with the command below.",
    False: "Read the evidence of the failed test below: events, pods, logs and the proxies' configuration.",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Both parts as HTML: the verdict with every failure, and the table of stages or the budgets."""

    verdict: str
    details: str
    #: Names of the attachments that say what failed, so that the page does not fold them away.
    evidence: Collection[str] = ()


def of(results: Path) -> Answer | None:
    """Return the answer, or None if the run left no result; ReportError for one that is invalid."""
    for name, loads, shown in (
        (conformance.FILE, yaml.safe_load, _of_run),
        (conformance.VERDICT_FILE, json.loads, _of_upgrade),
    ):
        if (file := results / name).is_file():
            return _parsed(file, loads, shown)
    return None


def paragraph(text: str) -> str:
    """Return the HTML of a text in a section of its own, or "" for none."""
    return f'{STYLE}<section class="answer"><p>{_text(text)}</p></section>' if text else ""


def _parsed(file: Path, loads: Callable[[str], Any], shown: Callable[[Mapping[str, Any]], Answer]) -> Answer:
    try:
        return shown(loads(file.read_text(encoding="utf-8")))
    except (ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ReportError(
            f"{file} is not the result of a run ({error}): remove it or repeat the run"
        ) from error


def _of_run(report: Mapping[str, Any]) -> Answer:
    stages, result = report["stages"], report["result"]
    environment, implementation = report["environment"], report["implementation"]
    tested = (
        f"Istio {implementation['version']}, {build_of(environment['distribution'])}, "
        f"on Kubernetes {environment['kubernetes']}"
    )
    counts = report["statistics"]
    totals = ", ".join(f"{counts[key]} {word}" for key, word in _COUNTS.items() if counts[key])
    verdict = [
        _headline(_WORDS[result], result, f"{tested}. {totals}, in {in_words(report['seconds'])}."),
        *(_failure(stage["title"], stage["failed"]) for stage in stages if stage["failed"]),
        _skipped(stages),
    ]
    rows = [_stage_row(each) for each in stages]
    details = _table(("stage", "result", "time", "seen, or why not"), rows)
    return _answer(verdict, [details])


def _of_upgrade(verdict: Mapping[str, Any]) -> Answer:
    environment, word = verdict["environment"], verdict["verdict"]
    tested = (
        f"Upgrade from Istio {verdict['from']} to {verdict['to']}, {build_of(environment['distribution'])}, "
        f"mode {verdict['mode']}, on Kubernetes {environment['kubernetes']}, "
        f"in {in_words(verdict['seconds'])}."
    )
    first = [_headline(word.capitalize(), word, tested)]
    if verdict["failures"]:
        first.append(_failure("Upgrade", verdict["failures"]))
    first += [_reasons(each) for each in verdict["strategies"]]
    if verdict["behaviourChanges"]:
        first.append(f"<p>Behaviour changes: {_text(verdict['behaviourChanges'])}</p>")
    if not verdict["failures"]:
        first.append(f"<p>Repeat it: <code>{_text(verdict['reproduce'])}</code></p>")
    unsafe = [each["name"] for each in verdict["strategies"] if each["verdict"] == "unsafe"]
    evidence = [f"{name}: {what}" for name in unsafe for what in _EVIDENCE]
    return replace(_answer(first, list(_budgets(verdict))), evidence=evidence)


def _answer(verdict: Sequence[str], details: Sequence[str]) -> Answer:
    one, two = (f'<section class="answer">{"".join(parts)}</section>' for parts in (verdict, details))
    return Answer(STYLE + one, two)


def _reasons(strategy: Mapping[str, Any]) -> str:
    """Return a strategy's word, and every reason for it: what failed, what is not shown, what is exempt."""
    name, word = strategy["name"].capitalize(), strategy["verdict"]
    budgets = {each["name"]: each for each in strategy["budgets"]}
    lines = [strategy["failure"]] if strategy["failure"] else []
    lines += [f"Missed: {_beside_limit(each)}" for each in budgets.values() if each["result"] == "missed"]
    lines += _missing(strategy["missingEvidence"], budgets)
    exempt = dict.fromkeys(each["name"] for each in strategy["exempt"])
    lines += [f"Exempt, so not shown: {each}" for each in exempt]
    if word == "unsafe":
        lines.append(f"Evidence: {' and '.join(f'“{name}: {each}”' for each in _EVIDENCE)} below.")
    listed = "".join(f"<li>{_text(each)}</li>" for each in lines)
    return f"<h2>{_text(name)}: {_coloured(word, word)}</h2><ul>{listed}</ul>"


def _missing(gaps: Sequence[Mapping[str, str]], budgets: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield each kind of missing evidence once: a budget beside its limit, or the first text of the kind."""
    for name, count in Counter(each["name"] for each in gaps).items():
        if name in budgets:
            yield f"Not shown: {_beside_limit(budgets[name])}"
        else:
            first = next(each["text"] for each in gaps if each["name"] == name)
            yield f"Missing evidence: {first}" + (f"; {count - 1} more of this kind" if count > 1 else "")


def _beside_limit(budget: Mapping[str, Any]) -> str:
    value = "not measured" if budget["value"] is None else _number(budget["value"])
    source = f" ({budget['source']})" if budget["source"] else ""
    return f"{budget['name']} {value}{source}, limit {_limit(budget)}"


def _budgets(verdict: Mapping[str, Any]) -> Iterator[str]:
    """Yield the budgets of each strategy, and what the verdict does not cover."""
    for strategy in verdict["strategies"]:
        yield f"<h2>{_text(strategy['name'].capitalize())}: budgets</h2>"
        rows = [_budget_row(each) for each in strategy["budgets"]]
        yield _table(("budget", "result", "value", "limit", "what it counts"), rows)
    stand_ins = verdict["standIns"]
    every = [each for strategy in verdict["strategies"] for each in strategy["notCovered"]]
    limits = [each for each in dict.fromkeys(every) if each not in stand_ins]
    if stand_ins:
        limits.append("what the stand-ins replace, which are listed below")
    if limits:
        yield f"<h2>Not covered</h2><ul>{''.join(f'<li>{_text(each)}</li>' for each in limits)}</ul>"


def _headline(word: str, result: str, sentence: str) -> str:
    return f'<h1 class="{_colour(result)}">{_text(word)}</h1><p>{_text(sentence)}</p>'


def _failure(title: str, failed: Sequence[Mapping[str, str]]) -> str:
    """Return the first failure: what was expected and observed, why, what to do, the command."""
    first, *more = failed
    parts = _parts(first["reason"], first.get("expected", ""))
    parts.setdefault("What to do", _TO_DO[not parts.get("Likely cause", _NO_CAUSE).startswith(_NO_CAUSE)])
    parts["What to do"] = parts["What to do"][:1].upper() + parts["What to do"][1:]
    rows = [(name, _text(text)) for name, text in parts.items()]
    rows.append(("Command", f"<code>{_text(first['reproduce'])}</code>"))
    names = _text(", ".join(_name(each["name"]) for each in more))
    others = f"<p>{len(more)} more failed: {names}</p>" if more else ""
    listed = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows)
    heading = _text(f"{title}: {_name(first['name'])}")
    return f'<div class="box"><h2>{heading}</h2><p>{_KINDS[first["kind"]]}</p><dl>{listed}</dl>{others}</div>'


def _name(test: str) -> str:
    """Return a test's name as a reader knows it: that of a budget has the budget's name."""
    found = _BUDGET_TEST.fullmatch(test)
    return f"{found['strategy']}, budget {found['budget']}" if found else test


def _skipped(stages: Sequence[Mapping[str, Any]]) -> str:
    """Return why tests were skipped, each reason of a stage once."""
    reasons = dict.fromkeys(
        f"{stage['title']}: {each['reason'].removeprefix('Skipped: ')}"
        for stage in stages
        for each in stage["skipped"]
    )
    listed = "".join(f"<li>{_text(each)}</li>" for each in reasons)
    return f"<p>Skipped:</p><ul>{listed}</ul>" if listed else ""


def _parts(reason: str, expected: str) -> dict[str, str]:
    """Return the parts of a failure's reason by their labels on the page.

    A check without a wait gives its observation alone: what it expects is in the test's own words.
    """
    start, *lines = reason.splitlines() or [""]
    waited = _WAIT.fullmatch(start)
    observed = any(line.strip().startswith("last observation: ") for line in lines)
    opening = "Expected" if waited or observed else "Error"
    parts = {opening: waited["expected"] if waited else start}
    for line in lines:
        name, colon, text = line.strip().partition(": ")
        if colon and name in _LABELS:
            parts[_LABELS[name]] = text
        else:
            parts[opening] += f" {line.strip()}"
    if opening == "Error" and expected and start.startswith(_CHECKED):
        seen = one_line(parts.pop("Error").removeprefix(_CHECKED), _BOX)
        parts = {"Expected": expected, "Observed": seen, **parts}
    if waited:
        parts["Waited"] = waited["ended"]
    return parts


def _stage_row(stage: Mapping[str, Any]) -> Iterator[str]:
    why = [stage["reason"]] if stage["reason"] else stage["seen"]
    if stage["failed"]:
        parts = _parts(stage["failed"][0]["reason"], stage["failed"][0].get("expected", ""))
        why = [one_line(parts.get("Observed") or next(iter(parts.values())), _ROW)]
    elif not why and stage["skipped"]:
        why = [stage["skipped"][0]["reason"]]
    yield _text(stage["title"])
    yield _coloured(stage["result"], stage["result"])
    yield in_words(stage["seconds"])
    yield "<br>".join(map(_text, why))


def _budget_row(budget: Mapping[str, Any]) -> Iterator[str]:
    yield _text(budget["name"])
    yield _coloured(budget["result"], budget["result"])
    yield "-" if budget["value"] is None else _number(budget["value"])
    yield f'<span class="limit">{_text(_limit(budget))}</span>'
    shown = (
        f"{source}: {_number(each['value'])}, at least {_number(each['atLeast'])}, "
        f"at most {_number(each['atMost'])}, a lasting one detected from {_number(each['detectableFrom'])}"
        for source, each in budget["shown"].items()
    )
    yield "<br>".join(map(_text, [budget["what"], *shown]))


def _limit(budget: Mapping[str, Any]) -> str:
    unit = "" if budget["unit"] == "ratio" else f" {budget['unit']}"
    return f"{_number(budget['limit'])}{unit}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"


def _table(head: Sequence[str], rows: Sequence[Iterator[str]]) -> str:
    titles = "".join(f"<th>{each}</th>" for each in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{titles}</tr>{body}</table>"


def _coloured(text: str, result: str) -> str:
    return f'<span class="{_colour(result)}">{_text(text)}</span>'


def _colour(result: str) -> str:
    return _COLOURS.get(result, _OPEN)


def _text(text: object) -> str:
    return html.escape(str(text))
