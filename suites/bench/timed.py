"""Time whole commands."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.paths import PROJECT

#: Variables that `make bench ARGS=...` passes on to every make below it. They must not reach a timed command.
_OF_AN_OUTER_MAKE = frozenset({"MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "ARGS"})


#: The installed command.
COMMAND = [sys.executable, "-m", "suites.command"]


def timed(command: Sequence[str], environment: Mapping[str, str], log: Path) -> tuple[float, int]:
    """Run a command in the project's root; return wall-clock seconds and exit code. `log` gets the output."""
    own = {name: value for name, value in environment.items() if name not in _OF_AN_OUTER_MAKE}
    begun = time.monotonic()
    with log.open("wb") as stream:
        ran = subprocess.run(
            command, cwd=PROJECT, env=own, stdout=stream, stderr=subprocess.STDOUT, check=False
        )
    return time.monotonic() - begun, ran.returncode
