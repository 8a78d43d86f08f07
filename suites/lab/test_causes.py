"""Each cause on a real cluster: one thing is broken, its cause is told first, and once mended none is."""

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
from suites.lab.breaks import Break, breaks, broken

# The stage with the most resources that a test can break.
pytestmark = [pytest.mark.lab, pytest.mark.full, pytest.mark.stage("graph")]

#: Seconds until the cluster shows what was broken, and until nothing is wrong again.
SHOWN = 90
BREAKS, CIRCUMSTANCES = breaks()


@pytest.fixture(scope="module")
def whole(
    diagnosis: Diagnosis,
    probe_pod: ProbePod,
    strict_mtls: list[Resource],
    route_without_retries: list[Resource],
    tracing: list[Resource],
    prometheus: Prometheus,
    kiali: Kiali,
    jaeger: Jaeger,
) -> Diagnosis:
    """A cluster on which every part of the mesh and every add-on is up, and nothing is wrong."""
    await_whole(diagnosis)
    return diagnosis


def await_whole(diagnosis: Diagnosis) -> None:
    """Nothing is wrong in itself."""

    def check() -> None:
        told = [f"{cause.name}: {finding.text}" for cause, finding in found(Snapshot(diagnosis))]
        assert not told, f"told of a cluster on which nothing is broken: {told}"

    eventually(check, "nothing is wrong", SHOWN, interval=0.5)


def test_a_whole_cluster_names_no_cause(whole: Diagnosis) -> None:
    """Nothing is broken: no cause is found, and what may be why is told as such."""
    assert found(Snapshot(whole)) == []
    assert str(whole.likely()).startswith(
        "perhaps STRICT mTLS: PeerAuthentication test-namespace/default is STRICT"
    )


@pytest.mark.parametrize("trial", BREAKS, ids=str)
def test_a_break_is_named_first(trial: Break, whole: Diagnosis, cluster: Cluster, tmp_path: Path) -> None:
    """One thing is broken: its cause is the first that is told; mended, nothing is told any more."""
    with broken(trial, cluster.kubectl, tmp_path):

        def check() -> None:
            told = str(whole.likely())
            assert told.startswith(f"{trial.cause}: "), told
            assert trial.words in told, told

        eventually(check, f"{trial.cause} is told first", SHOWN, interval=0.5)
    await_whole(whole)


@pytest.mark.parametrize("trial", CIRCUMSTANCES, ids=str)
def test_a_circumstance_is_told(trial: Break, whole: Diagnosis, cluster: Cluster, tmp_path: Path) -> None:
    """Something is as it may be and explains a failure: it is told, whatever else is."""
    with broken(trial, cluster.kubectl, tmp_path):

        def check() -> None:
            told = str(whole.likely(INGRESS))
            assert f"{trial.cause}: " in told, told
            assert trial.words in told, told

        eventually(check, f"{trial.cause} is told", SHOWN, interval=0.5)
    await_whole(whole)


def test_a_label_that_was_taken_off_and_is_back_is_named(
    whole: Diagnosis, kube: Kube, cluster: Cluster, names: Names
) -> None:
    """The suite took the label off and someone put it back: that is told."""
    kube.patch("v1/Namespace", names.namespace, {"metadata": {"labels": {"istio-injection": None}}})
    cluster.kubectl.read("label", "namespace", names.namespace, "istio-injection=enabled")
    told = str(whole.likely())
    kube.patch("v1/Namespace", names.namespace, {"metadata": {"labels": {"istio-injection": "enabled"}}})
    assert told.startswith("changed since it was applied: Namespace test-namespace"), told
    assert "istio-injection is 'enabled' and was removed" in told


def test_a_mesh_that_was_to_be_purged_is_named(whole: Diagnosis) -> None:
    """Istio is there, and it was to be gone: its parts are told."""
    told = str(replace(whole, mesh_expected=False).likely())
    assert told.startswith("Istio is installed: Istio must not be installed now"), told
    assert "Deployments istio-system/istio-ingressgateway, istio-system/istiod" in told
