"""Builds the HTML page of a run from its results, with Allure 3."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reports import environment, overview
from reports.redaction import redact

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PAGE = HERE / "html" / "index.html"
GENERATE_SECONDS = 120

# Marks each page of this project, so that `build` overwrites no other file.
_MADE_BY_US = "<!-- report of istio-conformance -->"

# Allure's page would report each visit to an analytics service.
_ANALYTICS = re.compile(
    r"<script async src=\"https://www\.googletagmanager\.com[^>]*></script>\s*<script>.*?</script>", re.DOTALL
)


class ReportError(RuntimeError):
    """The page can't be built; the message says what to do. The results are unchanged."""


@dataclass(frozen=True, slots=True)
class Allure:
    """An installed Allure: its program, the environment that it runs in, and an empty folder to work in."""

    program: Path
    environment: Mapping[str, str]
    folder: Path


def build(results: Path, page: Path, allure: Allure) -> Path:
    """Write the results as one self-contained HTML file and return it.

    Raises ReportError if there are no results, and if Allure fails.
    """
    if not any(results.glob("*-result.json")):
        raise ReportError(
            f"{results} contains no results: no test ran, or pytest ran without --alluredir {results}"
        )
    _check_is_a_page(page)
    settings = json.loads((HERE / "allurerc.json").read_text())
    settings["name"] = redact(environment.title(results)) or settings["name"]
    settings["categories"] = {"rules": json.loads((HERE / "categories.json").read_text())}
    config, made = allure.folder / "allurerc.json", allure.folder / "html"
    config.write_text(json.dumps(settings))
    ordered = overview.prepared(results, allure.folder / "results")
    _generate(allure, ["generate", str(ordered), "-c", str(config), "-o", str(made)])
    page.parent.mkdir(parents=True, exist_ok=True)
    html = without_analytics((made / "index.html").read_text())
    page.write_text(with_head(html, overview.head(overview.given(ordered))) + _MADE_BY_US)
    return page


def _check_is_a_page(page: Path) -> None:
    """Raise ReportError if the page would overwrite a file that is not a report of this project."""
    if page.is_dir():
        raise ReportError(f"{page} is a folder; name a file")
    if (
        page.parent != PAGE.parent
        and page.exists()
        and _MADE_BY_US not in page.read_text(encoding="utf-8", errors="replace")
    ):
        raise ReportError(f"{page} exists and is not a report of this project; name another file")


def with_head(html: str, head: str) -> str:
    """Return the page with `head` inserted at the start of its body. Raises ReportError if it has no body."""
    before, body, after = html.partition("<body>")
    if not body:
        raise ReportError(
            "Allure's page has no body that starts with <body>; adapt with_head in reports/page.py"
        )
    return f"{before}{body}{head}{after}"


def without_analytics(html: str) -> str:
    """Return the page without Allure's call to its analytics service. Raises ReportError if one remains."""
    without = _ANALYTICS.sub("", html)
    if "googletagmanager" in without:
        raise ReportError(
            "Allure's page calls its analytics service in an unknown way; adapt _ANALYTICS in reports/page.py"
        )
    return without


def _generate(allure: Allure, arguments: list[str]) -> None:
    try:
        done = subprocess.run(
            ["node", str(allure.program), *arguments], cwd=allure.folder, env=dict(allure.environment),
            timeout=GENERATE_SECONDS, check=False, capture_output=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReportError(f"Allure failed to generate the page: {error}") from error
    if done.returncode != 0:
        output = redact((done.stderr or done.stdout).strip())[-2000:]
        raise ReportError(f"Allure failed to generate the page: it exited with {done.returncode}: {output}")
