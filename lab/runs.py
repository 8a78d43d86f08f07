"""The folders of the runs: kubeconfig, kind's configuration, and the record of a cluster that is kept."""

from collections.abc import Iterator
from pathlib import Path

from lab import folders
from lab.cache import is_locked
from lab.paths import checkout

#: The file in a run's folder that says which checkout made it.
_OWNER = "owner"
#: The file that a run holds a lock on for as long as it lasts.
LOCK = "lock"


def folder_of(run: str) -> Path:
    """Where a run's folder is or will be; nothing is made."""
    return folders.state_place().path / folders.RUNS / run


def claim(run: str) -> Path:
    """A run's folder, made for its user alone and marked with this checkout; LabError as `Folder.claim`."""
    folders.state_place().claim()
    folder = folder_of(run)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    (folder / _OWNER).write_text(checkout(), encoding="ascii")
    return folder


def known() -> list[Path]:
    """The folder of each run that there is, by name."""
    return sorted(path for path in folder_of("").glob("*") if path.is_dir() and not path.is_symlink())


def is_mine(folder: Path) -> bool:
    """Whether this checkout made the run's folder, or one made it that left no record of itself."""
    try:
        return (folder / _OWNER).read_text(encoding="utf-8") == checkout()
    except FileNotFoundError:
        return True


def remove(folder: Path) -> None:
    """Remove a run's folder; LabError if something is mounted in it."""
    folders.remove_tree(folder)


def busy() -> Iterator[str]:
    """The names of the runs that go on now, of any checkout: a process holds their lock."""
    yield from (folder.name for folder in known() if is_locked(folder / LOCK))
