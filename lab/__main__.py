"""`python -m lab`: see `--help`."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from lab import archive, build, clean, description, doctor, progress
from lab.errors import LabError
from lab.paths import cache_root
from lab.sources import versions_of
from reports.redaction import guarded_streams


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="istio-conformance lab",
        description="The offline lab: a real kind cluster and a real Istio from package registries alone.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("doctor", help="say what this machine has and lacks, and what will be done about it")
    commands.add_parser("build", help="make the lab ready to run; what is there is used as it is")
    commands.add_parser("status", help="say what is built and what runs")
    environment = commands.add_parser(
        "env", help='print shell assignments that reach the built lab: eval "$(python -m lab env)"'
    )
    known = versions_of("istio")
    environment.add_argument(
        "--istio", choices=known, default=known[-1], metavar="VERSION",
        help=f"the Istio whose istioctl comes first; known: {', '.join(known)} (%(default)s)",
    )  # fmt: skip
    exporting = commands.add_parser(
        "export", help="write the built lab to one archive, for a site with nothing"
    )
    importing = commands.add_parser("import", help="take a lab from an archive that `export` wrote")
    for command in (exporting, importing):
        command.add_argument("file", type=Path)
    importing.add_argument(
        "--sha256", metavar="DIGEST", help="what the file's SHA-256 must be, as `export` printed it"
    )
    cleaning = commands.add_parser(
        "clean", help="remove clusters, networks, the lab's engine; the cache stays"
    )
    cleaning.add_argument("--cache", action="store_true", help="remove what was built as well")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run one command; 0 when done, 1 with the reason on standard error, 130 when interrupted."""
    chosen = _arguments(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _run(chosen)
    except LabError as error:
        print(f"[lab] {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\n[lab] interrupted; the same command goes on where this one stopped", file=sys.stderr)
        return 130
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Take SIGTERM as Ctrl-C: what was begun is undone, and what was started ends."""
    raise KeyboardInterrupt


def _run(chosen: argparse.Namespace) -> None:
    say = progress.Progress(cache_root() / "times.json").say
    if chosen.command == "doctor":
        doctor.print_findings()
    elif chosen.command == "build":
        say(f"ready: node image {build.build().image}")
    elif chosen.command == "env":
        print("\n".join(description.assignments(chosen.istio)))
    elif chosen.command == "status":
        for line in description.status():
            print(line)
    elif chosen.command == "export":
        archive.export_to(chosen.file, say)
    elif chosen.command == "import":
        archive.import_from(chosen.file, say, chosen.sha256)
    else:
        clean.clean(say, built=chosen.cache)


if __name__ == "__main__":
    with guarded_streams():
        sys.exit(main(sys.argv[1:]))
