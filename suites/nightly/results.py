"""What one cell came to: a small file that travels with the cell's artifact.

The kind of failure follows from the exit code of `istio-conformance` alone. Stage and cause come from the
Allure results; a cell that died before it wrote any still has its exit code.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from fixtures.exit_codes import ExitCode
from reports.errors import ReportError
from reports.gate import too_few
from reports.redaction import redact

#: The file's name in the folder of a cell's artifact.
FILE = "cell.json"
GREEN, MISSING, ENVIRONMENT, EVIDENCE = "green", "missing", "environment", "not enough evidence"
INCOMPLETE = "incomplete"
#: Exit code to the kind of failure. Any other code is an error of the suite.
_KINDS: dict[int, str] = {
    ExitCode.PASSED: GREEN,
    ExitCode.FAILED: "mesh",
    ExitCode.UNSAFE: "unsafe",
    ExitCode.NOT_ENOUGH_EVIDENCE: EVIDENCE,
    ExitCode.ENVIRONMENT: ENVIRONMENT,
    ExitCode.INCOMPLETE: INCOMPLETE,
    # `timeout` of .ci/cell: SIGINT, or SIGKILL if the run did not end after it.
    124: "time limit",
    137: "time limit",
}
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Result:
    """A cell's result: `kind` is green, missing or a kind of failure; `tests` is the number of results."""

    cell: str
    kind: str
    exit_code: int | None = None
    stage: str = ""
    cause: str = ""
    command: str = ""
    artifact: str = ""
    commit: str = ""
    tests: int = 0


def of_run(cell: str, status: str, results: Path, environ: Mapping[str, str]) -> Result:
    """Return the result of a cell from its exit code ("" if the run never ended) and its Allure results.

    A green run with fewer results than TESTS is incomplete.
    """
    code = int(status) if status.lstrip("-").isdigit() else None
    kind = MISSING if code is None else _KINDS.get(code, "suite")
    records = list(_records(results))
    failed = [each for each in records if each.get("status") in ("failed", "broken")]
    if kind == GREEN and not records:
        kind = MISSING
    stage, cause = ("", "") if kind == GREEN else _first(failed)
    if kind == GREEN and (cause := _lost(results, int(environ.get("TESTS") or 0))):
        kind = INCOMPLETE
    command = environ.get("COMMAND", "")
    return Result(
        cell, kind, code, stage, cause, command, f"report-{cell}", environ.get("GITHUB_SHA", ""), len(records)
    )


def _lost(results: Path, tests: int) -> str:
    """Return which results are missing or unusable; "" if none is, or if their number is not known."""
    try:
        return too_few(results, tests) if tests else ""
    except ReportError as error:
        return str(error)


def command(cell: Any, distribution: str) -> str:
    """Return the command that repeats a cell of the matrix on a distribution."""
    words = ["istio-conformance", cell.kind, f"--distribution={distribution}"]
    if cell.kind == "upgrade":
        words += [
            f"--from={cell.old}",
            f"--to={cell.istio}",
            f"--strategy={cell.strategy}",
            f"--mode={cell.mode}",
        ]
    else:
        words.append(f"--istio-version={cell.istio}")
    if cell.kubernetes:
        words.append(f"--kubernetes-version={cell.kubernetes}")
    return shlex.join(words)


def write(result: Result, file: Path) -> None:
    """Write the result as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")


def read(file: Path) -> Result | None:
    """Return the result in a file; None if it is not one, which counts as a missing cell."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        known = {each.name for each in fields(Result)}
        result = Result(**{name: value for name, value in content.items() if name in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    texts = (
        result.cell,
        result.kind,
        result.stage,
        result.cause,
        result.command,
        result.artifact,
        result.commit,
    )
    return result if all(isinstance(each, str) for each in texts) else None


def _records(results: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(results.glob("*-result.json")):
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(record, dict):
            yield record


def _first(failed: list[dict[str, Any]]) -> tuple[str, str]:
    """Return stage and cause of the failure that began first: later ones may follow from it."""
    if not failed:
        return "", "no failed test was recorded: see the job's log"
    first = min(failed, key=lambda each: int(each.get("start") or 0))
    labels = {each.get("name"): each.get("value") for each in first.get("labels", [])}
    message = str((first.get("statusDetails") or {}).get("message") or "")
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    causes = [line.partition("likely cause:")[2].strip() for line in lines if "likely cause:" in line]
    cause = next(iter(causes + lines), "no message")
    return str(labels.get("stage") or first.get("name") or ""), redact(cause)[:_LONGEST]
