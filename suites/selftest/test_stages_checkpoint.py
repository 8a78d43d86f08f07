"""Stages on a kept cluster, on inner test runs with a folder in place of a cluster."""

import json
from pathlib import Path
from typing import Any

import pytest

from fixtures.clusters.checkpoint import Checkpoint
from suites.selftest.inner import Inner

#: The files of one folder stand for the resources of a cluster; the checkpoint is beside them.
KEPT = """
import json, os
from pathlib import Path
from fixtures.clients.api_server import NotFound
from fixtures.plugins.ladder import LADDER
from fixtures.settings import Names
from fixtures.clusters.checkpoint import FILE, Checkpoint, Origin

FOLDER = Path("cluster")
ORIGIN = Origin(distribution="lab", istio_version="1.29.1", manifests=None, names=Names())

def make(name, uid="first"):
    print("made", name)
    told = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "uid": uid}}
    (FOLDER / name).write_text(json.dumps(told))
    return told

@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    if (FOLDER / FILE).exists():
        config.stash[LADDER].begin_on(Checkpoint.read(FOLDER))

@pytest.fixture(scope="session")
def record(request):
    FOLDER.mkdir(exist_ok=True)
    ladder = request.config.stash[LADDER]
    ladder.write_down(ladder.kept or Checkpoint(name="mine", origin=ORIGIN), FOLDER)

@pytest.fixture(scope="session")
def cluster(record): print("made cluster")

class Kube:
    def get(self, kind, name, namespace):
        try: return json.loads((FOLDER / name).read_text())
        except FileNotFoundError: raise NotFound("GET", 404, "NotFound", name) from None

@pytest.fixture(scope="session")
def kube(cluster): return Kube()

@pytest.fixture(scope="session")
def mesh(cluster): return "mesh"

@pytest.fixture(scope="session")
def workload(cluster): return "workload"

@pytest.fixture(scope="session")
def istio(mesh):
    print("made istio")
    return mesh

@pytest.fixture(scope="session")
def app(istio, workload):
    print("made app")
    return workload

@pytest.fixture(scope="session")
def gateway(app): return [make("gateway")]

@pytest.fixture(scope="session")
def purged_mesh(mesh): print("made purged_mesh")

@pytest.fixture(scope="session")
def former_mesh(mesh): return mesh

@pytest.fixture(scope="session")
def virtual_service(gateway): return make("virtual_service")
"""


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Inner:
    inner = Inner(pytester, monkeypatch)
    inner.conftest(KEPT)
    return inner


def reach_stage(inner: Inner, stage: str, *tests: str) -> None:
    """A first run, up to this stage."""
    inner.tests(f"{stage}({stage.replace('-', '_')})", *tests)
    inner.run("--stage", stage)


def recorded(inner: Inner) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((inner.pytester.path / "cluster" / "kept.json").read_text())
    return told


def test_reached_stage_is_recorded(inner: Inner) -> None:
    reach_stage(inner, "gateway")
    told = recorded(inner)
    assert told["reached"] == "gateway"
    assert list(told["done"]) == ["cluster", "istio", "app", "gateway"]
    assert told["done"]["gateway"][0]["metadata"]["name"] == "gateway"


def test_completed_set_up_is_not_repeated(inner: Inner) -> None:
    reach_stage(inner, "gateway")
    inner.tests("virtual-service(virtual_service, gateway, app, istio)")
    assert inner.order() == ["test_1", "cluster", "virtual_service"]
    assert recorded(inner)["reached"] == "virtual-service"
    assert inner.order() == ["test_1", "cluster"]


def test_owner_replaces_a_completed_fixture(inner: Inner) -> None:
    reach_stage(inner, "gateway")
    inner.tests("gateway(gateway, app, istio): assert (app, istio) == ('workload', 'mesh')")
    inner.run().assert_outcomes(passed=1)


def test_header_shows_where_the_run_resumes(inner: Inner) -> None:
    reach_stage(inner, "gateway")
    inner.run().stdout.fnmatch_lines(
        ["kept cluster mine, brought to 'gateway': what its stages have done is *"]
    )


