"""A run that leaks a secret at every exit leaves none in its results or on the terminal."""

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from reports import overview
from reports.redaction import MARK
from suites.selftest import planted
from suites.selftest.nested import ROOT, run_pytest

pytestmark = pytest.mark.slow

_GO_ON = "--continue-on-collection-errors"
PLUGINS = ("redaction", "report", "causes")


def ran(folder: Path, *options: str, plugins: tuple[str, ...] = PLUGINS) -> Path:
    planted.write_suite(folder)
    return run_pytest(folder, plugins, _GO_ON, *options, **{planted.VARIABLE: planted.SECRETS["known"]})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ran(tmp_path_factory.mktemp("run"), "-rA", "--junitxml=junit.xml", "-v")


def test_run_reaches_every_exit(run: Path) -> None:
    output = (run / "output").read_text()
    assert "test_uncollected.py" in output
    assert "12 tests" in output or output.count("test_planted.py::") > 12, output
    results = [json.loads(path.read_text()) for path in (run / "results").glob("*-result.json")]
    names = {each["name"] for result in results for each in result.get("attachments", [])}
    assert {"log", "manifest", "dump", "event", "kubeconfig", "environment", "collector", "stdout"} <= names


@pytest.mark.parametrize("exit_name", ["results", "output", "junit.xml"])
def test_no_planted_secret_is_left(run: Path, exit_name: str) -> None:
    assert [*planted.leaks(run / exit_name)] == []
    texts = [
        path.read_text(errors="replace")
        for path in [*(run / exit_name).rglob("*"), run / exit_name]
        if path.is_file()
    ]
    assert any(MARK in text for text in texts)


def test_no_planted_secret_is_left_without_capture_or_in_another_plugin_order(tmp_path: Path) -> None:
    plugins = tuple(reversed(PLUGINS))
    folder = ran(tmp_path, "-s", "--tb=long", "--showlocals", "-p", "no:warnings", plugins=plugins)
    assert [*planted.leaks(folder / "results"), *planted.leaks(folder / "output")] == []
    assert "test_uncollected.py" in (folder / "output").read_text()


@pytest.mark.parametrize(
    "hook",
    [
        "pytest_collection_finish(session): raise ValueError",
        "pytest_collection(session): raise pytest.UsageError",
    ],
)
def test_error_outside_the_tests_leaks_no_secret(tmp_path: Path, hook: str) -> None:
    (tmp_path / "broken.py").write_text(
        f"import pytest\nfrom suites.selftest.planted import TEXTS\ndef {hook}(TEXTS['usage'])\n"
    )
    folder = ran(tmp_path, "-p", "broken")
    assert MARK in (folder / "output").read_text()
    assert [*planted.leaks(folder / "output")] == []


def test_page_of_an_older_run_uses_redacted_copies(tmp_path: Path) -> None:
    older = ran(tmp_path, plugins=("report", "causes")) / "results"
    exits = {leak.partition(":")[0] for leak in planted.leaks(older)}
    # The state of the cluster is redacted on collection, and errors of commands when they are raised.
    assert exits >= {"assertion", "stdout", "logging", "parameter", "fixture", "teardown", "step", "known"}
    left = [*planted.leaks(overview.prepared(older, tmp_path / "prepared"))]
    assert [leak for leak in left if not leak.startswith("known:")] == []


def test_picture_is_unchanged(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import allure\n"
        "def test_it(): allure.attach(b'\\x89PNG password=abc', 'p', allure.attachment_type.PNG)"
    )
    folder = ran(tmp_path, "test_it.py")
    assert b"password=abc" in next((folder / "results").glob("*.png")).read_bytes()


COMMANDS = """
    import sys
    from reports.redaction import guarded_streams
    with guarded_streams():
        print("password=hunter2")
        print("Authorization: Bearer hunter2hunter2", file=sys.stderr)
        for line in ("-----BEGIN RSA PRIVATE KEY-----", "MIIEow", "IBAAK"):
            print(line)
        print("a log line, no key")
        raise RuntimeError("secret_key: hunter2")
"""


def test_command_prints_no_secret_even_when_it_crashes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", dedent(COMMANDS)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr
    assert "RuntimeError" in done.stderr
    assert "IBAAK" not in done.stdout
    assert "a log line, no key" in done.stdout


@pytest.mark.parametrize(
    "main",
    ["lab/__main__.py", "suites/command/__main__.py", "suites/bench/__main__.py"],
)
def test_every_command_guards_its_streams(main: str) -> None:
    assert "    with guarded_streams():\n        sys.exit(main(" in (ROOT / main).read_text()
