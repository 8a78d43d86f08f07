"""One of the suites, run by pytest in this process, with its page made and its verdict printed last."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fixtures.plugins.verdict import PRINTED_BY, VERDICT
from reports import page

PROJECT = Path(__file__).resolve().parents[2]

#: Results and page of each suite that has a page.
_PLACES = {
    "article": (PROJECT / "reports" / "results", page.PAGE),
    "upgrade": (PROJECT / "reports" / "results-upgrade", page.PAGE.with_name("upgrade.html")),
}
#: Options whose value pytest would take for a folder of tests if it stood apart.
_JOINED = ("--manifests", "--istio-values", "--kubeconfig", "--alluredir")
#: Groups of options that a suite's --help shows, as the plugins name them.
_GROUPS = {
    "article": ("Istio conformance", "Stages of the article", "Lab only"),
    "upgrade": ("Istio conformance", "Istio upgrade", "Lab only"),
    "ledger": ("Istio conformance", "Lab only"),
}


class Ending:
    """Follows a run for the command: where its results are, and the verdict."""

    def __init__(self) -> None:
        self.results: Path | None = None
        self.verdict = ""

    def pytest_configure(self, config: pytest.Config) -> None:
        """Tell the verdict's plugin that the command prints the line: the page's place comes before it."""
        config.stash[PRINTED_BY] = self

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Take over what the run came to."""
        self.verdict = config.stash.get(VERDICT, "")
        folder = config.getoption("allure_report_dir", None)
        self.results = Path(folder) if folder else None


def run_suite(suite: str, options: Sequence[str]) -> int:
    """Run the suite and make its page; the exit code is the one of the table in the README."""
    arguments = [
        str(PROJECT / "suites" / suite),
        f"--rootdir={PROJECT}",
        f"--config-file={PROJECT}/pyproject.toml",
    ]
    if {"--help", "-h"} & set(options):
        return _show_help(suite, arguments)
    results, made = _PLACES.get(suite, (None, page.PAGE))
    given = list(_joined(options))
    if results and not any(each.startswith("--alluredir") for each in given):
        arguments += [f"--alluredir={results}", "--clean-alluredir"]
    ending = Ending()
    status = int(pytest.main([*arguments, *given], plugins=[ending]))
    if ending.results and any(ending.results.glob("*-result.json")):
        sys.stdout.write(_page(ending.results, made))
    if ending.verdict:
        sys.stdout.write(f"{ending.verdict}\n")
    return status


def _page(results: Path, made: Path) -> str:
    try:
        return f"page: {page.build(results, made)}\n"
    except page.ReportError as error:
        return f"no page was made: {error}\n`istio-conformance report build` makes it of {results}\n"


def _joined(options: Sequence[str]) -> Iterator[str]:
    waiting = ""
    for option in options:
        if waiting:
            yield f"{waiting}={option}"
            waiting = ""
        elif option in _JOINED:
            waiting = option
        else:
            yield option
    if waiting:
        yield waiting


def _show_help(suite: str, arguments: Sequence[str]) -> int:
    """Print the project's own options for a suite; pytest has many more."""
    command = [sys.executable, "-m", "pytest", *arguments, "--help"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    shown = False
    lines = [
        f"istio-conformance {suite}: options of this project; every option of pytest is passed on as well"
    ]
    for line in ran.stdout.splitlines():
        if line[:1].strip():
            shown = line.removesuffix(":") in _GROUPS[suite]
        if shown:
            lines.append(line)
    sys.stdout.write("\n".join([*lines, ""]) if ran.returncode == 0 else ran.stderr)
    return ran.returncode
