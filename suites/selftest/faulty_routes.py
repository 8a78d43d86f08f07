"""Faults of Gateways, routes, ports and policies, with the objects that the checks must name."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from fixtures.inspection.mesh import Mesh
from suites.selftest.inspected import (
    add,
    certificate,
    objects,
    plain,
    policy,
    spec_of,
)

Fault = Callable[[Mesh], Any]
APP = "Pod test-namespace/app"
ENDED, _ = certificate(-1)
OLD_ISTIOD = "Deployment istio-system/istiod-old"


def two_policies(mesh: Mesh) -> None:
    policy(mesh, "PeerAuthentication", "a", mtls={"mode": "STRICT"})
    policy(mesh, "PeerAuthentication", "b", mtls={"mode": "PERMISSIVE"})


def strict_and_plain(mesh: Mesh) -> None:
    policy(mesh, "PeerAuthentication", "a", mtls={"mode": "STRICT"})
    add(mesh, "DestinationRule", "rule", host="test-svc", trafficPolicy={"tls": {"mode": "DISABLE"}})


def mutual_to_plain(mesh: Mesh) -> None:
    objects(mesh, "Pod")[1] = plain(
        "app", "test-namespace", app="test", **{"sidecar.istio.io/inject": "false"}
    )
    add(mesh, "DestinationRule", "rule", host="test-svc", trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}})


def second_route(mesh: Mesh) -> None:
    route = deepcopy(objects(mesh, "VirtualService")[0])
    route["metadata"]["name"] = "second"
    objects(mesh, "VirtualService").append(route)


def second_service(mesh: Mesh) -> None:
    other = deepcopy(objects(mesh, "Service")[1])
    other["metadata"]["name"] = "second"
    other["spec"]["ports"][0]["name"] = "tcp-web"
    objects(mesh, "Service").append(other)


def second_gateway(mesh: Mesh, **server: Any) -> None:
    servers = [{"port": {"number": 80, "protocol": "HTTP"}, "hosts": ["a.example"], **server}]
    spec_of(mesh, "Gateway")["servers"][0]["port"]["protocol"] = "HTTP"
    add(mesh, "Gateway", "second", selector={"istio": "ingressgateway"}, servers=servers)


def unselected_app(mesh: Mesh) -> None:
    objects(mesh, "EndpointSlice")[1]["endpoints"] = []


def port_left_out(mesh: Mesh) -> None:
    del spec_of(mesh, "VirtualService")["http"][0]["route"][0]["destination"]["port"]
    objects(mesh, "Service")[1]["spec"]["ports"].append({"port": 81, "name": "http-admin"})


def two_sidecars(mesh: Mesh) -> None:
    for name in ("a", "b"):
        policy(mesh, "Sidecar", name, workloadSelector={"labels": {"app": "test"}})


UNVERIFIED = {"portLevelSettings": [{"tls": {"mode": "SIMPLE", "insecureSkipVerify": True}}]}

FROM = {"namespaces": ["no"]}
V9 = {"version": "v9"}

FAULTS: dict[str, tuple[Fault, str]] = {
    "gateway-selects-no-pod": (
        lambda mesh: spec_of(mesh, "Gateway").update(selector={"istio": "other"}),
        "Gateway test-namespace/test-gateway",
    ),
    "gateway-port-not-exposed": (
        lambda mesh: spec_of(mesh, "Gateway")["servers"][0]["port"].update(number=8081),
        "Gateway test-namespace/test-gateway",
    ),
    "gateway-conflict": (
        lambda mesh: second_gateway(mesh, port={"number": 80, "protocol": "TCP"}),
        "Gateway test-namespace/second",
    ),
    "redirect-without-https": (
        lambda mesh: second_gateway(mesh, tls={"httpsRedirect": True}),
        "Gateway test-namespace/second",
    ),
    "route-without-gateway": (
        lambda mesh: spec_of(mesh, "VirtualService").update(gateways=["other"]),
        "VirtualService test-namespace/test-virtualservice",
    ),
    "route-without-destination": (
        lambda mesh: spec_of(mesh, "VirtualService").update(
            tls=[{"route": [{"destination": {"host": "no"}}]}]
        ),
        "VirtualService test-namespace/test-virtualservice",
    ),
    "route-host-conflict": (second_route, "VirtualService test-namespace/second"),
    "route-unreachable": (
        lambda mesh: spec_of(mesh, "VirtualService")["http"].append({"match": [{"uri": {"exact": "/a"}}]}),
        "VirtualService test-namespace/test-virtualservice",
    ),
    "route-without-port": (port_left_out, "VirtualService test-namespace/test-virtualservice"),
    "subset-without-endpoints": (
        lambda mesh: spec_of(mesh, "VirtualService")["http"][0]["route"][0]["destination"].update(
            subset="v2"
        ),
        "VirtualService test-namespace/test-virtualservice",
    ),
    "hidden-by-export-to": (
        lambda mesh: spec_of(mesh, "VirtualService").update(exportTo=["."]),
        "VirtualService test-namespace/test-virtualservice",
    ),
    "destination-rule-without-host": (
        lambda mesh: add(mesh, "DestinationRule", "rule", host="other"),
        "DestinationRule test-namespace/rule",
    ),
    "service-without-endpoints": (unselected_app, "Service test-namespace/test-svc"),
    "port-without-protocol": (
        lambda mesh: objects(mesh, "Service")[1]["spec"]["ports"][0].update(name="web"),
        "Service test-namespace/test-svc",
    ),
    "protocols-contradict": (second_service, "Service test-namespace/second"),
    "subset-matches-nothing": (
        lambda mesh: add(
            mesh, "DestinationRule", "rule", host="test-svc", subsets=[{"name": "v9", "labels": V9}]
        ),
        "DestinationRule test-namespace/rule",
    ),
    "service-entry-matches-nothing": (
        lambda mesh: add(mesh, "ServiceEntry", "entry", hosts=["a.b"], workloadSelector={"labels": V9}),
        "ServiceEntry test-namespace/entry",
    ),
    "policy-matches-nothing": (
        lambda mesh: policy(
            mesh, "AuthorizationPolicy", "a", selector={"matchLabels": {"app": "no"}}, rules=[{}]
        ),
        "AuthorizationPolicy test-namespace/a",
    ),
    "policy-target-missing": (
        lambda mesh: policy(mesh, "Telemetry", "a", targetRefs=[{"kind": "Service", "name": "no"}]),
        "Telemetry test-namespace/a",
    ),
    "policy-ignored": (two_policies, "PeerAuthentication test-namespace/b"),
    "sidecars-overlap": (two_sidecars, "Sidecar test-namespace/b"),
    "policy-denies-all": (
        lambda mesh: policy(mesh, "AuthorizationPolicy", "a", selector={"matchLabels": {"app": "test"}}),
        "AuthorizationPolicy test-namespace/a",
    ),
    "mtls-disabled-under-strict": (strict_and_plain, "DestinationRule test-namespace/rule"),
    "mtls-to-plain-pod": (mutual_to_plain, "DestinationRule test-namespace/rule"),
    "tls-not-verified": (
        lambda mesh: add(mesh, "DestinationRule", "rule", host="test-svc", trafficPolicy=UNVERIFIED),
        "DestinationRule test-namespace/rule",
    ),
    "sidecar-hides-mesh": (
        lambda mesh: policy(mesh, "Sidecar", "a", egress=[{"hosts": ["./*"]}]),
        "Sidecar test-namespace/a",
    ),
    "authorization-provider-unknown": (
        lambda mesh: policy(mesh, "AuthorizationPolicy", "a", action="CUSTOM", provider={"name": "no"}),
        "AuthorizationPolicy test-namespace/a",
    ),
    "policy-source-unknown": (
        lambda mesh: policy(mesh, "AuthorizationPolicy", "a", rules=[{"from": [{"source": FROM}]}]),
        "AuthorizationPolicy test-namespace/a",
    ),
    "telemetry-provider-unknown": (
        lambda mesh: policy(mesh, "Telemetry", "a", tracing=[{"providers": [{"name": "no"}]}]),
        "Telemetry test-namespace/a",
    ),
}
