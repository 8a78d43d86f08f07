"""The nightly's matrix follows Istio's table of supported releases."""

from pathlib import Path

import pytest
import yaml

from fixtures.distributions.upstream.published import PUBLISHED
from suites.nightly import __main__ as nightly
from suites.nightly import matrix

TABLE = Path(__file__).with_name("recorded") / "istio-supported-releases.yml"
NODES = ("1.36.4", "1.35.8", "1.33.1")
PATCHES = ("1.30.4", "1.30.10", "1.31.0", "1.29.1")


@pytest.mark.slow
def test_matrix_file_is_what_the_recorded_table_gives() -> None:
    assert matrix.MATRIX.read_text() == matrix.text(matrix.published_cells(TABLE))


def test_matrix_file_reads_back_as_the_same_cells() -> None:
    assert matrix.read() == matrix.published_cells(TABLE)


def test_unsupported_releases_are_left_out() -> None:
    assert matrix.read_table(TABLE).keys() == {"1.30", "1.31"}


def test_distributions_ranges_are_those_of_the_recorded_table() -> None:
    entries = yaml.safe_load(TABLE.read_text())
    recorded = {each["version"]: [each["k8sVersions"][0], each["k8sVersions"][-1]] for each in entries}
    assert {minor: PUBLISHED["kubernetes"][minor] for minor in recorded} == recorded


def test_each_supported_pair_is_a_cell_with_the_newest_patch() -> None:
    table = {"1.31": ["1.36", "1.35"], "1.30": ["1.35", "1.33"]}
    runs = [
        (each.istio, each.kubernetes) for each in matrix.derive(table, PATCHES, NODES) if each.kind == "run"
    ]
    assert runs == [("1.30.10", "1.33.1"), ("1.30.10", "1.35.8"), ("1.31.0", "1.35.8"), ("1.31.0", "1.36.4")]


def test_upgrades_join_neighbours_on_the_newest_shared_kubernetes_one_strategy_each() -> None:
    table = {"1.31": ["1.36", "1.35"], "1.30": ["1.35"], "1.29": ["1.35"]}
    upgrades = [each for each in matrix.derive(table, PATCHES, NODES) if each.kind == "upgrade"]
    pairs = [(each.old, each.istio, each.strategy, each.kubernetes) for each in upgrades]
    assert pairs == [
        ("1.29.1", "1.30.10", "in-place", "1.35.8"),
        ("1.29.1", "1.30.10", "canary", "1.35.8"),
        ("1.30.10", "1.31.0", "in-place", "1.35.8"),
        ("1.30.10", "1.31.0", "canary", "1.35.8"),
    ]
    assert {each.mode for each in upgrades} == {"quick"}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"1.32": ["1.36"]}, "no patch of the supported Istio 1.32"),
        ({"1.31": ["1.40"]}, "no Kubernetes that Istio 1.31 supports"),
        ({"1.31": ["1.36"], "1.30": ["1.33"]}, "no node image fits both"),
    ],
)
def test_supported_release_that_cannot_be_tested_is_an_error(
    table: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(matrix.BadTable, match=message):
        matrix.derive(table, PATCHES, NODES)


@pytest.mark.parametrize(
    "text", ["", "- a", "- {version: '1.31'}", "- {version: 1, supported: 'No', k8sVersions: []}"]
)
def test_file_that_is_no_table_is_an_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "table.yml").write_text(text)
    with pytest.raises(matrix.BadTable, match=r"give a (current )?copy"):
        matrix.read_table(tmp_path / "table.yml")


def test_derive_command_writes_the_file(tmp_path: Path) -> None:
    assert nightly.main(["derive", str(TABLE), "--to", str(tmp_path / "m.yaml")]) == 0
    assert (tmp_path / "m.yaml").read_text() == matrix.MATRIX.read_text()


def test_derive_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert nightly.main(["derive", str(tmp_path / "none")]) == 1
    assert "supportStatus.yml" in capsys.readouterr().err
