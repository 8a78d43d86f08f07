"""The cache of build results, outside the checkout: one folder per entry, keyed by committed inputs.

An entry appears atomically: it is built in a neighbouring folder and then renamed. A manifest records the
SHA-256 of every file. An advisory lock, which the kernel releases when its owner dies, limits an entry to one
build at a time. Several checkouts share a cache. A process locks the entries that it uses, and each entry
records the checkouts that have used it, so that pruning removes nothing that a run or another checkout needs.
"""

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from lab.folders import remove_tree
from lab.paths import PROJECT, checkout

MANIFEST = "manifest.json"
#: Suffix of an entry that is being built; prefix of the shared lock that an entry's users hold.
PART, USE = ".part", "use-"
#: Folder in an entry with an empty file for each checkout that has used it; folder in the cache that records
#: the path of each such checkout.
USERS, OWNERS = "users", "owners"
#: File in an entry that records the size and time of a large file when it was last verified.
GLANCE = "glance"

#: Open locks of the entries that this process uses; it holds them until it ends.
_IN_USE: dict[Path, int] = {}


def digest(*parts: str | bytes) -> str:
    """Return the hex SHA-256 of the parts. Each is hashed with its length, so that different lists differ."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(f"{len(data)}:".encode() + data)
    return total.hexdigest()


def file_digest(path: Path) -> str:
    """Return the hex SHA-256 of a file. Raises OSError if it can't be read."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def tree_digest(folder: Path) -> str:
    """Return the hex SHA-256 of the names and contents of all files in a folder, recursively."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest(*(part for path in files for part in (str(path.relative_to(folder)), path.read_bytes())))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive advisory lock on a file. The kernel releases it when its owner dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path):
        yield


def is_locked(path: Path) -> bool:
    """Return whether a process holds the advisory lock on a file, which need not exist."""
    try:
        with path.open("r") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return False
    except BlockingIOError:
        return True
    return False


@dataclass(frozen=True)
class Entry:
    """One cache entry, named by `kind` and `key`. `path` is the folder of its files and manifest."""

    root: Path
    kind: str
    key: str

    @property
    def path(self) -> Path:
        return self.root / self.kind / self.key[:16]

    def manifest(self) -> dict[str, str] | None:
        """Return the SHA-256 of each file by name, or None if there is no complete entry."""
        try:
            loaded = json.loads((self.path / MANIFEST).read_text())
        except (OSError, ValueError, RecursionError):
            return None
        files = loaded.get("files") if isinstance(loaded, dict) else None
        return {str(name): str(value) for name, value in files.items()} if isinstance(files, dict) else None

    def use(self) -> None:
        """Protect the entry from pruning until this process ends, and record this checkout as a user."""
        lock = self._use_lock
        if lock not in _IN_USE:
            lock.parent.mkdir(parents=True, exist_ok=True)
            _IN_USE[lock] = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(_IN_USE[lock], fcntl.LOCK_SH)
        record = record_checkout(self.root)
        if (self.path / MANIFEST).exists():
            (self.path / USERS).mkdir(exist_ok=True)
            (self.path / USERS / record.name).touch()
            os.utime(self.path / MANIFEST)

    @property
    def _use_lock(self) -> Path:
        return self.root / "locks" / f"{USE}{self.kind}-{self.key[:16]}"

    def damage(self, *names: str) -> str | None:
        """Verify the named files, or all of them. Return what is wrong, or None if they are intact."""
        manifest = self.manifest()
        if manifest is None:
            return "not built"
        for name in names or manifest:
            try:
                if name not in manifest or file_digest(self.path / name) != manifest[name]:
                    return f"{name} differs from what was built"
            except OSError as error:
                return f"{name} can't be read: {error.strerror}"
        return None

    def damage_at_a_glance(self, name: str) -> str | None:
        """Verify one file like `damage`, but only if its size or time changed since the last verification.

        Every run checks this for files of several gigabytes.
        """
        seen = self.path / GLANCE
        try:
            status = (self.path / name).stat()
            now = f"{status.st_size} {status.st_mtime_ns}"
            if self.manifest() is not None and seen.exists() and seen.read_text(encoding="ascii") == now:
                return None
        except OSError as error:
            return f"{name} can't be read: {error.strerror}"
        if damage := self.damage(name):
            return damage
        seen.write_text(now, encoding="ascii")
        return None

    def forget(self) -> None:
        """Mark the entry as not built, so that the next `make` rebuilds it."""
        (self.path / MANIFEST).unlink(missing_ok=True)

    def make(self, build: Callable[[Path], None], say: Callable[[str], None], *names: str) -> Path:
        """Return the entry's folder, calling `build(folder)` first unless the files in `names` are intact."""
        with locked(self.root / "locks" / f"{self.kind}-{self.key[:16]}"):
            damage = self.damage(*names)
            if damage is None:
                os.utime(self.path / MANIFEST)
                return self.path
            work = self.path.with_name(self.path.name + PART)
            if work.exists():
                remove_tree(work)
            _make_with_parent(work)
            if self.path.exists():
                say(f"{self.kind}/{self.key[:16]}: {damage}; rebuilding it")
                remove_tree(self.path)
            build(work)
            files = {
                str(path.relative_to(work)): file_digest(path)
                for path in sorted(work.rglob("*"))
                if path.is_file() and not path.is_symlink()
            }
            (work / MANIFEST).write_text(json.dumps({"key": self.key, "files": files}, indent=1))
            work.rename(self.path)
            return self.path


