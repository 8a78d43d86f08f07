"""A run killed at any stage leaves nothing after `lab clean`, and everything that is not the lab's stays."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lab import engine
from lab.paths import PROJECT
from suites.lab.leftovers import left_of, left_on_machine

pytestmark = pytest.mark.lab

NAME = "istio-conformance-ended"
#: A shell's background job ignores Ctrl-C and passes that on; a run in a terminal does not.
RUN = ["env", "--default-signal=INT", sys.executable, "-u", "-m", "pytest", "-p", "no:cacheprovider"]
#: Seconds within which a run must clean up after an interrupt.
ENDING = 120

#: The file whose first test is being set up when the signal arrives, and the signal. Only `make test-full`
#: runs the slow ones.
ENDS = [
    pytest.param(stage, sign, id=f"{stage}-{sign.name}", marks=() if quick else pytest.mark.full)
    for stage, sign, quick in (
        ("cluster", signal.SIGTERM, True),
        ("control_plane", signal.SIGKILL, True),
        ("cluster", signal.SIGINT, False),
        ("cluster", signal.SIGKILL, False),
        ("control_plane", signal.SIGINT, False),
        ("control_plane", signal.SIGTERM, False),
        ("injection", signal.SIGINT, False),
        ("injection", signal.SIGTERM, False),
        ("injection", signal.SIGKILL, False),
    )
]


@pytest.fixture
def fresh(running: engine.Engine) -> engine.Engine:
    """The second engine with the lab in it, also after a test that has cleaned it away."""
    # A build alone might take another engine that is on the machine.
    engine.start_own(print)
    subprocess.run([sys.executable, "-m", "lab", "build"], cwd=PROJECT, check=True)
    return running


def names(folder: Path) -> set[str]:
    """The names in a folder."""
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(("stage", "sign"), ENDS)
def test_killed_run_leaves_nothing_after_a_clean(
    fresh: engine.Engine, tmp_path: Path, stage: str, sign: signal.Signals
) -> None:
    """After a kill in a set-up and a clean, nothing of the lab stays and everything of the user does."""
    users, temporary = tmp_path / "kubeconfig", tmp_path / "tmp"
    users.write_text("users: own")
    temporary.mkdir()
    environment = {**os.environ, "KUBECONFIG": str(users), "TMPDIR": str(temporary)}
    command = [*RUN, "suites/article", f"--cluster-name={NAME}"]
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True, bufsize=0,
    ) as run:  # fmt: skip
        assert run.stdout is not None
        told = b""
        # pytest prints the file's name before it sets up the first test in it.
        while f"test_{stage}.py".encode() not in told:
            piece = run.stdout.read(1)
            assert piece, told.decode()[-3000:]
            told += piece
        run.send_signal(sign)
        told += run.communicate(timeout=ENDING)[0]
    if sign is not signal.SIGKILL:
        assert run.returncode == pytest.ExitCode.INTERRUPTED, told.decode()[-3000:]
        assert left_of(fresh, NAME) == []
    subprocess.run([sys.executable, "-m", "lab", "clean"], cwd=PROJECT, env=environment, check=True)
    assert left_on_machine() == ""
    assert not Path(os.environ["ISTIO_LAB_STATE"]).exists()
    assert names(temporary) == set()
    assert users.read_text() == "users: own"
    assert names(tmp_path) == {"kubeconfig", "tmp"}
