"""Temporary files and folders, named so that those of a killed process can be found and removed."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.folders import remove_tree

#: What a name begins with, followed by the process that made it.
PREFIX = "istio-lab-"

_NAME = re.compile(re.escape(PREFIX) + r"(\d+)-.+")


@contextmanager
def folder(purpose: str) -> Iterator[Path]:
    """A new folder in the system's temporary place, removed at the end."""
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-{purpose}-") as made:
        yield Path(made)


def remove_leftovers() -> list[Path]:
    """Remove what processes that no longer run have left, of this user; the paths that went."""
    gone = []
    for path in sorted(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")):
        made_by = _NAME.fullmatch(path.name)
        if made_by and not Path("/proc", made_by[1]).exists() and path.lstat().st_uid == os.geteuid():
            remove_tree(path)
            gone.append(path)
    return gone
