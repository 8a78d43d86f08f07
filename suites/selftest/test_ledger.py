"""The file of a ledger: its name, its format, and what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from fixtures.ledger.baselines import KEPT, check_as_kept, kept
from fixtures.ledger.ledger import Key, Ledger, LedgerError

KEY = Key(distribution="lab", istio="1.29.1", kubernetes="1.35.4", profile="default")
OBSERVED = {"pods": {"istiod": {"b": [1, 2], "a": "text"}}, "crds": {}, "again": {"b": [1, 2], "a": "text"}}
LEDGERS = sorted(path.relative_to(KEPT).as_posix() for path in KEPT.rglob("*.yaml"))


def test_file_name_is_the_key() -> None:
    assert KEY.file == "lab/1.29.1-k8s-1.35.4-default.yaml"


@pytest.mark.parametrize("part", ["", "../1.29.1", "1.29.1/", "a b", "-1"])
def test_key_that_is_no_valid_file_name_is_refused(part: str) -> None:
    with pytest.raises(LedgerError, match="istio"):
        replace(KEY, istio=part)


def test_ledger_is_read_back_as_written(tmp_path: Path) -> None:
    path = Ledger(KEY, OBSERVED).write(tmp_path)
    assert path == tmp_path / KEY.file
    assert Ledger.read(path) == Ledger(KEY, OBSERVED)


def test_file_is_identical_for_any_order_of_observation() -> None:
    backwards = {name: OBSERVED[name] for name in reversed(OBSERVED)}
    assert Ledger(KEY, backwards).text() == Ledger(KEY, OBSERVED).text()


def test_file_is_sorted_versioned_and_plain() -> None:
    text = Ledger(KEY, OBSERVED).text()
    assert text.startswith("format: 1\nkey:\n  distribution: lab\n")
    assert text.index("again:") < text.index("crds:") < text.index("pods:")
    assert not set("&*") & set(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("- a list", "is not a ledger"),
        ("observed: {}", "is not a ledger"),
        ("format: 2\nkey: {}\nobserved: {}", "format 2, but this version reads format 1"),
        ("format: 1\nkey: {istio: 1.29.1}\nobserved: {}", "is an incomplete ledger"),
        ("format: 1\nobserved: {}", "is an incomplete ledger"),
        ("format: [", "while parsing"),
    ],
)
def test_invalid_ledger_is_refused_with_the_reason(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "ledger.yaml"
    path.write_text(text)
    with pytest.raises(LedgerError, match=why):
        Ledger.read(path)


def test_missing_file_is_a_ledger_error(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="No such file"):
        Ledger.read(tmp_path / "none.yaml")


def test_recorded_ledger_is_found_by_its_key(tmp_path: Path) -> None:
    Ledger(KEY, OBSERVED).write(tmp_path)
    assert kept(KEY, tmp_path) == Ledger(KEY, OBSERVED)
    assert kept(replace(KEY, istio="1.28.2"), tmp_path) is None


def test_same_observation_matches_the_recorded_ledger() -> None:
    check_as_kept(Ledger(KEY, OBSERVED), Ledger(KEY, dict(OBSERVED)))


def test_departure_from_the_recorded_ledger_is_reported_as_a_diff() -> None:
    before = {**OBSERVED, "crds": {"gateways": "v1"}}
    with pytest.raises(AssertionError, match=r"differs from its baseline ledger(?s:.*)- crds/gateways: v1"):
        check_as_kept(Ledger(KEY, OBSERVED), Ledger(KEY, before))


@pytest.mark.parametrize("name", LEDGERS)
def test_recorded_ledger_has_the_name_of_its_key_and_the_writers_format(name: str) -> None:
    ledger = Ledger.read(KEPT / name)
    assert ledger.key.file == name
    assert ledger.text() == (KEPT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LEDGERS)
def test_recorded_ledger_has_every_section(name: str) -> None:
    observed = yaml.load((KEPT / name).read_text(encoding="utf-8"), yaml.CSafeLoader)["observed"]
    sections = {"crds", "iptables", "istioctl", "mesh", "metrics", "objects", "pods", "proxies", "resources"}
    assert sections <= observed.keys()
    assert all(observed[section] for section in sections)
