"""The options: their effect, and the refusal of invalid ones before any test is collected."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.plugins.source_options import source_of
from fixtures.settings import Timeouts, UnknownName
from reports import results_folder
from suites.command import suites

CONFTEST = """
def pytest_istio_versions():
    return ["1.28.2", "1.29.1"]

def pytest_envoy_versions():
    return ["1.36.4", "1.37.0"]
"""

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs one test, given as its arguments and its assertion, with options."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)

    def run(*options: str, arguments: str = "", holds: str = "True") -> pytest.RunResult:
        pytester.makepyfile(f"def test_it({arguments}): assert {holds}")
        return pytester.runpytest_inprocess("-p", "fixtures.plugins.options", *options)

    return run


def test_results_folder_with_the_users_files_is_not_cleaned(run: Run, pytester: pytest.Pytester) -> None:
    users = pytester.mkdir("documents")
    (users / "thesis.txt").write_text("years of work")
    options = ("-p", "allure_pytest", f"--alluredir={users}", "--clean-alluredir")
    result = run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*would remove *documents, but its file thesis.txt is not an Allure result: choose another*"]
    )
    assert (users / "thesis.txt").read_text() == "years of work"


ID = "01234567-89ab-cdef-0123-456789abcdef"
RESULT = f"{ID}-result.json"


@pytest.mark.parametrize(
    ("files", "kept"),
    [
        ([RESULT, "history/thesis.txt"], "history"),
        ([RESULT, "history/history.json/thesis.txt"], "history"),
        ([RESULT, f"{ID}-attachment.d/thesis.txt"], f"{ID}-attachment.d"),
        ([RESULT, f"{'-' * 36}-attachment.txt"], f"{'-' * 36}-attachment.txt"),
        (["categories.json", "environment.properties"], "categories.json"),
        (["history/history.json"], "history"),
    ],
)
def test_folder_with_more_than_results_is_not_cleaned(
    run: Run, pytester: pytest.Pytester, files: list[str], kept: str
) -> None:
    for name in files:
        path = pytester.path / "users" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    result = run("-p", "allure_pytest", "--alluredir=users", "--clean-alluredir")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*would remove users, but its file {kept} *: choose another*"])
    assert all((pytester.path / "users" / name).exists() for name in files)


@pytest.mark.parametrize("target", ["thesis.txt", "missing"])
def test_folder_with_a_link_is_not_cleaned(run: Run, pytester: pytest.Pytester, target: str) -> None:
    users = pytester.mkdir("users")
    (pytester.path / "thesis.txt").write_text("years of work")
    (users / RESULT).write_text("{}")
    (users / "categories.json").symlink_to(pytester.path / target)
    result = run("-p", "allure_pytest", "--alluredir=users", "--clean-alluredir")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert (users / RESULT).exists()


def test_projects_results_folder_is_cleaned_without_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "environment.properties").write_text("distribution=lab")
    assert "may be yours" in results_folder.kept_by(tmp_path)
    monkeypatch.setattr(results_folder, "RESULTS", tmp_path.resolve())
    assert results_folder.kept_by(tmp_path) == ""
    (tmp_path / "thesis.txt").write_text("years of work")
    assert "thesis.txt" in results_folder.kept_by(tmp_path)


def test_history_and_container_are_of_allure(tmp_path: Path) -> None:
    (tmp_path / "history").mkdir()
    for name in (f"{ID}-container.json", "categories.json", "history/retry-trend.json"):
        (tmp_path / name).write_text("{}")
    assert results_folder.kept_by(tmp_path) == ""


@pytest.mark.parametrize("below", ["", "/results"])
def test_results_folder_at_a_file_is_refused(run: Run, pytester: pytest.Pytester, below: str) -> None:
    (pytester.path / "notes").write_text("my notes")
    result = run("-p", "allure_pytest", f"--alluredir=notes{below}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--alluredir=notes{below}: *notes is not a folder: choose another folder"])


@pytest.mark.parametrize("folder", ["", ".", "/", ".."])
def test_results_folder_without_a_name_is_refused(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert suites.run_suite("article", [f"--alluredir={folder}"]) == pytest.ExitCode.USAGE_ERROR
    assert f"--alluredir={folder} gives the page no name: name a folder" in capsys.readouterr().err


def test_results_folder_of_allure_is_cleaned(run: Run, pytester: pytest.Pytester) -> None:
    run("-p", "allure_pytest", "--alluredir=results")
    before = {path.name for path in (pytester.path / "results").iterdir()}
    (pytester.path / "results" / "environment.properties").write_text("distribution=lab")
    run("-p", "allure_pytest", "--alluredir=results", "--clean-alluredir").assert_outcomes(passed=1)
    after = {path.name for path in (pytester.path / "results").iterdir()}
    assert before
    assert not after & before


def test_time_outs_have_names_and_a_factor(run: Run) -> None:
    options = ("--timeout-factor", "2", "--time-out", "injection=7", "--time-out", "request=1.5")
    holds = "(timeouts.injection, timeouts.request, timeouts.command) == (7, 1.5, 120)"
    run(*options, arguments="timeouts", holds=holds).assert_outcomes(passed=1)


def test_versions_and_cluster_name_reach_the_fixtures(run: Run) -> None:
    options = ("--istio-version", "1.28.2", "--envoy-version", "1.37.0", "--cluster-name", "mine")
    seen = "(run_options.istio_version, run_options.envoy_version, run_options.cluster_name)"
    holds = f"{seen} == ('1.28.2', '1.37.0', 'mine')"
    run(*options, arguments="run_options", holds=holds).assert_outcomes(passed=1)


def test_by_default_the_cluster_is_deleted_and_each_istio_has_its_own_envoy(run: Run) -> None:
    seen = "(run_options.keep_cluster, run_options.envoy_version)"
    run(arguments="run_options", holds=f"{seen} == (False, None)").assert_outcomes(passed=1)
    kept = "run_options.keep_cluster"
    run("--keep-cluster", arguments="run_options", holds=kept).assert_outcomes(passed=1)


def test_resumed_cluster_is_kept_again(run: Run) -> None:
    seen = "(run_options.cluster_name, run_options.use_cluster, run_options.keep_cluster)"
    run(
        "--use-cluster", "mine", arguments="run_options", holds=f"{seen} == ('mine', True, True)"
    ).assert_outcomes(passed=1)


def test_each_run_has_its_own_name(run: Run) -> None:
    names = set()
    for _ in range(2):
        result = run("-s", arguments="run_options", holds="print('named', run_options.cluster_name) is None")
        names |= {word for word in result.stdout.str().split() if word.startswith("istio-conformance-")}
    assert len(names) == 2


def test_context_selects_an_existing_cluster(run: Run, pytester: pytest.Pytester) -> None:
    (pytester.path / "config").write_text("kind: Config\n")
    run(arguments="run_options", holds="run_options.cluster_kind == 'kind'").assert_outcomes(passed=1)
    options = ("--context", "mine", "--kubeconfig", "config")
    holds = "run_options.cluster_kind == 'existing'"
    run(*options, arguments="run_options", holds=holds).assert_outcomes(passed=1)


def test_manifests_folder_reaches_the_fixtures(run: Run, tmp_path: Path) -> None:
    source = Path("manifests/article/gateway.yaml")
    (tmp_path / "mine" / "article").mkdir(parents=True)
    text = (Path(__file__).parents[2] / source).read_text().replace("test-gateway", "my-gateway")
    (tmp_path / "mine" / "article" / "gateway.yaml").write_text(text)
    result = run(
        "--manifests",
        str(tmp_path / "mine"),
        arguments="run_options",
        holds="run_options.declared.gateway == 'my-gateway'",
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--istio-version", "1.2.3"], "*no Istio version named '1.2.3'*known: 1.28.2, 1.29.1"),
        (["--envoy-version", "1.37"], "*no Envoy version named '1.37'*known: 1.36.4, 1.37.0"),
        (["--kubernetes-version", "1.36.3"], "*--kubernetes-version needs --distribution upstream*"),
        (["--registry-mirror", "docker.io=mirror"], "*--registry-mirror needs --distribution upstream*"),
        (["--mesh-manifests=nowhere"], "*--mesh-manifests: the file nowhere does not exist*"),
        (["--distribution", "mine"], "*invalid choice: 'mine'*"),
        (["--time-out", "injektion=3"], "*no time-out named 'injektion' (did you mean injection[?])*"),
        (["--time-out", "injection"], "*expected NAME=SECONDS, got 'injection'"),
        (["--time-out", "injection=soon"], "*expected NAME=SECONDS, got 'injection=soon'"),
        (["--time-out", "injection=0"], "*injection must be a number of seconds above 0, not 0"),
        (["--timeout-factor", "-1"], "*must be a number above 0, not -1"),
        (["--timeout-factor", "nan"], "*must be a number above 0, not nan"),
        (["--manifests", "nowhere"], "*--manifests: nowhere is not a directory"),
        (["--cluster-name", "Mine!"], "*--cluster-name Mine!: use at most 40 of a-z, 0-9 and -*"),
        (["--use-cluster", "Kept!"], "*--use-cluster Kept!: use at most 40 of a-z, 0-9 and -*"),
        (["--context", ""], "*--context is empty: name the context, or remove the option"),
        (["--docker-network", "net", "--context", "c"], "*--docker-network *"),
        (["--timeout-factor", "inf"], "*must be a number above 0, not inf"),
        (["--cluster-kind", "existing"], "*--cluster-kind existing needs --context NAME*"),
        (["--cluster-kind", "kind", "--context", "a"], "*remove it, or remove --cluster-kind kind"),
        (["--cluster-kind", "minikube"], "*--cluster-kind: invalid choice: 'minikube'*"),
        (["--cluster-name", "a", "--use-cluster", "b"], "*--use-cluster a kept one: use one of them"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_an_invalid_option_is_a_usage_error(options: list[str], message: str, run: Run) -> None:
    result = run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("collected*")


def test_pytest_kinds_plugin_is_refused_with_the_reason(run: Run, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(kind_plugin="def pytest_configure(config): pass")
    pytester.makeconftest(
        CONFTEST + "import kind_plugin\ndef pytest_addoption(pluginmanager):\n"
        "  pluginmanager.register(kind_plugin, 'pytest-kind')\n"
        "  pluginmanager.import_plugin('fixtures.plugins.options')\n"
    )
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*add -p no:pytest-kind"])


def test_every_time_out_is_in_the_help_with_its_seconds(run: Run) -> None:
    said = " ".join(run("--help").stdout.str().split())
    for name in Timeouts.names():
        assert f"{name} {getattr(Timeouts(), name):g}" in said


@pytest.mark.parametrize(("suite", "option"), [("article", "--stage"), ("upgrade", "--from")])
def test_help_of_each_suite_has_its_own_options(
    suite: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert suites.run_suite(suite, ["--help"]) == 0
    shown = {line.split("=")[0].strip() for line in capsys.readouterr().out.splitlines()}
    assert {option, "--istio-version", "--envoy-version"} <= shown


def test_factor_does_not_change_the_quiet_period() -> None:
    scaled = Timeouts().scaled(0.5)
    assert scaled.quiet_period == Timeouts().quiet_period
    assert scaled.istio_install == Timeouts().istio_install / 2


def test_unknown_time_outs_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="did you mean pod_gone") as caught:
        Timeouts().with_overrides({"pods_gone": 3})
    assert caught.value.known == Timeouts.names()


def test_run_has_one_distribution(pytestconfig: pytest.Config) -> None:
    """What it has learnt, such as a list of releases that could not be read, is not lost."""
    assert source_of(pytestconfig) is source_of(pytestconfig)
