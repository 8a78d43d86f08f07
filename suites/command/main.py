"""The command's subcommands: each one hands its arguments on and returns what it got as the exit code.

Nothing is decided here. `run`, `upgrade` and `ledger check` are pytest on one of the suites and pass every
option of pytest's through; the rest are the `main` functions of their packages.
"""

import sys
from collections.abc import Callable, Sequence

import click

from reports.redaction import guarded_streams
from suites.command.suites import run_suite

#: For a command whose options are somebody else's: pytest's, or another main function's.
_PASSED_ON = {"ignore_unknown_options": True, "help_option_names": []}


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def istio_conformance() -> None:
    """Proves on a real Kubernetes cluster that an Istio installation does what it should, stage by stage."""


def _passes_on(name: str, help_line: str, call: Callable[[list[str]], int]) -> None:
    @istio_conformance.command(name, help=help_line, context_settings=_PASSED_ON)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:
        sys.exit(call(list(arguments)))


def _run(arguments: list[str]) -> int:
    return run_suite("article", arguments)


def _upgrade(arguments: list[str]) -> int:
    return run_suite("upgrade", arguments)


def _ledger(arguments: list[str]) -> int:
    if arguments[:1] == ["check"]:
        return run_suite("ledger", arguments[1:])
    from suites.command import ledger

    return ledger.main(arguments)


def _doctor(arguments: list[str]) -> int:
    return _lab(["doctor", *arguments])


def _lab(arguments: list[str]) -> int:
    from lab import __main__ as lab

    return lab.main(arguments)


def _report(arguments: list[str]) -> int:
    from suites.command import report

    return report.main(arguments)


def _bench(arguments: list[str]) -> int:
    from suites.bench import __main__ as bench

    return bench.main(arguments)


_passes_on("run", "Run the article's stages on a cluster and make the report.", _run)
_passes_on("upgrade", "Upgrade Istio under traffic and judge what it cost.", _upgrade)
_passes_on(
    "ledger", "Compare what versions of Istio were observed to do: diff, notes, observe, check.", _ledger
)
_passes_on("doctor", "List what this machine has and lacks for the lab; changes nothing.", _doctor)
_passes_on("lab", "Build, inspect, export, import or remove the offline lab.", _lab)
_passes_on("report", "Make the HTML page of a run's results.", _report)
_passes_on("bench", "Measure the figures in the README.", _bench)


def main(arguments: Sequence[str]) -> int:
    """Run one subcommand; its own exit code, 2 for an unknown one."""
    try:
        istio_conformance.main(list(arguments), prog_name="istio-conformance", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def entry() -> None:
    """The installed command."""
    with guarded_streams():
        sys.exit(main(sys.argv[1:]))