def test_earlier_stage_is_an_error_and_not_a_result(inner: Inner) -> None:
    reach_stage(inner, "gateway")
    inner.tests("test-app(app)", "gateway(gateway)")
    result = inner.run()
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(
        ["*rung passed: the kept cluster mine has been brought to 'gateway', and what 'test-app' says *"]
    )


@pytest.mark.parametrize("asked", ["test-app", "test-app.."])
def test_earlier_stage_selected_by_name_is_refused_at_once(inner: Inner, asked: str) -> None:
    reach_stage(inner, "gateway")
    result = inner.run("--stage", asked)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --stage {asked}: rung passed: *brought to 'gateway'*"])


def test_test_without_the_reached_stages_fixture_is_an_error(inner: Inner) -> None:
    reach_stage(inner, "virtual-service")
    inner.tests("virtual-service(gateway)", "virtual-service(virtual_service)")
    result = inner.run()
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(["*rung passed: *, and this test stands before virtual_service; *"])


def test_interrupted_set_up_completes_earlier_stages_and_is_repeated(inner: Inner) -> None:
    broken = "\n@pytest.fixture(scope='session')\ndef virtual_service(gateway): make('half'), 1 / 0\n"
    inner.conftest(KEPT + broken)
    reach_stage(inner, "virtual-service")
    assert recorded(inner)["reached"] == "virtual-service"
    assert "virtual_service" not in recorded(inner)["done"]
    inner.conftest(KEPT)
    inner.tests("gateway(gateway)", "virtual-service(gateway)", "virtual-service(virtual_service)")
    result = inner.run("-s")
    result.assert_outcomes(errors=2, passed=1)
    result.stdout.fnmatch_lines(["*made virtual_service*"])


def test_killed_run_has_recorded_what_it_began(inner: Inner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    killed = "\n@pytest.fixture(scope='session')\ndef gateway(app): os.kill(os.getpid(), 9)\n"
    inner.conftest(KEPT + killed)
    inner.tests("gateway(gateway)")
    inner.pytester.runpytest_subprocess("-p", "fixtures.plugins.ladder")
    assert recorded(inner)["reached"] == "gateway"
    assert list(recorded(inner)["done"]) == ["cluster", "istio", "app"]


def test_resource_is_returned_as_it_is_now(inner: Inner) -> None:
    reach_stage(inner, "gateway")
    there = inner.pytester.path / "cluster" / "gateway"
    there.write_text(there.read_text().replace('"first"', '"first", "generation": 2'))
    inner.tests("gateway(gateway): assert gateway[0]['metadata']['generation'] == 2")
    inner.run().assert_outcomes(passed=1)


def test_resource_replaced_by_a_later_stage_is_returned_as_recorded(inner: Inner) -> None:
    reach_stage(inner, "gateway")
    (inner.pytester.path / "cluster" / "gateway").unlink()
    kept = Checkpoint.read(inner.pytester.path / "cluster")
    kept.begun("purged_mesh").ended("purged_mesh", None).write(inner.pytester.path / "cluster")
    inner.tests("uninstall(purged_mesh, gateway): assert gateway[0]['metadata']['uid'] == 'first'")
    inner.run().assert_outcomes(passed=1)


def test_resource_that_no_stage_replaced_must_still_exist(inner: Inner) -> None:
    reach_stage(inner, "virtual-service")
    there = inner.pytester.path / "cluster" / "gateway"
    there.write_text(there.read_text().replace("first", "second"))
    inner.tests("virtual-service(virtual_service)", "injection(virtual_service)")
    result = inner.run()
    result.assert_outcomes(errors=1, skipped=1)
    result.stdout.fnmatch_lines(
        ["*NotAsLeft: Pod gateway is another one: the kept cluster mine is not as 'gateway' left it*"]
    )


def test_setup_plan_resumes_nothing(inner: Inner) -> None:
    reach_stage(inner, "gateway")
    inner.tests("gateway(gateway)")
    result = inner.run("-s", "--setup-plan")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*made*")
