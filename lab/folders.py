"""Creates, checks and removes the lab's two folders, cache and state, without touching the user's files.

The user can name both folders (``ISTIO_LAB_CACHE``, ``ISTIO_LAB_STATE``), so a wrong value may point at a
home directory. A marker file identifies a folder that the lab created. On first use the lab refuses an
unmarked folder that is not empty, and a marked folder with unknown files. Removal goes entry by entry, by the
names listed here. It never removes a folder as a whole and never crosses a mount.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab import paths
from lab.errors import LabError

#: The file that marks a folder as the lab's own.
MARK = ".istio-conformance-lab.json"

Say = Callable[[str], None]

#: The engine's folders in the state folder (see lab.daemon), and the folder of the runs.
ENGINE_NAMES = ("owners", "bin", "config", "containerd", "containerd-run", "data", "exec", "log", "run")
RUNS = "runs"

#: The mark and, for an instant while it is written, its temporary name.
_MARKS = re.compile(re.escape(MARK) + r"(\.[0-9a-f]{8}\.new)?")
#: Characters that mountinfo escapes, as backslash and three octal digits. Source: proc(5).
_ESCAPED = re.compile(rb"\\([0-7]{3})")
#: A newly created file system contains this folder and still counts as empty.
_OF_AN_EMPTY_DISK = "lost+found"

_CACHE_FILES = re.compile(r"times\.(json|new)|allure\.lock")
#: An earlier version kept Allure in the last of these.
_CACHE_FOLDERS = re.compile(r"locks|owners|debs|wheels|import-[0-9a-f]+\.part|allure-[0-9a-f]{16}(\.new)?")
#: Folder name of a cache entry (lab.cache.Entry): the first 16 hex digits of its key.
_ENTRY = re.compile(r"[0-9a-f]{16}(\.part)?")


@dataclass(frozen=True, slots=True)
class Folder:
    """One of the lab's folders: its path, its kind ("cache" or "state") and the variable that overrides it.

    `usual` is the default path, used if the variable is not set.
    """

    path: Path
    kind: str
    variable: str
    usual: Path

    @property
    def mark(self) -> Path:
        return self.path / MARK

    def is_ours(self) -> bool:
        """Return whether the folder has the marker file of this kind."""
        return self._mark().get("kind") == self.kind

    def foreign(self) -> list[str]:
        """Return the sorted names in the folder that the lab doesn't use."""
        known = _is_of_cache if self.kind == "cache" else _is_of_state
        return sorted(
            entry.name for entry in self.path.iterdir() if not _is_of_any(entry.name) and not known(entry)
        )

    def check(self) -> None:
        """Raise LabError if the lab must not use the folder. Changes nothing."""
        self._check_place()
        if not self._exists():
            return
        empty = self.is_empty()
        # Read the mark after the contents: another process marks the folder before it fills it.
        marked = self._mark().get("kind")
        if marked not in (None, self.kind):
            raise LabError(f"{self._named()} is the lab's {marked} folder already; {self._advice()}")
        foreign = self.foreign()
        if foreign:
            shown = ", ".join(foreign[:3]) + (f" and {len(foreign) - 3} more" if len(foreign) > 3 else "")
            raise LabError(
                f"{self._named()} contains files that are not the lab's ({shown}); {self._advice()}"
            )
        if marked is None and self.path != self.usual and not empty:
            raise LabError(f"{self._named()} is not empty and not the lab's; {self._advice()}")

    def claim(self) -> Path:
        """Create and mark the folder if necessary, and return its path.

        Raises LabError as `check` does, or if the folder can't be created.
        """
        self.check()
        made = not self.path.exists() or (self.path == self.usual and not self.is_empty())
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if not self.mark.exists():
                self._write_mark(made)
        except OSError as error:
            raise LabError(f"{self._named()} can't be created: {error.strerror}; {self._advice()}") from error
        return self.path

    def _write_mark(self, made: bool) -> None:
        """Write the mark as a whole; leave that of a process that was faster."""
        fresh = self.path / f"{MARK}.{secrets.token_hex(4)}.new"
        try:
            fresh.write_text(json.dumps({"kind": self.kind, "made": made}), encoding="ascii")
            with contextlib.suppress(FileExistsError):
                self.mark.hardlink_to(fresh)
        finally:
            fresh.unlink(missing_ok=True)

    def _exists(self) -> bool:
        """Return whether the path exists; LabError if it is not a folder that can be read."""
        try:
            if not self.path.exists():
                return False
            if not self.path.is_dir():
                raise LabError(f"{self._named()} is not a folder; {self._advice()}")
            next(self.path.iterdir(), None)
        except OSError as error:
            raise LabError(f"{self._named()} can't be read: {error.strerror}; {self._advice()}") from error
        return True

    def remove(self, say: Say) -> None:
        """Remove the lab's entries in the folder, then the folder itself if the lab created it.

        Reports other entries and leaves them. Raises LabError and removes nothing if the folder is not marked
        or contains a mount.
        """
        self._check_place()
        if not self.path.exists():
            return
        self._check_removable()
        foreign = self.foreign()
        for entry in list(self.path.iterdir()):
            if entry.name not in foreign and not _is_of_any(entry.name):
                remove_tree(entry)
        made = self._mark().get("made") is True
        for mark in [each for each in self.path.iterdir() if _MARKS.fullmatch(each.name)]:
            mark.unlink()
        if foreign:
            say(f"left in {self.path}, because the lab did not create it: {', '.join(foreign)}")
        elif made and not any(self.path.iterdir()):
            self.path.rmdir()

    def _check_removable(self) -> None:
        if not self.is_ours():
            raise LabError(
                f"{self._named()} has no marker file ({MARK}), so nothing in it was removed; if it is the "
                "lab's, remove it by hand"
            )
        if mounted := mounts_below(self.path):
            raise not_ours(mounted[0], self.path)

    def _mark(self) -> dict[str, object]:
        try:
            read = json.loads(self.mark.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return read if isinstance(read, dict) else {}

    def is_empty(self) -> bool:
        """Return whether the folder is empty, ignoring the marker file and a new file system's lost+found."""
        return all(_is_of_any(entry.name) for entry in self.path.iterdir())

    def _check_place(self) -> None:
        if not self.path.is_absolute():
            raise LabError(f"{self._named()} is a relative path; {self._advice('an absolute path of ')}")
        for other in (cache_place(), state_place()):
            if other.kind != self.kind and (self.path in (other.path, *other.path.parents)):
                raise LabError(
                    f"{self._named()} contains the lab's {other.kind} folder {other.path}; {self._advice()}"
                )

    def _named(self) -> str:
        return str(self.path) if self.path == self.usual else f"{self.variable}={self.path}"

    def _advice(self, which: str = "") -> str:
        return f"set {self.variable} to {which}a new or empty folder (nothing was changed)"


def cache_place() -> Folder:
    """Return the cache folder that the environment selects. Checks and creates nothing."""
    return Folder(_resolved(paths.cache_root()), "cache", "ISTIO_LAB_CACHE", _resolved(paths.usual_cache()))


def state_place() -> Folder:
    """Return the state folder that the environment selects. Checks and creates nothing."""
    return Folder(_resolved(paths.state_root()), "state", "ISTIO_LAB_STATE", _resolved(paths.USUAL_STATE))


def check() -> None:
    """Raise LabError if the lab must not use one of its folders. Changes nothing."""
    cache_place().check()
    state_place().check()


def not_ours(mount: Path, folder: Path) -> LabError:
    """Return the error for a mount in a lab folder that the lab did not create."""
    return LabError(
        f"{mount} is a mount that the lab did not create, so nothing in {folder} was removed; unmount it, "
        "then run the same command again"
    )


def mounts_below(folder: Path) -> list[Path]:
    """Return the mount points strictly below a folder, in the order of creation."""
    real = folder.resolve()
    return [point for point in _mounts() if point != real and point.is_relative_to(real)]


def _mounts() -> list[Path]:
    return mount_points(Path("/proc/self/mountinfo").read_bytes())


def mount_points(mountinfo: bytes) -> list[Path]:
    """Return the mount points in the text of a mountinfo file. Source of the format: proc(5)."""
    lines = mountinfo.rstrip(b"\n").split(b"\n")
    return [Path(os.fsdecode(_ESCAPED.sub(_unescaped, line.split(b" ")[4]))) for line in lines]


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 8) & 0xFF])


