"""A run on a kept cluster resumes where an earlier one ended, and repeats no completed stage."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.clusters.checkpoint import Checkpoint
from fixtures.clusters.run_lock import locked_folder
from fixtures.waits import eventually
from lab import engine
from lab.clean import remove_leftovers
from lab.paths import PROJECT, state_root
from suites.lab.leftovers import left_of

pytestmark = pytest.mark.lab

NAME, KILLED = "istio-conformance-kept", "istio-conformance-killed"
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "suites/article"]
#: Seconds within which a run starts to install Istio, with a margin.
UNTIL_INSTALL = 120


def article(*options: str) -> subprocess.CompletedProcess[str]:
    """Run the article's suite with these options."""
    return subprocess.run([*PYTEST, *options], cwd=PROJECT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def kept(running: engine.Engine) -> Iterator[str]:
    """The name of a cluster that a run has brought to the stage gateway and kept."""
    ran = article("--stage", "gateway", "--keep-cluster", "--cluster-name", NAME)
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert f"runs/{NAME}/kubeconfig" in ran.stdout
    yield NAME
    remove_leftovers(running, print)
    assert left_of(running, NAME) == []


def pods(running: engine.Engine) -> dict[str, str]:
    """The uid of every pod in the cluster, by its name."""
    command = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "get", "pods", "-A", "-o", "json")
    listed = json.loads(running.docker("exec", f"{NAME}-control-plane", *command).stdout)["items"]
    return {each["metadata"]["name"]: each["metadata"]["uid"] for each in listed}


def test_run_resumes_at_the_reached_stage(kept: str, running: engine.Engine) -> None:
    """On a cluster kept at the stage gateway, injection passes, and passes again on the same pods."""
    before = pods(running)
    ran = article("--use-cluster", kept, "--stage", "injection")
    assert ran.returncode == 0, ran.stdout[-3000:]
    injected = pods(running)
    istiod = next(name for name in before if name.startswith("istiod-"))
    assert injected[istiod] == before[istiod]
    again = article("--use-cluster", kept, "--stage", "injection")
    assert again.returncode == 0, again.stdout[-3000:]
    assert pods(running) == injected


def test_completed_stage_is_no_result(kept: str) -> None:
    """A completed stage is refused if selected by name; in a longer selection it is an error."""
    refused = article("--use-cluster", kept, "--stage", "test-app")
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"rung passed: the kept cluster {kept} has been brought to " in refused.stderr
    ran = article("--use-cluster", kept, "-k", "test_client_has_no_sidecar")
    assert "1 error in" in ran.stdout
    assert "rung passed" in ran.stdout


def test_second_run_on_a_cluster_in_use_is_refused(kept: str) -> None:
    """A second run on a kept cluster that is in use is refused."""
    with locked_folder(state_root() / "runs" / kept):
        ran = article("--use-cluster", kept, "--stage", "injection")
    assert f"NameTaken: another run uses the cluster {kept} now" in ran.stdout
    assert " passed" not in ran.stdout


@pytest.mark.full
def test_remaining_stages_pass_on_a_kept_cluster(kept: str) -> None:
    """On a cluster kept at the stage gateway or a later one, all later stages pass, including uninstall."""
    ran = article("--use-cluster", kept, "--stage", "iptables..")
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert Checkpoint.read(state_root() / "runs" / kept).reached == "uninstall"


def test_cluster_with_a_stopped_node_is_refused(kept: str, running: engine.Engine) -> None:
    """A kept cluster whose node was stopped is refused, and nothing is created."""
    # After all tests that need the node.
    running.docker("stop", "--time=0", f"{kept}-control-plane")
    ran = article("--use-cluster", kept, "--stage", "uninstall")
    assert f"NotKept: the node of the kept cluster {kept} does not run (exited)" in ran.stdout
    assert " passed" not in ran.stdout


@pytest.mark.full
def test_stage_begun_by_a_killed_run_is_repeated(running: engine.Engine) -> None:
    """A stage killed during Istio's install is repeated and passes; the previous one counts as completed."""
    command = [*PYTEST, "--stage", "control-plane", "--keep-cluster", "--cluster-name", KILLED]
    folder = state_root() / "runs" / KILLED
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, start_new_session=True) as run:
        eventually(lambda: check_reached(folder, "control-plane"), "Istio is being installed", UNTIL_INSTALL)
        os.killpg(run.pid, signal.SIGKILL)
    assert "istio" not in Checkpoint.read(folder).done
    assert "rung passed" in article("--use-cluster", KILLED, "--stage", "cluster").stderr
    ran = article("--use-cluster", KILLED, "--stage", "control-plane")
    assert ran.returncode == 0, ran.stdout[-3000:]


def check_reached(folder: Path, stage: str) -> None:
    """Assert that the checkpoint of a kept cluster names this stage."""
    record = folder / "kept.json"
    told = record.read_text(encoding="utf-8") if record.exists() else "{}"
    assert json.loads(told).get("reached") == stage, told[:200]
