"""The upgrade's options: their effect, and the refusal of invalid ones before anything is created."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from suites.selftest.nested import ROOT

CONFTEST = """
def pytest_istio_versions():
    return ["1.26.0", "1.27.1", "1.28.2", "1.29.1"]

def pytest_envoy_versions():
    return ["1.37.0"]
"""
PLUGINS = ("-p", "fixtures.plugins.options", "-p", "fixtures.plugins.upgrade_options")

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs one test of the upgrade, given as its assertion, with options."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)

    def run(*options: str, holds: str = "True", mark: str = "upgrade") -> pytest.RunResult:
        pytester.makepyfile(
            f"import pytest\n@pytest.mark.{mark}\ndef test_it(strategy, upgrade): assert {holds}\n"
        )
        return pytester.runpytest_inprocess(*PLUGINS, *options)

    return run


def refused(result: pytest.RunResult) -> str:
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    return str(result.stderr)


def test_default_is_both_strategies_from_the_second_newest_version(run: Run) -> None:
    holds = "(upgrade.old, upgrade.new, upgrade.mode) == ('1.28.2', '1.29.1', 'quick')"
    run(holds=holds).assert_outcomes(passed=2)


def test_release_lines_mean_their_newest_patches(run: Run) -> None:
    """`--from 1.28 --to latest` names versions as --istio-version does."""
    options = ("--from", "1.28", "--to", "latest")
    run(*options, holds="(upgrade.old, upgrade.new) == ('1.28.2', '1.29.1')").assert_outcomes(passed=2)


def test_strategy_is_chosen_by_name(run: Run) -> None:
    run("--strategy", "canary", holds="strategy == 'canary'").assert_outcomes(passed=1)


def test_same_version_twice_is_an_a_a_run(run: Run) -> None:
    run("--from", "1.29.1", holds="upgrade.same").assert_outcomes(passed=2)


def test_budgets_are_set_by_name(run: Run) -> None:
    options = ("--budget", "failed=3", "--budget", "latency-p99=1.5")
    run(*options, holds="upgrade.budgets == {'failed': 3, 'latency-p99': 1.5}").assert_outcomes(passed=2)


def test_mesh_retries_disable_the_rollback(run: Run) -> None:
    run("--mesh-retries", holds="not upgrade.rolls_back").assert_outcomes(passed=2)


def test_downgrade_is_refused_whatever_is_run(run: Run) -> None:
    told = refused(run("--from", "1.29.1", "--to", "1.28.2", mark="other"))
    assert "--from 1.28.2 --to 1.29.1" in told


def test_too_many_minor_versions_are_refused_with_the_strategy_that_supports_them(run: Run) -> None:
    assert "--strategy canary alone" in refused(run("--from", "1.27.1"))
    run("--from", "1.27.1", "--strategy", "canary").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--from", "1.25.0"), "known: 1.26.0"),
        (("--budget", "faild=1"), "did you mean failed?"),
        (("--budget", "failed=-1"), "at least 0"),
        (("--budget", "failed"), "NAME=LIMIT"),
        (("--istio-values", "none.yaml"), "--istio-values: cannot read none.yaml"),
        (("--istio-values-from", "none.yaml"), "--istio-values-from: cannot read none.yaml"),
        (("--istio-values-to", "none.yaml"), "--istio-values-to: cannot read none.yaml"),
        (("--mode", "slow"), "invalid choice"),
    ],
)
def test_an_invalid_option_is_a_usage_error(run: Run, options: tuple[str, ...], told: str) -> None:
    assert told in refused(run(*options))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--installer", "manifests"), "an upgrade uses helm or istioctl"),
        (("--revision", "blue"), "an upgrade sets its own profile and revisions"),
        (("--context", "mine", "--kubeconfig", "kubeconfig"), "an upgrade creates its own kind clusters"),
    ],
)
def test_an_option_that_an_upgrade_does_not_use_is_a_usage_error(
    run: Run, pytester: pytest.Pytester, options: tuple[str, ...], told: str
) -> None:
    (pytester.path / "kubeconfig").write_text("kind: Config\n")
    assert told in refused(run(*options))


def test_versions_of_an_upgrade_without_an_upgrade_are_a_usage_error(run: Run) -> None:
    assert "no upgrade test is selected" in refused(run("--from", "1.28.2", mark="filterwarnings('error')"))


def test_values_must_be_a_mapping(run: Run, tmp_path: Path) -> None:
    mine = tmp_path / "values.yaml"
    mine.write_text("- a list\n")
    assert "does not contain a YAML mapping" in refused(run("--istio-values", str(mine)))


@pytest.mark.parametrize(
    ("installer", "values", "told"),
    [
        ("istioctl", "{profile: demo}", "for 1.28.2: remove values.profile: demo"),
        ("istioctl", "{revision: blue}", "remove values.revision: blue"),
        (
            "istioctl",
            "{global: {tag: 1.2.3, istioNamespace: mesh}}",
            "remove values.global.tag: 1.2.3, val",
        ),
        ("istioctl", "{global: 1}", "spec.values.global of values.yaml is not a mapping"),
        ("helm", "{gateways: {istio-ingressgateway: {runAsRoot: true}}}", "istio-ingressgateway.runAsRoot"),
        ("helm", "{revisionTags: [a]}", "no chart has a value for values.revisionTags"),
    ],
)
def test_values_that_no_side_can_install_are_refused_by_name(
    run: Run, tmp_path: Path, installer: str, values: str, told: str
) -> None:
    mine = tmp_path / "values.yaml"
    mine.write_text(values)
    assert told in refused(run("--installer", installer, "--istio-values", str(mine)))


def test_an_upgrade_together_with_the_stages_is_a_usage_error(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_stage="import pytest\n@pytest.mark.stage('cluster')\ndef test_it(): pass\n",
    )
    assert "need separate clusters" in refused(run())


@pytest.mark.slow
def test_whole_command_refuses_an_option_without_a_traceback(tmp_path: Path) -> None:
    """With every plugin of the project, a refused option is one error and exit code 4."""
    words = [sys.executable, "-m", "suites.command", "upgrade", "--distribution=lab", "--exempt", "foo"]
    ran = subprocess.run(
        [*words, f"--alluredir={tmp_path}/results"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "Traceback" not in ran.stdout + ran.stderr
    assert "ERROR: " in ran.stderr
