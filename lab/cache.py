"""What was built, kept outside the checkout: one folder for each entry, keyed by committed inputs.

An entry appears whole or not at all (it is made beside its place and renamed), it carries the
SHA-256 of every file in it, and one build at a time makes it (an advisory lock that dies with its owner).
Several checkouts share a cache: an entry is in use while a process holds it, and each checkout that has used
it is recorded, so that pruning takes nothing away from a run or from another checkout.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.folders import remove_tree
from lab.paths import PROJECT, checkout

MANIFEST = "manifest.json"
#: Suffix of an entry in the making; prefix of the lock that those who use an entry share.
PART, USE = ".part", "use-"
#: Folder of an entry with an empty file for each checkout that has used it; folder of the cache that says
#: where each of these checkouts is.
USERS, OWNERS = "users", "owners"
#: File of an entry with the size and time of a large file when that was found whole.
GLANCE = "glance"

#: Locks of the entries that this process uses, held until it ends.
_IN_USE: dict[Path, int] = {}


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


def is_locked(path: Path) -> bool:
    """Whether a process holds the advisory lock on a file, which need not exist."""
    try:
        with path.open("r") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


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

    def use(self) -> None:
        """Keep the entry from being pruned until this process ends, and record the checkout that uses it."""
        lock = self._use_lock
        if lock not in _IN_USE:
            lock.parent.mkdir(parents=True, exist_ok=True)
            _IN_USE[lock] = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(_IN_USE[lock], fcntl.LOCK_SH)
        record = _record_checkout(self.root)
        if (self.path / MANIFEST).exists():
            (self.path / USERS).mkdir(exist_ok=True)
            (self.path / USERS / record.name).touch()
            os.utime(self.path / MANIFEST)

    @property
    def _use_lock(self) -> Path:
        return self.root / "locks" / f"{USE}{self.kind}-{self.key[:16]}"

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

    def damage_at_a_glance(self, name: str) -> str | None:
        """As `damage`, but a file is read only if its size or time has changed since it was last found whole.

        For files of gigabytes that are looked at in every run.
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
        """Let the entry count as not built, so that the next `make` makes it."""
        (self.path / MANIFEST).unlink(missing_ok=True)

    def make(self, build: Callable[[Path], None], say: Callable[[str], None], *names: str) -> Path:
        """The entry's folder: as it is when whole (as far as `names` go), else made by `build(folder)`."""
        with locked(self.root / "locks" / f"{self.kind}-{self.key[:16]}"):
            damage = self.damage(*names)
            if damage is None:
                os.utime(self.path / MANIFEST)
                return self.path
            work = self.path.with_name(self.path.name + PART)
            if work.exists():
                remove_tree(work)
            work.mkdir(parents=True)
            if self.path.exists():
                say(f"{self.kind}/{self.key[:16]}: {damage}; building it again")
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


def prune(root: Path, kind: str, keep: int) -> list[Path]:
    """Remove all but the `keep` entries of a kind that this checkout used last; the folders that went.

    An entry that a process uses, or that another checkout of this machine has used, stays.
    """
    manifests = (root / kind).glob(f"*/{MANIFEST}")
    found = sorted(manifests, key=lambda path: path.stat().st_mtime, reverse=True)
    mine = [manifest.parent for manifest in found if not _others(root, manifest.parent)]
    gone = []
    for folder in mine[keep:]:
        if not is_locked(root / "locks" / f"{USE}{kind}-{folder.name}"):
            remove_tree(folder)
            gone.append(folder)
    return gone


def remove_parts(root: Path) -> list[Path]:
    """Remove what killed builds and imports have left half made; the folders that went.

    What is being made now stays.
    """
    gone = []
    if not is_locked(root / "locks" / "import"):
        for staging in sorted(root.glob(f"import-*{PART}")):
            remove_tree(staging)
            gone.append(staging)
    for part in sorted(root.glob(f"*/*{PART}")):
        if is_locked(root / "locks" / f"{part.parent.name}-{part.name.removesuffix(PART)}"):
            continue
        remove_tree(part)
        gone.append(part)
        if not any(part.parent.iterdir()):
            part.parent.rmdir()
    return gone


def _record_checkout(root: Path) -> Path:
    """The record of this checkout in the cache, a file with its path in it."""
    record = root / OWNERS / checkout()
    if not record.exists():
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(str(PROJECT), encoding="utf-8")
    return record


def _others(root: Path, folder: Path) -> list[str]:
    """Other checkouts that have used an entry and are still on this machine."""
    users = [path.name for path in (folder / USERS).glob("*")]
    return [user for user in users if user != checkout() and not _is_gone(root, user)]


def _is_gone(root: Path, user: str) -> bool:
    try:
        return not Path((root / OWNERS / user).read_text(encoding="utf-8")).exists()
    except FileNotFoundError:
        return True
