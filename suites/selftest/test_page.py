"""The HTML page: pinned Allure, removed analytics, and the description of the run."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from fixtures.waits import ConditionNotMet
from reports import environment, page
from reports.errors import ReportError
from suites.selftest.pages import empty_page, one_result

ROOT = Path(page.__file__).parent
#: Never run by these tests.
ALLURE = page.Allure(Path("cli.js"), {}, Path("/nowhere"))
CALL = (
    '<script async src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>\n<script>gtag()</script>'
)


def test_allure_is_pinned_with_a_hash_for_every_package_and_no_address() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    wanted = json.loads((ROOT / "package.json").read_text())["dependencies"]
    assert lock["packages"]["node_modules/allure"]["version"] == wanted["allure"]
    packages = [package for name, package in lock["packages"].items() if name]
    assert all(package["integrity"].startswith("sha512-") for package in packages)
    assert "://" not in (ROOT / "package-lock.json").read_text()


def test_page_makes_no_request() -> None:
    assert page.without_analytics(f"<body>{CALL}<p>kept</p></body>") == "<body><p>kept</p></body>"


def test_analytics_call_in_another_form_is_refused() -> None:
    with pytest.raises(ReportError, match="analytics"):
        page.without_analytics('<img src="https://www.googletagmanager.com/pixel">')


def test_folder_without_results_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="contains no results"):
        page.build(tmp_path, page.PAGE, ALLURE)


def test_environment_is_written_as_properties_and_names_the_report(tmp_path: Path) -> None:
    told = {"istio": "1.29.1", "kubernetes": "1.35.4", "distribution": "lab", "stand-in 1": "Envoy:\nplain"}
    lines = environment.write(tmp_path, told).read_text().splitlines()
    assert lines[-1] == "stand-in\\ 1=Envoy: plain"
    assert environment.title(tmp_path) == "Istio 1.29.1, lab build, on Kubernetes 1.35.4"


def test_environment_states_that_the_cluster_was_kept() -> None:
    parts = dict.fromkeys(("name", "istio_version", "kubernetes_version", "envoy_version"), "")
    tested = cast("environment.Tested", SimpleNamespace(**parts, versions={}, stand_ins=()))
    assert "resumed from" not in environment.facts(tested)
    assert environment.facts(tested, "kept cluster mine")["resumed from"] == "kept cluster mine"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder with one result."""
    return one_result(tmp_path)


@pytest.fixture
def allure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> page.Allure:
    """A stand-in for Allure that writes an empty page."""

    def generate(allure: page.Allure, arguments: list[str]) -> None:
        """Leave the page as it is."""

    return empty_page(tmp_path, monkeypatch, generate)


MARK = page._MADE_BY_US
NOTES = {
    "plain": "my notes",
    "source": f'MARK = "{MARK}"\n',
    "last line": f"my notes\n{MARK}\n",
    "quoted": f"<!doctype html>\n<p>{MARK}</p>\n",
    "end of a line": f"<!doctype html>\n<p>The mark is {MARK}",
}


@pytest.mark.parametrize("notes", NOTES.values(), ids=NOTES)
@pytest.mark.parametrize("default", [True, False], ids=["default folder", "other folder"])
def test_file_that_is_no_report_is_not_overwritten(
    results: Path, allure: page.Allure, monkeypatch: pytest.MonkeyPatch, notes: str, default: bool
) -> None:
    target = results.parent / "notes.html"
    target.write_text(notes)
    if default:
        monkeypatch.setattr(page, "PAGE", target.with_name("index.html"))
    with pytest.raises(ReportError, match=r"notes\.html exists and is not a report of this project"):
        page.build(results, target, allure)
    assert target.read_text() == notes


@pytest.mark.parametrize("end", ["", "\n"], ids=["earlier versions", "this version"])
def test_page_of_this_project_is_replaced(results: Path, allure: page.Allure, end: str) -> None:
    target = results.parent / "index.html"
    target.write_text(f"<!DOCTYPE html>\n<p>old</p>\n{MARK}{end}")
    page.build(results, target, allure)
    page.build(results, target, replace(allure, folder=_copy(allure.folder)))
    assert "old" not in target.read_text()
    assert not [*target.parent.glob(".index.html*")]


def _copy(folder: Path) -> Path:
    made = folder.with_name("again")
    shutil.copytree(folder / "html", made / "html")
    return made


