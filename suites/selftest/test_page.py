"""The HTML page: pinned Allure, removed analytics, and the description of the run."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from fixtures.waits import ConditionNotMet
from reports import environment, page

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
    with pytest.raises(page.ReportError, match="analytics"):
        page.without_analytics('<img src="https://www.googletagmanager.com/pixel">')


def test_folder_without_results_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(page.ReportError, match="contains no results"):
        page.build(tmp_path, page.PAGE, ALLURE)


def test_environment_is_written_as_properties_and_names_the_report(tmp_path: Path) -> None:
    told = {"istio": "1.29.1", "kubernetes": "1.35.4", "distribution": "lab", "stand-in 1": "Envoy:\nplain"}
    lines = environment.write(tmp_path, told).read_text().splitlines()
    assert lines[-1] == "stand-in\\ 1=Envoy: plain"
    assert environment.title(tmp_path) == "Istio 1.29.1 on Kubernetes 1.35.4, distribution lab"


def test_environment_states_that_the_cluster_was_kept() -> None:
    parts = dict.fromkeys(("name", "istio_version", "kubernetes_version", "envoy_version"), "")
    tested = cast("environment.Tested", SimpleNamespace(**parts, versions={}, stand_ins=()))
    assert "resumed from" not in environment.facts(tested)
    assert environment.facts(tested, "kept cluster mine")["resumed from"] == "kept cluster mine"


def test_file_that_is_no_report_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "1-result.json").write_text("{}")
    (tmp_path / "notes.html").write_text("my notes")
    with pytest.raises(page.ReportError, match=r"notes\.html exists and is not a report of this project"):
        page.build(tmp_path / "results", tmp_path / "notes.html", ALLURE)
    assert (tmp_path / "notes.html").read_text() == "my notes"


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
