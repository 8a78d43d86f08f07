"""`istio-conformance mesh run` and `mesh cleanup`: stages in a namespace of their own, and its removal."""

import argparse
import sys
import time
from collections.abc import Sequence

from fixtures.exit_codes import ExitCode, exit_code
from fixtures.inspection.finding import NotReadable
from fixtures.inspection.mesh import Mesh, namespace_of, shown
from fixtures.inspection.objects import read_kinds
from fixtures.mesh_run import marks
from fixtures.mesh_run.marks import NotOurs
from fixtures.mesh_run.plan import NoSuchRevision, Plan, missing_rights, plan, user
from fixtures.mesh_run.run import ENVIRONMENT, FAILED, NOT_REACHED, PASSED, StageResult, run
from fixtures.mesh_run.stages import MeshStages
from fixtures.settings import Timeouts
from reports.durations import in_words
from reports.redaction import redact
from suites.command.mesh_access import Access, Environment, Refused, opened

_SHOWN = {PASSED: "pass", FAILED: "FAIL", ENVIRONMENT: "ENV ", NOT_REACHED: " -- "}


def run_stages(chosen: argparse.Namespace) -> int:
    """Run the stages and return the exit code. Raises Refused, Environment and the errors of `opened`."""
    try:
        timeouts = Timeouts().scaled(chosen.timeout_factor)
    except ValueError as error:
        raise Refused(str(error)) from error
    with opened(chosen) as access:
        planned = _planned(access, chosen)
        _say(*_announcement(access, planned))
        if missing := missing_rights(access.kube):
            raise Environment(
                f"nothing was created: the user lacks {len(missing)} rights: {', '.join(missing)}. "
                "docs/rbac/run.yaml grants them"
            )
        if not chosen.yes and not _agreed():
            raise Refused("nothing was created: not agreed to (--yes where nobody can answer)")
        stages = MeshStages(access.kube, access.kubectl, planned, timeouts=timeouts)
        began = time.monotonic()
        try:
            results = run(access.kube, stages, _report, keep=chosen.keep)
        except NotOurs as error:
            raise Refused(str(error)) from error
    return _verdict(results, planned, time.monotonic() - began, keep=chosen.keep)


def clean_up(chosen: argparse.Namespace) -> int:
    """Delete what runs have left, and nothing else; return 0. Raises the errors of `opened`, and NotReady."""
    with opened(chosen) as access:
        removed = marks.remove(access.kube)
    _say(f"removed: {', '.join(f'Namespace {name}' for name in removed) or 'nothing was left by a run'}")
    return ExitCode.PASSED


def _planned(access: Access, chosen: argparse.Namespace) -> Plan:
    objects = read_kinds(access.kube, ("Deployment", "MutatingWebhookConfiguration"))
    try:
        mesh = Mesh(objects, namespace_of(objects, chosen.istio_namespace))
        return plan(mesh, chosen.revision, chosen.image)
    except NotReadable as error:
        missing = f"; missing right: {error.right}" if error.right else ""
        raise Environment(f"nothing was created: {error}{missing}") from error
    except NoSuchRevision as error:
        raise Refused(f"nothing was created: {error}") from error


def _announcement(access: Access, planned: Plan) -> list[str]:
    plane = planned.plane
    return [
        f"cluster:  {access.kube.address}, context {access.context}, Kubernetes {access.kubernetes}",
        f"user:     {user(access.kube)}",
        f"revision: {plane.revision} ({shown(plane.version)}), {plane.ready} of {plane.desired} pods ready",
        "creates:",
        *(f"  {each}" for each in planned.names()),
        "and deletes the namespace with all of it at the end; nothing else in the cluster is changed",
    ]


def _agreed() -> bool:
    """Ask on the terminal; without one nobody agrees."""
    if not sys.stdin.isatty():
        return False
    sys.stdout.write("create them? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _report(stage: StageResult) -> None:
    first, *rest = (stage.text or stage.result).splitlines()
    _say(f"{_SHOWN[stage.result]}  {stage.title:58} {in_words(stage.seconds):>7}  {first}", *rest)


def _verdict(results: Sequence[StageResult], planned: Plan, seconds: float, *, keep: bool) -> int:
    found = [each.result for each in results]
    code = exit_code(product=FAILED in found, environment=ENVIRONMENT in found)
    word = "passed" if code is ExitCode.PASSED else "failed" if FAILED in found else "not tested"
    passed = f"{found.count(PASSED)} of {len(found)} stages passed"
    if keep:
        _say(f"kept: Namespace {marks.NAMESPACE}; `istio-conformance mesh cleanup` removes it")
    _say(
        f"verdict: {word} (exit {int(code)}): Istio {shown(planned.plane.version)}, revision "
        f"{planned.plane.revision}: {passed}, in {in_words(seconds, decimals=0)}"
    )
    return code


def _say(*lines: str) -> None:
    sys.stdout.write(redact("".join(f"{line}\n" for line in lines)))
    sys.stdout.flush()
