"""An interrupted run leaves nothing behind, or its remains are found and removed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import engine
from lab.paths import PROJECT
from suites.lab.leftovers import left_of, left_on_machine

pytestmark = pytest.mark.lab

NAME = "istio-conformance-fault"
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--cluster-name={NAME}"]

#: A shell's background job ignores Ctrl-C and passes that on; a run in a terminal does not.
INTERRUPTIBLE = ["env", "--default-signal=INT"]


@contextmanager
def started(running: engine.Engine, event: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A run of the article's suite, once its node's container has reached this event."""
    watching = ["events", f"--filter=container={NAME}-control-plane", f"--filter=event={event}"]
    command = [str(running.client), *watching, "--format={{.Status}}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=running.environment(), stdout=pipe, text=True) as events:
        with subprocess.Popen(
            [*INTERRUPTIBLE, *PYTEST, "suites/article", *options], cwd=PROJECT,
            stdout=pipe, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        ) as run:  # fmt: skip
            assert events.stdout is not None
            assert events.stdout.readline().strip() == event
            yield run
        events.kill()


def remaining(running: engine.Engine) -> list[str]:
    """The remaining containers and networks of the run."""
    return left_of(running, NAME)


def test_interrupt_during_cluster_creation_leaves_nothing(running: engine.Engine) -> None:
    """After Ctrl-C just as the node starts, the run exits and removes everything."""
    with started(running, "start", "--stage", "cluster") as run:
        os.killpg(run.pid, signal.SIGINT)
        output = run.communicate(timeout=120)[0]
    assert run.returncode == pytest.ExitCode.INTERRUPTED, output[-3000:]
    assert remaining(running) == []


def test_next_run_replaces_the_cluster_of_a_killed_one(running: engine.Engine) -> None:
    """A run removes the cluster that a killed run left under the same name, and its stage passes."""
    with started(running, "start", "--stage", "cluster") as run:
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate(timeout=60)
    again = subprocess.run(
        [*PYTEST, "suites/article", "--stage", "cluster"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stdout[-3000:]
    assert remaining(running) == []


def test_clean_removes_the_remains_of_a_killed_run(running: engine.Engine) -> None:
    """After kill -9, `make clean` removes the remaining node and network, the rules and the engine."""
    with started(running, "start", "--stage", "cluster") as run:
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate(timeout=60)
    assert remaining(running) != []
    subprocess.run([sys.executable, "-m", "lab", "clean"], cwd=PROJECT, check=True)
    assert left_on_machine() == ""
    assert not Path(os.environ["ISTIO_LAB_STATE"]).exists()
