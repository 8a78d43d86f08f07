"""`python -m reports install` installs Allure into the cache; `python -m reports build` builds the page."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from reports import page
from reports.redaction import guarded_streams


def main(arguments: Sequence[str]) -> int:
    """Run one command. Return 0 on success, 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(
        prog="istio-conformance report", description="Builds the HTML report of a run."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="install Allure into the cache, so that `build` needs no network")
    build = commands.add_parser("build", help="build one HTML file from the results")
    build.add_argument("--results", type=Path, default=page.RESULTS, help="folder of the Allure results")
    build.add_argument("--page", type=Path, default=page.PAGE, help="the HTML file to write")
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
