"""Causes in what resources declare: visibility, protocols, redirects, and what a Sidecar admits."""

from typing import Any

import pytest

from fixtures.causes import found, lasting, likely
from suites.selftest.views import Recorded, gateway_of, namespace, resource, route_of, routed


def in_a_fifth_namespace() -> Recorded:
    """A cluster whose Gateway is in a namespace that is not searched for faults."""
    cluster = routed()
    gateway = cluster.kinds["Gateway"].pop()
    gateway["metadata"]["namespace"] = "edge-config"
    cluster.elsewhere = {
        "Gateway": [gateway],
        "Namespace": [{"metadata": {"name": "edge-config", "labels": {}}}],
    }
    route_of(cluster)["gateways"] = ["edge-config/test-gateway"]
    return cluster


def test_gateway_of_another_namespace_is_not_missing() -> None:
    assert found(in_a_fifth_namespace()) == []


@pytest.mark.parametrize("name", ["test-gateway.edge-config", "test-gateway.edge-config.svc.cluster.local"])
def test_gateway_named_by_its_old_name_is_not_missing(name: str) -> None:
    cluster = in_a_fifth_namespace()
    route_of(cluster)["gateways"] = [name]
    assert found(cluster) == []


def test_subset_of_a_wildcard_rule_is_not_missing() -> None:
    cluster = routed()
    route_of(cluster)["http"][0]["route"][0]["destination"]["subset"] = "stable"
    reported = "which no DestinationRule declares"
    assert reported in str(likely(cluster))
    spec = {"host": "*.test-namespace.svc.cluster.local", "subsets": [{"name": "stable"}]}
    cluster.kinds["DestinationRule"] = [resource("rule", spec=spec)]
    assert reported not in str(likely(cluster))


def test_gateway_missing_from_every_namespace_is_named() -> None:
    cluster = in_a_fifth_namespace()
    cluster.elsewhere["Gateway"] = []
    assert "names Gateway edge-config/test-gateway, which does not exist" in str(lasting(cluster))


@pytest.mark.parametrize(
    ("exported", "hidden"),
    [(["."], True), (["shop"], True), (["~"], True), (["*"], False), ([".", "istio-system"], False)],
)
def test_route_that_the_gateway_does_not_see_is_named(exported: list[str], hidden: bool) -> None:
    cluster = routed()
    route_of(cluster)["exportTo"] = exported
    told = f"VirtualService test-namespace/test-virtualservice is exported to {exported} only"
    assert (f"hidden by exportTo: {told}" in str(lasting(cluster))) is hidden


def test_service_that_the_gateway_does_not_see_is_named() -> None:
    cluster = routed()
    cluster.kinds["Service"][1]["metadata"]["annotations"] = {"networking.istio.io/exportTo": "., shop"}
    told = str(likely(cluster))
    assert told.startswith("hidden by exportTo: Service test-namespace/test-svc is exported to ['.', 'shop']")


def test_rule_that_the_gateway_does_not_see_is_named() -> None:
    cluster = routed()
    spec = {"host": "test-svc", "exportTo": ["."], "subsets": [{"name": "stable"}]}
    cluster.kinds["DestinationRule"] = [resource("rule", spec=spec)]
    assert found(cluster) == []
    route_of(cluster)["http"][0]["route"][0]["destination"]["subset"] = "stable"
    assert str(lasting(cluster)).startswith("hidden by exportTo: DestinationRule test-namespace/rule")


