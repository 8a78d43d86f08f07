"""Responses of both major versions of Jaeger are parsed into the same traces."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fixtures.clients.api_server import NotFound
from fixtures.clients.jaeger import Jaeger, Major, through_service, traces_in
from fixtures.clients.kube import Kube
from suites.selftest.fake_api_server import FakeApiServer, fake_api_server
from suites.selftest.recordings import recorded

PROXY = "/api/v1/namespaces/istio-system/services/http:jaeger-query:16686/proxy"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
MAJORS = pytest.mark.parametrize("major", [1, 2], ids=["jaeger 1", "jaeger 2"])
NONE = {
    1: '{"data":null,"total":0,"limit":0,"offset":0,"errors":[{"code":404,"msg":"trace not found"}]}',
    2: '{"error":{"httpCode":404,"message":"No traces found"}}',
}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApiServer]:
    with fake_api_server(tmp_path) as api:
        yield api


def jaeger(api: FakeApiServer, major: Major, base_path: str = "") -> Jaeger:
    kube = Kube(api.kubeconfig, timeout=5)
    place = ("istio-system", "jaeger-query", 16686)
    return through_service(kube, *place, major=major, base_path=base_path)


def answering(major: Major, answer: object) -> Jaeger:
    def read(_path: str, _query: Mapping[str, str]) -> str:
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer)

    return Jaeger(read=read, major=major)


@MAJORS
def test_trace_has_its_spans_in_time_order_with_their_services(major: Major) -> None:
    (trace,) = traces_in(recorded(f"jaeger-{major}-traces.json"))
    assert trace.trace == TRACE
    assert [span.service for span in trace.spans] == [
        "istio-ingressgateway.istio-system",
        "test.test-namespace",
    ]
    assert trace.services == {"istio-ingressgateway.istio-system", "test.test-namespace"}


@MAJORS
def test_span_names_its_parent_and_the_root_has_none(major: Major) -> None:
    (trace,) = traces_in(recorded(f"jaeger-{major}-traces.json"))
    assert [(span.span, span.parent) for span in trace.spans] == [
        ("00f067aa0ba902b7", ""),
        ("b7ad6b7169203331", "00f067aa0ba902b7"),
    ]


@MAJORS
def test_times_are_in_seconds_and_tags_are_text(major: Major) -> None:
    (trace,) = traces_in(recorded(f"jaeger-{major}-traces.json"))
    first = trace.spans[0]
    assert first.start == pytest.approx(1763935200.001)
    assert first.duration == pytest.approx(0.0021)
    assert first.tags["http.url"] == "http://127.0.0.1:32768/?mark=one"
    assert first.tags["error"] == "false"


def test_jaeger_1_is_queried_in_microseconds(api: FakeApiServer) -> None:
    api.on(f"GET {PROXY}/api/traces", recorded("jaeger-1-traces.json"))
    assert len(jaeger(api, 1).traces("test.test-namespace", 1.5, 2.5)) == 1
    assert api.asked[-1][2] == {
        "service": "test.test-namespace",
        "limit": "100",
        "start": "1500000",
        "end": "2500000",
    }


def test_jaeger_2_is_queried_by_api_version_3_below_its_base_path(api: FakeApiServer) -> None:
    api.on(f"GET {PROXY}/jaeger/api/v3/traces", recorded("jaeger-2-traces.json"))
    assert len(jaeger(api, 2, "/jaeger").traces("test.test-namespace", 1.5, 2.0)) == 1
    assert api.asked[-1][2] == {
        "query.service_name": "test.test-namespace",
        "query.num_traces": "100",
        "query.start_time_min": "1970-01-01T00:00:01.500000Z",
        "query.start_time_max": "1970-01-01T00:00:02Z",
    }


@MAJORS
def test_missing_trace_is_none(major: Major) -> None:
    refused = NotFound("GET /api/traces/1", 404, "Not Found", NONE[major])
    assert answering(major, refused).trace("1") is None


@MAJORS
def test_unknown_path_is_an_error(major: Major) -> None:
    refused = NotFound("GET /api/traces/1", 404, "Not Found", "404 page not found")
    with pytest.raises(NotFound):
        answering(major, refused).trace("1")


def test_no_traces_and_no_services_are_empty() -> None:
    assert answering(1, {"data": []}).traces("x", 0, 1) == []
    assert answering(1, {"data": None}).services() == []
    assert answering(2, {"result": {}}).traces("x", 0, 1) == []
    assert answering(2, {}).services() == []


def test_services_are_listed() -> None:
    assert answering(1, {"data": ["a.b"]}).services() == ["a.b"]
    assert answering(2, {"services": ["a.b"]}).services() == ["a.b"]
