"""A snapshot of the mesh becomes nodes and edges; anything unobservable becomes a sentence."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from fixtures.checks.metrics import Counts, counts_of_proxy
from fixtures.clients.api_server import ApiError
from fixtures.clients.kiali import Graph, Kiali, graph_in
from fixtures.clients.kube import Kube
from fixtures.declaration import names_in
from fixtures.installers.operator_names import operator_names
from fixtures.manifests import Manifests
from fixtures.mesh.snapshot import (
    AFTER,
    BEFORE,
    MeshSnapshots,
    edges_in,
    kiali_notes,
    picture_of,
    scene_of,
    workload,
)
from fixtures.settings import Thresholds
from fixtures.workloads.request_counters import CountedRequests, RequestCounters
from reports.pictures.scene import Scene
from suites.selftest.drawings import drawing
from suites.selftest.recordings import recorded

APP, GATEWAY = "test-deployment.test-namespace", "istio-ingressgateway.istio-system"
SERVICE = {
    "metadata": {"name": "test-svc", "namespace": "test-namespace"},
    "spec": {"selector": {"app": "test", "version": "v1"}},
}
HEADLESS = {"metadata": {"name": "none", "namespace": "test-namespace"}, "spec": {}}


def pod(state: str, **metadata: object) -> dict[str, Any]:
    """The recorded pod of the app, plain or injected, owned by its ReplicaSet."""
    made: dict[str, Any] = recorded("pods.json")[state]
    owner = {"name": "test-deployment-56fbdccbf9", "controller": True}
    made["metadata"] |= {"ownerReferences": [owner], **metadata}
    return made


def gateway() -> dict[str, Any]:
    proxy = {"name": "istio-proxy", "image": "proxyv2"}
    return {
        "metadata": {"name": "istio-ingressgateway", "namespace": "istio-system", "labels": {}},
        "spec": {"containers": [proxy]},
        "status": {"conditions": [{"type": "Ready", "status": "False"}]},
    }


def counted(*proxies: str) -> Counts:
    counts: dict[frozenset[tuple[str, str]], int] = {}
    for proxy in proxies:
        counts |= counts_of_proxy(proxy, recorded(f"stats-{proxy}.txt"))
    return counts


def test_before_injection_only_the_gateway_counts_and_names_the_service() -> None:
    scene = scene_of([gateway(), pod("plain")], [SERVICE, HEADLESS], counted("gateway"), {"200": 2})
    app = next(node for node in scene.nodes if node.key == APP)
    assert (app.sidecar, app.ready) == (False, True)
    edge = next(edge for edge in scene.edges if edge.target == APP)
    assert (edge.source, edge.mutual_tls) == (GATEWAY, None)


def test_after_injection_the_sidecar_reports_how_requests_arrived() -> None:
    scene = scene_of([gateway(), pod("injected")], [SERVICE], counted("gateway", "app"), {"200": 4, "404": 3})
    app = next(node for node in scene.nodes if node.key == APP)
    assert app.sidecar
    edge = next(edge for edge in scene.edges if edge.target == APP)
    assert (dict(edge.answers), edge.mutual_tls) == ({"200": 4, "404": 3}, 100.0)


def test_client_edge_has_as_many_requests_as_were_sent() -> None:
    scene = scene_of([gateway()], [], {}, {"200": 20})
    assert [(edge.source, edge.target, edge.answers) for edge in scene.edges] == [
        ("client", GATEWAY, {"200": 20})
    ]
    assert [(node.kind, node.ready) for node in scene.nodes] == [("outside", None), ("gateway", False)]


def test_plain_text_share_is_a_fraction() -> None:
    def side(policy: str) -> frozenset[tuple[str, str]]:
        labels = {"reporter": "destination", "response_code": "200", "connection_security_policy": policy}
        return frozenset((labels | {"source_workload": "a", "destination_workload": "b"}).items())

    (edge,) = edges_in({side("mutual_tls"): 3, side("none"): 1}, {})
    assert (edge.answers, edge.mutual_tls) == ({"200": 4}, 75.0)


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ({}, "test-deployment"),
        ({"ownerReferences": [{"name": "db", "controller": True}], "name": "db-0"}, "db"),
        ({"ownerReferences": [], "name": "alone"}, "alone"),
    ],
    ids=["of a Deployment", "of a StatefulSet", "of nothing"],
)
def test_pod_belongs_to_its_workload(metadata: Mapping[str, object], name: str) -> None:
    assert workload(pod("plain", **metadata)) == name


def test_kiali_is_quoted() -> None:
    assert kiali_notes(graph_in(recorded("kiali-2-graph.json"))) == [
        f"Kiali draws {GATEWAY} to {APP}: 2 http a second, 100% mutual TLS",
        f"Kiali marks {APP} as out of the mesh",
    ]
    assert kiali_notes(Graph((), ())) == ["Kiali draws no edge of the last seconds"]


class Unresponsive:
    """A program that never responds."""

    def __getattr__(self, _: str) -> Any:
        raise ApiError("GET /anything", 503, "Unavailable", "no endpoints available")


def mesh_snapshots(kube: object) -> MeshSnapshots:
    return MeshSnapshots(
        kube=cast("Kube", kube),
        kiali=Kiali(lambda *_: Unresponsive().answer),
        names=names_in(Manifests(), operator_names()),
        thresholds=Thresholds(),
        scenes={},
        images={},
    )


def test_unobservable_parts_are_reported_and_fail_nothing() -> None:
    looking = mesh_snapshots(Unresponsive())
    looking.look(BEFORE, lambda: cast("CountedRequests", Unresponsive().requests))
    shown = drawing(looking.picture()).text.replace("\n", " ")
    assert "no endpoints available" in shown
    assert "Graph and traces was not reached or ended early" in shown


def test_unresponsive_kiali_hides_nothing_else() -> None:
    class Pods:
        def get_all(self, kind: str, namespace: str = "istio-system") -> list[Any]:
            return [gateway()] if (kind, namespace) == ("v1/Pod", "istio-system") else []

    class Proxies:
        def own(self) -> Counts:
            return {}

    looking = mesh_snapshots(Pods())
    looking.look(AFTER, lambda: CountedRequests({"200": 5}, {}, cast("RequestCounters", Proxies())))
    assert [edge.answers for edge in looking.scenes[AFTER].edges] == [{"200": 5}]
    assert "cannot read Kiali's graph: ApiError" in looking.scenes[AFTER].notes[0]


def test_the_picture_without_snapshots_explains_both_moments() -> None:
    shown = drawing(picture_of({})).text
    assert shown.count("Not observed: the stage") == 2
    assert "Not observed" not in drawing(picture_of({BEFORE: Scene(), AFTER: Scene()})).text
