"""The subcommands: each one forwards its arguments and returns the exit code it gets.

`run`, `upgrade` and `ledger check` run pytest on one of the suites and forward every pytest option. The
others call the `main` functions of their packages.
"""

import sys
from collections.abc import Callable, Sequence

import click

from reports.redaction import guarded_streams
from suites.command.suites import run_suite

#: Settings of a command that forwards its options to pytest or to another main function.
_FORWARD = {"ignore_unknown_options": True, "help_option_names": []}


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def istio_conformance() -> None:
    """Test stage by stage, on a real Kubernetes cluster, that an Istio installation behaves as specified."""


def _forward(name: str, help_line: str, call: Callable[[list[str]], int]) -> None:
    @istio_conformance.command(name, help=help_line, context_settings=_FORWARD)
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


def _images(arguments: list[str]) -> int:
    from suites.command import images

    return images.main(arguments)


def _clean(arguments: list[str]) -> int:
    from suites.command import clean

    return clean.main(arguments)


def _report(arguments: list[str]) -> int:
    from suites.command import report

    return report.main(arguments)


def _prove(arguments: list[str]) -> int:
    from suites.prove import __main__ as prove

    return prove.main(arguments)


def _mesh(arguments: list[str]) -> int:
    from suites.command import mesh

    return mesh.main(arguments)


def _bench(arguments: list[str]) -> int:
    from suites.bench import __main__ as bench

    return bench.main(arguments)


_forward("run", "Run the article's stages on a cluster and build the report.", _run)
_forward("upgrade", "Upgrade Istio under traffic and judge the cost.", _upgrade)
_forward("mesh", "Check a mesh that somebody else installed; `mesh check` only reads.", _mesh)
_forward("ledger", "Compare the observed behaviour of Istio versions: diff, notes, observe, check.", _ledger)
_forward("doctor", "Check whether this machine meets the lab's requirements; changes nothing.", _doctor)
_forward("lab", "Build, inspect, export, import or remove the offline lab.", _lab)
_forward("images", "List every file and image that a run of the published Istio needs.", _images)
_forward("clean", "Remove the clusters and networks that runs of the published Istio left.", _clean)
_forward("report", "Build the HTML page of a run's results.", _report)
_forward("prove", "Break each assertion of the stages on the lab, and expect it to fail.", _prove)
_forward("bench", "Measure the figures in the README.", _bench)


def main(arguments: Sequence[str]) -> int:
    """Run one subcommand and return its exit code; 2 for an unknown subcommand."""
    try:
        istio_conformance.main(list(arguments), prog_name="istio-conformance", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def entry() -> None:
    """Run the installed command."""
    with guarded_streams():
        sys.exit(main(sys.argv[1:]))
