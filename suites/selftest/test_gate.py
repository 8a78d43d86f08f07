"""The quality gate: each expected test has a result."""

import json
from pathlib import Path

import pytest

from reports import gate
from reports.errors import ReportError
from suites.command import report


def results(folder: Path, *tests: str) -> Path:
    for number, name in enumerate(tests):
        (folder / f"{number}-result.json").write_text(json.dumps({"historyId": name, "status": "skipped"}))
    return folder


def test_each_expected_test_has_a_result(tmp_path: Path) -> None:
    assert gate.too_few(results(tmp_path, "a", "b"), 2) == ""


@pytest.mark.parametrize(("tests", "found"), [((), 0), (("a",), 1), (("a", "a"), 1)], ids=str)
def test_too_few_results_fail_and_several_of_one_test_count_once(
    tmp_path: Path, tests: tuple[str, ...], found: int
) -> None:
    assert gate.too_few(results(tmp_path, *tests), 2) == f"{found} of 2 expected tests have a result"


@pytest.mark.parametrize("text", ["[", "[]", "{}"])
def test_result_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "1-result.json").write_text(text)
    with pytest.raises(ReportError, match=r"1-result\.json is not the result of a test"):
        gate.too_few(tmp_path, 1)


@pytest.mark.parametrize(("tests", "status"), [(2, 0), (3, 1)])
def test_command_fails_for_too_few_results(tmp_path: Path, tests: int, status: int) -> None:
    arguments = ["gate", f"--tests={tests}", f"--results={results(tmp_path, 'a', 'b')}"]
    assert report.main(arguments) == status
