"""`mesh run` with the documented rights: it passes, fails for the right stage, and leaves nothing behind."""

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures.clients.kube import Kube
from fixtures.clusters.base import Cluster
from fixtures.mesh_run.marks import NAMESPACE
from suites.lab.mesh_faults import MeshFault, faults, planted
from suites.lab.mesh_runner import Runner, is_there, stages_of
from suites.lab.mesh_users import digest

_NAME = "kubernetes.io/metadata.name"
#: Every other namespace stays as it is for istiod.
OTHERS = {"matchExpressions": [{"key": _NAME, "operator": "NotIn", "values": [NAMESPACE]}]}

pytestmark = [pytest.mark.lab, pytest.mark.full, pytest.mark.stage("injection")]


def test_run_passes_and_changes_nothing_else(
    runner: Runner, cluster: Cluster, kube: Kube, tmp_path: Path
) -> None:
    """Every stage passes, by credentials of a program; at the end every other object is as it was."""
    before = digest(cluster.kubectl)
    result = runner.with_exec_credentials(tmp_path).result()
    assert (result["result"], result["exitCode"]) == ("passed", 0), result
    assert len(stages_of(result, "passed")) == len(result["stages"]) == 12
    assert not is_there(kube)
    assert digest(cluster.kubectl) == before


def test_interrupted_run_leaves_nothing(runner: Runner, kube: Kube) -> None:
    """Ended by SIGTERM, the run deletes its namespace before it exits with 2."""
    assert runner.ended_by(signal.SIGTERM) == 2
    assert not is_there(kube)


def test_killed_run_is_removed_by_cleanup(runner: Runner, kube: Kube) -> None:
    """After a kill the next run refuses and names `mesh cleanup`, which removes what was left."""
    assert runner.ended_by(signal.SIGKILL) == -signal.SIGKILL
    refused = runner.run()
    assert (refused.returncode, "mesh cleanup" in refused.stderr) == (4, True)
    assert runner.cleanup().stdout == f"removed: Namespace {NAMESPACE}\n"
    assert not is_there(kube)


def test_namespace_of_somebody_else_is_not_touched(runner: Runner, cluster: Cluster, kube: Kube) -> None:
    """A namespace of the run's name that no run created is refused, and stays after a cleanup."""
    cluster.kubectl.read("create", "namespace", NAMESPACE)
    try:
        refused = runner.run()
        assert (refused.returncode, "no run created it" in refused.stderr) == (4, True)
        assert "nothing was left by a run" in runner.cleanup().stdout
        assert is_there(kube)
    finally:
        cluster.kubectl.read("delete", "namespace", NAMESPACE)


@pytest.mark.parametrize("fault", faults("runs"), ids=lambda each: each.name)
def test_fault_of_the_mesh_fails_its_stage(
    fault: MeshFault, runner: Runner, cluster: Cluster, kube: Kube, tmp_path: Path
) -> None:
    """With a fault in the mesh the named stage fails, later ones are not reached, and nothing is left."""
    with planted(fault, cluster.kubectl, tmp_path):
        ran = runner.run("--timeout-factor=0.5")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert re.findall(r"^FAIL  (.*?)  ", ran.stdout, re.MULTILINE) == [fault.finds]
    assert fault.object in ran.stdout
    assert not is_there(kube)


def test_image_that_cannot_be_pulled_is_the_environments_failure(runner: Runner, kube: Kube) -> None:
    """A cluster that cannot start the app is no failure of the mesh, and nothing is left."""
    ran = runner.run("--timeout-factor=0.1", "--image=registry.lab/none:1")
    assert ran.returncode == 12, ran.stdout + ran.stderr
    assert not is_there(kube)


def test_namespace_is_labelled_for_discovery_selectors(runner: Runner, cluster: Cluster, kube: Kube) -> None:
    """Where istiod looks for a label, the namespace is announced and created with it, and the run passes."""
    with discovering(cluster, OTHERS, {"matchLabels": {"mesh": "a"}}):
        ran = runner.run()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"Namespace {NAMESPACE} (mesh=a)" in ran.stdout
    assert not is_there(kube)


def test_discovery_selectors_that_leave_the_namespace_out_are_refused(
    runner: Runner, cluster: Cluster, kube: Kube
) -> None:
    """Where only the label under test would select the namespace, nothing is created."""
    with discovering(cluster, OTHERS, {"matchLabels": {"istio-injection": "enabled"}}):
        ran = runner.run()
    assert (ran.returncode, "discoverySelectors do not select" in ran.stderr) == (12, True), ran.stderr
    assert not is_there(kube)


def test_control_plane_without_a_ready_pod_is_refused(runner: Runner, cluster: Cluster, kube: Kube) -> None:
    """Without a ready istiod nothing is created, and the message says which revision is down."""
    place = ("deployment/istiod", "--namespace=istio-system")
    cluster.kubectl.read("scale", *place, "--replicas=0")
    try:
        cluster.kubectl.read("rollout", "status", *place)
        ran = runner.run()
    finally:
        cluster.kubectl.read("scale", *place, "--replicas=1")
        cluster.kubectl.read("rollout", "status", *place)
    assert (ran.returncode, "revision default is down" in ran.stderr) == (12, True), ran.stderr
    assert not is_there(kube)


@contextmanager
def discovering(cluster: Cluster, *selectors: Any) -> Iterator[None]:
    """Give the mesh these discoverySelectors for a while."""
    place = ("configmap/istio", "--namespace=istio-system")
    before = json.loads(cluster.kubectl.read("get", *place, "--output=json"))["data"]["mesh"]
    changed = yaml.safe_dump({**yaml.safe_load(before), "discoverySelectors": list(selectors)})
    cluster.kubectl.read(
        "patch", *place, "--type=merge", f"--patch={json.dumps({'data': {'mesh': changed}})}"
    )
    try:
        yield
    finally:
        restored = json.dumps({"data": {"mesh": before}})
        cluster.kubectl.read("patch", *place, "--type=merge", f"--patch={restored}")
