"""`python -m reports install` puts Allure into the cache; `python -m reports build` makes the page."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from reports import page
from reports.redaction import guarded_streams


def main(arguments: Sequence[str]) -> int:
    """Run one of the two; 1 with a sentence on standard error where it can't be done."""
    parser = argparse.ArgumentParser(prog="istio-conformance report", description="The HTML page of a run.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="put Allure into the cache, so that a page needs no network")
    build = commands.add_parser("build", help="make one HTML file of the results")
    build.add_argument("--results", type=Path, default=page.RESULTS, help="folder of Allure results")
    build.add_argument("--page", type=Path, default=page.PAGE, help="the file to make")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "install":
            page.install()
        else:
            print(f"[report] {page.build(chosen.results, chosen.page)}")
    except page.ReportError as error:
        print(f"[report] {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    with guarded_streams():
        sys.exit(main(sys.argv[1:]))