@pytest.mark.parametrize(
    ("port", "told"),
    [
        ({"name": "http2-web"}, "declared http2 by its name http2-web: proxies send it HTTP/2 only"),
        ({"name": "grpc"}, "declared grpc by its name grpc: proxies send it HTTP/2 only"),
        ({"name": "web", "appProtocol": "kubernetes.io/h2c"}, "by its appProtocol kubernetes.io/h2c"),
        ({"name": "tcp-web"}, "declared tcp by its name tcp-web: its sidecar passes on bytes"),
        ({"name": "http-web"}, None),
        ({"name": "web"}, None),
        ({"name": "tcpdump"}, None),
        ({"name": "tcp", "appProtocol": "http"}, None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_declared_protocol_is_named(port: dict[str, str], told: str | None) -> None:
    cluster = routed()
    cluster.kinds["Service"][1]["spec"]["ports"] = [{"port": 80, **port}]
    if told is None:
        assert found(cluster) == []
        return
    assert str(likely(cluster)).startswith("declared protocol: port 80 of Service test-namespace/test-svc")
    assert told in str(likely(cluster))


def redirecting(*more: Any) -> Recorded:
    """A cluster whose Gateway redirects HTTP, with further servers."""
    cluster = routed()
    servers = gateway_of(cluster)["servers"]
    servers[0]["tls"] = {"httpsRedirect": True}
    servers.extend(more)
    return cluster


def test_redirect_that_nothing_serves_is_named() -> None:
    told = str(likely(redirecting()))
    assert told.startswith("redirect to HTTPS that nothing serves: Gateway test-namespace/test-gateway")


def test_redirect_of_a_host_that_only_http_has_is_named() -> None:
    secure = {"port": {"number": 443, "protocol": "HTTPS"}, "hosts": ["other.example"]}
    cluster = redirecting(secure)
    gateway_of(cluster)["servers"][0]["hosts"] = ["./shop.example"]
    route_of(cluster)["hosts"] = ["shop.example"]
    reported = (
        "redirects ['shop.example'] on port 80 to HTTPS, which no server of its pods offers for these hosts"
    )
    assert reported in str(likely(cluster))


def test_redirect_beside_https_is_no_cause() -> None:
    secure = {"port": {"number": 443, "protocol": "HTTPS"}, "hosts": ["*"], "tls": {"mode": "SIMPLE"}}
    assert found(redirecting(secure)) == []


def test_redirect_with_https_of_another_gateway_is_no_cause() -> None:
    cluster = redirecting()
    secure = {"port": {"number": 443, "protocol": "HTTPS"}, "hosts": ["*"]}
    # Another selector of the same pods.
    spec = {"selector": {"app": "istio-ingressgateway"}, "servers": [secure]}
    cluster.elsewhere["Gateway"] = [resource("secure", "edge-config", spec=spec)]
    assert found(cluster) == []


@pytest.mark.parametrize(
    ("hosts", "hidden"),
    [(["./*"], True), (["shop/*"], True), (["./*", "istio-system/*"], False), (["*/*"], False)],
)
def test_sidecar_that_hides_the_mesh_is_named(hosts: list[str], hidden: bool) -> None:
    cluster = routed()
    cluster.kinds["Pod"][1]["spec"]["containers"].append({"name": "istio-proxy", "image": "proxyv2:1"})
    cluster.kinds["Sidecar"] = [resource("default", spec={"egress": [{"hosts": hosts}]})]
    assert ("hidden by a Sidecar: Sidecar test-namespace/default" in str(likely(cluster))) is hidden


@pytest.mark.parametrize(("number", "hidden"), [(9080, True), (80, False)])
def test_sidecar_that_leaves_out_the_apps_port_is_named(number: int, hidden: bool) -> None:
    cluster = routed()
    cluster.kinds["Pod"][1]["spec"]["containers"].append({"name": "istio-proxy", "image": "proxyv2:1"})
    ingress = [{"port": {"number": number, "protocol": "HTTP", "name": "http"}}]
    cluster.kinds["Sidecar"] = [resource("default", spec={"ingress": ingress})]
    told = f"Sidecar test-namespace/default listens on [{number}] only, not on port 80"
    assert (f"hidden by a Sidecar: {told}" in str(likely(cluster))) is hidden


def test_sidecar_that_leaves_out_a_named_port_is_named() -> None:
    cluster = routed()
    spec = cluster.kinds["Pod"][1]["spec"]
    spec["containers"][0]["ports"] = [{"name": "web", "containerPort": 8080}]
    spec["containers"].append({"name": "istio-proxy", "image": "proxyv2:1"})
    cluster.kinds["Service"][1]["spec"]["ports"] = [{"port": 80, "targetPort": "web"}]
    cluster.kinds["Sidecar"] = [resource("default", spec={"ingress": [{"port": {"number": 9113}}]})]
    assert "listens on [9113] only, not on port 8080" in str(likely(cluster))
    cluster.kinds["Service"][1]["spec"]["ports"][0]["targetPort"] = "unknown"
    assert "hidden by a Sidecar" not in str(likely(cluster))


def test_container_of_the_proxys_user_is_named() -> None:
    cluster = routed()
    spec = cluster.kinds["Pod"][1]["spec"]
    spec["securityContext"] = {"runAsUser": 1337}
    assert found(cluster) == []
    spec["containers"].append({"name": "istio-proxy", "image": "proxyv2:1"})
    assert str(likely(cluster)).startswith("container runs as the proxy's user: container web of pod")
    spec["containers"][0]["securityContext"] = {"runAsUser": 101}
    assert found(cluster) == []


@pytest.mark.parametrize("name", ["prometheus.io/scrape", "prometheus.istio.io/merge-metrics"])
def test_scraping_disabled_by_annotation_is_named(name: str) -> None:
    cluster = routed()
    app = cluster.kinds["Pod"][1]
    app["metadata"]["annotations"] = {name: "false"}
    assert found(cluster) == []
    app["spec"]["containers"].append({"name": "istio-proxy", "image": "proxyv2:1"})
    assert str(likely(cluster)).startswith("scraping disabled by annotation: pod test-namespace/app")


@pytest.mark.parametrize(
    ("message", "way_out"),
    [
        (
            'violates PodSecurity "baseline:latest": (container "istio-init"',
            "CNI plugin",
        ),
        ("exceeded quota: small, requested: memory=128Mi", "sidecar.istio.io/proxyCPU"),
        ("maximum memory usage per Container is 200Mi, but limit is 1Gi", "sidecar.istio.io/proxyCPU"),
    ],
)
def test_refusal_of_a_sidecar_names_the_way_out(message: str, way_out: str) -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "message": message}
    cluster = Recorded({"ReplicaSet": [resource("app-1", status={"conditions": [condition]})]})
    refused = f"pod not created: ReplicaSet test-namespace/app-1 cannot create its pod: {message}"
    assert lasting(cluster) == refused
    cluster.kinds["Namespace"] = [namespace("test-namespace", **{"istio-injection": "enabled"})]
    told = str(lasting(cluster))
    assert told.startswith(refused)
    assert way_out in told


def test_stateful_set_without_its_pod_is_named() -> None:
    event = {
        "type": "Warning",
        "reason": "FailedCreate",
        "message": "exceeded quota: small",
        "involvedObject": {"name": "db", "namespace": "test-namespace"},
    }
    stateful = resource("db", spec={"replicas": 1}, status={"replicas": 0})
    cluster = Recorded({"StatefulSet": [stateful], "Event": [event]})
    assert str(lasting(cluster)).startswith("pod not created: StatefulSet test-namespace/db cannot create")
    stateful["status"]["replicas"] = 1
    assert found(cluster) == []
