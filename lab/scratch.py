"""Temporary folders that can be recognized and removed after their creator was killed.

The name contains the creator's pid. A marker file in the folder proves that the lab created it, and its lock
that the creator still runs, also in another pid namespace.
"""

import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.cache import is_locked
from lab.folders import remove_tree

#: Prefix of each name; the creator's pid follows it.
PREFIX = "istio-lab-"

#: The marker file; its creator keeps it locked.
MARK = ".istio-conformance-scratch"
_NAME = re.compile(re.escape(PREFIX) + r"(\d+)-.+")


@contextmanager
def folder(purpose: str) -> Iterator[Path]:
    """Yield a new folder in the system's temporary directory; remove it afterwards."""
    prefix = f"{PREFIX}{os.getpid()}-{purpose}-"
    with tempfile.TemporaryDirectory(prefix=prefix) as made, (Path(made) / MARK).open("x") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        content = Path(made) / "content"
        content.mkdir()
        yield content


def remove_leftovers() -> list[Path]:
    """Remove the marked folders of this user whose creator no longer runs. Return the removed paths."""
    removed = []
    for path in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
        named = _NAME.fullmatch(path.name)
        if named and not Path("/proc", named[1]).exists() and _is_ours(path):
            remove_tree(path)
            removed.append(path)
    return removed


def _is_ours(path: Path) -> bool:
    mark = path / MARK
    if path.is_symlink() or mark.is_symlink() or not mark.is_file():
        return False
    return path.lstat().st_uid == os.geteuid() and not is_locked(mark)
