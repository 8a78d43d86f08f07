"""Likely causes, on what Kubernetes and istiod reported of trouble that was really made."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest

from fixtures.causes import INGRESS, lasting, likely
from suites.selftest.recordings import recorded

GATEWAY = {"app": "istio-ingressgateway", "istio": "ingressgateway"}


@dataclass
class Recorded:
    """A cluster as a table of resources by kind."""

    kinds: dict[str, list[Any]] = field(default_factory=dict)
    report: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    scraped: Sequence[Any] = ()

    def resources(self, kind: str) -> Sequence[Any]:
        return self.kinds.get(kind, [])

    def sync(self) -> Mapping[str, Sequence[Any]]:
        return self.report

    def targets(self) -> Sequence[Any]:
        return self.scraped


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
    """Gateway, route, app and their Services, all fitting one another."""
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


def test_nothing_is_made_up_where_all_is_well() -> None:
    assert lasting(routed()) is None
    assert likely(Recorded()) is None


def test_what_is_in_place_is_told_where_nothing_is_wrong_in_itself() -> None:
    told = "none was found; in place are Gateway test-namespace/test-gateway, VirtualService"
    assert str(likely(routed(), INGRESS)).startswith(told)


def test_a_selector_that_matches_no_gateway_pod_is_named_with_the_labels_there_are() -> None:
    cluster = routed()
    gateway_of(cluster)["selector"] = {"istio": "ingresgateway"}
    told = lasting(cluster)
    assert told is not None
    assert told.startswith(
        "selector matches no gateway pod: the selector {'istio': 'ingresgateway'} of Gateway"
    )
    assert "gateway pods are labelled istio: ingressgateway" in told


def test_a_port_that_no_service_of_the_gateway_has_is_named() -> None:
    cluster = routed()
    gateway_of(cluster)["servers"][0]["port"]["number"] = 8081
    assert "asks for port 8081, which no Service of its pods has: they have [80, 443, 15021]" in str(
        lasting(cluster)
    )


def test_a_gateway_that_does_not_exist_is_named() -> None:
    cluster = routed()
    route_of(cluster)["gateways"] = ["mesh", "test-gatway"]
    assert "names Gateway test-namespace/test-gatway, which does not exist" in str(lasting(cluster))


def test_a_host_that_no_route_has_is_named() -> None:
    cluster = routed()
    gateway_of(cluster)["servers"][0]["hosts"] = ["*.shop.example"]
    route_of(cluster)["hosts"] = ["books.example"]
    assert "no route has a host that is asked for" in str(lasting(cluster))


@pytest.mark.parametrize("host", ["books.shop.example", "*", "*.shop.example"])
def test_hosts_that_meet_a_wildcard_are_no_cause(host: str) -> None:
    cluster = routed()
    gateway_of(cluster)["servers"][0]["hosts"] = ["test-namespace/*.shop.example"]
    route_of(cluster)["hosts"] = [host]
    assert lasting(cluster) is None


@pytest.mark.parametrize("host", ["other-svc", "other-svc.test-namespace.svc.cluster.local"])
def test_a_service_that_does_not_exist_is_named(host: str) -> None:
    cluster = routed()
    route_of(cluster)["http"][0]["route"][0]["destination"]["host"] = host
    assert "leads to Service test-namespace/other-svc, which does not exist" in str(lasting(cluster))


def test_a_host_outside_the_cluster_is_no_cause() -> None:
    cluster = routed()
    route_of(cluster)["http"][0]["route"][0]["destination"]["host"] = "www.books.example"
    assert lasting(cluster) is None


def test_a_port_that_the_service_lacks_is_named() -> None:
    cluster = routed()
    route_of(cluster)["http"][0]["route"][0]["destination"]["port"]["number"] = 8080
    assert "leads to port 8080 of Service test-namespace/test-svc, which has [80]" in str(lasting(cluster))


def test_no_endpoints_is_named_but_may_pass() -> None:
    cluster = routed()
    cluster.kinds["EndpointSlice"].pop()
    assert "no endpoints: Service test-namespace/test-svc has no ready endpoint" in str(likely(cluster))
    assert lasting(cluster) is None


def test_a_missing_gateway_is_named() -> None:
    cluster = routed()
    cluster.kinds["Gateway"] = cluster.kinds["VirtualService"] = []
    assert likely(cluster, INGRESS) == "nothing is routed: there is no Gateway"


def test_a_gateway_without_route_is_named() -> None:
    cluster = routed()
    cluster.kinds["VirtualService"] = []
    assert (
        likely(cluster, INGRESS)
        == "nothing is routed: no VirtualService names Gateway test-namespace/test-gateway"
    )


def test_a_webhook_that_no_pod_answers_is_named_and_lasts() -> None:
    cluster = Recorded(
        {
            "MutatingWebhookConfiguration": recorded("webhooks.json"),
            "EndpointSlice": recorded("endpointslices.json")["without-istiod"],
            "Service": [service("istiod", "istio-system", [443], app="istiod")],
        }
    )
    assert "asks Service istio-system/istiod, which has no endpoint; 0 pods are wanted behind it" in str(
        lasting(cluster)
    )


def test_a_webhook_whose_pod_is_to_come_may_pass() -> None:
    cluster = Recorded(
        {
            "MutatingWebhookConfiguration": recorded("webhooks.json"),
            "Deployment": [deployment("istiod", "istio-system", app="istiod")],
            "Service": [service("istiod", "istio-system", [443], app="istiod")],
        }
    )
    assert str(likely(cluster)).startswith("webhook without endpoints")
    assert lasting(cluster) is None


def test_a_webhook_with_endpoints_is_no_cause() -> None:
    slices = recorded("endpointslices.json")["all-up"]
    webhooks = recorded("webhooks.json")
    assert likely(Recorded({"MutatingWebhookConfiguration": webhooks, "EndpointSlice": slices})) is None


def test_an_image_that_cannot_be_pulled_is_named() -> None:
    told = lasting(Recorded({"Pod": [recorded("pods.json")["no-image"]]}))
    assert "the image registry.lab/nothing:1 can't be pulled (ErrImagePull)" in str(told)


def test_a_pod_that_no_node_takes_is_named() -> None:
    told = lasting(Recorded({"Pod": [recorded("pods.json")["not-scheduled"]]}))
    assert (
        "client-namespace/toobig is Pending, no node takes it: 0/1 nodes are available: 1 Insufficient cpu"
        in str(told)
    )


def test_a_pod_that_waits_for_its_node_may_pass() -> None:
    waiting = recorded("pods.json")["not-scheduled"]
    waiting["status"]["conditions"][0]["message"] = "1 node(s) had untolerated taint {not-ready: }"
    assert lasting(Recorded({"Pod": [waiting]})) is None


def test_a_pod_that_is_refused_is_named_with_the_refusal() -> None:
    condition = {"type": "ReplicaFailure", "message": 'exceeded quota: "small"', "status": "True"}
    told = lasting(Recorded({"ReplicaSet": [resource("app-1", status={"conditions": [condition]})]}))
    assert (
        told
        == 'pod not created: ReplicaSet test-namespace/app-1 can\'t create its pod: exceeded quota: "small"'
    )


def test_a_container_that_fails_is_named_with_its_exit_code() -> None:
    failing = pod("app", "test-namespace")
    ended = {"terminated": {"exitCode": 3, "message": "no such file"}}
    failing["status"]["containerStatuses"][0] |= {"state": ended, "ready": False}
    assert "container web fails, exit code 3" in str(likely(Recorded({"Pod": [failing]})))


def test_a_node_under_pressure_is_named() -> None:
    condition = {"type": "DiskPressure", "status": "True", "message": "low on disk"}
    node = {"metadata": {"name": "node-1"}, "status": {"conditions": [condition]}}
    assert (
        likely(Recorded({"Node": [node]})) == "node not ready: node node-1: DiskPressure is True: low on disk"
    )


def test_a_rejected_update_is_named_with_envoys_reason() -> None:
    told = str(lasting(Recorded(report=recorded("syncz-rejected.json"))))
    assert "update rejected by a proxy: proxy istio-ingressgateway-667c4bd6b6-c2677.istio-system" in told
    assert "value length must be at least 1 characters" in told


def test_a_scrape_target_that_is_down_is_named() -> None:
    target = {
        "health": "down",
        "scrapeUrl": "http://10.244.0.9:15020/stats",
        "lastError": "connection refused",
    }
    told = likely(Recorded(scraped=[target]))
    assert (
        told
        == "scrape target down: Prometheus can't scrape http://10.244.0.9:15020/stats: connection refused"
    )


def test_a_mistyped_injection_label_is_named() -> None:
    cluster = Recorded({"Namespace": [namespace("test-namespace", **{"istio-injecton": "enabled"})]})
    assert "has the label istio-injecton=enabled, unknown to Istio" in str(likely(cluster))


def test_a_pod_without_proxy_in_a_labelled_namespace_is_named() -> None:
    labelled = namespace("test-namespace", **{"istio-injection": "enabled"})
    cluster = Recorded({"Namespace": [labelled], "Pod": [pod("app", "test-namespace")]})
    assert "app has no istio-proxy although its namespace is labelled" in str(likely(cluster))


def test_an_injected_pod_is_no_cause() -> None:
    labelled = namespace("test-namespace", **{"istio-injection": "enabled"})
    told = likely(Recorded({"Namespace": [labelled], "Pod": [recorded("pods.json")["injected"]]}))
    assert told == "none was found; in place are istio-injection=enabled on namespace test-namespace"


def test_at_most_three_causes_are_named() -> None:
    cluster = Recorded({"Pod": [recorded("pods.json")["no-image"]] * 5})
    assert str(likely(cluster)).count("image can't be pulled:") == 3
