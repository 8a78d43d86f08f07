"""The checkpoint of a kept cluster: reading, writing, the runs that may resume from it, and the list."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, get_type_hints

import pytest

from fixtures import plugins
from fixtures.clients.kube import Resource
from fixtures.clusters.checkpoint import FILE, Checkpoint, CheckpointUnusable, Origin
from fixtures.declaration import names_in
from fixtures.installers.operator_names import operator_names
from fixtures.manifests import Manifests
from fixtures.stages import OWNER_OF_FIXTURE, STAGE_INDEX_OF_FIXTURE

NAMES = names_in(Manifests(), operator_names())
ORIGIN = Origin(distribution="lab", istio_version="1.29.1", manifests=None, names=NAMES)
KEPT = Checkpoint(name="mine", origin=ORIGIN, reached="control-plane", done={"cluster": None, "istio": None})
#: Called again on a kept cluster: `cluster` finds it, `marked_request` sends one more request.
AGAIN = {"cluster", "marked_request"}

Run = Callable[..., pytest.RunResult]


def test_a_written_checkpoint_can_be_read(tmp_path: Path) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "uid": "1"}}
    kept = KEPT.begun("gateway").ended("gateway", [pod])
    kept.write(tmp_path)
    assert Checkpoint.read(tmp_path) == kept
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_later_set_up_of_an_earlier_stage_keeps_the_stage() -> None:
    assert KEPT.begun("injected_app").begun("addons").reached == "injection"


def test_a_value_that_is_no_resource_is_not_recorded() -> None:
    assert KEPT.ended("istio", object()).done["istio"] is None


def test_an_interrupted_stage_runs_its_fixtures_again_and_keeps_the_others() -> None:
    injected = KEPT.begun("injected_app").ended("injected_app", object())
    assert injected.interrupted("injection").done == KEPT.done
    assert (
        KEPT.interrupted("injection").reached == injected.interrupted("control-plane").reached == "injection"
    )
    assert "istio" not in injected.interrupted("control-plane").done


@pytest.mark.parametrize("fixture", sorted(STAGE_INDEX_OF_FIXTURE))
def test_every_stage_fixture_can_be_restored(fixture: str) -> None:
    """It returns resources, has an owner, or is safe to repeat."""
    found = [import_module(f"fixtures.plugins.{each.name}") for each in iter_modules(plugins.__path__)]
    (definition,) = [vars(plugin)[fixture] for plugin in found if fixture in vars(plugin)]
    given = get_type_hints(definition._get_wrapped_function())["return"]
    assert fixture in AGAIN or fixture in OWNER_OF_FIXTURE or given in (Resource, list[Resource])


def refused(kept: Checkpoint = KEPT, **requested: Any) -> str:
    with pytest.raises(CheckpointUnusable) as caught:
        kept.check_usable_for(replace(ORIGIN, **requested))
    return str(caught.value)


def test_the_same_options_are_accepted() -> None:
    KEPT.check_usable_for(ORIGIN)


def test_another_istio_is_refused() -> None:
    assert "created with Istio 1.29.1, but this run requests 1.28.2: add --istio-version 1.29.1" in refused(
        istio_version="1.28.2"
    )


def test_another_distribution_is_refused() -> None:
    assert refused(distribution="upstream") == (
        "the cluster was created with distribution lab: add --distribution lab"
    )


@pytest.mark.parametrize(
    ("requested", "told"),
    [
        ({"installer": "helm"}, "installed with installer istioctl: add --installer=istioctl"),
        ({"istio_values": "mine.yaml"}, "installed with istio-values (none): remove --istio-values"),
        ({"profile": "demo"}, "installed with profile default: add --profile=default"),
        ({"revision": "blue"}, "installed with revision (none): remove --revision"),
    ],
)
def test_another_installation_is_refused(requested: dict[str, Any], told: str) -> None:
    assert told in refused(**requested)


def test_other_manifests_are_refused() -> None:
    assert refused(manifests="/mine").endswith("the project's manifests: remove --manifests")
    with_mine = replace(KEPT, origin=replace(ORIGIN, manifests="/mine"))
    assert refused(with_mine).endswith("created with /mine: add --manifests=/mine")


def test_manifests_whose_names_have_changed_are_refused() -> None:
    assert refused(names=replace(ORIGIN.names, container="shop")) == (
        "names in the manifests have changed: container is shop, was web"
    )


def test_a_cluster_that_was_never_ready_is_refused() -> None:
    assert "ended before the cluster was ready" in refused(replace(KEPT, reached="cluster", done={}))


def test_a_checkpoint_that_another_run_updated_is_refused(tmp_path: Path) -> None:
    KEPT.write(tmp_path)
    KEPT.check_unchanged(tmp_path)
    KEPT.begun("app").write(tmp_path)
    with pytest.raises(CheckpointUnusable, match="another run has just used the kept cluster mine"):
        KEPT.check_unchanged(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"name": "mine"}'])
def test_an_unreadable_checkpoint_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(CheckpointUnusable, match=r"cannot read .*, perhaps written by another version"):
        Checkpoint.read(tmp_path)


@pytest.mark.parametrize(
    "changed", [{"reached": "gatway"}, {"done": {"gatway": None}}], ids=["stage", "fixture"]
)
def test_a_checkpoint_with_unknown_stages_is_refused(tmp_path: Path, changed: dict[str, Any]) -> None:
    replace(KEPT, **changed).write(tmp_path)
    with pytest.raises(CheckpointUnusable, match="has stages that this version does not know"):
        Checkpoint.read(tmp_path)


CONFTEST = """
def pytest_istio_versions():
    return ["1.28.2", "1.29.1"]
"""
PLUGINS = [f"fixtures.plugins.{name}" for name in ("options", "stages", "cluster")]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run pytest with these options while the cluster "mine" is kept; there are no tests."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("ISTIO_LAB_STATE", str(tmp_path))
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    KEPT.write(folder)
    pytester.makeconftest(CONFTEST)
    loaded = [word for plugin in PLUGINS for word in ("-p", plugin)]
    return lambda *options: pytester.runpytest_inprocess(*loaded, "--collect-only", *options)


def test_a_run_resumes_from_the_kept_cluster(run: Run) -> None:
    run("--use-cluster", "mine").stdout.fnmatch_lines(["kept cluster mine, at stage 'control-plane': *"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nowhere"], "*--use-cluster nowhere: no run has kept a cluster of this name*(kept clusters: mine)"),
        (
            ["mine", "--istio-version", "1.28.2"],
            "*--use-cluster mine: the cluster was created with Istio 1.29.1*",
        ),
        (
            ["mine", "--stage", "cluster"],
            "*--stage cluster: stage already completed *has reached 'control-plane'*",
        ),
    ],
    ids=["name", "version", "stage"],
)
def test_a_run_that_cannot_resume_is_a_usage_error(options: list[str], message: str, run: Run) -> None:
    result = run("--use-cluster", *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("collected*")


def test_use_cluster_without_a_name_lists_kept_clusters(run: Run, tmp_path: Path) -> None:
    (tmp_path / "runs" / "torn").mkdir()
    (tmp_path / "runs" / "torn" / FILE).touch()
    result = run("--use-cluster")
    assert result.ret == pytest.ExitCode.OK
    assert result.outlines[0] == "mine: stage control-plane; Istio 1.29.1, distribution lab"
    assert result.outlines[1].startswith("torn: ")


def test_list_says_when_no_cluster_is_kept(run: Run, tmp_path: Path) -> None:
    (tmp_path / "runs" / "mine" / FILE).unlink()
    assert run("--use-cluster").outlines == ["no kept clusters"]
