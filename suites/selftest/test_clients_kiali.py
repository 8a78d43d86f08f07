"""Responses of both major versions of Kiali are parsed into the same workloads and the same graph."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fixtures.clients.kiali import GraphNode, Kiali, graph_in, through_service
from fixtures.clients.kube import Kube
from suites.selftest.fake_api_server import FakeApiServer, fake_api_server
from suites.selftest.recordings import recorded

SERVICE = "/api/v1/namespaces/istio-system/services/http:kiali:20001/proxy/kiali"
GATEWAY = GraphNode(
    kind="workload",
    namespace="istio-system",
    workload="istio-ingressgateway",
    app="istio-ingressgateway",
    version="latest",
)
MAJORS = pytest.mark.parametrize("major", [1, 2], ids=["kiali 1", "kiali 2"])


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApiServer]:
    with fake_api_server(tmp_path) as api:
        yield api


@pytest.fixture
def kiali(api: FakeApiServer) -> Kiali:
    return through_service(Kube(api.kubeconfig, timeout=5), "istio-system", "kiali", 20001, "/kiali")


def answering(answer: object) -> Kiali:
    def read(_path: str, _query: Mapping[str, str]) -> str:
        return json.dumps(answer)

    return Kiali(read)


@MAJORS
def test_edge_names_source_and_destination(major: int) -> None:
    (edge,) = graph_in(recorded(f"kiali-{major}-graph.json")).edges
    assert edge.source == GATEWAY
    assert (edge.source.name, edge.target.name) == (
        "istio-ingressgateway.istio-system",
        "test-deployment.test-namespace",
    )
    assert (edge.protocol, edge.rate, edge.mutual_tls) == ("http", 2.0, 100.0)


@MAJORS
def test_boxes_are_not_nodes(major: int) -> None:
    nodes = graph_in(recorded(f"kiali-{major}-graph.json")).nodes
    assert [node.workload for node in nodes] == ["istio-ingressgateway", "test-deployment"]


def test_node_outside_the_mesh_is_distinguished() -> None:
    in_mesh = [node.in_mesh for node in graph_in(recorded("kiali-1-graph.json")).nodes]
    out_of_it = [node.in_mesh for node in graph_in(recorded("kiali-2-graph.json")).nodes]
    assert (in_mesh, out_of_it) == ([True, True], [True, False])


@MAJORS
def test_workload_has_its_kind_and_sidecar_flag(major: int) -> None:
    (workload,) = answering(recorded(f"kiali-{major}-workloads.json")).workloads("test-namespace")
    assert (workload.name, workload.kind, workload.sidecar) == ("test-deployment", "Deployment", major == 1)


def test_graph_without_requests_is_empty() -> None:
    nothing = {"elements": {"nodes": None, "edges": None}}
    assert answering(nothing).graph(["istio-system"], 10).edges == ()


def test_graph_is_requested_by_workload_without_services(api: FakeApiServer, kiali: Kiali) -> None:
    api.on(f"GET {SERVICE}/api/namespaces/graph", recorded("kiali-1-graph.json"))
    kiali.graph(["istio-system", "test-namespace"], 10)
    assert api.asked[-1][2] == {
        "namespaces": "istio-system,test-namespace",
        "duration": "10s",
        "graphType": "workload",
        "injectServiceNodes": "false",
    }


def test_version_is_the_one_that_kiali_reports() -> None:
    assert (
        answering({"status": {"Kiali version": "v1.89.0", "Kiali state": "running"}}).version() == "v1.89.0"
    )
