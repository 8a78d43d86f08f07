"""`istio-conformance mesh run` and `mesh cleanup`: stages in a namespace of their own, and its removal."""

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence

from fixtures.exit_codes import ExitCode, exit_code
from fixtures.inspection.finding import NotReadable
from fixtures.inspection.mesh import Mesh, namespace_of, shown
from fixtures.inspection.objects import read_kinds
from fixtures.mesh_run import marks, rights
from fixtures.mesh_run.bench import Bench
from fixtures.mesh_run.document import RunFacts, document
from fixtures.mesh_run.entrance import NoSuchIngress, shared_gateway
from fixtures.mesh_run.marks import NotOurs
from fixtures.mesh_run.mesh_settings import NotSelected, read_settings
from fixtures.mesh_run.plan import NoSuchRevision, NotTestable, Plan, chosen_plane, plan
from fixtures.mesh_run.request import InvalidOption, Request
from fixtures.mesh_run.run import ENVIRONMENT, FAILED, NOT_REACHED, PASSED, SKIPPED, Ran, StageResult, run
from fixtures.mesh_run.stages import MeshStages
from fixtures.settings import Timeouts
from reports import mesh_run as reports
from reports.durations import in_words
from reports.redaction import redact, redact_tree
from suites.command.mesh_access import Access, Environment, Refused, facts_of, opened
from suites.command.mesh_run_options import request_of

_SHOWN = {PASSED: "pass", FAILED: "FAIL", ENVIRONMENT: "ENV ", SKIPPED: "skip", NOT_REACHED: " -- "}


def run_stages(chosen: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Run the stages and return the exit code. Raises Refused, Environment and the errors of `opened`."""
    timeouts, request = _checked(chosen)
    say = _Lines(chosen.output)
    with opened(chosen) as access:
        planned = _planned(access, chosen, request)
        user = rights.user(access.kube)
        say.lines(*_announcement(access, planned, user))
        if not chosen.yes and not _agreed():
            raise Refused("nothing was created: no consent was given; without a terminal, use --yes")
        stages = MeshStages(Bench(access.kube, access.kubectl, planned, timeouts=timeouts))
        began = time.monotonic()
        try:
            ran = run(access.kube, stages, say.report, keep=chosen.keep, labels=planned.labels)
        except NotOurs as error:
            raise Refused(str(error)) from error
    code = _code(ran, require_complete=chosen.require_complete)
    of = facts_of(access, arguments, time.monotonic() - began)
    say.result(document(ran, planned, RunFacts(of=of, user=user, kept=chosen.keep), code))
    return code


def clean_up(chosen: argparse.Namespace) -> int:
    """Delete what runs have left, and nothing else; return 0. Raises the errors of `opened`, and NotReady."""
    with opened(chosen) as access:
        removed = marks.remove(access.kube)
    names = ", ".join(f"Namespace {name}" for name in removed)
    _Lines("table").lines(f"removed: {names or 'nothing was left by a run'}")
    return ExitCode.PASSED


def _checked(chosen: argparse.Namespace) -> tuple[Timeouts, Request]:
    try:
        if not 0 < chosen.address_timeout < math.inf:
            raise InvalidOption(f"--address-timeout {chosen.address_timeout:g}: expected seconds above 0")
        return Timeouts().scaled(chosen.timeout_factor), request_of(chosen)
    except ValueError as error:
        raise Refused(f"nothing was created: {error}") from error


def _planned(access: Access, chosen: argparse.Namespace, request: Request) -> Plan:
    """Return the plan, once the user has every right that it needs. Raises Refused and Environment."""
    objects = read_kinds(access.kube, ("Deployment", "MutatingWebhookConfiguration"))
    try:
        mesh = Mesh(objects, namespace_of(objects, chosen.istio_namespace))
        plane, _ = chosen_plane(mesh, request.revision)
        if lacked := _lacked(access, request):
            raise Environment(
                f"nothing was created: the user lacks {len(lacked)} rights: {', '.join(lacked)}. "
                "docs/rbac/run.yaml and run-options.yaml grant them"
            )
        settings = read_settings(access.kube, plane.revision, mesh.namespace)
        ingress = request.ingress
        shared = shared_gateway(access.kube, ingress, request.reach) if ingress else None
        return plan(mesh, request, settings, shared, _skipped(access))
    except NotReadable as error:
        missing = dict.fromkeys(filter(None, [error.right, *_lacked(access, request)]))
        names = ", ".join(missing) or "none"
        raise Environment(f"nothing was created: {error}; missing rights: {names}") from error
    except (NoSuchRevision, NoSuchIngress) as error:
        raise Refused(f"nothing was created: {error}") from error
    except (NotTestable, NotSelected) as error:
        raise Environment(f"nothing was created: {error}") from error


def _lacked(access: Access, request: Request) -> list[str]:
    return rights.missing(access.kube, [*rights.REQUIRED, *rights.of_options(request)])


def _skipped(access: Access) -> dict[str, str]:
    """Return the stages for which the user lacks a right, with the reason."""
    lacked = {name: rights.missing(access.kube, each) for name, each in rights.OF_STAGES.items()}
    return {name: f"missing right: {', '.join(each)}" for name, each in lacked.items() if each}


def _announcement(access: Access, planned: Plan, user: str) -> list[str]:
    plane, settings = planned.plane, planned.settings
    unread = [f"unknown:  the mesh's discoverySelectors ({settings.unread})"] if settings.unread else []
    changes = [f"changes:  {each}" for each in planned.changes()]
    limit = "and deletes the namespace with all of it at the end; nothing else in the cluster is changed"
    return [
        f"cluster:  {access.kube.address}, context {access.context}, Kubernetes {access.kubernetes}",
        f"user:     {user}",
        f"revision: {plane.revision} ({shown(plane.version)}), {plane.ready} of {plane.desired} pods ready",
        *unread,
        *(f"skips:    {name}: {reason}" for name, reason in planned.skipped.items()),
        *changes,
        "creates:",
        *(f"  {each}" for each in planned.names()),
        limit if not changes else "and deletes the namespace with all of it at the end",
    ]


def _agreed() -> bool:
    """Ask for consent on the terminal; without one there is none."""
    if not sys.stdin.isatty():
        return False
    sys.stderr.write("create them? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _code(ran: Ran, *, require_complete: bool) -> ExitCode:
    return exit_code(
        product=ran.failed,
        environment=ran.environment,
        skipped=ran.skipped,
        require_complete=require_complete,
    )


class _Lines:
    """What is printed: the table to standard output, or progress to standard error and the result alone."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._stream = sys.stdout if form == "table" else sys.stderr

    def lines(self, *lines: str) -> None:
        self._stream.write(redact("".join(f"{line}\n" for line in lines)))
        self._stream.flush()

    def report(self, stage: StageResult) -> None:
        first, *rest = (stage.text or stage.result).splitlines()
        self.lines(f"{_SHOWN[stage.result]}  {stage.title:58} {in_words(stage.seconds):>7}  {first}", *rest)

    def result(self, result: dict[str, object]) -> None:
        clean = redact_tree(result)
        forms = {
            "table": reports.verdict,
            "json": lambda each: json.dumps(each, indent=2, ensure_ascii=False) + "\n",
            "junit": reports.junit,
        }
        sys.stdout.write(redact(forms[self._form](clean)))
