"""Where a run writes: refused before anything is created, and the last results stay until the first test."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.exit_codes import ExitCode
from reports import github, page
from suites.command import suites

CONFTEST = """
import pytest

def pytest_istio_versions():
    return ["1.29.1"]

def pytest_envoy_versions():
    return []

def pytest_addoption(parser):
    parser.addoption("--history")
"""
LAST = "01234567-89ab-cdef-0123-456789abcdef-result.json"

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs one test with options, where `results` holds the last run's results."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.mkdir("results").joinpath(LAST).write_text("{}")

    def run(*options: str, conftest: str = "", test: str = "def test_it(): pass") -> pytest.RunResult:
        pytester.makeconftest(CONFTEST + conftest)
        pytester.makepyfile(test)
        plugins = ("-p", "allure_pytest", "-p", "fixtures.plugins.options")
        return pytester.runpytest_inprocess(*plugins, "--alluredir=results", "--clean-alluredir", *options)

    return run


def test_accepted_run_replaces_the_last_results(run: Run, pytester: pytest.Pytester) -> None:
    run().assert_outcomes(passed=1)
    kept = [each.name for each in (pytester.path / "results").iterdir()]
    assert kept
    assert LAST not in kept


@pytest.mark.parametrize(
    ("options", "changed", "code"),
    [
        (["--istio-version=0.0.1"], {}, 4),
        (["-k", "no_test_has_this_name"], {}, 5),
        ([], {"test": "import no_such_module"}, 2),
        (
            [],
            {"conftest": "def pytest_collection_modifyitems(): raise pytest.UsageError('no such stage')"},
            4,
        ),
        (
            [],
            {
                "conftest": "@pytest.hookimpl(tryfirst=True)\n"
                "def pytest_runtestloop(): pytest.exit('no registry', returncode=12)"
            },
            12,
        ),
    ],
    ids=["option", "no-test", "collection-error", "refused-test", "preparation"],
)
def test_run_that_never_begins_keeps_the_last_results(
    run: Run, pytester: pytest.Pytester, options: list[str], changed: dict[str, str], code: int
) -> None:
    assert run(*options, **changed).ret == code
    assert [each.name for each in (pytester.path / "results").iterdir()] == [LAST]


# Not even root can create a file in this folder.
@pytest.mark.parametrize(
    ("option", "place"),
    [
        ("--alluredir", "/proc"),
        ("--alluredir", "/proc/results/new"),
        ("--history", "/proc/history"),
        ("--junitxml", "/proc/junit.xml"),
    ],
)
def test_place_that_cannot_be_written_to_is_refused(run: Run, option: str, place: str) -> None:
    result = run(f"{option}={place}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{option}={place}: /proc can't be written to (*): choose another folder"])
    result.stdout.no_fnmatch_line("collected*")


def test_file_in_place_of_a_folder_is_refused(run: Run, pytester: pytest.Pytester) -> None:
    (pytester.path / "notes").write_text("my notes")
    result = run("--history=notes")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--history=notes: *notes is not a folder: choose another folder"])


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (2, "interrupted (exit 2): "),
        (3, "internal error (exit 3): "),
        (4, "refused (exit 4): see the error above; nothing was created"),
        (5, "no test was selected (exit 5): "),
        (int(ExitCode.ENVIRONMENT), "the environment failed (exit 12): "),
        (-9, "ended by signal 9"),
    ],
)
def test_run_without_a_verdict_of_its_tests_ends_with_one(
    status: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv(github.SUMMARY, str(tmp_path / "summary"))
    monkeypatch.setattr(suites, "_pytest", lambda *_: status)
    assert suites.run_suite("article", []) == status
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"verdict: {told}")
    assert (tmp_path / "summary").read_text().startswith(f"### {told.partition(':')[0]}")


def test_verdict_of_the_tests_is_the_only_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def passed(_: object, verdict: Path) -> int:
        verdict.write_text("verdict: the environment failed (exit 12): 1 of 2\n")
        return 12

    monkeypatch.setattr(suites, "_pytest", passed)
    monkeypatch.setitem(suites._PLACES, "article", (None, page.PAGE))
    suites.run_suite("article", [])
    assert capsys.readouterr().out == "verdict: the environment failed (exit 12): 1 of 2\n"


def test_list_or_plan_has_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(suites, "_pytest", lambda *_: 0)
    suites.run_suite("article", ["--collect-only"])
    assert capsys.readouterr().out == ""
