"""Causes in gateways and routes, and the order in which several causes are reported."""

from typing import Any

import pytest

from fixtures.causes import INGRESS, found, lasting, likely
from suites.selftest.recordings import recorded
from suites.selftest.views import Recorded, gateway_of, resource, route_of, routed, service


def test_healthy_cluster_names_no_cause() -> None:
    assert lasting(routed()) is None
    assert likely(Recorded()) is None


def test_existing_configuration_is_listed_when_no_cause_is_found() -> None:
    told = "none was found; applied so far: Gateway test-namespace/test-gateway, VirtualService"
    assert str(likely(routed(), INGRESS)).startswith(told)


def test_selector_without_gateway_pod_is_named_with_the_existing_labels() -> None:
    cluster = routed()
    gateway_of(cluster)["selector"] = {"istio": "ingresgateway"}
    told = lasting(cluster)
    assert told is not None
    assert told.startswith(
        "selector matches no gateway pod: the selector {'istio': 'ingresgateway'} of Gateway"
    )
    assert "gateway pods are labelled istio: ingressgateway" in told


def test_gateway_port_that_is_a_target_port_is_no_cause() -> None:
    cluster = routed()
    cluster.kinds["Service"][0]["spec"]["ports"][1]["targetPort"] = 8080
    gateway_of(cluster)["servers"][0]["port"]["number"] = 8080
    assert found(cluster) == []


def test_gateway_port_without_service_port_is_named() -> None:
    cluster = routed()
    gateway_of(cluster)["servers"][0]["port"]["number"] = 8081
    assert "uses port 8081, which no Service of its pods exposes (exposed: [80, 443, 15021])" in str(
        lasting(cluster)
    )


def test_reference_to_a_missing_gateway_is_named() -> None:
    cluster = routed()
    route_of(cluster)["gateways"] = ["mesh", "test-gatway"]
    assert "names Gateway test-namespace/test-gatway, which does not exist" in str(lasting(cluster))


def test_gateway_host_without_route_is_named() -> None:
    cluster = routed()
    gateway_of(cluster)["servers"][0]["hosts"] = ["*.shop.example"]
    route_of(cluster)["hosts"] = ["books.example"]
    assert "they have no host in common" in str(lasting(cluster))


@pytest.mark.parametrize("host", ["books.shop.example", "*", "*.shop.example"])
def test_hosts_matching_a_wildcard_are_no_cause(host: str) -> None:
    cluster = routed()
    gateway_of(cluster)["servers"][0]["hosts"] = ["test-namespace/*.shop.example"]
    route_of(cluster)["hosts"] = [host]
    assert lasting(cluster) is None


@pytest.mark.parametrize("host", ["other-svc", "other-svc.test-namespace.svc.cluster.local"])
def test_missing_destination_service_is_named(host: str) -> None:
    cluster = routed()
    route_of(cluster)["http"][0]["route"][0]["destination"]["host"] = host
    assert "routes to Service test-namespace/other-svc, which does not exist" in str(lasting(cluster))


def test_destination_outside_the_cluster_is_no_cause() -> None:
    cluster = routed()
    route_of(cluster)["http"][0]["route"][0]["destination"]["host"] = "www.books.example"
    assert lasting(cluster) is None


def test_destination_port_that_the_service_lacks_is_named() -> None:
    cluster = routed()
    route_of(cluster)["http"][0]["route"][0]["destination"]["port"]["number"] = 8080
    assert "routes to port 8080 of Service test-namespace/test-svc, which has ports [80]" in str(
        lasting(cluster)
    )


def test_service_without_endpoints_is_named_as_not_lasting() -> None:
    cluster = routed()
    cluster.kinds["EndpointSlice"].pop()
    assert "no endpoints: Service test-namespace/test-svc has no ready endpoint" in str(likely(cluster))
    assert lasting(cluster) is None


def test_absence_of_any_gateway_is_named() -> None:
    cluster = routed()
    cluster.kinds["Gateway"] = cluster.kinds["VirtualService"] = []
    assert likely(cluster, INGRESS) == "perhaps nothing is routed: there is no Gateway"


def test_gateway_without_route_is_named() -> None:
    cluster = routed()
    cluster.kinds["VirtualService"] = []
    assert (
        likely(cluster, INGRESS)
        == "perhaps nothing is routed: no VirtualService names Gateway test-namespace/test-gateway"
    )


def subset(**labels: str) -> Any:
    return resource("rule", spec={"host": "test-svc", "subsets": [{"name": "v2", "labels": labels}]})


