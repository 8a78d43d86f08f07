"""Temporary folders named after the creator's pid, so that a killed process's can be removed later."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.folders import remove_tree

#: Prefix of each name; the creator's pid follows it.
PREFIX = "istio-lab-"

_NAME = re.compile(re.escape(PREFIX) + r"(\d+)-.+")


@contextmanager
def folder(purpose: str) -> Iterator[Path]:
    """Yield a new folder in the system's temporary directory; remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-{purpose}-") as made:
        yield Path(made)


def remove_leftovers() -> list[Path]:
    """Remove this user's folders whose creator no longer runs. Return the removed paths."""
    removed = []
    for path in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
        named = _NAME.fullmatch(path.name)
        if named and not Path("/proc", named[1]).exists() and path.lstat().st_uid == os.geteuid():
            remove_tree(path)
            removed.append(path)
    return removed
