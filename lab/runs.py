"""The folders of the runs: kubeconfig, kind's configuration and the record of a kept cluster."""

from collections.abc import Iterator
from pathlib import Path

from lab import folders
from lab.cache import is_locked
from lab.paths import checkout

#: File in a run's folder that names the checkout that created it.
_OWNER = "owner"
#: File in a run's folder that the run keeps locked while it lasts.
LOCK = "lock"


def folder_of(run: str) -> Path:
    """Return the path of a run's folder without creating it."""
    return folders.state_place().path / folders.RUNS / run


def claim(run: str) -> Path:
    """Create a run's folder, readable only by its user and marked with this checkout.

    Raises LabError as `Folder.claim` does.
    """
    folders.state_place().claim()
    folder = folder_of(run)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    (folder / _OWNER).write_text(checkout(), encoding="ascii")
    return folder


def known() -> list[Path]:
    """Return the folder of every existing run, sorted by name."""
    return sorted(path for path in folder_of("").glob("*") if path.is_dir() and not path.is_symlink())


def is_mine(folder: Path) -> bool:
    """Return whether this checkout created the run's folder, or the folder has no record of its creator."""
    try:
        return (folder / _OWNER).read_text(encoding="utf-8") == checkout()
    except FileNotFoundError:
        return True


def remove(folder: Path) -> None:
    """Remove a run's folder. Raises LabError if it contains a mount."""
    folders.remove_tree(folder)


def busy() -> Iterator[str]:
    """Yield the names of the runs in progress, of any checkout: a process holds their lock."""
    yield from (folder.name for folder in known() if is_locked(folder / LOCK))
