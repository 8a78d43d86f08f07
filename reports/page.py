"""The page that a person opens: Allure 3 from npm, kept in the cache, makes one file of the results."""

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

# In each page, by which a file that may be replaced is known.
_MADE_BY_US = "<!-- report of istio-conformance -->"

# Allure's page would report each opening of it to an analytics service.
_ANALYTICS = re.compile(
    r"<script async src=\"https://www\.googletagmanager\.com[^>]*></script>\s*<script>.*?</script>", re.DOTALL
)


class ReportError(RuntimeError):
    """The page can't be made; the message says what to do. The results stay as they are."""


def tool() -> Path:
    """Where this version of Allure's program is, or would be, in the cache."""
    return allure.entry(cache_root()).path / _PROGRAM


def install() -> Path:
    """Allure's program: the first call installs it, later ones need no network; ReportError if npm fails."""
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
    _run(["npm", "ci", *options], folder, INSTALL_SECONDS, "npm could not install Allure")


def _say(text: str) -> None:
    print(f"[report] {text}", flush=True)


def build(results: Path = RESULTS, page: Path = PAGE) -> Path:
    """One self-contained HTML file of the results; ReportError where there are none or Allure fails."""
    if not any(results.glob("*-result.json")):
        raise ReportError(
            f"{results} holds no results: nothing ran, or pytest was not given --alluredir {results}"
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
        _run(command, work, GENERATE_SECONDS, "Allure could not make the page")
        page.parent.mkdir(parents=True, exist_ok=True)
        html = without_analytics((made / "index.html").read_text())
        page.write_text(with_head(html, overview.head(overview.given(ordered))) + _MADE_BY_US)
    return page


def _check_is_a_page(page: Path) -> None:
    """ReportError for a file that is there and is no page of ours: it would be lost."""
    if page.is_dir():
        raise ReportError(f"{page} is a folder; name the file to make")
    if (
        page.parent != PAGE.parent
        and page.exists()
        and _MADE_BY_US not in page.read_text(encoding="utf-8", errors="replace")
    ):
        raise ReportError(f"{page} is there and is no report of this project; name another file")


def with_head(html: str, head: str) -> str:
    """The page with this as the first of its body; ReportError where it has no body."""
    before, body, after = html.partition("<body>")
    if not body:
        raise ReportError("Allure's page has no body as reports/page.py knows it")
    return f"{before}{body}{head}{after}"


def without_analytics(html: str) -> str:
    """The page with Allure's call to its analytics service taken out; ReportError where it stays."""
    quiet = _ANALYTICS.sub("", html)
    if "googletagmanager" in quiet:
        raise ReportError(
            "Allure's page calls an analytics service in a way that reports/page.py doesn't know"
        )
    return quiet


def _need_npm() -> None:
    if shutil.which("npm") and shutil.which("node"):
        return
    print("[report] Allure needs Node.js: installing Debian's nodejs and npm", flush=True)
    for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "nodejs", "npm"]):
        _run(
            command,
            HERE,
            INSTALL_SECONDS,
            "Node.js is missing and could not be installed; install it by hand",
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
        told = redact((done.stderr or done.stdout).strip())[-2000:]
        raise ReportError(f"{failure}: {' '.join(command[:2])} ended with {done.returncode}: {told}")
