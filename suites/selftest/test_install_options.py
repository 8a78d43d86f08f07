"""--installer, --profile and --revision: what they refuse, and which tests a run then has."""

from collections.abc import Callable

import pytest

TESTS = """
import pytest

def test_of_every_run(): pass

@pytest.mark.profiles("demo")
def test_of_demo(): pass

@pytest.mark.revision
def test_of_a_revision(): pass

@pytest.fixture
def ingress(): return None

def test_through_the_gateway(ingress): pass

def test_each(webhook): pass
"""
CONFTEST = """
def pytest_istio_versions():
    return ["1.31.0"]

def pytest_envoy_versions():
    return []
"""

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs the tests with options."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    return lambda *options: pytester.runpytest_inprocess("-p", "fixtures.plugins.options", "-v", *options)


@pytest.mark.parametrize("name", ["Blue", "prod", "default", "1.31.0", "-a", "x" * 41, "123", "1e3", "true"])
def test_revision_that_is_no_name_is_refused(run: Run, name: str) -> None:
    result = run(f"--revision={name}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--revision {name}: use at most 40 of a-z, 0-9 and -*"])


def test_tests_of_other_installations_are_no_part_of_a_run(run: Run) -> None:
    result = run()
    result.assert_outcomes(passed=6, deselected=2)
    result.stdout.no_fnmatch_line("*test_of_demo*")


def test_demo_as_a_revision_has_the_tests_of_both(run: Run) -> None:
    result = run("--profile=demo", "--revision=blue")
    result.assert_outcomes(passed=9)
    result.stdout.fnmatch_lines(["*test_each?prod tag?*"])


def test_helm_without_a_revision_has_no_tag(run: Run) -> None:
    result = run("--installer=helm")
    result.assert_outcomes(passed=5, deselected=2)
    result.stdout.no_fnmatch_line("*test_each?default tag?*")


def test_profile_without_a_gateway_skips_what_needs_one(run: Run) -> None:
    result = run("--profile=minimal", "-rs")
    result.assert_outcomes(passed=5, skipped=1, deselected=2)
    result.stdout.fnmatch_lines(["*profile minimal has no ingress gateway*"])


def test_run_of_which_each_test_would_be_skipped_is_refused(run: Run) -> None:
    """--stage gateway with the profile minimal, for example, would make a cluster for nothing."""
    result = run("--profile=minimal", "-k", "through_the_gateway")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*--profile minimal: every selected test would be skipped, because profile minimal has no ingress*"]
    )


@pytest.mark.parametrize(
    ("options", "values", "told"),
    [
        ((), "{profile: demo}", "for 1.31.0: remove values.profile: demo"),
        (("--profile=demo",), "{global: {tag: 1.30.4}}", "remove values.global.tag: 1.30.4"),
        (("--installer=helm",), "{gateways: {istio-ingressgateway: {name: x}}}", "istio-ingressgateway.name"),
        (("--installer=manifests",), "{global: []}", "spec.values.global of values.yaml is not a mapping"),
        ((), "- a list", "does not contain a YAML mapping"),
    ],
)
def test_values_that_a_run_cannot_install_are_refused(
    run: Run, pytester: pytest.Pytester, options: tuple[str, ...], values: str, told: str
) -> None:
    (pytester.path / "values.yaml").write_text(values)
    result = run("--istio-values=values.yaml", *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{told}*"])


def test_values_that_agree_with_the_run_are_accepted(run: Run, pytester: pytest.Pytester) -> None:
    (pytester.path / "values.yaml").write_text("{profile: demo, revision: blue, global: {tag: 1.31.0}}")
    run("--istio-values=values.yaml", "--profile=demo", "--revision=blue").assert_outcomes(passed=9)
