"""Whole commands, timed."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.paths import PROJECT

#: What `make bench ARGS=...` hands down to every make below it: its options are not those of what is timed.
_OF_AN_OUTER_MAKE = frozenset({"MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "ARGS"})


#: The installed command.
COMMAND = [sys.executable, "-m", "suites.command"]


def timed(command: Sequence[str], environment: Mapping[str, str], log: Path) -> tuple[float, int]:
    """Wall seconds and exit code of one command at the project's top; what it prints goes into `log`."""
    own = {name: value for name, value in environment.items() if name not in _OF_AN_OUTER_MAKE}
    begun = time.monotonic()
    with log.open("wb") as stream:
        ran = subprocess.run(
            command, cwd=PROJECT, env=own, stdout=stream, stderr=subprocess.STDOUT, check=False
        )
    return time.monotonic() - begun, ran.returncode
