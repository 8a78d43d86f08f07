"""Where the lab keeps things: nothing is inside the checkout, and each place has one name."""

import hashlib
import os
from pathlib import Path

#: Docker label on each container and network that the lab or a run makes; its value is the run's name.
LABEL = "io.istio-conformance.lab"
#: Docker label that says which checkout made it; its value is `owner()`.
OWNER_LABEL = "io.istio-conformance.owner"

PROJECT = Path(__file__).resolve().parent.parent
SOURCES = PROJECT / "lab" / "sources"

#: The state folder where none is named.
USUAL_STATE = Path("/var/lib/istio-conformance-lab")


def cache_root() -> Path:
    """Folder of what was built: ``$ISTIO_LAB_CACHE``, else below ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if chosen := os.environ.get("ISTIO_LAB_CACHE"):
        return Path(chosen)
    return usual_cache()


def usual_cache() -> Path:
    """The cache folder where ``$ISTIO_LAB_CACHE`` names none."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "istio-conformance-lab"


def state_root() -> Path:
    """Folder of what runs: the engine's data, sockets and pid files; ``$ISTIO_LAB_STATE`` overrides."""
    return Path(os.environ.get("ISTIO_LAB_STATE") or USUAL_STATE)


def scope() -> int:
    """A 16-bit number that stands for this lab's state folder."""
    return int(hashlib.sha256(str(state_root().resolve()).encode()).hexdigest()[:4], 16)


def checkout() -> str:
    """Eight hex digits that stand for this checkout's place."""
    return hashlib.sha256(str(PROJECT).encode()).hexdigest()[:8]


def owner() -> str:
    """Who makes things in an engine, as a label's value: the state folder's scope and this checkout.

    Two checkouts may share an engine and a state folder; each removes only what it made itself.
    """
    return f"{scope():04x}-{checkout()}"
