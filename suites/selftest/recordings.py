"""Output of real programs on a real cluster, reduced to what the checks read.

Kiali 2 and Jaeger 2 are not in the lab; their responses follow the format in their sources.
"""

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "recorded"


def recorded(name: str) -> Any:
    """One recording, parsed if it is JSON, otherwise as text."""
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return json.loads(text) if name.endswith(".json") else text
