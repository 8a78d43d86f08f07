"""Whole commands, timed."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.paths import PROJECT


def timed(command: Sequence[str], environment: Mapping[str, str], log: Path) -> tuple[float, int]:
    """Wall seconds and exit code of one command at the project's top; what it prints goes into `log`."""
    begun = time.monotonic()
    with log.open("wb") as stream:
        ran = subprocess.run(
            command, cwd=PROJECT, env=dict(environment), stdout=stream, stderr=subprocess.STDOUT, check=False
        )
    return time.monotonic() - begun, ran.returncode