@pytest.mark.parametrize("exists", [True, False], ids=["to a page", "dangling"])
def test_symbolic_link_is_no_target(results: Path, allure: page.Allure, exists: bool) -> None:
    target, users = results.parent / "index.html", results.parent / "users.html"
    if exists:
        users.write_text(f"<!doctype html>\n{MARK}")
    target.symlink_to(users)
    with pytest.raises(ReportError, match=r"index\.html is a symbolic link: remove it"):
        page.build(results, target, allure)
    assert users.exists() == exists


def test_page_below_a_file_is_an_error(results: Path, allure: page.Allure) -> None:
    (results.parent / "file").write_text("")
    with pytest.raises(ReportError, match=r"file is not a folder: name another file"):
        page.build(results, results.parent / "file" / "below" / "x.html", allure)


SOURCES = ["/etc/passwd", "../secret.txt", "folder/../../secret.txt", "..", "", 7, None]


@pytest.mark.parametrize("source", SOURCES, ids=str)
@pytest.mark.parametrize("record", ["a-result.json", "a-container.json", "a-globals.json"])
def test_attachment_outside_the_results_is_an_error(
    results: Path, allure: page.Allure, record: str, source: object
) -> None:
    attachment = {"name": "notes", "type": "text/plain", "timestamp": 1, "source": source}
    parts = {"attachments": [attachment]}
    nested = parts if "globals" in record else {"befores": [{"steps": [parts]}]}
    (results / record).write_text(json.dumps(nested))
    with pytest.raises(ReportError, match=rf"{record} has an attachment with the source .* not a file name"):
        page.build(results, results.parent / "index.html", allure)


@pytest.mark.parametrize("name", ["1-attachment.txt", "2-result.json", "history"])
@pytest.mark.parametrize("target", ["secret.txt", "missing", "."])
def test_link_out_of_the_results_is_an_error(
    results: Path, allure: page.Allure, name: str, target: str
) -> None:
    (results.parent / "secret.txt").write_text("{}")
    (results / name).symlink_to(results.parent / target)
    with pytest.raises(ReportError, match=rf"{name} is a symbolic link .*: remove it"):
        page.build(results, results.parent / "index.html", allure)


@pytest.mark.parametrize("content", ['{"name": "tw', "", "[]", b"\xff"], ids=str)
def test_truncated_result_is_an_error_that_names_the_file(
    results: Path, allure: page.Allure, content: str | bytes
) -> None:
    (results / "2-result.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ReportError, match=r"2-result\.json is not .*: remove it"):
        page.build(results, results.parent / "index.html", allure)


def test_missing_attachment_of_the_run_is_an_error(results: Path, allure: page.Allure) -> None:
    given = {"name": "verdict", "type": "text/plain", "timestamp": 1, "source": "gone-attachment.txt"}
    (results / "1-globals.json").write_text(json.dumps({"attachments": [given]}))
    with pytest.raises(ReportError, match=r"gone-attachment\.txt, which does not exist: remove the file"):
        page.build(results, results.parent / "index.html", allure)


def test_properties_of_another_project_give_no_title(tmp_path: Path) -> None:
    (tmp_path / "environment.properties").write_text("browser=firefox\n")
    assert environment.title(tmp_path) == ""


def test_report_without_an_environment_has_the_default_name(tmp_path: Path) -> None:
    assert environment.title(tmp_path) == ""


@pytest.mark.parametrize(
    ("status", "message", "category"),
    [
        ("failed", str(ConditionNotMet("nginx", elapsed=1, tries=2, last="404")), "Product"),
        (
            "broken",
            "fixtures.waits.NotReady: the app is Available:\n  likely cause: Insufficient cpu",
            "Environment",
        ),
        ("broken", "KeyError: 'items'", "Suite"),
        (
            "broken",
            "fixtures.plugins.stages.StageOrderError: stage already completed on this cluster",
            "Suite",
        ),
        ("skipped", "Skipped: not reached because of Gateway: test_404", "Not reached"),
        ("skipped", "Skipped: profile minimal has no gateway", "Not available on this distribution"),
    ],
)
def test_result_is_put_into_its_category(status: str, message: str, category: str) -> None:
    rules = json.loads((ROOT / "categories.json").read_text())
    first = next(
        rule["name"]
        for rule in rules
        if status in rule["matchedStatuses"] and re.fullmatch(rule.get("messageRegex", "[\\s\\S]*"), message)
    )
    assert first.startswith(category)
