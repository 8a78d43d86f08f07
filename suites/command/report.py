"""`istio-conformance report`: the HTML page of a run's results."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from lab import allure, environment, scratch
from lab.errors import LabError
from reports import gate, page, results_folder
from reports.errors import ReportError


def main(arguments: Sequence[str]) -> int:
    """Run one command. Return 0 on success, 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(
        prog="istio-conformance report", description="Builds the HTML report of a run."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="install Allure into the cache, so that `build` needs no network")
    building = commands.add_parser("build", help="build one HTML file from the results")
    building.add_argument(
        "--results", type=Path, default=results_folder.RESULTS, help="folder of the Allure results"
    )
    building.add_argument(
        "--history", type=Path, help="folder of histories: show the environment's trend, and add this run"
    )
    building.add_argument("--page", type=Path, default=page.PAGE, help="the HTML file to write")
    gating = commands.add_parser("gate", help="fail unless the results are those of at least N tests")
    gating.add_argument(
        "--tests", type=_positive, required=True, metavar="N", help="number of tests that must have a result"
    )
    gating.add_argument(
        "--results", type=Path, default=results_folder.RESULTS, help="folder of the Allure results"
    )
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "install":
            allure.install(report)
        elif chosen.command == "gate":
            reason = gate.too_few(chosen.results, chosen.tests)
            report(f"{chosen.results}: {reason or f'at least {chosen.tests} tests have a result'}")
            return int(bool(reason))
        else:
            report(f"page: {build(chosen.results, chosen.page, chosen.history)}")
    except (ReportError, LabError) as error:
        sys.stderr.write(f"[report] {error}\n")
        return 1
    return 0


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return int(text)


def build(results: Path, made: Path, history: Path | None = None) -> Path:
    """Build the page with the cached Allure, installing it the first time; extend the trend in `history`.

    Raises ReportError, and LabError if Allure can't be installed.
    """
    program = allure.install(report)
    with scratch.folder("report") as folder:
        return page.build(results, made, page.Allure(program, environment.needed(), folder), history)


def report(line: str) -> None:
    """Print one line of progress."""
    sys.stdout.write(f"[report] {line}\n")
