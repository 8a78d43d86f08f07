"""On the lab, a Service port whose name declares no protocol carries HTTP, as with Istio's own proxies."""

import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.settings import MANIFESTS
from lab.paths import PROJECT

pytestmark = [pytest.mark.lab, pytest.mark.full]

ARTICLE = [sys.executable, "-m", "pytest", "suites/article", "-p", "no:cacheprovider"]
DECLARED, UNDECLARED = "- {name: http, port: 80, targetPort: 80}", "- {name: web, port: 80, targetPort: 80}"


def test_requests_to_an_undeclared_port_are_counted_on_both_sides(tmp_path: Path) -> None:
    """The stage "metrics", with the app's Service port named "web"."""
    app = (MANIFESTS / "app" / "test-app.yaml").read_text(encoding="utf-8")
    assert DECLARED in app
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "test-app.yaml").write_text(app.replace(DECLARED, UNDECLARED), encoding="utf-8")
    options = ["--stage", "metrics", "--manifests", str(tmp_path)]
    ran = subprocess.run([*ARTICLE, *options], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-3000:]
