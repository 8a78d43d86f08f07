"""`mesh check` and `mesh run` on a mesh of two revisions that Helm installed, with the documented rights."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.clusters.base import Cluster
from fixtures.distributions.base import Distribution
from fixtures.inspection.finding import Severity
from fixtures.manifests import Manifests
from fixtures.settings import Timeouts
from suites.command import mesh
from suites.lab.helm_mesh import APPS, GATEWAYS, REVISIONS, helm_mesh
from suites.lab.mesh_faults import MeshFault, faults
from suites.lab.mesh_inspection import (
    RIGHTS,
    USER,
    Check,
    check_found_and_gone,
    inspector,
    listed,
    without_error,
)
from suites.lab.mesh_runner import Runner, is_there, runner_of
from suites.lab.mesh_users import digest, kubeconfig_of

pytestmark = [pytest.mark.lab, pytest.mark.full]

FAULTS = faults(file=Path(__file__).with_name("revision_faults.yaml"))


@pytest.fixture(scope="module")
def by_helm(source: Distribution, manifests: Manifests, timeouts: Timeouts) -> Iterator[Cluster]:
    """A cluster with a mesh of two revisions that Helm installed, and with apps in it."""
    with helm_mesh(source, manifests, timeouts) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def checker(by_helm: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig of a user with exactly the rights of docs/rbac/check.yaml."""
    return kubeconfig_of(by_helm, RIGHTS, USER, tmp_path_factory.mktemp("checker"))


@pytest.fixture(scope="module")
def runner(by_helm: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """`mesh run` as a user with exactly the rights of docs/rbac/run.yaml."""
    return runner_of(by_helm, tmp_path_factory.mktemp("runner"))


@pytest.fixture(scope="module")
def check(by_helm: Cluster, checker: Path) -> Check:
    """A function that inspects the mesh as that user."""
    return inspector(by_helm, checker)


@pytest.fixture(scope="module")
def clean(check: Check) -> set[str]:
    """What the check says of the mesh without a fault, once everything is ready."""
    return without_error(check)


def test_two_revisions_by_helm_have_no_error_and_no_warning(clean: set[str], check: Check) -> None:
    """Two versions, their tags and gateways, and STRICT for the whole mesh are checked, with notes alone."""
    inspection = check()
    assert {each.severity for each in inspection.findings} <= {Severity.NOTE}, listed(inspection.findings)
    assert inspection.not_checked == ()
    assert [each.revision for each in inspection.mesh.control_planes] == [*REVISIONS]
    assert inspection.mesh.tags == {tag: [revision] for revision, tag in REVISIONS.items()}
    spaces = sorted(each.pod["metadata"]["namespace"] for each in inspection.mesh.proxies)
    injected = [namespace for namespace in APPS if namespace != "batch"]
    assert spaces == sorted([*injected, *(namespace for _, namespace in GATEWAYS.values())])


def test_check_changes_no_object_of_two_revisions(checker: Path, clean: set[str], by_helm: Cluster) -> None:
    """The hash over spec and metadata of every object is the same before and after the command."""
    before = digest(by_helm.kubectl)
    arguments = ["check", f"--kubeconfig={checker}", f"--kubectl={by_helm.distribution.kubectl}"]
    assert mesh.main(arguments) == 0
    assert digest(by_helm.kubectl) == before


@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.name)
def test_fault_of_two_revisions_is_found_and_gone_after_the_repair(
    fault: MeshFault, clean: set[str], check: Check, by_helm: Cluster, tmp_path: Path
) -> None:
    """A fault that needs two revisions is reported with its object; after the repair, nothing new is."""
    check_found_and_gone(fault, check, clean, by_helm.kubectl, tmp_path)


@pytest.mark.parametrize("revision", [*REVISIONS, "prod"])
def test_run_passes_under_strict_for_each_revision(
    revision: str, runner: Runner, clean: set[str], by_helm: Cluster
) -> None:
    """By revision or tag every stage passes, the namespace is gone, and every other object is as it was."""
    before = digest(by_helm.kubectl)
    ran = runner.run(f"--revision={revision}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert not is_there(by_helm.kube())
    assert digest(by_helm.kubectl) == before
