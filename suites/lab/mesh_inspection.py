"""`mesh check` as a user with exactly the documented rights, and the life of a planted fault in it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from fixtures.clients.kube import Kube
from fixtures.clients.kubectl import Kubectl
from fixtures.clusters.base import Cluster
from fixtures.inspection.finding import Finding
from fixtures.inspection.inspect import Inspection
from fixtures.inspection.survey import Request, survey
from fixtures.waits import eventually
from lab.paths import PROJECT
from suites.lab.mesh_faults import MeshFault, planted
from suites.prove.breaking import InPodNetwork

RIGHTS = PROJECT / "docs" / "rbac" / "check.yaml"
USER = "istio-conformance-check"
#: Seconds within which the check must name a fault, and within which the mesh recovers from it.
SHOWN = 90

Check = Callable[[], Inspection]


def inspector(cluster: Cluster, kubeconfig: Path, coming: str = "") -> Check:
    """Return a function that inspects a cluster's mesh with this kubeconfig."""
    kubectl = Kubectl(
        program=cluster.distribution.kubectl,
        kubeconfig=kubeconfig,
        environment=cluster.distribution.environment,
        timeout=cluster.timeouts.command,
    )
    kube = Kube(kubeconfig, timeout=cluster.timeouts.command)
    return lambda: survey(kube, kubectl, Request(coming=coming), lambda _: None)


def without_error(check: Check) -> set[str]:
    """Return what the check says of a mesh without a fault, once everything is ready."""

    def no_error() -> set[str]:
        inspection = check()
        assert not inspection.failed, listed(inspection.findings)
        return set(listed(inspection.findings))

    return eventually(no_error, "the clean mesh has no error", SHOWN, interval=1)


def check_found_and_gone(
    fault: MeshFault,
    check: Check,
    clean: set[str],
    kubectl: Kubectl,
    folder: Path,
    on_node: InPodNetwork | None = None,
) -> None:
    """Plant a fault: its check must name its object, and after the repair nothing new may be left."""
    with planted(fault, kubectl, folder, on_node):

        def is_found() -> None:
            findings = check().findings
            assert fault.is_found(findings), listed(findings)

        eventually(is_found, f"{fault.finds} names {fault.object}", SHOWN, interval=0.5)

    def is_gone() -> None:
        left = set(listed(check().findings)) - clean
        assert not left, left

    eventually(is_gone, "nothing is left of the fault", SHOWN, interval=0.5)


def listed(findings: Sequence[Finding]) -> list[str]:
    """Return each finding as a line."""
    return [f"{each.severity} {each.check.id}: {each.subject}: {each.text}" for each in findings]
