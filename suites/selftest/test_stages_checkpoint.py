"""The stages plugin on a kept cluster. Runs pytest inside a test, with a folder as the cluster."""

import json
from pathlib import Path
from typing import Any

import pytest

from fixtures.clusters.checkpoint import Checkpoint
from suites.selftest.inner import Inner

#: The cluster is a folder with one file per resource, beside the checkpoint.
KEPT = """
import json, os
from pathlib import Path
from fixtures.clients.api_server import NotFound
from fixtures.plugins.stages import STAGE_RUNNER
from fixtures.declaration import names_in
from fixtures.manifests import Manifests
from fixtures.settings import Names
from fixtures.installers.operator_names import operator_names
from fixtures.clusters.checkpoint import FILE, Checkpoint, Origin

FOLDER = Path("cluster")
NAMES = names_in(Manifests(), operator_names())
ORIGIN = Origin(distribution="lab", istio_version="1.29.1", manifests=None, names=NAMES)

def make(name, uid="first"):
    print("made", name)
    resource = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "uid": uid}}
    (FOLDER / name).write_text(json.dumps(resource))
    return resource

@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    if (FOLDER / FILE).exists():
        config.stash[STAGE_RUNNER].resume_from(Checkpoint.read(FOLDER))

@pytest.fixture(scope="session")
def record(request):
    FOLDER.mkdir(exist_ok=True)
    runner = request.config.stash[STAGE_RUNNER]
    runner.save(runner.checkpoint or Checkpoint(name="mine", origin=ORIGIN), FOLDER)

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


def reach(inner: Inner, stage: str, *tests: str) -> None:
    """Run the tests of this stage on a new cluster and keep it."""
    inner.tests(f"{stage}({stage.replace('-', '_')})", *tests)
    inner.run("--stage", stage)


def recorded(inner: Inner) -> dict[str, Any]:
    checkpoint: dict[str, Any] = json.loads((inner.pytester.path / "cluster" / "kept.json").read_text())
    return checkpoint


def test_the_checkpoint_records_the_stage_and_the_fixture_values(inner: Inner) -> None:
    reach(inner, "gateway")
    checkpoint = recorded(inner)
    assert checkpoint["reached"] == "gateway"
    assert list(checkpoint["done"]) == ["cluster", "istio", "app", "gateway"]
    assert checkpoint["done"]["gateway"][0]["metadata"]["name"] == "gateway"


def test_completed_fixtures_are_not_called_again(inner: Inner) -> None:
    reach(inner, "gateway")
    inner.tests("virtual-service(virtual_service, gateway, app, istio)")
    assert inner.order() == ["test_1", "cluster", "virtual_service"]
    assert recorded(inner)["reached"] == "virtual-service"
    assert inner.order() == ["test_1", "cluster"]


def test_an_owner_replaces_a_completed_fixture(inner: Inner) -> None:
    reach(inner, "gateway")
    inner.tests("gateway(gateway, app, istio): assert (app, istio) == ('workload', 'mesh')")
    inner.run().assert_outcomes(passed=1)


def test_the_header_names_the_kept_cluster_and_its_stage(inner: Inner) -> None:
    reach(inner, "gateway")
    inner.run().stdout.fnmatch_lines(
        ["kept cluster mine, at stage 'gateway': the results of its completed stages are restored*"]
    )


def test_an_earlier_stage_is_an_error(inner: Inner) -> None:
    reach(inner, "gateway")
    inner.tests("test-app(app)", "gateway(gateway)")
    result = inner.run()
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(
        ["*completed *: kept cluster mine has reached 'gateway', and resources that 'test-app' *"]
    )


@pytest.mark.parametrize("selection", ["test-app", "test-app.."])
def test_an_earlier_stage_on_the_command_line_is_a_usage_error(inner: Inner, selection: str) -> None:
    reach(inner, "gateway")
    result = inner.run("--stage", selection)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"ERROR: --stage {selection}: stage already completed *has reached 'gateway'*"]
    )


def test_a_test_that_must_run_before_the_stages_fixture_is_an_error(inner: Inner) -> None:
    reach(inner, "virtual-service")
    inner.tests("virtual-service(gateway)", "virtual-service(virtual_service)")
    result = inner.run()
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(
        ["*stage already completed *, and this test must run before virtual_service; *"]
    )


def test_a_failed_set_up_reaches_its_stage_and_is_repeated(inner: Inner) -> None:
    broken = "\n@pytest.fixture(scope='session')\ndef virtual_service(gateway): make('half'), 1 / 0\n"
    inner.conftest(KEPT + broken)
    reach(inner, "virtual-service")
    assert recorded(inner)["reached"] == "virtual-service"
    assert "virtual_service" not in recorded(inner)["done"]
    inner.conftest(KEPT)
    inner.tests("gateway(gateway)", "virtual-service(gateway)", "virtual-service(virtual_service)")
    result = inner.run("-s")
    result.assert_outcomes(errors=2, passed=1)
    result.stdout.fnmatch_lines(["*made virtual_service*"])


def test_the_checkpoint_of_a_killed_run_has_what_it_began(
    inner: Inner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    killed = "\n@pytest.fixture(scope='session')\ndef gateway(app): os.kill(os.getpid(), 9)\n"
    inner.conftest(KEPT + killed)
    inner.tests("gateway(gateway)")
    inner.pytester.runpytest_subprocess("-p", "fixtures.plugins.stages")
    assert recorded(inner)["reached"] == "gateway"
    assert list(recorded(inner)["done"]) == ["cluster", "istio", "app"]


def test_a_resource_is_restored_in_its_present_state(inner: Inner) -> None:
    reach(inner, "gateway")
    there = inner.pytester.path / "cluster" / "gateway"
    there.write_text(there.read_text().replace('"first"', '"first", "generation": 2'))
    inner.tests("gateway(gateway): assert gateway[0]['metadata']['generation'] == 2")
    inner.run().assert_outcomes(passed=1)


def test_a_resource_that_a_later_stage_replaced_is_restored_as_recorded(inner: Inner) -> None:
    reach(inner, "gateway")
    (inner.pytester.path / "cluster" / "gateway").unlink()
    kept = Checkpoint.read(inner.pytester.path / "cluster")
    kept.begun("purged_mesh").ended("purged_mesh", None).write(inner.pytester.path / "cluster")
    inner.tests("uninstall(purged_mesh, gateway): assert gateway[0]['metadata']['uid'] == 'first'")
    inner.run().assert_outcomes(passed=1)


def test_a_recreated_resource_is_an_error(inner: Inner) -> None:
    reach(inner, "virtual-service")
    there = inner.pytester.path / "cluster" / "gateway"
    there.write_text(there.read_text().replace("first", "second"))
    inner.tests("virtual-service(virtual_service)", "injection(virtual_service)")
    result = inner.run()
    result.assert_outcomes(errors=1, skipped=1)
    result.stdout.fnmatch_lines(
        ["*ClusterChanged: Pod gateway was recreated since stage 'gateway' on the kept cluster mine*"]
    )


def test_setup_plan_restores_nothing(inner: Inner) -> None:
    reach(inner, "gateway")
    inner.tests("gateway(gateway)")
    result = inner.run("-s", "--setup-plan")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*made*")
