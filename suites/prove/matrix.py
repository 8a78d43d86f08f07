"""Write the matrix of faults into docs/trials.md, between two markers; rows that did not run are kept."""

from collections.abc import Sequence

from suites.prove.catalogue import Fault, unbroken_promises, upgrade_faults
from suites.prove.trial import Result

BEGIN, END = "<!-- prove: begin -->", "<!-- prove: end -->"
NOT_RUN = "not run"
_HEAD = (
    "| fault | what was broken | stage expected | tests that failed | cause reported | seconds | caught |",
    "|---|---|---|---|---|---|---|",
)
_UPGRADE_HEAD = (
    "| fault | what was broken | promises that must fail | test of suites/lab |",
    "|---|---|---|---|",
)
#: Characters of a cause that a row shows.
_CAUSE = 120


def row(result: Result) -> str:
    """Return the row of a fault that ran."""
    cause = result.cause.replace("|", "\\|")
    shown = f"{cause[:_CAUSE]} ..." if len(cause) > _CAUSE else cause or "none"
    caught = "; ".join(result.reasons).replace("\n", " ").replace("|", "\\|")
    verdict = f"no: {caught}" if caught else "yes"
    tests = ", ".join(result.failed) or "none"
    return f"{_start(result.fault)} {tests} | {shown} | {result.seconds:.0f} | {verdict} |"


def table(faults: Sequence[Fault], rows: dict[str, str]) -> str:
    """Return the matrix: one row for each fault, in the catalogue's order."""
    lines = [rows.get(fault.name) or f"{_start(fault)} {NOT_RUN} |  |  |  |" for fault in faults]
    return "\n".join([*_HEAD, *lines])


def written(text: str, faults: Sequence[Fault], unbroken: dict[str, str], new: dict[str, str]) -> str:
    """Return the document with new rows, and with the tests that no fault breaks."""
    before, _, rest = text.partition(BEGIN)
    old, _, after = rest.partition(END)
    rows = {line.split("|")[1].strip(): line for line in old.splitlines() if line.startswith("| ")}
    # A fault that has changed since its row was written has not run.
    kept = {
        fault.name: rows[fault.name]
        for fault in faults
        if rows.get(fault.name, "").startswith(f"{_start(fault)} ")
    }
    parts = [
        table(faults, kept | new),
        _listed("Tests of the article's stages that no fault breaks", unbroken),
        "Faults of an upgrade, each in a test of its own; `make test-full` runs them:",
        _upgrades(),
        _listed("Promises of an upgrade that no fault breaks", unbroken_promises()),
    ]
    return f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}"


def _start(fault: Fault) -> str:
    return f"| {fault.name} | {fault.broken} | {fault.stage} |"


def _upgrades() -> str:
    rows = [
        f"| {each.name} | {each.broken} | {', '.join(each.fails)} | {each.test} |"
        for each in upgrade_faults()
    ]
    return "\n".join([*_UPGRADE_HEAD, *rows])


def _listed(title: str, tests: dict[str, str]) -> str:
    lines = [f"- {test}: {reason}" for test, reason in sorted(tests.items())]
    return f"{title} ({len(lines)}):\n\n" + "\n".join(lines)
