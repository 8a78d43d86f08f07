"""An interrupted build leaves nothing outside its cache, and `lab clean` removes the rest."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.waits import eventually
from lab import engine
from lab.cache import PART
from lab.paths import PROJECT

pytestmark = pytest.mark.lab

#: A shell's background job ignores Ctrl-C and passes that on; a build in a terminal does not.
BUILD = ["env", "--default-signal=INT", sys.executable, "-m", "lab", "build"]
#: Seconds within which the child processes of a build must end.
ENDING = 20


@pytest.fixture
def place() -> Iterator[Path]:
    """A user's folder that contains a file, the build's folder for temporary files, and its empty cache."""
    with tempfile.TemporaryDirectory(prefix="ilab-") as folder:
        (Path(folder) / "mine").write_text("mine")
        (Path(folder) / "tmp").mkdir()
        yield Path(folder)


def programs_below(place: Path) -> list[str]:
    """The command lines of processes whose command line or environment names the cache in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = [(process / name).read_text(errors="replace") for name in ("cmdline", "environ")]
        except OSError:
            # The process has ended, or is ending.
            continue
        if int(process.name) != os.getpid() and any(f"{place}/cache" in text for text in words):
            found.append(words[0].replace("\0", " "))
    return found


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda sign: sign.name)
def test_interrupted_build_leaves_nothing_after_a_clean(
    own_engine: engine.Engine, place: Path, sign: signal.Signals
) -> None:
    """Killed while Go compiles and Debian is unpacked, a build leaves no process, folder or partial entry."""
    temporary = place / "tmp"
    environment = {**os.environ, "ISTIO_LAB_CACHE": str(place / "cache"), "TMPDIR": str(temporary)}
    with subprocess.Popen(
        BUILD, cwd=PROJECT, env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    ) as build:

        def both_go_on() -> None:
            running = " ".join(programs_below(place))
            assert "mmdebstrap" in running, running
            assert "go build" in running, running

        eventually(both_go_on, "both parts of the build are running", 60)
        build.send_signal(sign)
        build.wait(ENDING)

    def nothing_runs() -> None:
        assert programs_below(place) == []

    eventually(nothing_runs, "the build's child processes have ended", ENDING)
    command = [sys.executable, "-m", "lab", "clean"]
    subprocess.run(command, cwd=PROJECT, env=environment, check=True)
    assert not list((place / "cache").glob(f"*/*{PART}"))
    assert not list(temporary.iterdir())
    assert (place / "mine").read_text() == "mine"
    engine.start_own(print)
