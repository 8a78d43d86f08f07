"""Run one of the suites with pytest, build its report page, and print its verdict last."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from fixtures.exit_codes import VERDICT_FILE, ExitCode
from lab import scratch
from lab.errors import LabError
from reports import github, page, results_folder
from reports.errors import ReportError
from suites.command import report

PROJECT = Path(__file__).resolve().parents[2]

#: Results folder and page of each suite that has a page.
_PLACES = {
    "article": (results_folder.RESULTS, page.PAGE),
    "upgrade": (results_folder.UPGRADE_RESULTS, page.PAGE.with_name("upgrade.html")),
}
_SUBCOMMANDS = {"article": "run", "ledger": "ledger observe"}
#: The exit code of pytest for an invalid option.
_USAGE_ERROR = 4
#: By exit code, the verdict of a run that ended before its tests could give one.
_ENDED = {
    2: "interrupted: the run did not reach its end",
    3: "internal error: pytest or a plugin failed, see above",
    _USAGE_ERROR: "refused: see the error above; nothing was created",
    5: "no test was selected: nothing was created",
    int(ExitCode.ENVIRONMENT): "the environment failed: no test has run, see the error above",
}
#: Options that need their value after "=", because pytest takes a separate value for a test path.
_JOINED = (
    "--manifests", "--mesh-manifests", "--kubeconfig", "--alluredir", "--history",
    "--istio-values", "--istio-values-from", "--istio-values-to",
)  # fmt: skip
#: Option groups that a suite's --help shows, as named by the plugins.
_GROUPS = {
    "article": ("Istio conformance", "Stages of the article", "Upstream only", "Lab only"),
    "upgrade": ("Istio conformance", "Istio upgrade", "Upstream only", "Lab only"),
    "ledger": ("Istio conformance", "Upstream only", "Lab only"),
}


def run_suite(suite: str, options: Sequence[str]) -> int:
    """Run the suite, build its page, and return the exit code, as listed in the README."""
    arguments = [
        str(PROJECT / "suites" / suite),
        f"--rootdir={PROJECT}",
        f"--config-file={PROJECT}/pyproject.toml",
    ]
    if {"--help", "-h"} & set(options):
        return _show_help(suite, arguments)
    results, made = _PLACES.get(suite, (None, page.PAGE))
    given = list(_joined(options))
    named = [each.partition("=")[2] for each in given if each.startswith("--alluredir=")]
    if named:
        results = Path(named[-1])
        if results.name in {"", ".."}:
            sys.stderr.write(
                f"ERROR: --alluredir={named[-1]} gives the page no name: name a folder for the results, "
                "such as --alluredir=results\n"
            )
            sys.stdout.write(_verdict_of_pytest(_USAGE_ERROR))
            return _USAGE_ERROR
        made = results.with_name(f"{results.name}.html")
    elif results:
        arguments += [f"--alluredir={results}", "--clean-alluredir"]
    with scratch.folder("verdict") as folder:
        status = _pytest([*arguments, *given], folder / "line")
        verdict = (folder / "line").read_text(encoding="utf-8") if (folder / "line").exists() else ""
    if results and verdict and any(results.glob("*-result.json")):
        histories = [Path(each.partition("=")[2]) for each in given if each.startswith("--history=")]
        sys.stdout.write(_page(results, made, histories[-1] if histories else None))
    sys.stdout.write(verdict or _verdict_of_pytest(status))
    return status


def _verdict_of_pytest(status: int) -> str:
    """Return the line of a run that ended before it had a verdict; "" if it only listed or planned."""
    if not (words := _ENDED.get(status, "" if status >= 0 else f"ended by signal {-status}")):
        return ""
    line = f"verdict: {words.replace(':', f' (exit {status}):', 1)}"
    if summary := os.environ.get(github.SUMMARY):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(github.summary(line, [], {}))
    return f"{line}\n"


def _pytest(arguments: Sequence[str], verdict: Path) -> int:
    """Run pytest until it ends, including its cleanup after Ctrl-C or SIGTERM.

    pytest writes its verdict line to the file `verdict`.
    """
    command = [sys.executable, "-m", "pytest", *arguments]
    with subprocess.Popen(command, env={**os.environ, VERDICT_FILE: str(verdict)}) as running:
        former = signal.signal(signal.SIGTERM, lambda *_: running.terminate())
        while True:
            # Ctrl-C reaches pytest too, because it is in the same process group.
            with contextlib.suppress(KeyboardInterrupt):
                running.wait()
                break
        signal.signal(signal.SIGTERM, former)
    return running.returncode


def _page(results: Path, made: Path, history: Path | None) -> str:
    try:
        return f"page: {report.build(results, made, history)}\n"
    except (ReportError, LabError) as error:
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
    """Print the project's own options for a suite, without those of pytest."""
    command = [sys.executable, "-m", "pytest", *arguments, "--help"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    shown = False
    name = _SUBCOMMANDS.get(suite, suite)
    lines = [f"istio-conformance {name}: options of this project; all pytest options work too"]
    for line in ran.stdout.splitlines():
        if line[:1].strip():
            shown = line.removesuffix(":") in _GROUPS[suite]
        if shown:
            lines.append(line)
    sys.stdout.write("\n".join([*lines, ""]) if ran.returncode == 0 else ran.stderr)
    return ran.returncode
