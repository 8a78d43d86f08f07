"""Causes in the less usual spellings of what resources declare."""

import copy
from typing import Any

import pytest

from fixtures.causes import found, likely
from suites.selftest.views import resource, route_of, routed

SYSTEM = "istio-system.svc.cluster.local"


@pytest.mark.parametrize(
    ("hosts", "hidden"),
    [
        (["istio-system/*"], False),
        ([f"istio-system/*.{SYSTEM}"], False),
        ([f"*/jaeger-collector.{SYSTEM}", f"*/istio-ingressgateway.{SYSTEM}"], False),
        ([f"*/jaeger-collector.{SYSTEM}"], True),
        ([f"istio-system/istiod.{SYSTEM}"], True),
        (["~/*"], True),
    ],
)
def test_sidecar_with_single_hosts_is_named_if_it_hides_what_is_needed(
    hosts: list[str], hidden: bool
) -> None:
    cluster = routed()
    cluster.kinds["Pod"][1]["spec"]["containers"].append({"name": "istio-proxy", "image": "proxyv2:1"})
    collector = resource("jaeger-collector", "istio-system", spec={"ports": [{"port": 4317}]})
    cluster.kinds["Service"].append(collector)
    cluster.kinds["Sidecar"] = [resource("default", spec={"egress": [{"hosts": ["./*", *hosts]}]})]
    assert ("hidden by a Sidecar: " in str(likely(cluster))) is hidden


def test_sidecar_of_the_mesh_means_the_namespace_of_each_proxy_by_a_dot() -> None:
    cluster = routed()
    cluster.kinds["Pod"][1]["spec"]["containers"].append({"name": "istio-proxy", "image": "proxyv2:1"})
    cluster.kinds["Sidecar"] = [resource("default", "istio-system", spec={"egress": [{"hosts": ["./*"]}]})]
    assert "hidden by a Sidecar: Sidecar istio-system/default" in str(likely(cluster))


def test_container_of_the_proxys_group_is_named() -> None:
    cluster = routed()
    spec = cluster.kinds["Pod"][1]["spec"]
    spec["containers"].append({"name": "istio-proxy", "image": "proxyv2:1"})
    spec["securityContext"] = {"runAsUser": 101, "runAsGroup": 1337}
    assert "runs as the proxy's group 1337: its traffic is not captured" in str(likely(cluster))
    spec["containers"][0]["securityContext"] = {"runAsGroup": 101}
    assert found(cluster) == []


@pytest.mark.parametrize("value", ["False", "0", "true"])
def test_scraping_is_disabled_by_what_istio_reads_as_false(value: str) -> None:
    cluster = routed()
    app = cluster.kinds["Pod"][1]
    app["metadata"]["annotations"] = {"prometheus.io/scrape": value}
    app["spec"]["containers"].append({"name": "istio-proxy", "image": "proxyv2:1"})
    assert ("scraping disabled by annotation" in str(likely(cluster))) is (value != "true")


@pytest.mark.parametrize(("target", "named"), [(80, True), (9090, False)])
def test_protocol_of_another_service_for_the_same_port_is_named(target: int, named: bool) -> None:
    cluster = routed()
    other = copy.deepcopy(cluster.kinds["Service"][1])
    other["metadata"]["name"] = "again"
    other["spec"]["ports"] = [{"name": "mysql", "port": 3306, "targetPort": target}]
    cluster.kinds["Service"].append(other)
    told = "port 3306 of Service test-namespace/again, which leads to the same pods as test-namespace/"
    assert (f"declared protocol: {told}" in str(likely(cluster))) is named


def test_udp_port_of_the_same_number_declares_nothing() -> None:
    cluster = routed()
    ports = cluster.kinds["Service"][1]["spec"]["ports"]
    ports.insert(0, {"name": "udp-quic", "protocol": "UDP", "port": 80, "targetPort": 80})
    assert found(cluster) == []


@pytest.mark.parametrize(
    ("match", "named"), [({"uri": {"prefix": "/"}}, True), ({"headers": {"x": {}}}, False)]
)
def test_fault_of_requests_with_a_header_is_no_cause(match: Any, named: bool) -> None:
    cluster = routed()
    route_of(cluster)["http"][0] |= {"fault": {"abort": {"httpStatus": 503}}, "match": [match]}
    assert ("fault injected by a route" in str(likely(cluster))) is named


def test_policy_that_denies_some_paths_is_a_circumstance() -> None:
    cluster = routed()
    cluster.kinds["Pod"][1]["spec"]["containers"].append({"name": "istio-proxy", "image": "proxyv2:1"})
    rules = [{"to": [{"operation": {"paths": ["/admin*"]}}]}]
    spec = {"action": "DENY", "rules": rules}
    cluster.kinds["AuthorizationPolicy"] = [resource("no-admin", spec=spec)]
    assert str(likely(cluster)).startswith("perhaps paths denied by a policy: AuthorizationPolicy test-")
    rules.append({"to": [{"operation": {"methods": ["GET"]}}]})
    assert str(likely(cluster)).startswith("requests denied by a policy: AuthorizationPolicy test-")
