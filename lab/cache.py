"""What was built, kept outside the checkout: one folder for each entry, keyed by committed inputs.

An entry appears whole or not at all (it is made beside its place and renamed), it carries the
SHA-256 of every file in it, and one build at a time makes it (an advisory lock that dies with its owner).
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "manifest.json"


def digest(*parts: str | bytes) -> str:
    """Hex SHA-256 of the parts, each with its length, so that no two lists of parts share one."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(f"{len(data)}:".encode() + data)
    return total.hexdigest()


def file_digest(path: Path) -> str:
    """Hex SHA-256 of a file's content; OSError where it can't be read."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def tree_digest(folder: Path) -> str:
    """Hex SHA-256 of the names and contents of all files below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest(*(part for path in files for part in (str(path.relative_to(folder)), path.read_bytes())))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive advisory lock on a file; the kernel releases it when its owner dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Entry:
    """One thing that was built: `kind` and `key` name it, `path` holds its files and manifest."""

    root: Path
    kind: str
    key: str

    @property
    def path(self) -> Path:
        return self.root / self.kind / self.key[:16]

    def manifest(self) -> dict[str, str] | None:
        """File name to SHA-256, or None where there is no whole entry."""
        try:
            loaded = json.loads((self.path / MANIFEST).read_text())
        except (OSError, ValueError):
            return None
        return (
            {str(name): str(value) for name, value in loaded["files"].items()} if "files" in loaded else None
        )

    def damage(self, *names: str) -> str | None:
        """What is wrong with the entry (with the named files only, or all of them); None when it is whole."""
        manifest = self.manifest()
        if manifest is None:
            return "not built"
        for name in names or manifest:
            try:
                if name not in manifest or file_digest(self.path / name) != manifest[name]:
                    return f"{name} is not what was built"
            except OSError as error:
                return f"{name} can't be read: {error.strerror}"
        return None

    def make(self, build: Callable[[Path], None], say: Callable[[str], None], *names: str) -> Path:
        """The entry's folder: as it is when whole (as far as `names` go), else made by `build(folder)`."""
        with locked(self.root / "locks" / f"{self.kind}-{self.key[:16]}"):
            damage = self.damage(*names)
            if damage is None:
                os.utime(self.path / MANIFEST)
                return self.path
            if self.path.exists():
                say(f"{self.kind}/{self.key[:16]}: {damage}; building it again")
                shutil.rmtree(self.path)
            work = self.path.with_name(self.path.name + ".part")
            if work.exists():
                shutil.rmtree(work)
            work.mkdir(parents=True)
            build(work)
            files = {
                str(path.relative_to(work)): file_digest(path)
                for path in sorted(work.rglob("*"))
                if path.is_file() and not path.is_symlink()
            }
            (work / MANIFEST).write_text(json.dumps({"key": self.key, "files": files}, indent=1))
            work.rename(self.path)
            return self.path


def prune(root: Path, kind: str, keep: int) -> list[Path]:
    """Remove all but the `keep` entries of a kind that were used last; the folders that went."""
    found = sorted((root / kind).glob(f"*/{MANIFEST}"), key=lambda path: path.stat().st_mtime, reverse=True)
    gone = [manifest.parent for manifest in found[keep:]]
    for folder in gone:
        shutil.rmtree(folder)
    return gone
