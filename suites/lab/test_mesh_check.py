"""`mesh check` with the documented rights: nothing on a clean mesh, each planted fault by name, no change."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from fixtures.clients.istioctl import Istioctl
from fixtures.clients.kube import Kube, Resource
from fixtures.clients.nodes import Node
from fixtures.clusters.base import Cluster
from fixtures.distributions.base import Edition
from fixtures.inspection.finding import Severity
from fixtures.inspection.recorded_versions import minors
from fixtures.settings import MANIFESTS
from fixtures.waits import eventually
from suites.command import mesh
from suites.lab.mesh_faults import MeshFault, faults, planted
from suites.lab.mesh_inspection import (
    RIGHTS,
    SHOWN,
    USER,
    Check,
    check_found_and_gone,
    inspector,
    listed,
    without_error,
)
from suites.lab.mesh_users import digest, kubeconfig_of

pytestmark = [pytest.mark.lab, pytest.mark.full, pytest.mark.stage("injection")]

FAULTS, VALID = faults(), faults("valid")
#: The newest recorded minor version, which is the one of the lab's mesh: it drops nothing of a clean one.
NEXT = minors()[-1]
TAGGED = """
apiVersion: v1
kind: Namespace
metadata: {name: tagged, labels: {istio.io/rev: prod}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: tagged}
spec: {terminationGracePeriodSeconds: 1, containers: [{name: web, image: "registry.lab/nginx:1.22.1"}]}
"""


@pytest.fixture(scope="module")
def restricted(
    cluster: Cluster,
    virtual_service: list[Resource],
    injected_app: Resource,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A kubeconfig of a user with exactly the rights of docs/rbac/check.yaml, on a mesh with an app."""
    return kubeconfig_of(cluster, RIGHTS, USER, tmp_path_factory.mktemp("restricted"))


@pytest.fixture(scope="module")
def check(restricted: Path, cluster: Cluster) -> Check:
    """A function that inspects the mesh as that user."""
    return inspector(cluster, restricted, NEXT)


@pytest.fixture(scope="module")
def clean(check: Check) -> set[str]:
    """What the check says of the mesh without a fault, once everything is ready."""
    return without_error(check)


def test_clean_mesh_has_no_error_and_no_warning(clean: set[str], check: Check) -> None:
    """On a mesh without a fault the check reports notes alone, and checks everything."""
    inspection = check()
    assert {each.severity for each in inspection.findings} <= {Severity.NOTE}, clean
    assert inspection.not_checked == ()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: each.name)
def test_fault_is_found_by_name_and_gone_after_the_repair(
    fault: MeshFault, clean: set[str], check: Check, cluster: Cluster, node: Node, tmp_path: Path
) -> None:
    """A planted fault is reported by its check and with its object; after the repair, nothing new is."""
    on_node = partial(node.in_network_of, 1)
    check_found_and_gone(fault, check, clean, cluster.kubectl, tmp_path, on_node)


@pytest.mark.parametrize("setting", VALID, ids=lambda each: each.name)
def test_valid_setting_is_no_error_and_no_warning(
    setting: MeshFault, clean: set[str], check: Check, cluster: Cluster, tmp_path: Path
) -> None:
    """A setting that works as it is meant adds at most notes, once the proxies have it."""
    with planted(setting, cluster.kubectl, tmp_path):

        def is_quiet() -> None:
            loud = [each for each in check().findings if each.severity is not Severity.NOTE]
            assert not loud, listed(loud)

        eventually(is_quiet, f"{setting.name} is no error", SHOWN, successes=2, interval=1)


@pytest.fixture
def canary(
    istioctl: Istioctl, distribution: Edition, kube: Kube, cluster: Cluster, clean: set[str]
) -> Iterator[Istioctl]:
    """A second control plane, revision canary behind the tag prod, and a pod that it injects."""
    files = (distribution.install_values, MANIFESTS / "upgrade" / "canary.yaml")
    names = [word for file in files for word in ("--filename", str(file))]
    istioctl.run("install", "--skip-confirmation", *names, "--set", "revision=canary", timeout=180)
    istioctl.set_tag("prod", "canary")
    for each in yaml.safe_load_all(TAGGED):
        kube.apply(each)
    yield istioctl
    istioctl.uninstall_revision("canary")
    istioctl.run("tag", "remove", "prod", "--skip-confirmation")
    cluster.kubectl.read("delete", "namespace", "tagged")


def test_two_revisions_and_a_tag_have_no_error(canary: Istioctl, check: Check) -> None:
    """A mesh with two control planes and a tag is checked whole, without an error or a warning."""

    def is_quiet() -> None:
        inspection = check()
        loud = [each for each in inspection.findings if each.severity is not Severity.NOTE]
        assert not loud, listed(loud)
        assert [each.revision for each in inspection.mesh.control_planes] == ["canary", "default"]
        assert len(inspection.mesh.proxies) == 3, "the tagged pod has no proxy yet"
        assert not inspection.not_checked

    eventually(is_quiet, "two revisions have no error", SHOWN, interval=1)


def test_removed_revision_is_found_by_its_tag_and_its_proxy(canary: Istioctl, check: Check) -> None:
    """After a revision is uninstalled, the tag that points at it and the pod that it injected are named."""
    canary.uninstall_revision("canary")

    def is_found() -> None:
        found = {f"{each.check.id} {each.subject}" for each in check().findings}
        expected = {
            "tag-without-revision MutatingWebhookConfiguration istio-revision-tag-prod",
            "proxy-not-connected Pod tagged/web",
        }
        assert expected <= found, found

    eventually(is_found, "the tag and the proxy are named", SHOWN, interval=1)


def test_check_changes_no_object(restricted: Path, clean: set[str], cluster: Cluster) -> None:
    """The hash over spec and metadata of every object is the same before and after the command."""
    before = digest(cluster.kubectl)
    arguments = ["check", f"--kubeconfig={restricted}", f"--kubectl={cluster.distribution.kubectl}"]
    assert mesh.main(arguments) == 0
    assert digest(cluster.kubectl) == before


def test_command_writes_its_result_as_json(
    restricted: Path, clean: set[str], cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """With -o json, standard output is the result alone, of this mesh."""
    arguments = ["check", f"--kubeconfig={restricted}", f"--kubectl={cluster.distribution.kubectl}"]
    assert mesh.main([*arguments, "-o", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["mesh"]["proxies"] == 2
    assert result["counts"]["error"] == 0
