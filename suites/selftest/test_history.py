"""Histories: one for each environment, without secrets, extended only by a complete page."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from reports import environment, history, page
from reports.errors import ReportError
from reports.redaction import MARK, remember
from suites.selftest.pages import empty_page, one_result

VALUES = {"distribution": "lab", "istio": "1.31.0", "kubernetes": "1.36.3"}
POINT = {"uuid": "1", "timestamp": 0, "testResults": {}}
NAME = "lab_istio-1.31.0_kubernetes-1.36.3.jsonl"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder with one result, of the lab."""
    folder = one_result(tmp_path)
    environment.write(folder, VALUES)
    return folder


@pytest.fixture
def allure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> page.Allure:
    """A stand-in for Allure that writes an empty page and adds a run to the history of its settings."""

    def generate(allure: page.Allure, arguments: list[str]) -> None:
        if path := json.loads(Path(arguments[3]).read_text()).get("historyPath"):
            with Path(path).open("a") as file:
                file.write(f"{json.dumps(POINT)}\n")

    return empty_page(tmp_path, monkeypatch, generate)


def _again(allure: page.Allure) -> Path:
    """A folder for another page, because Allure's must be empty."""
    folder = allure.folder.with_name("again")
    shutil.copytree(allure.folder / "html", folder / "html")
    return folder


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({}, NAME),
        ({"distribution": "upstream"}, "upstream_istio-1.31.0_kubernetes-1.36.3.jsonl"),
        ({"istio": "1.30.4"}, "lab_istio-1.30.4_kubernetes-1.36.3.jsonl"),
        ({"kubernetes": "1.35.4"}, "lab_istio-1.31.0_kubernetes-1.35.4.jsonl"),
        ({"upgrade": "1.30.4 to 1.31.0"}, "lab_upgrade-1.30.4-to-1.31.0_kubernetes-1.36.3.jsonl"),
        ({"distribution": "../lab"}, "..-lab_istio-1.31.0_kubernetes-1.36.3.jsonl"),
    ],
)
def test_each_environment_has_its_own_history(
    results: Path, allure: page.Allure, changed: dict[str, str], name: str
) -> None:
    histories = results.parent / "histories"
    environment.write(results, {**VALUES, **changed})
    page.build(results, results.parent / "index.html", allure, histories)
    assert [each.name for each in histories.iterdir()] == [name]


def test_history_grows_by_one_run_with_each_page(results: Path, allure: page.Allure) -> None:
    histories = results.parent / "histories"
    histories.mkdir()
    (histories / NAME).write_text(f"{json.dumps(POINT)}\n" * history.LIMIT)
    page.build(results, results.parent / "index.html", allure, histories)
    assert (histories / NAME).read_text().count("\n") == history.LIMIT + 1


def test_page_says_how_the_earlier_runs_ended(results: Path, allure: page.Allure) -> None:
    histories, made = results.parent / "histories", results.parent / "index.html"
    page.build(results, made, allure, histories)
    assert "This is the first run on the trend" in made.read_text()
    broken = {
        "testResults": {"a": {"status": "passed"}, "b": {"status": "broken"}},
        "timestamp": 1_796_077_565_166,
    }
    (histories / NAME).write_text(f"{json.dumps(POINT)}\n{json.dumps(broken)}\n")
    page.build(results, made, replace(allure, folder=_again(allure)), histories)
    assert "2 earlier runs of this environment, 1 with failed tests, on 2026-11-30." in made.read_text()


def test_run_that_names_no_environment_is_on_no_trend(results: Path, allure: page.Allure) -> None:
    (results / "environment.properties").unlink()
    page.build(results, results.parent / "index.html", allure, results.parent / "histories")
    assert not (results.parent / "histories").exists()


def test_page_that_fails_leaves_the_history_as_it_was(results: Path, allure: page.Allure) -> None:
    histories = results.parent / "histories"
    (allure.folder / "html" / "index.html").write_text("no body")
    with pytest.raises(ReportError, match="has no body"):
        page.build(results, results.parent / "index.html", allure, histories)
    assert not histories.exists()


@pytest.mark.parametrize(
    "text",
    [
        "[1",
        "[]",
        '{"timestamp": 0}',
        '{"testResults": {}}',
        '{"timestamp": 0, "testResults": {"a": 1}}',
        "my notes",
    ],
)
def test_file_that_is_no_history_is_named_and_kept(results: Path, allure: page.Allure, text: str) -> None:
    histories = results.parent / "histories"
    histories.mkdir()
    (histories / NAME).write_text(text)
    with pytest.raises(ReportError, match=f"{NAME} is not a history of Allure"):
        page.build(results, results.parent / "index.html", allure, histories)
    assert (histories / NAME).read_text() == text


def test_history_keeps_the_newest_runs_without_secrets() -> None:
    remember("pl_anted_val_ue_44")
    lines = [json.dumps({**POINT, "uuid": f"{n}", "name": "pl_anted_val_ue_44"}) for n in range(40)]
    kept = [json.loads(line) for line in (history.cleaned("\n".join(lines)) or "").splitlines()]
    assert [each["uuid"] for each in kept] == [f"{n}" for n in range(10, 40)]
    assert {each["name"] for each in kept} == {MARK}


def test_charts_show_as_many_runs_as_a_history_keeps() -> None:
    settings = json.loads((page.HERE / "allurerc.json").read_text())
    charts = settings["plugins"]["awesome"]["options"]["charts"]
    assert {each["limit"] for each in charts} == {history.LIMIT}
