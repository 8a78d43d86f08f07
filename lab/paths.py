"""Where the lab keeps things: nothing is inside the checkout, and each place has one name."""

import os
from pathlib import Path

#: Docker label on each container and network that the lab or a run makes; its value is the run's name.
LABEL = "io.istio-conformance.lab"

PROJECT = Path(__file__).resolve().parent.parent
SOURCES = PROJECT / "lab" / "sources"


def cache_root() -> Path:
    """Folder of what was built: ``$ISTIO_LAB_CACHE``, else below ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if chosen := os.environ.get("ISTIO_LAB_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "istio-conformance-lab"


def state_root() -> Path:
    """Folder of what runs: the engine's data, sockets and pid files; ``$ISTIO_LAB_STATE`` overrides."""
    return Path(os.environ.get("ISTIO_LAB_STATE") or "/var/lib/istio-conformance-lab")
