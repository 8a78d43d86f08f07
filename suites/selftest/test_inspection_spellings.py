"""Faults in other places and spellings than the one that each check is shown with elsewhere."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from fixtures.inspection.finding import Severity
from fixtures.inspection.mesh import Mesh
from suites.selftest.inspected import add, healthy, objects, plain, policy, proxied, seen, spec_of
from suites.selftest.test_inspection_modes import configured, in_namespace
from suites.selftest.test_inspection_valid import STRICT

ROUTE, RULE = "VirtualService test-namespace/test-virtualservice", "DestinationRule test-namespace/rule"
INGRESS = {"istio": "ingressgateway"}


def first_rule(mesh: Mesh) -> Any:
    return spec_of(mesh, "VirtualService")["http"][0]


def to(mesh: Mesh, host: str, **rest: Any) -> None:
    first_rule(mesh)["route"][0]["destination"] = {"host": host, **rest}


def rule(mesh: Mesh, host: str = "test-svc", **spec: Any) -> None:
    add(mesh, "DestinationRule", "rule", host=host, **spec)


def gateway(mesh: Mesh, selector: Any, **server: Any) -> None:
    servers = [{"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["a.example"], **server}]
    add(mesh, "Gateway", "second", selector=selector, servers=servers)


def simple_under_strict(mesh: Mesh) -> None:
    policy(mesh, "PeerAuthentication", "a", selector={"matchLabels": {"app": "test"}}, **STRICT)
    rule(mesh, trafficPolicy={"tls": {"mode": "SIMPLE"}})


def port_under_strict(mesh: Mesh) -> None:
    add(mesh, "PeerAuthentication", "default", "istio-system", **STRICT)
    rule(mesh, trafficPolicy={"portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "DISABLE"}}]})


def mutual_to_a_subset(mesh: Mesh) -> None:
    objects(mesh, "Pod").append(plain("v2", "test-namespace", app="test", version="2"))
    mutual = {"tls": {"mode": "ISTIO_MUTUAL"}}
    rule(mesh, subsets=[{"name": "v2", "labels": {"version": "2"}, "trafficPolicy": mutual}])


def wider_before_narrower(mesh: Mesh) -> None:
    rules = spec_of(mesh, "VirtualService")["http"]
    api = deepcopy(rules[0]) | {"match": [{"uri": {"prefix": "/api"}}]}
    version = deepcopy(rules[0]) | {
        "match": [{"uri": {"exact": "/api/v2"}, "headers": {"x": {"exact": "1"}}}]
    }
    rules[:0] = [api, version]


def tcp_behind_all(mesh: Mesh) -> None:
    targets = [{"destination": {"host": "test-svc"}}]
    add(mesh, "VirtualService", "tcp", hosts=["t"], tcp=[{"route": targets}, {"route": targets}])


def gateway_for_another_namespace(mesh: Mesh) -> None:
    spec_of(mesh, "Gateway")["servers"][0]["hosts"] = ["other/*"]


def gateway_for_its_own(mesh: Mesh) -> None:
    add(mesh, "Gateway", "shared", "istio-system", selector=INGRESS, servers=[
        {"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["./*"]}
    ])  # fmt: skip
    spec_of(mesh, "VirtualService")["gateways"] = ["istio-system/shared"]


def one_host_of_two(mesh: Mesh) -> None:
    spec_of(mesh, "Gateway")["servers"][0]["hosts"] = ["a.example"]
    spec_of(mesh, "VirtualService")["hosts"] = ["a.example", "b.example"]


def gateway_by_other_labels(mesh: Mesh) -> None:
    spec_of(mesh, "Gateway")["servers"][0]["port"]["protocol"] = "HTTP"
    gateway(mesh, {"app": "istio-ingressgateway"}, port={"number": 80, "protocol": "TCP"})


def gateway_of_a_sidecar(mesh: Mesh) -> None:
    objects(mesh, "Pod")[1]["spec"]["containers"][1]["args"] = ["proxy", "sidecar"]
    gateway(mesh, {"app": "test"})


def routes_in_two_spellings(mesh: Mesh) -> None:
    targets = [{"route": [{"destination": {"host": "test-svc"}}]}]
    for name, host in (("a", "test-svc"), ("b", "test-svc.test-namespace.svc.cluster.local")):
        add(mesh, "VirtualService", name, hosts=[host], http=targets)


def service_in_default(mesh: Mesh) -> None:
    in_namespace(mesh, "default")
    objects(mesh, "Service").append(
        {
            "kind": "Service",
            "metadata": {"name": "lost", "namespace": "default"},
            "spec": {"selector": {"app": "no"}, "ports": [{"port": 80, "name": "http"}]},
        }
    )


def unknown_app_protocol(mesh: Mesh) -> None:
    objects(mesh, "Service")[1]["spec"]["ports"][0] |= {"name": "http-web", "appProtocol": "web"}


def two_telemetries(mesh: Mesh) -> None:
    for name, labels in (("a", {"app": "test"}), ("b", {"app": "test"})):
        policy(mesh, "Telemetry", name, selector={"matchLabels": labels})


def default_provider(mesh: Mesh) -> None:
    configured(mesh, defaultProviders={"tracing": ["zipkin"]})


def annotation_beside_the_template(mesh: Mesh) -> None:
    add(
        mesh,
        "Deployment",
        "app",
        template={"metadata": {"labels": {"app": "app"}}, "spec": {"containers": []}},
    )
    objects(mesh, "Deployment")[-1]["metadata"]["labels"] = {"sidecar.istio.io/inject": "true"}


def undiscovered_destination(mesh: Mesh) -> None:
    objects(mesh, "Namespace")[0]["metadata"]["labels"]["mesh"] = "yes"
    configured(mesh, discoverySelectors=[{"matchLabels": {"mesh": "yes"}}])
    in_namespace(mesh, "outside", proxied("web", "outside"))
    objects(mesh, "Service").append(
        {"kind": "Service", "metadata": {"name": "web", "namespace": "outside"}, "spec": {"ports": []}}
    )
    to(mesh, "web.outside.svc.cluster.local")


FAULTS: list[tuple[str, str, Callable[[Mesh], Any]]] = [
    ("route-without-destination", ROUTE, lambda mesh: to(mesh, "test-svc.test-namepsace.svc.cluster.local")),
    ("route-without-destination", ROUTE, lambda mesh: to(mesh, "api.example.com")),
    ("route-without-destination", ROUTE, lambda mesh: first_rule(mesh).update(mirror={"host": "no"})),
    (
        "route-without-destination",
        ROUTE,
        lambda mesh: first_rule(mesh).update(mirrors=[{"destination": {"host": "no"}, "percentage": {}}]),
    ),
    ("route-without-destination", ROUTE, lambda mesh: first_rule(mesh).update(delegate={"name": "no"})),
    ("route-without-destination", ROUTE, lambda mesh: to(mesh, "test-svc", port={"number": 8080})),
    ("route-without-destination", ROUTE, undiscovered_destination),
    (
        "subset-without-endpoints",
        ROUTE,
        lambda mesh: first_rule(mesh).update(mirror={"host": "test-svc", "subset": "v2"}),
    ),
    ("destination-rule-without-host", RULE, lambda mesh: rule(mesh, "test-svc.gone.svc.cluster.local")),
    ("destination-rule-without-host", RULE, lambda mesh: rule(mesh, "api.example.com")),
    ("mtls-disabled-under-strict", RULE, simple_under_strict),
    ("mtls-disabled-under-strict", RULE, port_under_strict),
    ("mtls-to-plain-pod", RULE, mutual_to_a_subset),
    ("route-unreachable", ROUTE, wider_before_narrower),
    ("route-unreachable", "VirtualService test-namespace/tcp", tcp_behind_all),
    ("route-without-gateway", ROUTE, gateway_for_another_namespace),
    ("route-without-gateway", ROUTE, gateway_for_its_own),
    ("route-without-gateway", ROUTE, one_host_of_two),
    ("gateway-conflict", "Gateway test-namespace/second", gateway_by_other_labels),
    ("gateway-selects-no-pod", "Gateway test-namespace/second", gateway_of_a_sidecar),
    ("route-host-conflict", "VirtualService test-namespace/b", routes_in_two_spellings),
    ("service-without-endpoints", "Service default/lost", service_in_default),
    ("port-without-protocol", "Service test-namespace/test-svc", unknown_app_protocol),
    ("policy-ignored", "Telemetry test-namespace/b", two_telemetries),
    ("telemetry-provider-unknown", "ConfigMap istio-system/istio", default_provider),
    ("annotation-unknown", "Deployment test-namespace/app", annotation_beside_the_template),
    (
        "policy-matches-nothing",
        RULE,
        lambda mesh: rule(mesh, workloadSelector={"matchLabels": {"app": "no"}}),
    ),
    (
        "policy-target-missing",
        "WasmPlugin test-namespace/a",
        lambda mesh: policy(mesh, "WasmPlugin", "a", targetRefs=[{"kind": "ServiceEntry", "name": "no"}]),
    ),
    (
        "policy-target-missing",
        "AuthorizationPolicy test-namespace/a",
        lambda mesh: policy(mesh, "AuthorizationPolicy", "a", targetRefs=[{"kind": "Gateway", "name": "no"}]),
    ),
    (
        "policy-matches-nothing",
        "TrafficExtension test-namespace/a",
        lambda mesh: policy(mesh, "TrafficExtension", "a", selector={"matchLabels": {"app": "no"}}),
    ),
]


@pytest.mark.parametrize(
    ("check", "subject", "fault"), FAULTS, ids=[f"{number}-{each[0]}" for number, each in enumerate(FAULTS)]
)
def test_fault_of_another_spelling_is_seen(check: str, subject: str, fault: Callable[[Mesh], Any]) -> None:
    """A check finds its fault wherever it is, and however it is written."""
    mesh = healthy()
    fault(mesh)
    assert subject in [str(each.subject) for each in seen(mesh, check)]


def test_worst_conflict_of_a_gateway_is_named_once() -> None:
    """A Gateway in conflict with several others is named once, with the worst conflict."""
    mesh = healthy()
    for name, protocol in (("a", "HTTP"), ("b", "HTTP"), ("c", "TCP")):
        server = {"port": {"number": 80, "protocol": protocol}, "hosts": ["a.example"]}
        add(mesh, "Gateway", name, selector=INGRESS, servers=[server])
    found = seen(mesh, "gateway-conflict")
    assert [str(each.subject) for each in found] == [f"Gateway test-namespace/{name}" for name in "bc"]
    assert [each.severity for each in found] == [Severity.NOTE, Severity.WARNING]
