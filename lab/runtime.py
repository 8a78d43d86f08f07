"""The bounded runtime: runc, asked only for the capabilities that this machine can give.

Docker before 23 gives a privileged container every capability and fails where the machine's bounding set
lacks one. The wrapper (``lab/sources/runc-bounded``) takes those out; it is Go, because its start is paid by
every container start and exec.
"""

import os
import shutil
import subprocess
from pathlib import Path

from lab import environment
from lab.cache import Entry, digest
from lab.errors import LabError
from lab.host import Report
from lab.paths import SOURCES, cache_root

#: The wrapper's name, and its source folder's.
NAME = "runc-bounded"

#: First engine that asks the kernel which capabilities there are.
_ASKS_THE_KERNEL = 23


def bounding_set() -> int:
    """The capability bounding set of this process as bits, from /proc/self/status."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapBnd:"))


def lacks_capability() -> bool:
    """Whether the bounding set lacks any capability that the kernel knows."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
    every = (1 << (last + 1)) - 1
    return bounding_set() & every != every


def is_needed(engine_version: str) -> bool:
    """Whether an engine of this version ("20.10.24+dfsg1") cannot run a privileged container here unaided."""
    return int(engine_version.split(".", 1)[0]) < _ASKS_THE_KERNEL and lacks_capability()


def entry(root: Path | None = None) -> Entry:
    """The wrapper's place in the cache, keyed by its source."""
    folder = SOURCES / NAME
    sources = [(folder / source).read_bytes() for source in ("go.mod", "main.go")]
    return Entry(root or cache_root(), NAME, digest(*sources))


def built() -> Path:
    """Where the wrapper is in the cache once built; the name follows from its source."""
    return entry().path / NAME


def install(target: Path, report: Report) -> Path:
    """Put the wrapper at ``target``, building it (10 s) if the cache lacks it or has it damaged.

    Returns ``target``. Raises LabError if it has to be built and Go is missing or fails.
    """
    program = entry().make(lambda folder: _build(folder / NAME, report), report, NAME) / NAME
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(f".{os.getpid()}")
    shutil.copy2(program, fresh)
    fresh.replace(target)
    return target


def _build(program: Path, report: Report) -> None:
    if shutil.which("go") is None:
        raise LabError(
            "Go is missing: install Go 1.25 or later, or import a built lab (python -m lab import FILE)"
        )
    report("building the bounded runtime (about 10 s)")
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    command = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(program), "."]
    done = subprocess.run(
        environment.ending_with_us(command), cwd=SOURCES / NAME, env=environment.for_registries() | settings,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise LabError(f"the bounded runtime did not build:\n{done.stderr.strip()[-1500:]}")
