"""The bounded runtime: runc, asked only for the capabilities that this machine can give.

Docker before 23 gives a privileged container every capability and fails where the machine's bounding set
lacks one. The wrapper (``lab/sources/runc-bounded``) takes those out; it is Go, because its start is paid by
every container start and exec.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from lab.errors import LabError
from lab.host import Report
from lab.paths import SOURCES, cache_root

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


def built() -> Path:
    """Where the wrapper is in the cache once built; the name follows from its source."""
    folder = SOURCES / "runc-bounded"
    digest = hashlib.sha256()
    for source in ("go.mod", "main.go"):
        digest.update((folder / source).read_bytes())
    return cache_root() / "runc-bounded" / digest.hexdigest()[:16] / "runc-bounded"


def install(target: Path, report: Report) -> Path:
    """Put the wrapper at ``target``, building it (10 s) if the cache lacks it; returns ``target``.

    Raises LabError if it has to be built and Go is missing or fails.
    """
    program = built()
    if not program.exists():
        _build(program, report)
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
    program.parent.mkdir(parents=True, exist_ok=True)
    fresh = program.with_suffix(f".{os.getpid()}")
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    command = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(fresh), "."]
    done = subprocess.run(
        command, cwd=SOURCES / "runc-bounded", env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LabError(f"the bounded runtime did not build:\n{done.stderr.strip()[-1500:]}")
    fresh.replace(program)
