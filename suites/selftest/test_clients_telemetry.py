"""Statistics of a proxy and responses of Prometheus, with a scripted API server and kubectl."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.clients import grafana as grafanas
from fixtures.clients.api_server import ApiError
from fixtures.clients.kube import Kube
from fixtures.clients.kubectl import Kubectl
from fixtures.clients.prometheus import Prometheus, QueryFailed, through_service
from fixtures.clients.proxy import Proxy
from suites.selftest.fake_api_server import FakeApiServer, fake_api_server, refusal

SERVICE = "/api/v1/namespaces/istio-system/services/http:prometheus:9090/proxy"
VECTOR = [{"metric": {"response_code": "200"}, "value": [1763935200.1, "20"]}]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApiServer]:
    with fake_api_server(tmp_path) as api:
        yield api


@pytest.fixture
def telemetry(api: FakeApiServer) -> Prometheus:
    return through_service(Kube(api.kubeconfig, timeout=5), "istio-system", "prometheus", 9090)


def proxy(api: FakeApiServer, folder: Path, prints: str = "") -> Proxy:
    program = folder / "kubectl"
    program.write_text(f"#!/bin/sh\necho \"$@\" > {folder}/asked\necho '{prints}'\n")
    program.chmod(0o755)
    kubectl = Kubectl(program=program, kubeconfig=Path("kc"), environment={}, timeout=5)
    return Proxy(kube=Kube(api.kubeconfig, timeout=5), kubectl=kubectl, namespace="test", pod="web-1")


def test_query_returns_prometheus_result(api: FakeApiServer, telemetry: Prometheus) -> None:
    answer = {"status": "success", "data": {"resultType": "vector", "result": VECTOR}}
    api.on(f"GET {SERVICE}/api/v1/query", answer)
    assert telemetry.query('istio_requests_total{reporter="source"}') == VECTOR
    assert api.asked[-1][2] == {"query": 'istio_requests_total{reporter="source"}'}


def test_active_targets_are_returned(api: FakeApiServer, telemetry: Prometheus) -> None:
    targets = [{"health": "up", "scrapeUrl": "http://10.244.0.9:15020/stats/prometheus"}]
    api.on(f"GET {SERVICE}/api/v1/targets", {"status": "success", "data": {"activeTargets": targets}})
    assert telemetry.targets() == targets


def test_rejected_query_shows_the_reason() -> None:
    refused = json.dumps({"status": "error", "errorType": "bad_data", "error": "parse error"})
    with pytest.raises(QueryFailed, match="'sum'}: bad_data: parse error"):
        Prometheus(lambda _path, _query: refused).query("sum")


def test_invalid_query_is_distinguished_from_an_absent_prometheus(
    api: FakeApiServer, telemetry: Prometheus
) -> None:
    api.on(f"GET {SERVICE}/api/v1/query", refusal(400, "BadRequest", "invalid parameter query"))
    with pytest.raises(QueryFailed, match="invalid parameter query"):
        telemetry.query("sum(")


def test_range_is_requested_in_seconds(api: FakeApiServer, telemetry: Prometheus) -> None:
    matrix = [{"metric": {}, "values": [[1.5, "20"], [2.5, "21"]]}]
    api.on(f"GET {SERVICE}/api/v1/query_range", {"status": "success", "data": {"result": matrix}})
    assert telemetry.query_range("up", start=1.5, end=3, step=1) == matrix
    assert api.asked[-1][2] == {"query": "up", "start": "1.500", "end": "3.000", "step": "1"}


def test_absent_prometheus_is_an_api_server_error(api: FakeApiServer, telemetry: Prometheus) -> None:
    gone = refusal(503, "ServiceUnavailable", 'no endpoints available for service "prometheus"')
    api.on(f"GET {SERVICE}/api/v1/query", gone)
    with pytest.raises(ApiError, match="no endpoints available"):
        telemetry.query("up")


def test_proxy_statistics_come_from_its_own_port(api: FakeApiServer, tmp_path: Path) -> None:
    stats = 'istio_requests_total{response_code="200"} 20\n'
    api.on("GET /api/v1/namespaces/test/pods/web-1:15090/proxy/stats/prometheus", stats)
    assert proxy(api, tmp_path).stats() == stats


def test_admin_interface_is_queried_inside_the_proxys_container(api: FakeApiServer, tmp_path: Path) -> None:
    listeners = proxy(api, tmp_path, '{"listener_statuses": []}').admin_json("listeners?format=json")
    assert listeners == {"listener_statuses": []}
    asked = (tmp_path / "asked").read_text().strip()
    container = "--namespace test web-1 --container istio-proxy"
    assert asked == f"--kubeconfig kc exec {container} -- pilot-agent request GET listeners?format=json"


GRAFANA = "/api/v1/namespaces/istio-system/services/http:grafana:3000/proxy"


@pytest.fixture
def grafana(api: FakeApiServer) -> grafanas.Grafana:
    """A client for the Grafana behind a Service."""
    return grafanas.through_service(Kube(api.kubeconfig, timeout=5), "istio-system", "grafana", 3000)


def test_grafana_loads_each_dashboard_that_it_lists(api: FakeApiServer, grafana: grafanas.Grafana) -> None:
    """A dashboard in the list is read by its uid, so one that does not load is an error."""
    dashboard = {"title": "Istio Mesh Dashboard", "panels": [{"title": "HTTP"}]}
    api.on(f"GET {GRAFANA}/api/search", json.dumps([{"uid": "a1", "title": "Istio Mesh Dashboard"}]))
    api.on(f"GET {GRAFANA}/api/dashboards/uid/a1", {"meta": {}, "dashboard": dashboard})
    assert grafana.dashboards() == {"Istio Mesh Dashboard": dashboard}


def test_query_goes_through_grafanas_data_source(api: FakeApiServer, grafana: grafanas.Grafana) -> None:
    """A panel's query reaches Prometheus through the data source's uid."""
    sources = [{"uid": "l", "type": "loki"}, {"uid": "p", "type": "prometheus"}]
    api.on(f"GET {GRAFANA}/api/datasources", json.dumps(sources))
    answer = {"status": "success", "data": {"result": [{"metric": {}, "value": [1, "1"]}]}}
    api.on(f"GET {GRAFANA}/api/datasources/proxy/uid/p/api/v1/query", answer)
    assert grafana.prometheus().query("up") == answer["data"]["result"]  # type: ignore[index]


def test_grafana_without_prometheus_is_an_error(api: FakeApiServer, grafana: grafanas.Grafana) -> None:
    """No data source of that type: the error lists those that there are."""
    api.on(f"GET {GRAFANA}/api/datasources", json.dumps([{"uid": "l", "type": "loki"}]))
    with pytest.raises(LookupError, match=r"no Prometheus among its data sources.*loki"):
        grafana.prometheus()


def test_pilot_agent_output_before_the_json_is_skipped(api: FakeApiServer, tmp_path: Path) -> None:
    said = '2026-11-24T16:00:40Z\twarn\tOS CA Cert could not be found for agent\n{\n "state": "LIVE"\n}'
    assert proxy(api, tmp_path, said).admin_json("server_info") == {"state": "LIVE"}
