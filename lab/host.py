"""Checks the machine before the lab changes anything: root, free disk and free memory."""

import contextlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.errors import LabError
from lab.paths import cache_root, state_root

Report = Callable[[str], None]

GIB = 1024**3


def require_root(purpose: str) -> None:
    """Raise LabError unless this process runs as root. ``purpose`` completes "root is needed to ..."."""
    if os.geteuid() != 0:
        raise LabError(f"root is needed to {purpose}; run the same command again as root (sudo -E ...)")


def check_room(min_disk_gib: float, min_memory_gib: float, folders: Sequence[Path] = ()) -> None:
    """Raise LabError unless each folder's disk and the machine's memory have this many GiB free.

    ``folders`` defaults to the lab's cache and state folders. Two folders on one disk are not added up.
    """
    for folder in folders or (cache_root(), state_root()):
        free = free_disk(folder) / GIB
        if free < min_disk_gib:
            raise LabError(
                f"{folder} has {free:.1f} GiB free and the lab needs {min_disk_gib:.1f} GiB there: "
                "free up disk space, or set ISTIO_LAB_CACHE (build results) or ISTIO_LAB_STATE (the engine's "
                "data) to a new folder on another disk"
            )
    memory = free_memory() / GIB
    if memory < min_memory_gib:
        raise LabError(
            f"{memory:.1f} GiB of memory are available and the lab needs {min_memory_gib:.1f} GiB: "
            "stop other programs or use a larger machine"
        )


def free_disk(folder: Path) -> int:
    """Return the bytes free for this user on the disk of ``folder``, which need not exist yet."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    return shutil.disk_usage(existing).free


def free_memory() -> int:
    """Return the available memory in bytes: the kernel's estimate or the cgroup's rest, if that is less."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    limits = [
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
        ("memory.max", "memory.current"),
    ]
    for limit, usage in limits:
        with contextlib.suppress(FileNotFoundError, ValueError):
            root = Path("/sys/fs/cgroup")
            left = int((root / limit).read_text()) - int((root / usage).read_text())
            available = min(available, left)
    return available
