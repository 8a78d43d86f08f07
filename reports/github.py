"""What GitHub's runner shows of a run: the job's summary, and an annotation for each failed test.

Each text passes the gate for secrets before it is cut or escaped: redaction misses a secret in another form.

Source of both forms: GitHub Actions, "Workflow commands", sections "Adding a job summary" and "Setting an
error message".
"""

from collections.abc import Mapping, Sequence

from reports.durations import in_words
from reports.redaction import redact
from reports.summary import StageRecord, TestOutcome, one_line

#: The variable that names the file of the job's summary.
SUMMARY = "GITHUB_STEP_SUMMARY"
#: Characters of a text in a cell of a table, and of the verdict's reasons: longer than those of any real run.
_WIDTH, _REASONS = 200, 10_000
_STAGES = ("stage", "result", "time", "seen, or why not")
_BUDGETS = ("budget", "result", "value", "limit", "note")


def summary(line: str, stages: Sequence[StageRecord], budgets: Mapping[str, Sequence[Sequence[str]]]) -> str:
    """Return Markdown: the verdict, the budgets of each strategy of an upgrade, and the table of stages."""
    parts = [_verdict(line)]
    parts += [f"#### {_escaped(name)}\n\n{_table(_BUDGETS, rows)}" for name, rows in budgets.items()]
    if stages:
        parts.append(_table(_STAGES, [_row(each) for each in stages]))
    return "\n".join(parts) + "\n"


def _verdict(line: str) -> str:
    """Return a heading with the word and the exit code, and a paragraph with the reasons, not cut.

    The line is such as "verdict: unsafe (exit 10): 1.30.4 to 1.31.0: canary unsafe: ...".
    """
    word, end, reasons = redact(line).removeprefix("verdict: ").partition("): ")
    return f"### {_escaped(word)}{end[:1]}\n" + (f"\n{_escaped(reasons, _REASONS)}\n" if reasons else "")


def annotation(failed: TestOutcome) -> str:
    """Return the workflow command that shows a failure at its test's line."""
    place = f"file={_property(failed.file)},line={failed.line},title={_property(failed.name)}"
    return f"::error {place}::{_data(failed.reason)}"


def _row(stage: StageRecord) -> tuple[str, ...]:
    why = stage.reason or "; ".join(stage.seen) or f"{stage.tests} tests"
    return (stage.title, stage.verdict, in_words(stage.seconds), why)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_escaped(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _escaped(text: str, width: int = _WIDTH) -> str:
    """Return the text on one line, cut, without what Markdown or HTML would interpret."""
    shown = one_line(redact(text), width)
    for character in "\\`*_{}[]<>#|":
        shown = shown.replace(character, {"<": "&lt;", ">": "&gt;"}.get(character, f"\\{character}"))
    return shown


def _data(text: str) -> str:
    return redact(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