def _make_with_parent(folder: Path) -> None:
    """Create a folder and its parent. The parent never exists empty, which another process would refuse."""
    if not folder.parent.exists():
        staging = folder.parent.with_name(f"import-{secrets.token_hex(8)}{PART}")
        (staging / folder.name).mkdir(parents=True)
        try:
            staging.rename(folder.parent)
        except OSError:
            remove_tree(staging)
        else:
            return
    folder.mkdir(parents=True)


def prune(root: Path, kind: str, keep: int) -> list[Path]:
    """Remove all entries of a kind except the `keep` most recently used. Return the removed folders.

    Spares entries that a process uses and entries that another checkout on this machine has used.
    """
    manifests = (root / kind).glob(f"*/{MANIFEST}")
    found = sorted(manifests, key=lambda path: path.stat().st_mtime, reverse=True)
    mine = [manifest.parent for manifest in found if not _others(root, manifest.parent)]
    removed = []
    for folder in mine[keep:]:
        if not is_locked(root / "locks" / f"{USE}{kind}-{folder.name}"):
            remove_tree(folder)
            removed.append(folder)
    return removed


def remove_parts(root: Path) -> list[Path]:
    """Remove the partial folders of killed builds and imports. Return the removed folders.

    Spares builds and imports that are in progress.
    """
    removed = []
    if not is_locked(root / "locks" / "import"):
        for staging in sorted(root.glob(f"import-*{PART}")):
            remove_tree(staging)
            removed.append(staging)
    for part in sorted(root.glob(f"*/*{PART}")):
        if is_locked(root / "locks" / f"{part.parent.name}-{part.name.removesuffix(PART)}"):
            continue
        remove_tree(part)
        removed.append(part)
        if not any(part.parent.iterdir()):
            part.parent.rmdir()
    return removed


def record_checkout(root: Path) -> Path:
    """Return this checkout's record in a folder of the lab, created if missing; it contains the path."""
    record = root / OWNERS / checkout()
    if not record.exists():
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(str(PROJECT), encoding="utf-8")
    return record


def other_checkouts(root: Path) -> list[str]:
    """Return the digits of the other checkouts that are recorded in a folder and still exist."""
    users = sorted(path.name for path in (root / OWNERS).glob("*"))
    return _others_among(root, users)


def _others(root: Path, folder: Path) -> list[str]:
    """Return the other checkouts that have used an entry and still exist on this machine."""
    users = [path.name for path in (folder / USERS).glob("*")]
    return _others_among(root, users)


def _others_among(root: Path, users: list[str]) -> list[str]:
    return [user for user in users if user != checkout() and not is_gone(root, user)]


def is_gone(root: Path, user: str) -> bool:
    """Return whether a checkout no longer exists; one without a record counts as gone."""
    try:
        return not Path((root / OWNERS / user).read_text(encoding="utf-8")).exists()
    except FileNotFoundError:
        return True
