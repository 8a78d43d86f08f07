"""`istio-conformance mesh`: a mesh that somebody else installed. `check` only reads, `run` cleans up."""

import argparse
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fixtures.clients.api_server import ApiError
from fixtures.clients.command import CommandFailed, run
from fixtures.clusters.base import NotUsable
from fixtures.exit_codes import ExitCode, exit_code
from fixtures.inspection.document import document
from fixtures.inspection.inspect import Inspection
from fixtures.inspection.mesh import MeshNotChosen, NoControlPlane
from fixtures.inspection.recorded_versions import minors
from fixtures.inspection.survey import NoRights, Request, survey
from fixtures.inspection.versions import Version, version_of
from fixtures.mesh_run.run import LeftBehind
from fixtures.waits import NotReady
from reports import mesh_check
from reports.redaction import redact, redact_tree
from suites.command import mesh_run, mesh_run_options
from suites.command.mesh_access import Environment, Refused, explained, facts_of, failed, opened

#: The exit code for a refused option, as pytest's.
USAGE_ERROR = 4
INTERRUPTED = 2
#: Seconds between two lines of progress.
_EVERY = 2.0


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code, as listed in the README."""
    try:
        chosen = _arguments(arguments)
    except SystemExit as ended:
        # argparse's own code for a usage error means an interrupted run here.
        return USAGE_ERROR if ended.code else 0
    # SIGTERM ends the command as Ctrl-C does: its copy of the kubeconfig and its port-forwards go with it.
    former = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if chosen.command == "run":
            return mesh_run.run_stages(chosen, arguments)
        if chosen.command == "cleanup":
            return mesh_run.clean_up(chosen)
        return _check(chosen, arguments)
    except (Refused, NotUsable, MeshNotChosen) as error:
        return failed(error, USAGE_ERROR)
    except (Environment, NoControlPlane, NoRights, LeftBehind, NotReady, CommandFailed) as error:
        return failed(error, ExitCode.ENVIRONMENT)
    except ApiError as error:
        return failed(explained(error, chosen.context, chosen.request_timeout), ExitCode.ENVIRONMENT)
    except KeyboardInterrupt:
        return failed(RuntimeError("interrupted"), INTERRUPTED)
    finally:
        signal.signal(signal.SIGTERM, former)


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="istio-conformance mesh", description="Work with a mesh that somebody else installed."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="find faults of a mesh; only reads",
        description="Finds faults of a mesh. Only gets and lists objects, and forwards a port to each istiod "
        "to ask for its proxies; docs/rbac/check.yaml has the rights, docs/checks.md every check.",
    )
    check.add_argument(
        "--no-port-forward",
        action="store_true",
        help="ask no istiod: checks of the proxies' state are left out",
    )
    check.add_argument(
        "--next",
        default="",
        metavar="MINOR",
        help="also find what this version refuses or drops, such as 1.31",
    )
    check.add_argument(
        "--output", "-o", choices=("table", "json", "junit"), default="table", help="the form (%(default)s)"
    )
    check.add_argument(
        "--require-complete", action="store_true", help="exit with 13 if something was not checked"
    )
    check.add_argument(
        "--all", action="store_true", help="show every finding in the table, not 10 of a check"
    )
    running = commands.add_parser(
        "run",
        help="run stages in a namespace of their own, which is removed at the end",
        description="Runs stages on the mesh, in a namespace that it creates, marks and removes. Prints "
        "every object first, and asks. docs/rbac/run.yaml has the rights.",
    )
    mesh_run_options.add(running)
    cleaning = commands.add_parser("cleanup", help="remove what a killed run has left, and nothing else")
    for command in (check, running, cleaning):
        _add_access(command)
    return parser.parse_args(arguments)


def _add_access(command: argparse.ArgumentParser) -> None:
    """Add the options that say which mesh is meant and how it is reached."""
    command.add_argument(
        "--context", default="", metavar="NAME", help="the context to use (the current context)"
    )
    command.add_argument(
        "--kubeconfig", type=Path, metavar="FILE", help="the file with it ($KUBECONFIG, or ~/.kube/config)"
    )
    command.add_argument(
        "--istio-namespace", default="", metavar="NAME", help="the mesh's namespace, if there are several"
    )
    command.add_argument("--kubectl", type=Path, metavar="FILE", help="the kubectl to use (the one in PATH)")
    command.add_argument(
        "--request-timeout", type=float, default=30.0, metavar="SECONDS", help="of each request (%(default)g)"
    )


def _check(chosen: argparse.Namespace, arguments: Sequence[str]) -> int:
    began = time.monotonic()
    if chosen.next and chosen.next not in minors():
        known = ", ".join(minors())
        raise Refused(f"--next {chosen.next}: no ledger records this minor version; recorded: {known}")
    with opened(chosen) as access:
        request = Request(
            namespace=chosen.istio_namespace,
            port_forward=not chosen.no_port_forward,
            client=_istioctl(dict(os.environ), chosen.request_timeout),
            coming=chosen.next,
        )
        inspection = survey(access.kube, access.kubectl, request, _progress())
    code = _code(inspection, require_complete=chosen.require_complete)
    facts = facts_of(access, arguments, time.monotonic() - began)
    _print(document(inspection, facts, code), chosen.output, every=chosen.all)
    return code


def _print(result: dict[str, object], form: str, *, every: bool) -> None:
    clean = redact_tree(result)
    columns = shutil.get_terminal_size((mesh_check.WIDTH, 0)).columns
    forms: dict[str, Callable[[dict[str, object]], str]] = {
        "table": lambda each: mesh_check.table(each, sys.maxsize if every else mesh_check.SHOWN, columns),
        "json": lambda each: json.dumps(each, indent=2, ensure_ascii=False) + "\n",
        "junit": mesh_check.junit,
    }
    sys.stdout.write(redact(forms[form](clean)))


def _istioctl(environment: dict[str, str], timeout: float) -> Version | None:
    """Return the version of the istioctl in PATH, or None; asking it for its own version uses no cluster."""
    program = shutil.which("istioctl")
    if program is None:
        return None
    try:
        ran = run((program, "version", "--remote=false"), environment=environment, timeout=timeout)
    except CommandFailed:
        return None
    return version_of(ran.stdout)


def _code(inspection: Inspection, *, require_complete: bool) -> int:
    return exit_code(
        product=inspection.failed,
        skipped=bool(inspection.not_checked),
        require_complete=require_complete,
    )


def _progress() -> Callable[[str], None]:
    """Return a function that prints a line to standard error, at most one in two seconds."""
    began = last = time.monotonic()

    def report(line: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _EVERY or line.startswith("asking"):
            last = now
            sys.stderr.write(f"[mesh check] {now - began:.0f} s: {line}\n")

    return report
