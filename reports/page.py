"""Builds the HTML page of a run from its results, with Allure 3."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reports import answer, environment, history, overview, results_folder
from reports.errors import ReportError
from reports.redaction import redact

HERE = Path(__file__).resolve().parent
PAGE = HERE / "html" / "index.html"
GENERATE_SECONDS = 120

# The last line of each page of this project. `build` overwrites only a file that starts with _DOCTYPE and
# ends with this line, so a file that only quotes the mark is kept.
_MADE_BY_US = "<!-- report of istio-conformance -->"
_DOCTYPE = b"<!doctype html"

# Allure's page would report each visit to an analytics service.
_ANALYTICS = re.compile(
    r"<script async src=\"https://www\.googletagmanager\.com[^>]*></script>\s*<script>.*?</script>", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Allure:
    """An installed Allure: its program, the environment that it runs in, and an empty folder to work in."""

    program: Path
    environment: Mapping[str, str]
    folder: Path


def build(results: Path, page: Path, allure: Allure, histories: Path | None = None) -> Path:
    """Write the results as one self-contained HTML file and return it.

    With a folder of histories, the page shows the trend of the results' environment, and the trend there is
    extended by this run.

    Raises ReportError if there are no results, if a file is invalid or can't be written, and if Allure fails.
    """
    try:
        return _build(results, page, allure, histories)
    except OSError as error:
        raise ReportError(f"can't build {page} from {results}: {error}") from error


def _build(results: Path, page: Path, allure: Allure, histories: Path | None) -> Path:
    if not any(results.glob("*-result.json")):
        raise ReportError(
            f"{results} contains no results: no test ran, or pytest ran without --alluredir {results}"
        )
    _check_target(page)
    results_folder.check(results)
    settings = json.loads((HERE / "allurerc.json").read_text())
    settings["name"] = redact(environment.title(results)) or settings["name"]
    settings["categories"] = {"rules": json.loads((HERE / "categories.json").read_text())}
    earlier = history.opened(histories, results, allure.folder) if histories else None
    if earlier:
        settings |= {"historyPath": str(earlier.copy), "historyLimit": history.LIMIT}
    trend = earlier.sentence() if earlier else ""
    config, made = allure.folder / "allurerc.json", allure.folder / "html"
    config.write_text(json.dumps(settings))
    ordered = overview.prepared(results, allure.folder / "results")
    _generate(allure, ["generate", str(ordered), "-c", str(config), "-o", str(made)])
    html = without_analytics((made / "index.html").read_text())
    _write(page, with_head(html, _head(ordered, trend)))
    if earlier:
        earlier.save()
    return page


def _head(results: Path, trend: str) -> str:
    """Return what precedes Allure's part: verdict, pictures, stages or budgets, trend, and folds."""
    answered, every = answer.of(results), overview.given(results)
    verdict, details = (answered.verdict, answered.details) if answered else ("", "")
    evidence = answered.evidence if answered else ()
    folded = overview.folds(every, answered=bool(answered), evidence=evidence)
    return verdict + overview.pictures(every) + details + answer.paragraph(trend) + folded


def _check_target(page: Path) -> None:
    """Raise ReportError if the page can't be written there, or would replace a file of another origin."""
    above = next((each for each in page.parents if each.exists() or each.is_symlink()), page.parent)
    if not above.is_dir():
        raise ReportError(
            f"the page {page} can't be written, because {above} is not a folder: name another file"
        )
    if page.is_symlink():
        raise ReportError(f"{page} is a symbolic link: remove it, or name another file")
    if page.is_dir():
        raise ReportError(f"{page} is a folder; name a file")
    if page.exists() and not _is_our_page(page):
        raise ReportError(
            f"{page} exists and is not a report of this project: move or remove it, or name another file"
        )


def _is_our_page(page: Path) -> bool:
    if not page.is_file():
        return False
    content = page.read_bytes()
    is_html = content[: len(_DOCTYPE)].lower() == _DOCTYPE
    return is_html and content.rstrip().endswith(f"\n{_MADE_BY_US}".encode())


def _write(page: Path, html: str) -> None:
    """Write the page at once, because an interrupted write would leave a page without its mark."""
    page.parent.mkdir(parents=True, exist_ok=True)
    unfinished = page.with_name(f".{page.name}.{os.getpid()}")
    try:
        with unfinished.open("x", encoding="utf-8") as file:
            file.write(f"{html.rstrip()}\n{_MADE_BY_US}\n")
        _check_target(page)
        unfinished.replace(page)
    finally:
        unfinished.unlink(missing_ok=True)


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
