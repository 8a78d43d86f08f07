"""Istio's CNI plugin: what a run expects of the user's values, and what the lab has of it."""

from pathlib import Path

import pytest

from fixtures.distributions.base import SourceOptions, Unavailable
from fixtures.distributions.lab import Lab
from fixtures.installers.base import InstallPlan
from fixtures.installers.operator_names import operator_names
from fixtures.plugins.install_options import values_enable_cni
from lab.paths import SOURCES
from lab.sources import on_demand

ENABLED = "{kind: IstioOperator, spec: {components: {cni: {enabled: true}}}}"
ISTIO = "istio.io/istio v"
DISABLED = "{kind: IstioOperator, spec: {components: {cni: {enabled: false}}}}"


class Config:
    """The options of a run of which one is given."""

    def __init__(self, option: str, path: Path) -> None:
        self._given = {option: path}

    def getoption(self, name: str, default: object = None) -> object:
        return self._given.get(name, default)


@pytest.mark.parametrize("option", ["istio_values", "istio_values_from", "istio_values_to"])
@pytest.mark.parametrize(
    ("text", "expected"), [(ENABLED, True), (DISABLED, False), ("{pilot: {}}", False), ("[", False)]
)
def test_values_that_enable_the_plugin_are_seen(
    tmp_path: Path, option: str, text: str, expected: bool
) -> None:
    """Values that can't be read are reported by their own check."""
    file = tmp_path / "values.yaml"
    file.write_text(text)
    assert values_enable_cni(Config(option, file)) is expected  # type: ignore[arg-type]


def test_plugin_replaces_the_init_container() -> None:
    """istio-init sets up the chains; with the plugin, istio-validation only checks them."""
    assert operator_names().init_container == "istio-init"
    assert operator_names(InstallPlan(cni=True)).init_container == "istio-validation"


def test_lab_names_the_version_whose_plugin_it_has() -> None:
    """An upgrade from an older version with the plugin is refused before anything is built."""
    with pytest.raises(Unavailable, match=r"CNI plugin of Istio 1\.31\.0 only, not of 1\.30\.4"):
        Lab(SourceOptions(cni=True)).prepare(["1.30.4", "1.31.0"], print)


def test_labs_plugin_is_of_its_newest_istio() -> None:
    """Both go.mod files require the same version of Istio's module."""
    required = [
        next(line.strip() for line in (SOURCES / name / "go.mod").read_text().splitlines() if ISTIO in line)
        for name in ("core", "cni")
    ]
    assert required[0].removeprefix("require ") == required[1].removeprefix("require ")
    assert on_demand("cni").versions["istio"] == Lab().istio_versions()[-1]
