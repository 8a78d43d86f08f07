"""Names the lab's folders, all of them outside the checkout, and the labels on its Docker objects."""

import hashlib
import os
from pathlib import Path

#: Docker label on each container and network that the lab or a run creates. The value is the run's name.
LABEL = "io.istio-conformance.lab"
#: Docker label that names the checkout that created the object. The value is `owner()`.
OWNER_LABEL = "io.istio-conformance.owner"

PROJECT = Path(__file__).resolve().parent.parent
SOURCES = PROJECT / "lab" / "sources"

#: The default state folder.
USUAL_STATE = Path("/var/lib/istio-conformance-lab")


def cache_root() -> Path:
    """Return the folder of build results: ``$ISTIO_LAB_CACHE``, by default `usual_cache`."""
    if chosen := os.environ.get("ISTIO_LAB_CACHE"):
        return Path(chosen)
    return usual_cache()


def usual_cache() -> Path:
    """Return the default cache folder, in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "istio-conformance-lab"


def state_root() -> Path:
    """Return the folder for the engine's data, sockets and pid files. ``$ISTIO_LAB_STATE`` overrides it."""
    return Path(os.environ.get("ISTIO_LAB_STATE") or USUAL_STATE)


def scope() -> int:
    """Return a 16-bit number that identifies this lab's state folder."""
    return int(hashlib.sha256(str(state_root().resolve()).encode()).hexdigest()[:4], 16)


def checkout() -> str:
    """Return eight hex digits that identify this checkout's path."""
    return hashlib.sha256(str(PROJECT).encode()).hexdigest()[:8]


def owner() -> str:
    """Return the value of `OWNER_LABEL`: the state folder's scope and this checkout's digits.

    Two checkouts may share an engine and a state folder. Each removes only what it created itself.
    """
    return f"{scope():04x}-{checkout()}"
