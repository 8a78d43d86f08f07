"""The verdict on an upgrade, as the exit code and the last line."""

from collections.abc import Callable

import pytest

CONFTEST = """
def pytest_istio_versions():
    return ["1.28.2", "1.29.1"]

def pytest_envoy_versions():
    return []
"""
NAMES = ("options", "stages", "report", "upgrade_options", "upgrade_verdict", "verdict")
PLUGINS = [f"-pfixtures.plugins.{name}" for name in NAMES]
BEGINS = "import pytest\npytestmark = pytest.mark.upgrade\n"
BROKEN_FIXTURE = """
@pytest.fixture(scope="session")
def mesh(strategy):
    if strategy == "in-place":
        raise RuntimeError("no mesh")
def test_one(mesh, strategy): pass
def test_two(mesh, strategy): pass
"""

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs tests of the upgrade that need no cluster."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)

    def run(tests: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(BEGINS + tests)
        return pytester.runpytest_inprocess(*PLUGINS, *options)

    return run


def test_passed_tests_without_traffic_are_not_enough_evidence(run: Run) -> None:
    result = run("def test_it(strategy): pass")
    assert result.ret == 11
    assert result.outlines[-1].startswith("verdict: not enough evidence (exit 11): 1.28.2 to 1.29.1")


def test_broken_promise_is_unsafe(run: Run) -> None:
    result = run("def test_it(strategy): assert strategy == 'canary'")
    assert result.ret == 10
    assert result.outlines[-1].endswith("failed tests: test_it[in-place]")


def test_failed_environment_outranks_missing_evidence(run: Run) -> None:
    result = run("def test_it(strategy): raise RuntimeError('no cluster')")
    assert result.ret == 12
    assert result.outlines[-1].startswith("verdict: not enough evidence (exit 12): 1.28.2 to 1.29.1")
    assert "tests that could not run: test_it[in-place], test_it[canary]" in result.outlines[-1]


def test_unsafe_outranks_a_failed_environment(run: Run) -> None:
    result = run(
        "def test_it(strategy):\n    assert strategy == 'canary'\n    raise RuntimeError('no cluster')"
    )
    assert result.ret == 10


def test_one_cause_fails_one_test_of_its_strategy(run: Run) -> None:
    result = run(BROKEN_FIXTURE, "-rs")
    result.assert_outcomes(errors=1, skipped=1, passed=2)
    result.stdout.fnmatch_lines(["*not reached because of test_one*in-place*"])


def test_cause_without_a_strategy_fails_one_test_of_each(run: Run) -> None:
    result = run(
        BROKEN_FIXTURE.replace(
            'def mesh(strategy):\n    if strategy == "in-place":', "def mesh():\n    if True:"
        )
    )
    result.assert_outcomes(errors=2, skipped=2)


def test_refused_option_keeps_its_exit_code(run: Run) -> None:
    assert run("def test_it(strategy): pass", "--from", "9.9.9").ret == pytest.ExitCode.USAGE_ERROR


def test_setup_plan_of_an_upgrade_has_no_verdict(run: Run) -> None:
    result = run("def test_it(strategy): pass", "--setup-plan")
    assert result.ret == 0
    assert "verdict" not in result.outlines[-1]
