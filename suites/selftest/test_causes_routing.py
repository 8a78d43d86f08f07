"""Causes in what was asked of the mesh, on what Kubernetes and istiod reported."""

import pytest

from fixtures.causes import INGRESS, lasting, likely
from suites.selftest.recordings import recorded
from suites.selftest.views import Recorded, gateway_of, namespace, pod, route_of, routed


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


def test_ports_that_a_pod_excepts_from_capture_are_told() -> None:
    excepting = pod("app", "test-namespace")
    excepting["metadata"]["annotations"] = {"traffic.sidecar.istio.io/excludeInboundPorts": "80"}
    told = "traffic.sidecar.istio.io/excludeInboundPorts=80 on pod test-namespace/app"
    assert told in str(likely(Recorded({"Pod": [excepting]})))


def test_at_most_three_causes_are_named() -> None:
    cluster = Recorded({"Pod": [recorded("pods.json")["no-image"]] * 5})
    assert str(likely(cluster)).count("image can't be pulled:") == 3
