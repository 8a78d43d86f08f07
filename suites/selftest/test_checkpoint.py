"""The checkpoint of a kept cluster: its contents, which runs may resume there, and how it is listed."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_type_hints

import pytest

from fixtures import plugins
from fixtures.clients.kube import Resource
from fixtures.clusters.checkpoint import FILE, Checkpoint, NotKept, Origin
from fixtures.settings import Names
from fixtures.stages import OWNER_OF_FIXTURE, RUNG_OF_FIXTURE

ORIGIN = Origin(distribution="lab", istio_version="1.29.1", manifests=None, names=Names())
KEPT = Checkpoint(name="mine", origin=ORIGIN, reached="control-plane", done={"cluster": None, "istio": None})
#: Safe to call again on a kept cluster: one finds the cluster, the other sends another request.
AGAIN = {"cluster", "marked_request"}

Run = Callable[..., pytest.RunResult]


def test_checkpoint_is_read_back_as_written(tmp_path: Path) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "uid": "1"}}
    kept = KEPT.begun("gateway").ended("gateway", [pod])
    kept.write(tmp_path)
    assert Checkpoint.read(tmp_path) == kept
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_setting_up_an_earlier_stage_does_not_lower_the_checkpoint() -> None:
    assert KEPT.begun("injected_app").begun("addons").reached == "injection"


def test_values_that_are_no_resources_are_not_recorded() -> None:
    assert KEPT.ended("istio", object()).done["istio"] is None


@pytest.mark.parametrize("fixture", sorted(RUNG_OF_FIXTURE))
def test_every_stage_fixture_can_be_resumed(fixture: str) -> None:
    """A stage fixture returns resources, has an owner, or is safe to repeat."""
    found = [import_module(f"fixtures.plugins.{each.name}") for each in iter_modules(plugins.__path__)]
    (definition,) = [vars(plugin)[fixture] for plugin in found if fixture in vars(plugin)]
    given = get_type_hints(definition._get_wrapped_function())["return"]
    assert fixture in AGAIN or fixture in OWNER_OF_FIXTURE or given in (Resource, list[Resource])


def refusal(kept: Checkpoint = KEPT, **asked: Any) -> str:
    with pytest.raises(NotKept) as caught:
        kept.check_asked(replace(ORIGIN, **asked))
    return str(caught.value)


def test_same_request_is_accepted() -> None:
    KEPT.check_asked(ORIGIN)


def test_other_istio_version_is_refused() -> None:
    assert "made with Istio 1.29.1, and 1.28.2 is asked for: add --istio-version 1.29.1" in refusal(
        istio_version="1.28.2"
    )


def test_other_distribution_is_refused() -> None:
    assert refusal(distribution="upstream") == "it is of distribution lab: add --distribution lab"


def test_other_manifests_are_refused() -> None:
    assert refusal(manifests="/mine").endswith("the manifests of the project: leave --manifests out")
    with_mine = replace(KEPT, origin=replace(ORIGIN, manifests="/mine"))
    assert refusal(with_mine).endswith("made with /mine: add --manifests=/mine")


def test_manifests_with_changed_names_are_refused() -> None:
    assert refusal(names=Names(service="shop")) == (
        "the manifests have other names since: service is shop, was test-svc"
    )


def test_cluster_that_was_never_ready_is_refused() -> None:
    assert "ended before it was ready" in refusal(replace(KEPT, reached="cluster", done={}))


def test_cluster_advanced_by_another_run_is_refused(tmp_path: Path) -> None:
    KEPT.write(tmp_path)
    KEPT.check_unchanged(tmp_path)
    KEPT.begun("app").write(tmp_path)
    with pytest.raises(NotKept, match="another run has brought the kept cluster mine on just now"):
        KEPT.check_unchanged(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"name": "mine"}'])
def test_unreadable_checkpoint_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(NotKept, match="can't be read, did another version write it"):
        Checkpoint.read(tmp_path)


@pytest.mark.parametrize(
    "changed", [{"reached": "gatway"}, {"done": {"gatway": None}}], ids=["rung", "fixture"]
)
def test_checkpoint_with_unknown_stages_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    replace(KEPT, **changed).write(tmp_path)
    with pytest.raises(NotKept, match="has stages that this version doesn't know"):
        Checkpoint.read(tmp_path)


CONFTEST = """
def pytest_istio_versions():
    return ["1.28.2", "1.29.1"]
"""
PLUGINS = [f"fixtures.plugins.{name}" for name in ("options", "ladder", "cluster")]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run pytest with these options on no tests, where the cluster "mine" is kept."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("ISTIO_LAB_STATE", str(tmp_path))
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    KEPT.write(folder)
    pytester.makeconftest(CONFTEST)
    loaded = [word for plugin in PLUGINS for word in ("-p", plugin)]
    return lambda *options: pytester.runpytest_inprocess(*loaded, "--collect-only", *options)


def test_run_resumes_on_the_kept_cluster(run: Run) -> None:
    run("--use-cluster", "mine").stdout.fnmatch_lines(["kept cluster mine, brought to 'control-plane': *"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nowhere"], "*--use-cluster nowhere: no run has kept a cluster of this name*(kept: mine)"),
        (["mine", "--istio-version", "1.28.2"], "*--use-cluster mine: it was made with Istio 1.29.1*"),
        (["mine", "--stage", "cluster"], "*--stage cluster: rung passed: *brought to 'control-plane'*"),
    ],
    ids=["name", "version", "stage"],
)
def test_run_that_cannot_resume_is_refused(options: list[str], message: str, run: Run) -> None:
    result = run("--use-cluster", *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("collected*")


def test_use_cluster_without_a_name_lists_kept_clusters(run: Run, tmp_path: Path) -> None:
    (tmp_path / "runs" / "torn").mkdir()
    (tmp_path / "runs" / "torn" / FILE).touch()
    result = run("--use-cluster")
    assert result.ret == pytest.ExitCode.OK
    assert result.outlines[0] == "mine: brought to control-plane; Istio 1.29.1, distribution lab"
    assert result.outlines[1].startswith("torn: ")


def test_list_says_when_no_cluster_is_kept(run: Run, tmp_path: Path) -> None:
    (tmp_path / "runs" / "mine" / FILE).unlink()
    assert run("--use-cluster").outlines == ["no cluster is kept"]
