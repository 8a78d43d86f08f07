"""Settings that work as they are meant: none of them is an error or a warning."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from fixtures.inspection.mesh import Mesh
from suites.selftest.inspected import add, healthy, label, objects, plain, policy, proxied, spec_of
from suites.selftest.test_inspection_modes import configured, in_namespace, told
from suites.selftest.views import endpoints, service

STRICT = {"mtls": {"mode": "STRICT"}}
PLAIN = {"tls": {"mode": "DISABLE"}}


def strict(mesh: Mesh) -> None:
    add(mesh, "PeerAuthentication", "default", "istio-system", **STRICT)


def legacy(mesh: Mesh, **selector: str) -> None:
    """A Service of a namespace without sidecars."""
    labels = selector or {"app": "old"}
    pod = plain("old", "legacy", **labels)
    in_namespace(mesh, "legacy", pod)
    made = service("old", "legacy", [80], **labels)
    made["spec"]["ports"][0]["name"] = "http"
    objects(mesh, "Service").append({**made, "kind": "Service"})
    objects(mesh, "EndpointSlice").append({**endpoints("old", "legacy"), "kind": "EndpointSlice"})


def plain_text_to_a_plain_pod(mesh: Mesh) -> None:
    strict(mesh)
    legacy(mesh)
    add(mesh, "DestinationRule", "rule", host="old.legacy.svc.cluster.local", trafficPolicy=PLAIN)


def permissive_namespace(mesh: Mesh) -> None:
    strict(mesh)
    policy(mesh, "PeerAuthentication", "default", mtls={"mode": "PERMISSIVE"})
    add(mesh, "DestinationRule", "rule", host="test-svc", trafficPolicy=PLAIN)


def permissive_port(mesh: Mesh) -> None:
    ports = {"80": {"mode": "DISABLE"}}
    selector = {"matchLabels": {"app": "test"}}
    policy(mesh, "PeerAuthentication", "a", selector=selector, portLevelMtls=ports, **STRICT)
    add(mesh, "DestinationRule", "rule", host="test-svc", trafficPolicy=PLAIN)


def strict_elsewhere(mesh: Mesh) -> None:
    objects(mesh, "Pod").append(proxied("other", "test-namespace", app="other"))
    objects(mesh, "Pod")[-1]["status"] = {"phase": "Pending"}
    policy(mesh, "PeerAuthentication", "a", selector={"matchLabels": {"app": "other"}}, **STRICT)
    add(mesh, "DestinationRule", "rule", host="test-svc", trafficPolicy=PLAIN)


def mutual_for_all_but_one(mesh: Mesh) -> None:
    legacy(mesh)
    mutual = {"tls": {"mode": "ISTIO_MUTUAL"}}
    add(mesh, "DestinationRule", "all", host="*.legacy.svc.cluster.local", trafficPolicy=mutual)
    add(mesh, "DestinationRule", "one", host="old.legacy.svc.cluster.local", trafficPolicy=PLAIN)


def own_certificates(mesh: Mesh) -> None:
    legacy(mesh)
    mutual = {"tls": {"mode": "MUTUAL", "clientCertificate": "/a", "privateKey": "/b"}}
    add(mesh, "DestinationRule", "one", host="old.legacy.svc.cluster.local", trafficPolicy=mutual)


def canary_of_weight_zero(mesh: Mesh) -> None:
    rule = spec_of(mesh, "VirtualService")["http"][0]
    rule["route"][0] |= {"weight": 100}
    rule["route"].append(
        {"destination": {"host": "test-svc", "subset": "v2", "port": {"number": 80}}, "weight": 0}
    )
    add(mesh, "DestinationRule", "r", host="test-svc", subsets=[{"name": "v2", "labels": {"version": "2"}}])


def scaled_to_zero(mesh: Mesh) -> None:
    template = {"metadata": {"labels": {"app": "night"}}, "spec": {"containers": []}}
    add(mesh, "Deployment", "night", replicas=0, template=template)
    made = service("night", "test-namespace", [80], app="night")
    made["spec"]["ports"][0]["name"] = "http"
    objects(mesh, "Service").append({**made, "kind": "Service"})


def gateway_on_the_host_network(mesh: Mesh) -> None:
    objects(mesh, "Pod")[0]["spec"]["hostNetwork"] = True
    objects(mesh, "Pod")[0]["metadata"]["labels"]["sidecar.istio.io/inject"] = "true"
    spec_of(mesh, "Gateway")["servers"][0]["port"]["number"] = 8443


def target_port_by_name(mesh: Mesh) -> None:
    container = objects(mesh, "Pod")[0]["spec"]["containers"][-1]
    container["ports"] = [{"name": "web", "containerPort": 8080}]
    objects(mesh, "Service")[0]["spec"]["ports"][1]["targetPort"] = "web"
    spec_of(mesh, "Gateway")["servers"][0]["port"]["number"] = 8080


def tls_and_https_on_one_port(mesh: Mesh) -> None:
    servers = [
        {
            "port": {"number": 443, "protocol": protocol, "name": protocol.lower()},
            "hosts": [f"{protocol.lower()}.example"],
            "tls": {"mode": mode},
        }
        for protocol, mode in (("TLS", "PASSTHROUGH"), ("HTTPS", "SIMPLE"))
    ]
    for number, each in enumerate(servers):
        add(mesh, "Gateway", f"g{number}", selector={"istio": "ingressgateway"}, servers=[each])


def http2_beside_http(mesh: Mesh) -> None:
    spec_of(mesh, "Gateway")["servers"][0]["port"]["protocol"] = "HTTP"
    server = {"port": {"number": 80, "protocol": "HTTP2", "name": "h2"}, "hosts": ["b.example"]}
    add(mesh, "Gateway", "g", selector={"istio": "ingressgateway"}, servers=[server])


def route_by_headers_then_all(mesh: Mesh) -> None:
    rules = spec_of(mesh, "VirtualService")["http"]
    special = deepcopy(rules[0]) | {"match": [{"headers": {"x": {"exact": "1"}}}]}
    longer = deepcopy(rules[0]) | {"match": [{"uri": {"prefix": "/api/v2"}}]}
    shorter = deepcopy(rules[0]) | {"match": [{"uri": {"prefix": "/api"}, "method": {"exact": "GET"}}]}
    rules[:0] = [special, longer, shorter]


def same_host_in_private(mesh: Mesh) -> None:
    in_namespace(mesh, "other")
    rules = [{"route": [{"destination": {"host": "test-svc.test-namespace.svc.cluster.local"}}]}]
    for space in ("test-namespace", "other"):
        host = "test-svc.test-namespace.svc.cluster.local"
        add(mesh, "VirtualService", "private", space, hosts=[host], exportTo=["."], http=rules)


def routes_split_with_one_default(mesh: Mesh) -> None:
    rules = spec_of(mesh, "VirtualService")["http"]
    for path in ("/a", "/b"):
        special = [{"match": [{"uri": {"prefix": path}}], **rules[0]}]
        add(mesh, "VirtualService", path[1:], hosts=["*"], gateways=["test-gateway"], http=special)


def virtual_machine(mesh: Mesh) -> None:
    add(mesh, "WorkloadEntry", "vm", address="10.0.0.9", labels={"app": "vm"})
    made = service("vm", "test-namespace", [80], app="vm")
    made["spec"]["ports"][0]["name"] = "http"
    objects(mesh, "Service").append({**made, "kind": "Service"})
    policy(mesh, "AuthorizationPolicy", "a", selector={"matchLabels": {"app": "vm"}}, rules=[{}])


def delegate(mesh: Mesh) -> None:
    rules = spec_of(mesh, "VirtualService")["http"]
    add(mesh, "VirtualService", "team", http=[{"match": [{"uri": {"prefix": "/a"}}], **rules[0]}])
    rules[:0] = [{"match": [{"uri": {"prefix": "/a"}}], "delegate": {"name": "team"}}]


def host_of_a_service_entry(mesh: Mesh) -> None:
    ports = [{"number": 80, "name": "http", "protocol": "HTTP"}]
    add(mesh, "ServiceEntry", "e", hosts=["v.test-namespace.svc.cluster.local", "*.api.example"], ports=ports)
    hosts = ["v.test-namespace.svc.cluster.local", "one.api.example"]
    targets = [{"destination": {"host": host, "port": {"number": 80}}, "weight": 50} for host in hosts]
    add(mesh, "VirtualService", "v", hosts=["v.example"], http=[{"route": targets}])


def entry_for_pods(mesh: Mesh) -> None:
    selector = {"labels": {"app": "test"}}
    add(mesh, "ServiceEntry", "e", hosts=["pods.example"], workloadSelector=selector)
    add(mesh, "WorkloadEntry", "vm", address="10.0.0.9", labels={"app": "vm"})
    add(mesh, "ServiceEntry", "f", hosts=["vm.example"], workloadSelector={"labels": {"app": "vm"}})


def known_protocols(mesh: Mesh) -> None:
    port = objects(mesh, "Service")[1]["spec"]["ports"][0]
    port |= {"name": "web", "appProtocol": "kubernetes.io/h2c"}


def sidecar_of_its_own_namespace(mesh: Mesh) -> None:
    configured(mesh, accessLogFile="/dev/stdout")
    policy(mesh, "Sidecar", "default", egress=[{"hosts": ["./*"]}])


def external_authorizer(mesh: Mesh) -> None:
    configured(mesh, extensionProviders=[{"name": "oauth", "envoyExtAuthzHttp": {}}])
    policy(mesh, "AuthorizationPolicy", "a", action="CUSTOM", provider={"name": "oauth"}, rules=[{}])


def endpoint_without_conditions(mesh: Mesh) -> None:
    for slices in objects(mesh, "EndpointSlice"):
        slices["endpoints"][0].pop("conditions")


def revision_label_of_a_tag(mesh: Mesh) -> None:
    label(mesh, **{"istio.io/rev": "default"})
    hooks = objects(mesh, "MutatingWebhookConfiguration")[0]["webhooks"]
    hooks[0]["namespaceSelector"] = {"matchLabels": {"istio.io/rev": "default"}}


@pytest.mark.parametrize(
    "setting",
    [
        plain_text_to_a_plain_pod,
        permissive_namespace,
        permissive_port,
        strict_elsewhere,
        mutual_for_all_but_one,
        own_certificates,
        canary_of_weight_zero,
        scaled_to_zero,
        gateway_on_the_host_network,
        target_port_by_name,
        tls_and_https_on_one_port,
        http2_beside_http,
        route_by_headers_then_all,
        same_host_in_private,
        routes_split_with_one_default,
        virtual_machine,
        delegate,
        host_of_a_service_entry,
        entry_for_pods,
        known_protocols,
        sidecar_of_its_own_namespace,
        external_authorizer,
        endpoint_without_conditions,
        revision_label_of_a_tag,
    ],
    ids=lambda each: each.__name__,
)
def test_valid_setting_is_no_error_and_no_warning(setting: Callable[[Mesh], Any]) -> None:
    """A setting that does what its author means adds at most notes."""
    mesh = healthy()
    setting(mesh)
    assert told(mesh) == []