def to_subset(cluster: Recorded) -> Recorded:
    route_of(cluster)["http"][0]["route"][0]["destination"]["subset"] = "v2"
    return cluster


def test_undeclared_subset_is_named() -> None:
    told = str(likely(to_subset(routed())))
    assert told.startswith(
        "subset without endpoints: VirtualService test-namespace/test-virtualservice routes to subset v2 "
        "of Service test-namespace/test-svc, which no DestinationRule declares"
    )


def test_subset_without_pods_is_named() -> None:
    cluster = to_subset(routed())
    cluster.kinds["DestinationRule"] = [subset(version="v2")]
    assert "but no ready pod has its labels {'version': 'v2'}" in str(likely(cluster))


def test_subset_with_a_ready_pod_is_no_cause() -> None:
    cluster = to_subset(routed())
    cluster.kinds["Pod"][1]["metadata"]["labels"]["version"] = "v2"
    cluster.kinds["DestinationRule"] = [subset(version="v2")]
    assert found(cluster) == []


def test_fault_injected_by_a_route_is_named() -> None:
    cluster = routed()
    route_of(cluster)["http"][0]["fault"] = {"abort": {"httpStatus": 503}}
    assert "injects a fault into requests: {'abort': {'httpStatus': 503}}" in str(likely(cluster))
    route_of(cluster)["http"][0]["match"] = [{"method": {"exact": "POST"}}]
    assert "into requests that match [{'method': {'exact': 'POST'}}]: {'abort'" in str(likely(cluster))


def test_mirror_is_a_circumstance() -> None:
    cluster = routed()
    route_of(cluster)["http"][0]["mirror"] = {"host": "test-svc"}
    assert found(cluster) == []
    assert str(likely(cluster)).startswith("perhaps requests altered by a route: VirtualService")


def test_routes_for_some_hosts_are_a_circumstance_of_ingress_requests() -> None:
    cluster = routed()
    route_of(cluster)["hosts"] = ["books.example"]
    assert "matches only hosts ['books.example']" in str(likely(cluster, INGRESS))
    assert "hosts or paths restricted" not in str(likely(cluster))


@pytest.mark.parametrize(
    ("uri", "in_part"),
    [
        ({"prefix": "/shop"}, True),
        ({"exact": "/shop"}, True),
        ({"prefix": "/"}, False),
        ({"regex": ".*"}, False),
    ],
)
def test_routes_for_some_paths_are_a_circumstance(uri: dict[str, str], in_part: bool) -> None:
    cluster = routed()
    route_of(cluster)["http"][0]["match"] = [{"uri": uri}]
    assert (f"matches only paths [{uri}], without /" in str(likely(cluster, INGRESS))) is in_part


def test_services_that_a_route_targets_are_reported_first() -> None:
    cluster = routed()
    others = [service(name, "istio-system", [80], app=name) for name in ("a", "b", "c")]
    cluster.kinds["Service"] = [*others, *cluster.kinds["Service"]]
    cluster.kinds["EndpointSlice"].pop()
    told = str(likely(cluster))
    assert told.startswith("no endpoints: Service test-namespace/test-svc has no ready endpoint")
    assert "; and 2 more like these" in told


def test_frequent_cause_does_not_crowd_out_others() -> None:
    cluster = routed()
    cluster.kinds["Pod"] += [recorded("pods.json")["no-image"]] * 5
    gateway_of(cluster)["selector"] = {"istio": "ingresgateway"}
    told = str(likely(cluster))
    assert told.count("cannot pull image") == 2
    assert "; and 3 more like these; selector matches no gateway pod: " in told


def test_faults_are_reported_before_circumstances() -> None:
    cluster = routed()
    cluster.kinds["VirtualService"] = []
    cluster.kinds["EndpointSlice"].pop()
    told = str(likely(cluster, INGRESS))
    assert told.startswith("no endpoints: Service test-namespace/test-svc")
    assert "; perhaps nothing is routed: no VirtualService names Gateway" in told


def test_at_most_three_causes_are_named() -> None:
    cluster = routed()
    cluster.kinds["Pod"] += [recorded("pods.json")["no-image"], recorded("pods.json")["not-scheduled"]]
    gateway_of(cluster)["selector"] = {"istio": "ingresgateway"}
    cluster.kinds["EndpointSlice"] = []
    told = str(likely(cluster, INGRESS))
    assert [told.find(name) for name in ("no endpoints", "perhaps")] == [-1, -1]
    assert 0 == told.find("image cannot") < told.find("; pod not scheduled") < told.find("; selector matches")
