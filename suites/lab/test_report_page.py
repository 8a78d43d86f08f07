"""The page with the real Allure: what the suite relies on of its form, and each environment's trend."""

import base64
import json
import re
import uuid
from pathlib import Path

import pytest

from reports import environment
from suites.command import report

pytestmark = pytest.mark.lab

VERSIONS = {"istio": "1.31.0", "kubernetes": "1.36.3"}


def results(folder: Path, distribution: str, status: str) -> Path:
    """Write one result of a distribution."""
    folder.mkdir(parents=True)
    identity = str(uuid.uuid4())
    result = {
        "uuid": identity, "historyId": "one", "testCaseId": "one", "name": "the gateway answers 404",
        "fullName": "suites.article#one", "status": status, "start": 1_000, "stop": 2_000, "labels": [],
        "statusDetails": {"message": f"as {status} on {distribution}"},
    }  # fmt: skip
    (folder / f"{identity}-result.json").write_text(json.dumps(result))
    environment.write(folder, {"distribution": distribution, **VERSIONS})
    return folder


def embedded(page: Path) -> str:
    """Return everything that a page embeds in base64, as text."""
    found = re.findall(r"[A-Za-z0-9+/]{60,}={0,2}", page.read_text(encoding="utf-8"))
    padded = (each + "=" * (-len(each) % 4) for each in found)
    return "\n".join(base64.b64decode(each).decode(errors="replace") for each in padded)


def test_each_distribution_has_its_own_trend(tmp_path: Path) -> None:
    """Two runs of the lab and one of a published Istio, in one folder: no page shows the other's runs."""
    histories, pages = tmp_path / "histories", {}
    for number, (name, status) in enumerate([("lab", "failed"), ("upstream", "broken"), ("lab", "passed")]):
        folder = results(tmp_path / f"{number}", name, status)
        pages[name] = embedded(report.build(folder, tmp_path / f"{name}.html", histories))
    runs = {each.name.partition("_")[0]: each.read_text().count("\n") for each in histories.iterdir()}
    assert runs == {"lab": 2, "upstream": 1}
    assert "as failed on lab" in pages["lab"]
    assert "on upstream" not in pages["lab"]
    assert "on lab" not in pages["upstream"]


def test_ring_of_passed_tests_is_labelled_as_the_page_expects(tmp_path: Path) -> None:
    """The page hides Allure's ring by its label, because it is green beside an unsafe upgrade."""
    made = report.build(results(tmp_path / "one", "lab", "passed"), tmp_path / "page.html")
    assert '"successRate":"Success rate: {{rate}}"' in embedded(made)
