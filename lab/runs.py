"""The folders of the runs: kubeconfig, kind's configuration and the record of a kept cluster."""

import re
from collections.abc import Iterator
from pathlib import Path

from lab import folders
from lab.cache import OWNERS, is_gone, is_locked, record_checkout
from lab.errors import LabError
from lab.paths import checkout

#: File in a run's folder that names the checkout that created it.
_OWNER = "owner"
_CHECKOUT = re.compile(r"[0-9a-f]{8}")
#: File in a run's folder that the run keeps locked while it lasts.
LOCK = "lock"


def folder_of(run: str) -> Path:
    """Return the path of a run's folder without creating it."""
    return folders.state_place().path / folders.RUNS / run


def claim(run: str) -> Path:
    """Create a run's folder, readable only by its user and marked with this checkout.

    Raises LabError as `Folder.claim` does, and if something else has the folder's path.
    """
    record_checkout(folders.state_place().claim())
    folder = folder_of(run)
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and is_mine(folder))):
        raise LabError(
            f"{folder} is not a folder of this checkout: remove it, or choose another --cluster-name"
        )
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    (folder / _OWNER).write_text(checkout(), encoding="ascii")
    return folder


def known() -> list[Path]:
    """Return the folder of every existing run, sorted by name."""
    return sorted(path for path in folder_of("").glob("*") if path.is_dir() and not path.is_symlink())


def is_mine(folder: Path) -> bool:
    """Return whether this checkout created the run's folder; a killed one may have left it empty."""
    try:
        return (folder / _OWNER).read_text(encoding="utf-8") == checkout()
    except FileNotFoundError:
        return not any(folder.iterdir())
    except (OSError, UnicodeDecodeError):
        return False


def is_removable(folder: Path) -> bool:
    """Return whether this checkout created the run's folder, or one that no longer exists."""
    if is_mine(folder):
        return True
    try:
        user = (folder / _OWNER).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    place = folders.state_place().path
    return bool(_CHECKOUT.fullmatch(user)) and (place / OWNERS / user).exists() and is_gone(place, user)


def remove(folder: Path) -> None:
    """Remove a run's folder. Raises LabError if it contains a mount."""
    folders.remove_tree(folder)


def busy() -> Iterator[str]:
    """Yield the names of the runs in progress, of any checkout: a process holds their lock."""
    yield from (folder.name for folder in known() if is_locked(folder / LOCK))
