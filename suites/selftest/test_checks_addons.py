"""Checks of scrape targets, Kiali's graph and traces."""

import copy
from typing import Any

import pytest

from fixtures.checks.graph import check_drawn_in_mesh, check_in_mesh, check_only_edges, check_out_of_mesh
from fixtures.checks.scraping import check_scraped
from fixtures.checks.tracing import check_traced, check_traces
from fixtures.clients.jaeger import Trace, traces_in
from fixtures.clients.kiali import Graph, Workload, graph_in
from suites.selftest.recordings import recorded

COLLECTOR = "outbound|4317||jaeger-collector.istio-system.svc.cluster.local"
GATEWAY, SIDECAR = "istio-ingressgateway.istio-system", "test.test-namespace"
APP = "test-deployment.test-namespace"


def pod(name: str, scrape: str = "true") -> dict[str, Any]:
    return {"metadata": {"name": name, "annotations": {"prometheus.io/scrape": scrape}}}


def target(name: str, health: str = "up", error: str = "") -> dict[str, Any]:
    url = "http://10.244.0.9:15020/stats/prometheus"
    return {"labels": {"pod": name}, "scrapeUrl": url, "health": health, "lastError": error}


def workload(*, sidecar: bool) -> list[Workload]:
    return [
        Workload(
            namespace="test-namespace", name="test-deployment", kind="Deployment", sidecar=sidecar, labels={}
        )
    ]


def graph(*, out_of_mesh: bool = False) -> Graph:
    return graph_in(recorded(f"kiali-{2 if out_of_mesh else 1}-graph.json"))


def listener(port: int, cluster: str = COLLECTOR, percent: float = 100) -> dict[str, Any]:
    tracing = {
        "randomSampling": {"value": percent},
        "provider": {"typedConfig": {"grpcService": {"envoyGrpc": {"clusterName": cluster}}}},
    }
    http = {"name": "envoy.filters.network.http_connection_manager", "typedConfig": {"tracing": tracing}}
    address = {"socketAddress": {"portValue": port}}
    return {"address": address, "filterChains": [{"filters": [{"name": "other"}, http]}]}


def traces() -> list[Trace]:
    return traces_in(recorded("jaeger-1-traces.json"))


def test_annotated_pods_that_are_scraped_pass() -> None:
    check_scraped([target("istiod"), target("gateway")], [pod("gateway"), pod("istiod"), pod("x", "false")])


def test_unscraped_pod_fails() -> None:
    with pytest.raises(AssertionError, match=r"Prometheus scrapes \['istiod'\], not \['gateway', 'istiod'\]"):
        check_scraped([target("istiod")], [pod("gateway"), pod("istiod")])


def test_pod_scraped_twice_fails() -> None:
    with pytest.raises(AssertionError, match=r"Prometheus scrapes \['istiod', 'istiod'\], not"):
        check_scraped([target("istiod"), target("istiod")], [pod("istiod")])


def test_target_that_is_down_fails_with_its_error() -> None:
    with pytest.raises(AssertionError, match=r"istiod at http.*: down connection refused"):
        check_scraped([target("istiod", "down", "connection refused")], [pod("istiod")])


def test_no_annotated_pod_fails() -> None:
    with pytest.raises(AssertionError, match="none of the 1 pods"):
        check_scraped([], [pod("x", "false")])


def test_workload_without_sidecar_is_out_of_the_mesh() -> None:
    check_out_of_mesh(workload(sidecar=False), "test-deployment")
    with pytest.raises(AssertionError, match="Kiali sees no sidecar"):
        check_in_mesh(workload(sidecar=False), "test-deployment")


def test_workload_with_sidecar_is_in_the_mesh() -> None:
    check_in_mesh(workload(sidecar=True), "test-deployment")
    with pytest.raises(AssertionError, match="Kiali sees a sidecar"):
        check_out_of_mesh(workload(sidecar=True), "test-deployment")


def test_workload_that_kiali_does_not_list_fails_both_checks() -> None:
    with pytest.raises(AssertionError, match="not one test-deployment"):
        check_out_of_mesh([], "test-deployment")


def test_expected_edge_passes() -> None:
    assert len(check_only_edges(graph(), [(GATEWAY, APP)])) == 1


def test_unexpected_edge_fails() -> None:
    with pytest.raises(
        AssertionError, match=r"Kiali shows edges .*istio-ingressgateway.* not .*2 http a second"
    ):
        check_only_edges(graph(), [])


def test_missing_edge_fails() -> None:
    with pytest.raises(AssertionError, match=r"Kiali shows edges \[\], not"):
        check_only_edges(Graph((), ()), [(GATEWAY, APP)])


def test_node_marked_as_out_of_the_mesh_fails() -> None:
    check_drawn_in_mesh(graph(), APP)
    with pytest.raises(AssertionError, match="as out of the mesh"):
        check_drawn_in_mesh(graph(out_of_mesh=True), APP)


def test_missing_node_fails() -> None:
    with pytest.raises(AssertionError, match="0 nodes are named nobody"):
        check_drawn_in_mesh(graph(), "nobody")


def test_proxy_that_sends_all_traces_to_the_collector_passes() -> None:
    check_traced([listener(8080), listener(15090, "elsewhere")], 8080, COLLECTOR)


@pytest.mark.parametrize(
    ("listeners", "told"),
    [
        ([listener(8080, "elsewhere")], "spans go to elsewhere"),
        ([listener(8080, percent=1)], "1% of the requests are traced"),
        ([listener(9999)], "no listener serves HTTP on port 8080"),
    ],
    ids=["another collector", "a sample", "no listener"],
)
def test_proxy_with_other_tracing_settings_fails(listeners: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        check_traced(listeners, 8080, COLLECTOR)


def test_trace_with_spans_of_both_proxies_passes() -> None:
    assert check_traces(traces(), "mark=one", GATEWAY, [SIDECAR], 1) == traces()


def test_traces_of_other_requests_do_not_count() -> None:
    with pytest.raises(AssertionError, match="0 of 1 traces contain mark=two, not 1"):
        check_traces(traces(), "mark=two", GATEWAY, [SIDECAR], 1)


def test_trace_without_the_sidecars_span_fails() -> None:
    (whole,) = traces()
    with pytest.raises(AssertionError, match=r"one of \['test.test-namespace'\] expected in trace 4bf9"):
        check_traces([Trace(whole.spans[:1])], "mark=one", GATEWAY, [SIDECAR], 1)


def test_two_root_spans_fail() -> None:
    answer = copy.deepcopy(recorded("jaeger-1-traces.json"))
    answer["data"][0]["spans"][0]["references"] = []
    with pytest.raises(AssertionError, match="2 spans without a parent"):
        check_traces(traces_in(answer), "mark=one", GATEWAY, [SIDECAR], 1)
