"""Clusters as tables of resources, for the selftests of likely causes."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from fixtures.causes import DesiredResource
from suites.selftest.recordings import recorded

GATEWAY = {"app": "istio-ingressgateway", "istio": "ingressgateway"}


@dataclass
class Recorded:
    """A cluster as a table of resources by kind."""

    kinds: dict[str, list[Any]] = field(default_factory=dict)
    report: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    scraped: Sequence[Any] = ()
    desired_resources: Sequence[DesiredResource] = ()
    expected: bool | None = None
    #: Resources of namespaces that are not searched for faults.
    elsewhere: dict[str, list[Any]] = field(default_factory=dict)

    def resources(self, kind: str) -> Sequence[Any]:
        return self.kinds.get(kind, [])

    def everywhere(self, kind: str) -> Sequence[Any]:
        return [*self.resources(kind), *self.elsewhere.get(kind, [])]

    def sync(self) -> Mapping[str, Sequence[Any]]:
        return self.report

    def targets(self) -> Sequence[Any]:
        return self.scraped

    def desired(self) -> Sequence[DesiredResource]:
        return self.desired_resources

    def mesh_expected(self) -> bool | None:
        return self.expected


def resource(name: str, namespace: str = "test-namespace", /, **rest: Any) -> Any:
    return {"metadata": {"name": name, "namespace": namespace}, **rest}


def pod(name: str, namespace: str, **labels: str) -> Any:
    made = deepcopy(recorded("pods.json")["plain"])
    made["metadata"] |= {"name": name, "namespace": namespace, "labels": labels}
    return made


def deployment(name: str, namespace: str, **labels: str) -> Any:
    template = {"metadata": {"labels": labels}}
    return resource(name, namespace, spec={"replicas": 1, "template": template})


def service(name: str, namespace: str, ports: list[int], **selector: str) -> Any:
    return resource(name, namespace, spec={"selector": selector, "ports": [{"port": port} for port in ports]})


def endpoints(name: str, namespace: str) -> Any:
    labels = {"kubernetes.io/service-name": name}
    ready = [{"addresses": ["10.244.0.9"], "conditions": {"ready": True}}]
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}, "endpoints": ready}


def namespace(name: str, **labels: str) -> Any:
    return {"metadata": {"name": name, "labels": labels}}


def routed() -> Recorded:
    """Gateway, route, app and their Services, all consistent."""
    route = {"destination": {"host": "test-svc", "port": {"number": 80}}}
    return Recorded(
        {
            "Namespace": [namespace("test-namespace"), namespace("istio-system")],
            "Pod": [pod("gateway", "istio-system", **GATEWAY), pod("app", "test-namespace", app="test")],
            "Service": [
                service("istio-ingressgateway", "istio-system", [15021, 80, 443], **GATEWAY),
                service("test-svc", "test-namespace", [80], app="test"),
            ],
            "EndpointSlice": [
                endpoints("istio-ingressgateway", "istio-system"),
                endpoints("test-svc", "test-namespace"),
            ],
            "Gateway": [
                resource(
                    "test-gateway",
                    spec={
                        "selector": {"istio": "ingressgateway"},
                        "servers": [{"port": {"number": 80}, "hosts": ["*"]}],
                    },
                )
            ],
            "VirtualService": [
                resource(
                    "test-virtualservice",
                    spec={"hosts": ["*"], "gateways": ["test-gateway"], "http": [{"route": [route]}]},
                )
            ],
        }
    )


def gateway_of(cluster: Recorded) -> Any:
    return cluster.kinds["Gateway"][0]["spec"]


def route_of(cluster: Recorded) -> Any:
    return cluster.kinds["VirtualService"][0]["spec"]
