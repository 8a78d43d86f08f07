"""Each cause on a real cluster: a break reports its cause first, and none once it is reverted."""

from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.causes import INGRESS, found
from fixtures.causes.diagnosis import Diagnosis, Snapshot
from fixtures.clients.jaeger import Jaeger
from fixtures.clients.kiali import Kiali
from fixtures.clients.kube import Kube, Resource
from fixtures.clients.prometheus import Prometheus
from fixtures.clusters.base import Cluster
from fixtures.settings import Names
from fixtures.waits import eventually
from fixtures.workloads.probe_pod import ProbePod
from suites.lab.breaks import breaks
from suites.prove.breaking import Break, broken

# The stage with the most resources that a test can break.
pytestmark = [pytest.mark.lab, pytest.mark.full, pytest.mark.stage("graph")]

#: Seconds within which the cluster shows the break, and within which it recovers.
SHOWN = 90
BREAKS, CIRCUMSTANCES = breaks()


@pytest.fixture(scope="module")
def healthy(
    diagnosis: Diagnosis,
    probe_pod: ProbePod,
    strict_mtls: list[Resource],
    route_without_retries: list[Resource],
    tracing: list[Resource],
    prometheus: Prometheus,
    kiali: Kiali,
    jaeger: Jaeger,
) -> Diagnosis:
    """A cluster with every part of the mesh and every add-on running and no fault."""
    await_no_cause(diagnosis)
    return diagnosis


def await_no_cause(diagnosis: Diagnosis) -> None:
    """Wait until no cause is found."""

    def check() -> None:
        told = [f"{cause.name}: {finding.text}" for cause, finding in found(Snapshot(diagnosis))]
        assert not told, f"reported for a cluster on which nothing is broken: {told}"

    eventually(check, "no cause is reported", SHOWN, interval=0.5)


def test_healthy_cluster_names_no_cause(healthy: Diagnosis) -> None:
    """Without a break no cause is found, and a circumstance is reported with a "perhaps"."""
    assert found(Snapshot(healthy)) == []
    assert str(healthy.likely()).startswith(
        "perhaps STRICT mTLS: PeerAuthentication test-namespace/default is STRICT"
    )


@pytest.mark.parametrize("trial", BREAKS, ids=str)
def test_break_is_reported_first(trial: Break, healthy: Diagnosis, cluster: Cluster, tmp_path: Path) -> None:
    """With one thing broken its cause is reported first; once reverted, no cause is reported."""
    with broken(trial, cluster.kubectl, tmp_path):

        def check() -> None:
            told = str(healthy.likely())
            assert told.startswith(f"{trial.cause}: "), told
            assert trial.words in told, told

        eventually(check, f"{trial.cause} is reported first", SHOWN, interval=0.5)
    await_no_cause(healthy)


@pytest.mark.parametrize("trial", CIRCUMSTANCES, ids=str)
def test_circumstance_is_reported(trial: Break, healthy: Diagnosis, cluster: Cluster, tmp_path: Path) -> None:
    """Valid configuration that may explain a failure is reported among the circumstances."""
    with broken(trial, cluster.kubectl, tmp_path):

        def check() -> None:
            told = str(healthy.likely(INGRESS))
            assert f"{trial.cause}: " in told, told
            assert trial.words in told, told

        eventually(check, f"{trial.cause} is reported", SHOWN, interval=0.5)
    await_no_cause(healthy)


def test_removed_label_that_reappears_is_reported(
    healthy: Diagnosis, kube: Kube, cluster: Cluster, names: Names
) -> None:
    """A label that the suite removed and someone else restored is reported."""
    kube.patch("v1/Namespace", names.namespace, {"metadata": {"labels": {"istio-injection": None}}})
    cluster.kubectl.read("label", "namespace", names.namespace, "istio-injection=enabled")
    told = str(healthy.likely())
    kube.patch("v1/Namespace", names.namespace, {"metadata": {"labels": {"istio-injection": "enabled"}}})
    assert told.startswith("changed since it was applied: Namespace test-namespace"), told
    assert "istio-injection is 'enabled' and was removed" in told


def test_mesh_that_should_be_purged_is_reported(healthy: Diagnosis) -> None:
    """Istio that should have been purged is reported with its parts."""
    told = str(replace(healthy, mesh_expected=False).likely())
    assert told.startswith("Istio is installed: Istio must not be installed now"), told
    assert "Deployments istio-system/istio-ingressgateway, istio-system/istiod" in told
