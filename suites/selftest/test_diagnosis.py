"""Diagnosis of a running cluster: limited to our namespaces, and never hiding the failure itself."""

from typing import Any, cast

import pytest

from fixtures.causes.diagnosis import Diagnosis
from fixtures.clients.api_server import ApiError, UnknownKind
from fixtures.clients.command import CommandFailed
from fixtures.clients.desired_state import DesiredState
from fixtures.clients.istioctl import Istioctl
from fixtures.clients.kube import Kube
from suites.selftest.recordings import recorded


class Api:
    """An API server with some kinds."""

    def __init__(self, **kinds: list[Any]) -> None:
        self.kinds = kinds
        self.desired = DesiredState()
        self.read: list[str] = []

    def get_all(self, kind: str) -> list[Any]:
        self.read.append(kind)
        name = kind.rpartition("/")[2]
        if name not in self.kinds:
            raise UnknownKind(kind, 404, "NotFound", "no such kind")
        return self.kinds[name]


class Syncs:
    """An istioctl that reports this sync status, or fails."""

    def __init__(self, report: Any = None) -> None:
        self.report = report

    def sync_status(self) -> Any:
        if self.report is None:
            raise CommandFailed(["istioctl"], "ended with status 1")
        return self.report


def looking(api: Api, syncs: Syncs | None = None) -> Diagnosis:
    ours = ("istio-system", "test-namespace", "client-namespace")
    return Diagnosis(cast("Kube", api), cast("Istioctl", syncs or Syncs()), ours)


def broken_pod(namespace: str) -> Any:
    pod = recorded("pods.json")["no-image"]
    pod["metadata"]["namespace"] = namespace
    return pod


def test_cluster_without_istio_has_no_causes() -> None:
    assert looking(Api()).likely() is None


def test_broken_pod_of_ours_ends_a_wait() -> None:
    told = looking(Api(Pod=[broken_pod("test-namespace")])).lasting()
    assert str(told).startswith("image cannot be pulled: pod test-namespace/badimage")


def test_broken_pod_of_others_does_not_end_a_wait() -> None:
    assert looking(Api(Pod=[broken_pod("shop")])).lasting() is None


def test_label_on_a_foreign_namespace_is_not_reported() -> None:
    shop = {"metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}}}
    assert looking(Api(Namespace=[shop])).likely() is None


def test_nodes_are_checked_whatever_the_namespaces() -> None:
    condition = {"type": "Ready", "status": "False", "message": "no CNI"}
    node = {"metadata": {"name": "node-1"}, "status": {"conditions": [condition]}}
    assert looking(Api(Node=[node])).likely() == "node not ready: node node-1: Ready is False: no CNI"


def test_each_kind_is_read_once_per_diagnosis() -> None:
    api = Api(Pod=[], Service=[])
    looking(api).likely()
    assert sorted(api.read) == sorted(set(api.read))


def test_rejected_update_is_found_through_istiod() -> None:
    told = looking(Api(), Syncs(recorded("syncz-rejected.json"))).lasting()
    assert "value length must be at least 1 characters" in str(told)


def test_absent_prometheus_hides_no_other_cause() -> None:
    diagnosis = looking(Api(Pod=[broken_pod("test-namespace")]))

    def gone() -> list[Any]:
        raise ApiError("GET targets", 503, "ServiceUnavailable", "no endpoints")

    diagnosis.targets = gone
    assert "cannot pull image" in str(diagnosis.likely())


def test_unreachable_cluster_is_an_error_and_not_no_cause() -> None:
    class Gone(Api):
        def get_all(self, kind: str) -> list[Any]:
            raise ApiError(kind, 0, "MaxRetryError", "connection refused")

    with pytest.raises(ApiError, match="connection refused"):
        looking(Gone()).likely()


def test_failed_cause_hides_no_other_and_is_reported_last() -> None:
    odd = {"metadata": {"name": "odd", "namespace": "test-namespace"}}
    told = str(looking(Api(Pod=[broken_pod("test-namespace")], Gateway=[odd])).likely())
    assert told.startswith("image cannot be pulled: pod test-namespace/badimage")
    assert "; the search for 'selector matches no gateway pod' failed: KeyError: 'spec'" in told


def test_istios_resources_explain_nothing_once_it_is_uninstalled() -> None:
    odd = {"metadata": {"name": "odd", "namespace": "test-namespace"}}
    diagnosis = looking(Api(Gateway=[odd]))
    assert "odd" in str(diagnosis.likely()) or "KeyError" in str(diagnosis.likely())
    diagnosis.mesh_expected = False
    assert diagnosis.likely() is None


def test_resources_are_reported_in_the_order_of_the_namespaces() -> None:
    pods = [broken_pod(name) for name in ("kube-system", "client-namespace", "test-namespace")]
    diagnosis = looking(Api(Pod=pods))
    diagnosis.namespaces = ("test-namespace", "client-namespace", "kube-system")
    told = str(diagnosis.likely())
    assert told.find("test-namespace/badimage") < told.find("client-namespace/badimage")
    assert told.endswith("; and 1 more like these")


def test_the_desired_state_is_compared_with_the_actual_state() -> None:
    api = Api(Gateway=[], Namespace=[])
    api.desired.patched(("v1/Namespace", None, "shop"), {"metadata": {"labels": {"a": "b"}}})
    api.desired.patched(("other.example/v1/Gone", "shop", "a"), {"spec": {}})
    assert looking(api).likely() == "changed since it was applied: Namespace shop was applied and is gone"
