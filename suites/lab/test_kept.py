"""A run on a kept cluster resumes where an earlier run ended, and keeps its resources."""

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
    """The name of a cluster that a run kept at stage gateway."""
    ran = article("--stage", "gateway", "--keep-cluster", "--cluster-name", NAME)
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert f"runs/{NAME}/kubeconfig" in ran.stdout
    yield NAME
    remove_leftovers(running, print)
    assert left_of(running, NAME) == []


def pods(running: engine.Engine) -> dict[str, str]:
    """The uid of every pod in the cluster, by the pod's name."""
    command = ("kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "get", "pods", "-A", "-o", "json")
    listed = json.loads(running.docker("exec", f"{NAME}-control-plane", *command).stdout)["items"]
    return {each["metadata"]["name"]: each["metadata"]["uid"] for each in listed}


def test_a_run_resumes_at_the_stage_of_the_kept_cluster(kept: str, running: engine.Engine) -> None:
    """From stage gateway, injection passes; a second run passes on the same pods."""
    before = pods(running)
    ran = article("--use-cluster", kept, "--stage", "injection")
    assert ran.returncode == 0, ran.stdout[-3000:]
    injected = pods(running)
    istiod = next(name for name in before if name.startswith("istiod-"))
    assert injected[istiod] == before[istiod]
    again = article("--use-cluster", kept, "--stage", "injection")
    assert again.returncode == 0, again.stdout[-3000:]
    assert pods(running) == injected


def test_a_completed_stage_is_an_error(kept: str) -> None:
    """With --stage it is a usage error; without, its tests are errors and neither pass nor fail."""
    refused = article("--use-cluster", kept, "--stage", "test-app")
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"stage already completed on this cluster: kept cluster {kept} has reached " in refused.stderr
    ran = article("--use-cluster", kept, "-k", "test_client_has_no_sidecar")
    assert "1 error in" in ran.stdout
    assert "stage already completed on this cluster" in ran.stdout


def test_two_runs_at_once_are_refused(kept: str) -> None:
    """While one run uses the kept cluster, another one fails with NameTaken."""
    with locked_folder(state_root() / "runs" / kept):
        ran = article("--use-cluster", kept, "--stage", "injection")
    assert f"NameTaken: another run is using the cluster {kept}" in ran.stdout
    assert " passed" not in ran.stdout


@pytest.mark.full
def test_the_rest_of_the_article_passes_on_it(kept: str) -> None:
    """All later stages pass on the kept cluster, up to the uninstall."""
    ran = article("--use-cluster", kept, "--stage", "iptables..")
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert Checkpoint.read(state_root() / "runs" / kept).reached == "uninstall"


def test_a_node_that_no_longer_runs_is_refused(kept: str, running: engine.Engine) -> None:
    """The run reports the stopped node of the kept cluster and creates nothing."""
    # Last of all, because the other tests need the node.
    running.docker("stop", "--time=0", f"{kept}-control-plane")
    ran = article("--use-cluster", kept, "--stage", "uninstall")
    assert f"CheckpointUnusable: the node of the kept cluster {kept} is not running (exited)" in ran.stdout
    assert " passed" not in ran.stdout


@pytest.mark.full
def test_a_stage_that_a_killed_run_began_is_repeated(running: engine.Engine) -> None:
    """After a kill during the installation, the stage runs again and passes; the earlier one is completed."""
    command = [*PYTEST, "--stage", "control-plane", "--keep-cluster", "--cluster-name", KILLED]
    folder = state_root() / "runs" / KILLED
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, start_new_session=True) as run:
        eventually(lambda: check_reached(folder, "control-plane"), "Istio is being installed", UNTIL_INSTALL)
        os.killpg(run.pid, signal.SIGKILL)
    assert "istio" not in Checkpoint.read(folder).done
    assert (
        "stage already completed on this cluster"
        in article("--use-cluster", KILLED, "--stage", "cluster").stderr
    )
    ran = article("--use-cluster", KILLED, "--stage", "control-plane")
    assert ran.returncode == 0, ran.stdout[-3000:]


def check_reached(folder: Path, stage: str) -> None:
    """The checkpoint of a kept cluster names this stage."""
    record = folder / "kept.json"
    told = record.read_text(encoding="utf-8") if record.exists() else "{}"
    assert json.loads(told).get("reached") == stage, told[:200]
