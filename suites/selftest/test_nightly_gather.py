"""A cell's result, the gathering of all cells, and their history."""

import json
from pathlib import Path

import pytest

from suites.nightly import __main__ as nightly
from suites.nightly import gather, matrix, results
from suites.nightly.results import Result
from suites.selftest import fake_github
from suites.selftest.fake_github import NAME, TOKEN

EXPECTED = {"run-1": "command 1", "run-2": "command 2"}


def failed(folder: Path, name: str, start: int, message: str, stage: str = "gateway") -> None:
    folder.mkdir(exist_ok=True)
    record = {
        "name": name,
        "status": "failed",
        "start": start,
        "statusDetails": {"message": message},
        "labels": [{"name": "stage", "value": stage}],
    }
    (folder / f"{name}-result.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("1", "mesh"),
        ("10", "unsafe"),
        ("11", "not enough evidence"),
        ("12", "environment"),
        ("13", "incomplete"),
        ("2", "suite"),
        ("3", "suite"),
        ("4", "suite"),
        ("5", "suite"),
        ("124", "time limit"),
        ("137", "time limit"),
        ("", "missing"),
    ],
)
def test_exit_code_decides_the_kind_of_failure(status: str, kind: str, tmp_path: Path) -> None:
    assert results.of_run("run-1", status, tmp_path, {}).kind == kind


def test_green_needs_results_and_not_only_an_exit_code(tmp_path: Path) -> None:
    assert results.of_run("run-1", "0", tmp_path, {}).kind == "missing"
    (tmp_path / "a-result.json").write_text('{"status": "passed"}')
    assert results.of_run("run-1", "0", tmp_path, {}).kind == "green"


def test_stage_and_cause_are_those_of_the_first_failure(tmp_path: Path) -> None:
    failed(tmp_path, "later", 20, "not this", "mtls")
    failed(
        tmp_path, "first", 10, "timed out after 30 s\n  likely cause: selector matches no pod\nreproduce: x"
    )
    found = results.of_run("run-1", "1", tmp_path, {"COMMAND": "the command", "GITHUB_SHA": "abc"})
    assert (found.stage, found.cause) == ("gateway", "selector matches no pod")
    assert (found.command, found.commit, found.artifact, found.tests) == (
        "the command",
        "abc",
        "report-run-1",
        2,
    )


def test_command_repeats_a_cell() -> None:
    cell = next(each for each in matrix.read() if each.strategy == "canary")
    words = results.command(cell, "upstream").split()
    assert words[:3] == ["istio-conformance", "upgrade", "--distribution=upstream"]
    assert {f"--from={cell.old}", f"--to={cell.istio}", "--strategy=canary"} <= set(words)


def test_command_names_the_distribution_of_the_cell_and_no_unknown_version() -> None:
    cell = matrix.Cell("run-lab", "run", "1.31.0", "")
    assert results.command(cell, "lab") == "istio-conformance run --distribution=lab --istio-version=1.31.0"


def test_missing_cell_is_red(tmp_path: Path) -> None:
    results.write(Result("run-1", "green", 0), tmp_path / "report-run-1" / "cell" / "cell.json")
    found = gather.collect(EXPECTED, tmp_path)
    assert [(each.cell, each.kind, each.command) for each in found] == [
        ("run-1", "green", ""),
        ("run-2", "missing", "command 2"),
    ]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"cell": 1, "kind": "green"}', '{"kind": "green"}', "\x00"])
def test_broken_file_of_a_cell_counts_as_missing(text: str, tmp_path: Path) -> None:
    (tmp_path / "cell.json").write_text(text)
    assert {each.kind for each in gather.collect(EXPECTED, tmp_path)} == {"missing"}


def test_unexpected_cell_is_left_out(tmp_path: Path) -> None:
    results.write(Result("old-cell", "green"), tmp_path / "cell.json")
    assert [each.cell for each in gather.collect(EXPECTED, tmp_path)] == ["run-1", "run-2"]


def test_history_keeps_the_first_red_and_the_last_green_commit() -> None:
    before: dict[str, gather.Entry] = {}
    for number, kind in enumerate(["green", "mesh", "environment"]):
        nights = gather.carry_on(
            [Result("run-1", kind)], before, commit=f"c{number}", date=f"2026-11-0{number}"
        )
        before = {each.result.cell: each for each in nights}
    last = before["run-1"]
    assert (last.nights, last.since, last.first_red, last.last_green) == (2, "2026-11-01", "c1", "c0")
    green = gather.carry_on([Result("run-1", "green")], before, commit="c3", date="2026-11-03")[0]
    assert (green.nights, green.first_red, green.last_green) == (0, "", "c3")


@pytest.mark.parametrize(
    "text", ["", "{}", '{"format": 2, "cells": []}', '{"format": 1, "cells": [1]}', "[]"]
)
def test_unreadable_history_is_an_empty_one(text: str) -> None:
    assert gather.load(text) == {}


def gathered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dead: str = "") -> tuple[int, str]:
    """Gather green cells, without the cell `dead`; return exit code and summary."""
    for cell in matrix.read():
        if cell.name != dead:
            results.write(Result(cell.name, "green", 0), tmp_path / "cells" / cell.name / "cell.json")
    with fake_github.serving() as github:
        variables = {
            "API_URL": github.url,
            "REPOSITORY": NAME,
            "TOKEN": TOKEN,
            "REF_NAME": "main",
            "SHA": "abc",
        }
        for name, value in {**variables, "STEP_SUMMARY": str(tmp_path / "summary.md")}.items():
            monkeypatch.setenv(f"GITHUB_{name}", value)
        status = nightly.main(["gather", str(tmp_path / "cells"), "--to", str(tmp_path / "nightly.json")])
    return status, (tmp_path / "summary.md").read_text()


def test_gather_is_green_if_every_cell_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, summary = gathered(tmp_path, monkeypatch)
    assert status == 0
    assert summary.count("| green |") == len(matrix.read())


def test_gather_is_red_if_one_cell_died_and_its_summary_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = matrix.read()[0].name
    status, summary = gathered(tmp_path, monkeypatch, dead)
    assert status == 1
    assert f"| {dead} | missing |" in summary
    saved = gather.load((tmp_path / "nightly.json").read_text())[dead]
    assert (saved.first_red, saved.nights) == ("abc", 1)


def test_gather_reports_the_night_even_if_the_api_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    assert nightly.main(["gather", str(tmp_path), "--to", str(tmp_path / "nightly.json")]) == 1
    assert len(gather.load((tmp_path / "nightly.json").read_text())) == len(matrix.read())
    assert "the history starts anew" in capsys.readouterr().err
