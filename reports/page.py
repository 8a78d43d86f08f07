"""The page that a person opens: Allure 3 from npm, kept in the cache, makes one file of the results."""

import fcntl
import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from lab.paths import cache_root
from reports import environment, overview
from reports.redaction import redact

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PAGE = HERE / "html" / "index.html"
#: What pins Allure and everything below it; a change of either installs it anew.
PINS = (HERE / "package.json", HERE / "package-lock.json")
INSTALL_SECONDS = 600
GENERATE_SECONDS = 120

# Allure's page would report each opening of it to an analytics service.
_ANALYTICS = re.compile(
    r"<script async src=\"https://www\.googletagmanager\.com[^>]*></script>\s*<script>.*?</script>", re.DOTALL
)


class ReportError(RuntimeError):
    """The page can't be made; the message says what to do. The results stay as they are."""


def tool() -> Path:
    """Where this version of Allure's program is, or would be, in the cache."""
    key = hashlib.sha256(b"".join(pin.read_bytes() for pin in PINS)).hexdigest()[:16]
    return cache_root() / f"allure-{key}" / "node_modules" / "allure" / "cli.js"


def install() -> Path:
    """Allure's program: the first call installs it, later ones need no network; ReportError if npm fails."""
    program = tool()
    folder = program.parents[2]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "allure.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if program.is_file():
            return program
        _need_npm()
        print("[report] installing Allure from npm (about 10 s, once)", flush=True)
        fresh = folder.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        for pin in PINS:
            shutil.copy(pin, fresh)
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        _run(["npm", "ci", *options], fresh, INSTALL_SECONDS, "npm could not install Allure")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    return program


def build(results: Path = RESULTS, page: Path = PAGE) -> Path:
    """One self-contained HTML file of the results; ReportError where there are none or Allure fails."""
    if not any(results.glob("*-result.json")):
        raise ReportError(
            f"{results} holds no results: nothing ran, or pytest was not given --alluredir {results}"
        )
    program = install()
    with tempfile.TemporaryDirectory() as scratch:
        settings = json.loads((HERE / "allurerc.json").read_text())
        settings["name"] = redact(environment.title(results)) or settings["name"]
        settings["categories"] = {"rules": json.loads((HERE / "categories.json").read_text())}
        config = Path(scratch) / "allurerc.json"
        config.write_text(json.dumps(settings))
        made = Path(scratch) / "html"
        ordered = overview.prepared(results, Path(scratch) / "results")
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
        _run(command, Path(scratch), GENERATE_SECONDS, "Allure could not make the page")
        page.parent.mkdir(parents=True, exist_ok=True)
        html = without_analytics((made / "index.html").read_text())
        page.write_text(with_head(html, overview.head(overview.given(ordered))))
    return page


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
