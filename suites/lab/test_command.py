"""The installed command: its exit codes are those of the README's table, and the README's commands exist."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lab.paths import PROJECT

pytestmark = pytest.mark.lab

COMMAND = str(Path(sys.executable).with_name("istio-conformance"))
README = (PROJECT / "README.md").read_text(encoding="utf-8")
#: The rows of the table: exit code, and what it stands for.
TABLE = dict(re.findall(r"^\| (\d+) \| ([^|]+?) \|$", README, re.MULTILINE))
#: Exit code to what is acted, the subcommand, and its options.
ROWS = {
    "0": ("pass", "run", ()),
    "1": ("mesh", "run", ()),
    "2": ("interrupt", "run", ()),
    "3": ("internal-error", "run", ()),
    "4": ("pass", "run", ("--istio-version=0.0.1",)),
    "5": ("pass", "run", ("-k", "no_test_has_this_name")),
    "10": ("mesh", "upgrade", ()),
    "11": ("pass", "upgrade", ()),
    "12": ("environment", "run", ()),
    "13": ("skip", "run", ("--require-complete",)),
}


def run(acted: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The installed command, with tests that only act."""
    options = ("-p", "suites.lab.acted", "-p", "no:cacheprovider", f"--alluredir={folder / 'results'}")
    return subprocess.run(
        [COMMAND, *arguments, *options], env={**os.environ, "ACTED": acted}, cwd=folder,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_each_row_of_the_readmes_table_has_a_case() -> None:
    """A row without a case, or a case without a row, would be a promise that nothing holds."""
    assert TABLE.keys() == ROWS.keys()


@pytest.mark.parametrize("code", ROWS)
def test_command_exits_with_the_code_of_the_table(code: str, tmp_path: Path) -> None:
    """What the tests come to decides the exit code, and the verdict is the last line."""
    acted, subcommand, options = ROWS[code]
    ran = run(acted, subcommand, *options, folder=tmp_path)
    assert ran.returncode == int(code), ran.stdout[-3000:] + ran.stderr[-1000:]
    assert re.match(rf"verdict: .*\(exit {code}\)", ran.stdout.splitlines()[-1]), ran.stdout[-1000:]


def test_unsafe_outranks_a_failed_environment_and_that_outranks_missing_evidence(tmp_path: Path) -> None:
    """In an upgrade a failed environment is 12: not the 11 of missing evidence."""
    assert run("environment", "upgrade", folder=tmp_path).returncode == 12


def test_a_partial_result_is_zero(tmp_path: Path) -> None:
    """Something was skipped with its reason: 0, and the verdict says that it is partial."""
    ran = run("skip", "run", folder=tmp_path)
    assert ran.returncode == 0
    assert ran.stdout.splitlines()[-1].startswith("verdict: passed, partial (exit 0)")


def readme_commands() -> list[str]:
    """Every command line of the README that begins with the command's name, without its comment."""
    lines = re.findall(r"^(?:\.venv/bin/)?(istio-conformance [^\n#]*)", README, re.MULTILINE)
    return sorted({line.split("\\")[0].strip() for line in lines})


@pytest.mark.parametrize("line", readme_commands())
def test_command_of_the_readme_is_known(line: str, tmp_path: Path) -> None:
    """Its options are accepted: pytest plans the run, and argparse shows the help of the subcommand."""
    _, subcommand, *arguments = shlex.split(line)
    if subcommand in ("run", "upgrade"):
        planned = run("pass", subcommand, *arguments, "--collect-only", "--quiet", folder=tmp_path)
        # A kept cluster of the README's name is on no machine: that the option says so is enough.
        known = planned.returncode in (0, 5) or "no run has kept a cluster of this name" in planned.stderr
        assert known, planned.stdout[-2000:] + planned.stderr[-2000:]
        return
    words = [word for word in arguments if re.fullmatch(r"[a-z]+", word)][:1]
    shown = subprocess.run(
        [COMMAND, subcommand, *words, "--help"], capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stderr
