"""The files passed to istioctl: the distribution's, the user's, and the version last."""

from pathlib import Path
from typing import Any

import yaml

from fixtures.installers.install_files import write_files

LAYER = Path("layer.yaml")


def loaded(path: Path) -> dict[str, Any]:
    """The single document of a file."""
    found = yaml.safe_load(path.read_text())
    assert isinstance(found, dict)
    return found


def test_version_revision_and_proxy_image_come_last(tmp_path: Path) -> None:
    """No file can override what the run requests."""
    layer, named = write_files(tmp_path, "1.29.1", "1-29-1", layers=[LAYER], proxy_image="proxy:1.37.0")
    assert layer == LAYER
    values = {"global": {"proxy": {"image": "proxy:1.37.0"}}}
    assert loaded(named)["spec"] == {"tag": "1.29.1", "revision": "1-29-1", "values": values}


def test_no_revision_is_named_without_one(tmp_path: Path) -> None:
    """An empty revision differs from no revision."""
    (named,) = write_files(tmp_path, "1.29.1", layers=[])
    assert loaded(named)["spec"] == {"tag": "1.29.1"}


def test_users_values_come_before_the_version(tmp_path: Path) -> None:
    """Plain values become a separate overlay; the user's file is unchanged."""
    mine = tmp_path / "mine.yaml"
    mine.write_text("pilot: {traceSampling: 5}\n")
    layer, users, _ = write_files(tmp_path, "1.29.1", layers=[LAYER], users=[mine])
    assert (layer, loaded(users)["spec"]) == (LAYER, {"values": {"pilot": {"traceSampling": 5}}})
    assert mine.read_text() == "pilot: {traceSampling: 5}\n"


def test_users_operator_file_is_used_as_it_is(tmp_path: Path) -> None:
    """An IstioOperator file needs no wrapper."""
    mine = tmp_path / "mine.yaml"
    mine.write_text("{apiVersion: install.istio.io/v1alpha1, kind: IstioOperator, spec: {}}\n")
    assert write_files(tmp_path, "1.29.1", layers=[LAYER], users=[mine])[1] == mine


def test_values_of_one_side_come_after_those_of_both(tmp_path: Path) -> None:
    """Later files override earlier ones, and two files of one name stay apart."""
    both, side = tmp_path / "values.yaml", tmp_path / "new" / "values.yaml"
    side.parent.mkdir()
    both.write_text("pilot: {traceSampling: 5}\n")
    side.write_text("compatibilityVersion: '1.30'\n")
    first, second, _ = write_files(tmp_path, "1.31.0", layers=[], users=[both, side])
    assert loaded(first)["spec"] == {"values": {"pilot": {"traceSampling": 5}}}
    assert loaded(second)["spec"] == {"values": {"compatibilityVersion": "1.30"}}
