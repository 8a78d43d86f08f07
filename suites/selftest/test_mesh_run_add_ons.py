"""The stages of add-ons in `mesh run`: each passes on what it must see, and fails on anything else."""

import json
from typing import Any

import pytest

from fixtures.mesh_run import telemetry
from fixtures.mesh_run.bench import Bench
from fixtures.mesh_run.entrance import SharedGateway
from fixtures.mesh_run.request import Request
from fixtures.mesh_run.run import Skipped
from fixtures.waits import ConditionNotMet
from suites.selftest.test_mesh_run_stages import PLACE, answering, bench, outcome

PAGE = {"status": 200, "headers": {"server": "istio-envoy"}}
SPACE = "conformance-mesh-run"
ASKED = Request(image="image:1", prometheus=PLACE, jaeger=PLACE, kiali=PLACE)


def counted(number: int) -> Any:
    labels = {"reporter": "destination", "response_code": "200", "pod": "app-1"}
    return {frozenset(labels.items()): number}


def asking(answer: Any, **given: Any) -> Bench:
    """A bench whose gateway serves the app, and whose add-on always gives this answer."""
    target = answering(bench(request=ASKED, **given), outcome(**PAGE))
    target.kube.read_service = lambda *_: json.dumps(answer)  # type: ignore[method-assign]
    return target


def vector(number: int) -> Any:
    result = [{"metric": {"response_code": "200"}, "value": [0, str(number)]}] if number else []
    return {"status": "success", "data": {"result": result}}


@pytest.mark.parametrize("number", [0, 4, 6])
def test_prometheus_must_have_what_the_sidecar_counted(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer, more or no requests in Prometheus fail; the same number passes."""
    monkeypatch.setattr(Bench, "counts", lambda _: counted(5))
    assert telemetry.prometheus(asking(vector(5))) == "5 requests, as the sidecar"
    with pytest.raises(ConditionNotMet, match=r"the sidecar has counted \{'200': 5\}"):
        telemetry.prometheus(asking(vector(number)))


def drawn(source: str, namespace: str, secured: int) -> Any:
    node = {"nodeType": "workload", "namespace": SPACE, "workload": "app", "id": "b"}
    other = {**node, "namespace": namespace, "workload": source, "id": "a"}
    traffic = {"protocol": "http", "rates": {"http": "1"}}
    edge = {"source": "a", "target": "b", "isMTLS": secured, "traffic": traffic}
    elements = {"nodes": [{"data": node}, {"data": other}], "edges": [{"data": edge}]}
    return {"elements": elements}


def test_graph_must_have_the_edge() -> None:
    """The edge from the gateway by mutual TLS passes."""
    told = telemetry.graph(asking(drawn("gateway", SPACE, 100)))
    assert told == f"gateway.{SPACE} to app.{SPACE}, 100% mutual TLS"


@pytest.mark.parametrize(
    "answer",
    [
        {"elements": {"nodes": [], "edges": []}},
        drawn("gateway", SPACE, 0),
        drawn("other", "elsewhere", 100),
    ],
)
def test_graph_without_the_edge_fails(answer: Any) -> None:
    """No edge, one in plain text and one from elsewhere fail."""
    with pytest.raises(ConditionNotMet, match="not one edge by mutual TLS leads to the app"):
        telemetry.graph(asking(answer))


def test_missing_traces_fail() -> None:
    """A Jaeger that has no trace of the requests fails the stage."""
    target = asking({"data": []})
    with pytest.raises(ConditionNotMet, match="0 of 0 traces contain"):
        telemetry.traces(target)


def test_traces_of_a_shared_gateway_are_a_skip() -> None:
    """The run does not change what a shared gateway samples."""
    shared = SharedGateway(place=PLACE, selector={"istio": "ingress"}, target=8080)
    with pytest.raises(Skipped, match="the shared gateway begins the traces"):
        telemetry.traces(asking({"data": []}, shared=shared))
    with pytest.raises(Skipped, match="no Telemetry resource: missing right"):
        telemetry.traces(asking({"data": []}, skipped={"access-log": "missing right"}))
