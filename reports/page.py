"""Builds the HTML page of a run from its results, with Allure 3, which npm installs into the cache."""

import json
import re
import shutil
import subprocess
from pathlib import Path

from lab import allure, folders, scratch
from lab import environment as environments
from lab.errors import LabError
from lab.paths import cache_root
from reports import environment, overview
from reports.redaction import redact

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PAGE = HERE / "html" / "index.html"
_PROGRAM = Path("node_modules", "allure", "cli.js")
INSTALL_SECONDS = 600
GENERATE_SECONDS = 120

# Marks each page of this project, so that `build` overwrites no other file.
_MADE_BY_US = "<!-- report of istio-conformance -->"

# Allure's page would report each visit to an analytics service.
_ANALYTICS = re.compile(
    r"<script async src=\"https://www\.googletagmanager\.com[^>]*></script>\s*<script>.*?</script>", re.DOTALL
)


class ReportError(RuntimeError):
    """The page can't be built; the message says what to do. The results are unchanged."""


def tool() -> Path:
    """Return the path of Allure's program in the cache, installed or not."""
    return allure.entry(cache_root()).path / _PROGRAM


def install() -> Path:
    """Return Allure's program, installing it into the cache on first use. Raises ReportError if npm fails."""
    try:
        root = folders.cache_place().claim()
        return allure.entry(root).make(_install, _say) / _PROGRAM
    except LabError as error:
        raise ReportError(str(error)) from error


def _install(folder: Path) -> None:
    _need_npm()
    _say("installing Allure from npm (about 10 s, once)")
    for pin in allure.PINS:
        shutil.copy(pin, folder)
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    _run(["npm", "ci", *options], folder, INSTALL_SECONDS, "npm failed to install Allure")


def _say(text: str) -> None:
    print(f"[report] {text}", flush=True)


def build(results: Path = RESULTS, page: Path = PAGE) -> Path:
    """Write the results as one self-contained HTML file and return it.

    Raises ReportError if there are no results, and if Allure fails.
    """
    if not any(results.glob("*-result.json")):
        raise ReportError(
            f"{results} contains no results: no test ran, or pytest ran without --alluredir {results}"
        )
    _check_is_a_page(page)
    program = install()
    with scratch.folder("report") as work:
        settings = json.loads((HERE / "allurerc.json").read_text())
        settings["name"] = redact(environment.title(results)) or settings["name"]
        settings["categories"] = {"rules": json.loads((HERE / "categories.json").read_text())}
        config = work / "allurerc.json"
        config.write_text(json.dumps(settings))
        made = work / "html"
        ordered = overview.prepared(results, work / "results")
        command = [
            "node",
            str(program),
            "generate",
            str(ordered),
            "-c",
            str(config),
            "-o",
            str(made),
        ]
        _run(command, work, GENERATE_SECONDS, "Allure failed to generate the page")
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


def _need_npm() -> None:
    if shutil.which("npm") and shutil.which("node"):
        return
    print("[report] Allure needs Node.js: installing Debian's nodejs and npm", flush=True)
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "nodejs", "npm"]):
        _run(
            command,
            HERE,
            INSTALL_SECONDS,
            "Node.js is missing and its installation failed; install Node 20 or later by hand",
        )


def _run(command: list[str], folder: Path, seconds: float, failure: str) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environments.for_registries(),
            timeout=seconds,
            check=False,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReportError(f"{failure}: {error}") from error
    if done.returncode != 0:
        output = redact((done.stderr or done.stdout).strip())[-2000:]
        raise ReportError(f"{failure}: {' '.join(command[:2])} exited with {done.returncode}: {output}")
