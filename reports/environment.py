"""environment.properties: what was tested, by version, and what stands in for something else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from reports.redaction import redact


class Tested(Protocol):
    """The part of a distribution that the report tells."""

    @property
    def name(self) -> str: ...
    @property
    def istio_version(self) -> str: ...
    @property
    def kubernetes_version(self) -> str: ...
    @property
    def envoy_version(self) -> str: ...
    @property
    def versions(self) -> Mapping[str, str]: ...
    @property
    def stand_ins(self) -> tuple[str, ...]: ...


def facts(tested: Tested, begun_on: str = "") -> dict[str, str]:
    """Name to value, the distribution first, then every version, then each stand-in.

    `begun_on` is the kept cluster whose lower stages the report says nothing of.
    """
    stand_ins = {f"stand-in {number}": each for number, each in enumerate(tested.stand_ins, 1)}
    return {
        "distribution": tested.name,
        **({"begun on": begun_on} if begun_on else {}),
        "istio": tested.istio_version,
        "kubernetes": tested.kubernetes_version,
        "envoy": tested.envoy_version,
        **dict(sorted(tested.versions.items())),
        **stand_ins,
    }


def write(folder: Path, values: Mapping[str, str]) -> Path:
    """The file as Allure reads it from the results folder; OSError where it can't be written."""
    lines = (f"{_escaped(name)}={' '.join(value.split())}" for name, value in values.items())
    target = folder / "environment.properties"
    target.write_text(redact("\n".join(lines)) + "\n")
    return target


def title(folder: Path) -> str:
    """The report's name by what was tested, or nothing where the run ended before it was known."""
    target = folder / "environment.properties"
    if not target.is_file():
        return ""
    told = dict(line.split("=", 1) for line in target.read_text().splitlines() if "=" in line)
    if upgrade := told.get("upgrade"):
        return f"Upgrade of Istio from {upgrade}, Kubernetes {told['kubernetes']}, {told['distribution']}"
    return f"Istio {told['istio']} on Kubernetes {told['kubernetes']}, distribution {told['distribution']}"


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace(" ", "\\ ").replace(":", "\\:").replace("=", "\\=")
