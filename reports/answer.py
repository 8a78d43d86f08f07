"""The first screen of the page, from the result: the verdict, what failed and why, stages or budgets."""

import html
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from reports import conformance
from reports.errors import ReportError

_GOOD, _BAD, _OPEN = "good", "bad", "open"
_COLOURS = {"success": _GOOD, "safe": _GOOD, "met": _GOOD, "failure": _BAD, "unsafe": _BAD, "missed": _BAD}
_WORDS = {"success": "Passed", "partial": "Passed, with skipped tests", "failure": "Failed"}
#: What each line of a failure's reason says; the first line, without one of these, is what was expected.
_LABELS = {"last observation": "Observed", "likely cause": "Likely cause", "reproduce": "Try by hand"}
_KINDS = {
    "product": "The mesh did not behave as expected.",
    "environment": "The environment broke before the mesh could be tested.",
    "suite": "The suite itself has an error.",
}
_TO_DO = {
    True: "Remove the likely cause, then repeat the stage with the command below.",
    False: "Read the evidence of the failed test below: events, pods, logs and the proxies' configuration.",
}
STYLE = """<style>
#answer{box-sizing:border-box;width:calc(100% - 32px);max-width:920px;margin:12px auto 0;padding:16px 24px;
 border-radius:8px;font:14px/1.5 Verdana,'DejaVu Sans',Arial,sans-serif;overflow-wrap:anywhere;
 background:var(--color-bg-primary,#fff);color:var(--color-text-primary,#1d2329)}
#answer h1{font-size:24px;line-height:1.3;margin:0 0 4px}
#answer h2{font-size:16px;margin:16px 0 4px}
#answer p{margin:0 0 8px}
#answer table{border-collapse:collapse;width:100%;margin:8px 0}
#answer td,#answer th{text-align:left;vertical-align:top;padding:3px 12px 3px 0;border-top:1px solid #8884}
#answer td:not(:last-child),#answer th{overflow-wrap:normal;white-space:nowrap}
#answer dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 16px;margin:8px 0}
#answer dt{font-weight:bold}#answer dd{margin:0}
#answer code{font:13px/1.5 'DejaVu Sans Mono',Menlo,monospace}
#answer .good{color:#1a7f37}#answer .bad{color:#cf222e}#answer .open{color:#9a6700}
#answer .box{border-left:4px solid #cf222e;padding-left:12px;margin:12px 0}
@media(max-width:600px){#answer{padding:12px}#answer table{font-size:12px}#answer td{padding-right:8px}
 #answer td:not(:last-child),#answer th{white-space:normal}#answer dl{grid-template-columns:1fr;gap:0}
 #answer dd{margin-bottom:8px}}
</style>"""


def section(results: Path) -> str:
    """Return the HTML of the answer, or "" if the run left no result; ReportError for one that is invalid."""
    for name, loads, shown in (
        (conformance.FILE, yaml.safe_load, _of_run),
        (conformance.VERDICT_FILE, json.loads, _of_upgrade),
    ):
        if (file := results / name).is_file():
            return f'{STYLE}<section id="answer">{_parsed(file, loads, shown)}</section>'
    return ""


