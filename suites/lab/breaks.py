"""The breaks of breaks.yaml, one for each likely cause."""

from __future__ import annotations

from pathlib import Path

import yaml

from suites.prove.breaking import Break


def breaks() -> tuple[list[Break], list[Break]]:
    """The breaks that must show a cause, and those that must show a circumstance."""
    groups = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    read = {name: [Break(**each) for each in group] for name, group in groups.items()}
    circumstances = read.pop("circumstances")
    return [each for group in read.values() for each in group], circumstances
