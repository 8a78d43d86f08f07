"""`mesh run` with the documented rights: it passes, fails for the right stage, and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.clients.kube import Kube, Resource
from fixtures.clusters.base import Cluster
from fixtures.mesh_run.marks import KIND, NAMESPACE
from lab.paths import PROJECT
from suites.lab.mesh_faults import MeshFault, faults, planted
from suites.lab.mesh_users import digest, kubeconfig_of

pytestmark = [pytest.mark.lab, pytest.mark.full, pytest.mark.stage("injection")]

RIGHTS, USER = PROJECT / "docs" / "rbac" / "run.yaml", "istio-conformance-run"
IMAGE = "registry.lab/nginx:1.22.1"
#: Seconds within which a run ends.
ENDS = 240
MIDDLE = "pass  Nothing answers before the Gateway"


@dataclass
class Runner:
    """The command as a process of its own, as the user with the documented rights."""

    cluster: Cluster
    kubeconfig: Path

    def words(self, command: str, *options: str) -> list[str]:
        place = [f"--kubeconfig={self.kubeconfig}", f"--kubectl={self.cluster.distribution.kubectl}"]
        return [sys.executable, "-m", "suites.command", "mesh", command, *place, *options]

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        words = self.words("run", f"--image={IMAGE}", "--yes", *options)
        return subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=ENDS)

    def cleanup(self) -> subprocess.CompletedProcess[str]:
        words = self.words("cleanup")
        return subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=ENDS)

    def ended_by(self, sign: signal.Signals) -> int:
        """Start a run, end it by a signal once its gateway is ready, and return its exit code."""
        words = self.words("run", f"--image={IMAGE}", "--yes")
        with subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout
            assert any(line.startswith(MIDDLE) for line in running.stdout), "the run ended too early"
            os.kill(running.pid, sign)
            running.communicate(timeout=ENDS)
        return running.returncode


@pytest.fixture(scope="module")
def runner(
    cluster: Cluster, injected_app: Resource, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runner]:
    """The command on a mesh that is not the run's, with another workload in it."""
    runner = Runner(cluster, kubeconfig_of(cluster, RIGHTS, USER, tmp_path_factory.mktemp("runner")))
    yield runner
    runner.cleanup()


def is_there(kube: Kube) -> bool:
    """Whether the run's namespace exists."""
    return NAMESPACE in [each["metadata"]["name"] for each in kube.get_all(KIND)]


def test_run_passes_and_changes_nothing_else(runner: Runner, cluster: Cluster, kube: Kube) -> None:
    """Every stage passes, the namespace is gone at the end, and every other object is as it was."""
    before = digest(cluster.kubectl)
    ran = runner.run()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "9 of 9 stages passed" in ran.stdout
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
