"""Writes environment.properties: the tested versions and the distribution's stand-ins."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from reports.redaction import redact

#: The distribution whose Istio the project builds itself.
LAB = "lab"


class Tested(Protocol):
    """The facts of a distribution that the report shows."""

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


def facts(tested: Tested, resumed_from: str = "") -> dict[str, str]:
    """Return the report's properties by name: the distribution, then every version, then each stand-in.

    `resumed_from` names the run's kept cluster; the report lacks that cluster's earlier stages.
    """
    stand_ins = {f"stand-in {number}": each for number, each in enumerate(tested.stand_ins, 1)}
    return {
        "distribution": tested.name,
        **({"resumed from": resumed_from} if resumed_from else {}),
        "istio": tested.istio_version,
        "kubernetes": tested.kubernetes_version,
        "envoy": tested.envoy_version,
        **dict(sorted(tested.versions.items())),
        **stand_ins,
    }


def write(folder: Path, values: Mapping[str, str]) -> Path:
    """Write the values for Allure into the results folder and return the file. Raises OSError on failure."""
    lines = (f"{_escaped(name)}={' '.join(value.split())}" for name, value in values.items())
    target = folder / "environment.properties"
    target.write_text(redact("\n".join(lines)) + "\n")
    return target


def title(folder: Path) -> str:
    """Return the report's title, or "" if the run ended before it recorded what it tests.

    It is "" too for the properties of another project.
    """
    if not (values := _read(folder)):
        return ""
    kubernetes, build = values["kubernetes"], build_of(values["distribution"])
    if upgrade := values.get("upgrade"):
        return f"Upgrade of Istio from {upgrade}, {build}, on Kubernetes {kubernetes}"
    return f"Istio {values['istio']}, {build}, on Kubernetes {kubernetes}"


def key(folder: Path) -> str:
    """Return the name of what was tested for a file: distribution, Istio and Kubernetes; "" like `title`."""
    if not (values := _read(folder)):
        return ""
    istio = f"upgrade-{values['upgrade']}" if "upgrade" in values else f"istio-{values['istio']}"
    words = (values["distribution"], istio, f"kubernetes-{values['kubernetes']}")
    return "_".join(re.sub(r"[^A-Za-z0-9.+-]+", "-", each) for each in words)


def _read(folder: Path) -> dict[str, str]:
    """Return the properties of a run that recorded what it tests; empty for any other folder."""
    target = folder / "environment.properties"
    if not target.is_file():
        return {}
    values = dict(line.split("=", 1) for line in target.read_text().splitlines() if "=" in line)
    return values if {"istio", "kubernetes", "distribution"} <= values.keys() else {}


def build_of(distribution: str) -> str:
    """Return what was tested: "lab build", no statement on a published Istio, or the distribution."""
    return "lab build" if distribution == LAB else f"distribution {distribution}"


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace(" ", "\\ ").replace(":", "\\:").replace("=", "\\=")
