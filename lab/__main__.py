"""`istio-conformance lab`: see `--help`."""

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
        description="The offline lab: a real kind cluster and Istio, built only from package registries.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("doctor", help="check this machine's prerequisites and say how to meet missing ones")
    commands.add_parser("build", help="build and load the missing parts of the lab")
    commands.add_parser("status", help="show which parts are built and running")
    environment = commands.add_parser(
        "env", help='print shell assignments for using the built lab: eval "$(istio-conformance lab env)"'
    )
    known = versions_of("istio")
    environment.add_argument(
        "--istio", choices=known, default=known[-1], metavar="VERSION",
        help=f"the Istio version of the istioctl in PATH: {', '.join(known)} (default: %(default)s)",
    )  # fmt: skip
    exporting = commands.add_parser(
        "export", help="write the built lab to one archive, for a site without package registries"
    )
    importing = commands.add_parser("import", help="load a lab from an archive that `export` wrote")
    for command in (exporting, importing):
        command.add_argument("file", type=Path)
    importing.add_argument(
        "--sha256", metavar="DIGEST", help="the file's expected SHA-256, as printed by `export`"
    )
    cleaning = commands.add_parser(
        "clean", help="remove clusters, networks and the lab's engine; keep the cache"
    )
    cleaning.add_argument("--cache", action="store_true", help="also remove the cache")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run one command. Return 0 on success, 1 with the reason on standard error, 130 when interrupted."""
    chosen = _arguments(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run(chosen)
    except LabError as error:
        print(f"[lab] {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\n[lab] interrupted; run the same command again to resume", file=sys.stderr)
        return 130


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Treat SIGTERM like Ctrl-C, so that cleanup runs and child processes end."""
    raise KeyboardInterrupt


def _run(chosen: argparse.Namespace) -> int:
    say = progress.Progress(cache_root() / "times.json").say
    if chosen.command == "doctor":
        return int(not doctor.print_findings())
    if chosen.command == "build":
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
    return 0


if __name__ == "__main__":
    with guarded_streams():
        sys.exit(main(sys.argv[1:]))