def _resolved(path: Path) -> Path:
    try:
        return path.resolve() if path.is_absolute() else path
    except (OSError, RuntimeError) as error:
        raise LabError(f"the folder {path} can't be resolved: {error}") from error


def remove_tree(path: Path) -> None:
    """Remove a file, a link or a folder tree. Raises LabError and removes nothing if it contains a mount."""
    if not _is_folder(path):
        path.unlink()
        return
    if mounted := [point for point in _mounts() if point.is_relative_to(path.resolve())]:
        raise not_ours(mounted[0], path)
    shutil.rmtree(path)


def _is_of_any(name: str) -> bool:
    return _MARKS.fullmatch(name) is not None or name == _OF_AN_EMPTY_DISK


def _is_of_state(entry: Path) -> bool:
    return entry.name in (*ENGINE_NAMES, RUNS) and _is_folder(entry)


def _is_of_cache(entry: Path) -> bool:
    if entry.is_symlink():
        return False
    if _CACHE_FILES.fullmatch(entry.name):
        return not entry.is_dir()
    if _CACHE_FOLDERS.fullmatch(entry.name):
        # Another process may have removed its temporary folder by now.
        return entry.is_dir() or not entry.exists()
    if not entry.is_dir():
        return False
    inside = list(entry.iterdir())
    entries = [
        each for each in inside if _ENTRY.fullmatch(each.name) and (_is_folder(each) or not each.exists())
    ]
    return bool(inside) and entries == inside


def _is_folder(entry: Path) -> bool:
    return entry.is_dir() and not entry.is_symlink()