def duration(seconds: float) -> str:
    """Return seconds in words: 12.3 s, or 2 min 5 s from a minute on."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _parsed(file: Path, loads: Callable[[str], Any], shown: Callable[[Mapping[str, Any]], str]) -> str:
    try:
        return shown(loads(file.read_text(encoding="utf-8")))
    except (ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ReportError(
            f"{file} is not the result of a run ({error}): remove it or repeat the run"
        ) from error


def _of_run(report: Mapping[str, Any]) -> str:
    stages = report["stages"]
    seconds = sum(each["seconds"] for each in stages)
    environment, implementation = report["environment"], report["implementation"]
    tested = (
        f"Istio {implementation['version']} on Kubernetes {environment['kubernetes']}, "
        f"distribution {environment['distribution']}"
    )
    counts = report["statistics"]
    totals = ", ".join(
        f"{counts[key]} {word}"
        for key, word in (
            ("passed", "tests passed"),
            ("failed", "failed"),
            ("skipped", "skipped"),
            ("notReached", "not reached"),
        )
        if counts[key]
    )
    parts = [
        _headline(_WORDS[report["result"]], report["result"], f"{tested}. {totals}, in {duration(seconds)}."),
        *(_failure(stage) for stage in stages if stage["failed"]),
        _table(
            ("stage", "result", "time", "seen, or why not"),
            [_stage_row(each) for each in stages],
        ),
    ]
    return "".join(parts)


def _of_upgrade(verdict: Mapping[str, Any]) -> str:
    environment = verdict["environment"]
    tested = (
        f"Upgrade from Istio {verdict['from']} to {verdict['to']}, mode {verdict['mode']}, on Kubernetes "
        f"{environment['kubernetes']}, distribution {environment['distribution']}."
    )
    parts = [_headline(verdict["verdict"].capitalize(), verdict["verdict"], tested)]
    if verdict["failedTests"]:
        parts.append(f'<div class="box"><p>Failed: {_text(", ".join(verdict["failedTests"]))}</p></div>')
    if verdict["testsThatCouldNotRun"]:
        parts.append(f"<p>Could not run: {_text(', '.join(verdict['testsThatCouldNotRun']))}</p>")
    for strategy in verdict["strategies"]:
        name, word = strategy["name"].capitalize(), strategy["verdict"]
        parts.append(f"<h2>{_text(name)}: {_coloured(word, word)}</h2>")
        missing = [strategy["failure"]] if strategy["failure"] else []
        missing += [
            f"Missing evidence, {each['name']}: {each['text']}" for each in strategy["missingEvidence"]
        ]
        missing += [f"Exempt, so not shown: {each['name']}" for each in strategy["exempt"]]
        parts += [f"<p>{_text(each)}</p>" for each in missing]
        rows = [_budget_row(each) for each in strategy["budgets"]]
        parts.append(_table(("budget", "result", "value", "limit", "what it counts"), rows))
    if verdict["behaviourChanges"]:
        parts.append(f"<p>Behaviour changes: {_text(verdict['behaviourChanges'])}</p>")
    parts.append(f"<p>Repeat it: <code>{_text(verdict['reproduce'])}</code></p>")
    return "".join(parts)


def _headline(word: str, result: str, sentence: str) -> str:
    return f'<h1 class="{_colour(result)}">{_text(word)}</h1><p>{_text(sentence)}</p>'


def _failure(stage: Mapping[str, Any]) -> str:
    """Return the first failure of a stage: what was expected and observed, why, what to do, the command."""
    first, *more = stage["failed"]
    expected, *lines = first["reason"].splitlines() or [""]
    parts: dict[str, str] = {"Expected": expected}
    for line in lines:
        name, colon, text = line.strip().partition(": ")
        if colon and name in _LABELS:
            parts[_LABELS[name]] = text
        else:
            parts["Expected"] += f" {line.strip()}"
    parts["What to do"] = _TO_DO["Likely cause" in parts]
    rows = [(name, _text(text)) for name, text in parts.items()]
    rows.append(("Command", f"<code>{_text(first['reproduce'])}</code>"))
    others = f"<p>{len(more)} more tests of this stage failed.</p>" if more else ""
    listed = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows)
    title = f"{stage['title']}: {first['name']}"
    return (
        f'<div class="box"><h2>{_text(title)}</h2><p>{_KINDS[first["kind"]]}</p>'
        f"<dl>{listed}</dl>{others}</div>"
    )


def _stage_row(stage: Mapping[str, Any]) -> Iterator[str]:
    why = "; ".join(stage["seen"])
    if stage["failed"]:
        why = stage["failed"][0]["reason"].partition("\n")[0]
    elif not why and stage["skipped"]:
        why = stage["skipped"][0]["reason"]
    yield _text(stage["title"])
    yield _coloured(stage["result"], stage["result"])
    yield duration(stage["seconds"])
    yield _text(why)


def _budget_row(budget: Mapping[str, Any]) -> Iterator[str]:
    yield _text(budget["name"])
    yield _coloured(budget["result"], budget["result"])
    yield "-" if budget["value"] is None else f"{budget['value']:.4g}"
    yield f"{budget['limit']:g} {_text(budget['unit'])}"
    shown = (
        f"{where} at least {each['atLeast']:.3g}, at most {each['atMost']:.3g}, "
        f"detected from {each['detectableFrom']:.3g}"
        for where, each in budget["shown"].items()
    )
    yield _text("; ".join([budget["what"], *shown]))


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
