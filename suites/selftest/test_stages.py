"""The stages plugin: order, usage errors, and the tests after a failed stage. Runs pytest inside a test."""

import pytest

from fixtures import stages
from fixtures.settings import UnknownName
from suites.selftest.inner import Inner


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Inner:
    return Inner(pytester, monkeypatch)


def test_every_stage_has_its_own_name_and_fixtures() -> None:
    fixtures = [fixture for stage in stages.STAGES for fixture in stage.fixtures]
    assert len(set(stages.NAMES)) == len(stages.STAGES)
    assert len(set(fixtures)) == len(fixtures)


def test_a_stage_replaces_only_fixtures_of_earlier_stages() -> None:
    for index, stage in enumerate(stages.STAGES):
        assert all(stages.STAGE_INDEX_OF_FIXTURE[fixture] < index for fixture in stage.replaces)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="did you mean metrics") as caught:
        stages.index_of("metric")
    assert caught.value.known == stages.NAMES


def test_tests_run_in_stage_order(inner: Inner) -> None:
    inner.tests("gateway(gateway)", "cluster(cluster)", "()", "test-app(app)", "cluster(cluster)")
    assert inner.order() == [
        "test_3",
        *("test_2", "cluster", "test_5"),
        *("test_4", "app"),
        *("test_1", "istio", "gateway"),
    ]


def test_fixtures_are_set_up_in_stage_order(inner: Inner) -> None:
    inner.tests("gateway(gateway, app, istio, cluster)")
    assert inner.order() == ["test_1", "cluster", "istio", "app", "gateway"]


def test_stage_option_runs_that_stage_only(inner: Inner) -> None:
    inner.tests("gateway(gateway)", "cluster(cluster)", "()", "control-plane(istio)")
    assert inner.order("--stage", "control-plane") == ["test_4", "cluster", "istio"]


def test_stage_option_without_a_name_lists_the_stages(inner: Inner) -> None:
    inner.tests("gateway(gateway)")
    result = inner.run("-s", "--stage")
    assert result.ret == pytest.ExitCode.OK
    assert result.outlines == stages.listing().splitlines()


def test_setup_plan_creates_nothing(inner: Inner) -> None:
    inner.tests("gateway(gateway)", "cluster(cluster)")
    result = inner.run("-s", "--setup-plan")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["SETUP *cluster", "SETUP *istio*", "SETUP *app*", "SETUP *gateway*"])
    result.stdout.no_fnmatch_line("*made*")


def test_stage_option_with_an_unknown_name_is_a_usage_error(inner: Inner) -> None:
    result = inner.run("--stage", "gatway")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--stage: there is no stage named 'gatway' (did you mean gateway[?])*"])


def test_stages_after_a_failed_one_are_skipped(inner: Inner) -> None:
    inner.tests("cluster(cluster): assert 0", "control-plane(istio)", "cluster(cluster)", "gateway(gateway)")
    result = inner.run("-s")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=1, passed=1, skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED [[]2] *: not reached because of Cluster: test_1"])
    result.stdout.no_fnmatch_line("made istio")


def test_a_failed_fixture_is_reported_once(inner: Inner) -> None:
    inner.conftest("@pytest.fixture(scope='session')\ndef prometheus(gateway): 1 / 0")
    inner.tests("metrics(prometheus)", "metrics(prometheus)", "metrics(gateway)")
    result = inner.run()
    result.assert_outcomes(errors=1, skipped=1, passed=1)
    result.stdout.fnmatch_lines(["SKIPPED [[]1] *: not reached because of Metrics: test_1"])


def test_a_skipped_fixture_keeps_its_reason(inner: Inner) -> None:
    inner.conftest(
        "@pytest.fixture(scope='session')\ndef prometheus(gateway): pytest.skip('none in minimal')"
    )
    inner.tests("metrics(prometheus)", "metrics(prometheus)")
    result = inner.run()
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED *: none in minimal"] * 2)


def test_an_expected_failure_fails_no_stage(inner: Inner) -> None:
    inner.tests("cluster(cluster): pytest.xfail('known')", "control-plane(istio)")
    inner.run().assert_outcomes(xfailed=1, passed=1)


REVERSED = """
@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items):
    yield
    items.reverse()
"""


def test_a_completed_stage_is_an_error(inner: Inner) -> None:
    inner.conftest(REVERSED)
    inner.tests("cluster(cluster)", "control-plane(istio)")
    result = inner.run()
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(
        ["*stage already completed on this cluster: the run has reached 'control-plane'*"]
    )


def test_a_completed_stage_does_not_skip_later_stages(inner: Inner) -> None:
    inner.conftest(REVERSED.replace("items.reverse()", "items.insert(1, items.pop(0))"))
    inner.tests("cluster(cluster)", "control-plane(istio)", "test-app(app)")
    inner.run().assert_outcomes(errors=1, passed=2)


def test_a_fixture_of_a_later_stage_is_an_error(inner: Inner) -> None:
    inner.tests("cluster(app)", "test-app(app)")
    result = inner.run()
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(["*this test requests app, which a later stage creates"])


def test_a_dynamically_requested_fixture_advances_the_stage(inner: Inner) -> None:
    inner.tests("cluster(request): request.getfixturevalue('app')", "cluster(cluster)")
    inner.run().assert_outcomes(errors=1, passed=1)


def test_a_test_without_its_stages_fixture_must_run_first(inner: Inner) -> None:
    inner.tests("cluster()", "cluster(cluster)", "cluster()")
    result = inner.run()
    result.assert_outcomes(errors=1, passed=2)
    result.stdout.fnmatch_lines(
        ["*stage already completed *has reached 'cluster', and this test must run before cluster; *"]
    )


def test_stage_option_selects_a_stage_and_all_later_ones(inner: Inner) -> None:
    inner.tests("cluster(cluster)", "gateway(gateway)", "test-app(app)", "()")
    assert inner.order("--stage", "test-app..") == ["test_3", "cluster", "app", "test_2", "istio", "gateway"]


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("(cluster)", "*::test_1 requests cluster: mark it with its stage, @pytest.mark.stage(NAME)"),
        ("gatway(cluster)", "*::test_1: mark.stage: there is no stage named 'gatway'*"),
    ],
)
def test_a_test_without_a_known_stage_is_a_usage_error(test: str, message: str, inner: Inner) -> None:
    inner.tests(test)
    result = inner.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_parallel_workers_are_a_usage_error(inner: Inner) -> None:
    inner.pytester.makepyfile(
        workers="def pytest_addoption(parser): parser.addoption('--workers', dest='numprocesses')"
    )
    result = inner.run("-p", "workers", "--workers", "2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*in order on one cluster: remove -n*"])


@pytest.mark.parametrize("option", ["--ff", "--nf"])
def test_reordering_options_of_pytest_are_a_usage_error(option: str, inner: Inner) -> None:
    result = inner.run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*in order on one cluster: remove --ff and --nf"])


@pytest.mark.parametrize("plugin", ["randomly", "random_order", "reverse"])
def test_shuffling_plugins_are_a_usage_error(plugin: str, inner: Inner) -> None:
    inner.pytester.makepyfile(**{plugin: "'''Shuffles.'''"})
    result = inner.run("-p", plugin)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*in order on one cluster: add -p no:{plugin}"])
