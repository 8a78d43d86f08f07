"""The bounded runtime: a runc wrapper that drops capabilities missing from this machine's bounding set.

Docker before 23 requests every capability for a privileged container and fails if the machine's bounding set
lacks one. The wrapper (``lab/sources/runc-bounded``) removes those from the request. It is written in Go
because every container start and exec pays for its start-up time.
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

#: Name of the wrapper and of its source folder.
NAME = "runc-bounded"

#: First Docker version that asks the kernel which capabilities are available.
_ASKS_THE_KERNEL = 23


def bounding_set() -> int:
    """Return this process's capability bounding set as a bit mask, from /proc/self/status."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapBnd:"))


def lacks_capability() -> bool:
    """Return whether the bounding set lacks any capability that the kernel knows."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
    every = (1 << (last + 1)) - 1
    return bounding_set() & every != every


def is_needed(engine_version: str) -> bool:
    """Return whether an engine of this version ("20.10.24+dfsg1") needs the wrapper on this machine."""
    return int(engine_version.split(".", 1)[0]) < _ASKS_THE_KERNEL and lacks_capability()


def entry(root: Path | None = None) -> Entry:
    """Return the wrapper's cache entry, keyed by its source."""
    folder = SOURCES / NAME
    sources = [(folder / source).read_bytes() for source in ("go.mod", "main.go")]
    return Entry(root or cache_root(), NAME, digest(*sources))


def built() -> Path:
    """Return the wrapper's path in the cache, built or not."""
    return entry().path / NAME


def install(target: Path, report: Report) -> Path:
    """Copy the wrapper to ``target`` and return that path, building it first (10 s) if necessary.

    Raises LabError if the cache lacks an intact wrapper and Go is missing or fails.
    """
    program = entry().make(lambda folder: _build(folder / NAME, report), report, NAME) / NAME
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(f".{os.getpid()}")
    shutil.copy2(program, fresh)
    fresh.replace(target)
    return target


def _build(program: Path, report: Report) -> None:
    if shutil.which("go") is None:
        raise LabError("Go is missing: install Go 1.26 or later, or run `istio-conformance lab import FILE`")
    report("building the bounded runtime (about 10 s)")
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    command = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(program), "."]
    done = subprocess.run(
        environment.ending_with_us(command), cwd=SOURCES / NAME, env=environment.for_registries() | settings,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise LabError(f"`go build` of the bounded runtime failed:\n{done.stderr.strip()[-1500:]}")
