"""Checks of the output of istioctl and the proxies, on recordings of istioctl 1.29.1."""

from copy import deepcopy
from typing import Any

import pytest

from fixtures.checks.mesh import (
    ENDPOINTS,
    LISTENERS,
    ROUTES,
    check_in_sync,
    check_listener,
    check_no_listener,
    check_not_retried,
    check_routed,
    check_versions,
)
from suites.selftest.recordings import recorded

GATEWAY = "istio-ingressgateway-667c4bd6b6-c2677.istio-system"
APP = "test-deployment-56fbdccbf9-wfq9j.test-namespace"
NGINX = "outbound|80||test-svc.test-namespace.svc.cluster.local"


def synced() -> Any:
    return recorded("syncz.json")


def listener_state(report: Any, proxy: str) -> Any:
    row = next(row for rows in report.values() for row in rows if row["proxy"] == proxy)
    return row["resources"][LISTENERS]


def test_equal_versions_pass() -> None:
    check_versions(recorded("version.json"), "1.29.1", [GATEWAY])


def test_other_client_version_fails() -> None:
    with pytest.raises(AssertionError, match=r"the client is 1\.29\.1, not 1\.28\.2"):
        check_versions(recorded("version.json"), "1.28.2", [GATEWAY])


def test_absent_control_plane_fails() -> None:
    report = {"clientVersion": recorded("version.json")["clientVersion"]}
    with pytest.raises(AssertionError, match="no control plane reports its version"):
        check_versions(report, "1.29.1", [])


def test_connection_of_an_istioctl_that_has_just_ended_is_no_proxy() -> None:
    report = recorded("version.json")
    report["dataPlaneVersion"].append({"ID": "test-1.default", "IstioVersion": "65536.65536.65536"})
    check_versions(report, "1.29.1", [GATEWAY])
    report["dataPlaneVersion"][-1]["IstioVersion"] = "1.29.1"
    with pytest.raises(AssertionError, match=r"the data plane is .*test-1\.default"):
        check_versions(report, "1.29.1", [GATEWAY])


def test_other_proxy_version_fails() -> None:
    report = recorded("version.json")
    report["dataPlaneVersion"][0]["IstioVersion"] = "1.28.2"
    with pytest.raises(AssertionError, match=r"the data plane is .*1\.28\.2"):
        check_versions(report, "1.29.1", [GATEWAY])


def test_proxies_that_acknowledged_everything_are_in_sync() -> None:
    check_in_sync(synced(), [GATEWAY, APP], with_routes=True)


def test_only_an_unrouted_gateway_needs_no_routes() -> None:
    report = synced()
    row = next(row for rows in report.values() for row in rows if row["proxy"] == GATEWAY)
    row["resources"].pop("type.googleapis.com/envoy.config.route.v3.RouteConfiguration")
    check_in_sync(report, [GATEWAY, APP], with_routes=True, unrouted=[GATEWAY])
    with pytest.raises(AssertionError, match=f"{GATEWAY} has not subscribed to"):
        check_in_sync(report, [GATEWAY, APP], with_routes=True)


def test_proxy_unknown_to_istiod_fails() -> None:
    with pytest.raises(AssertionError, match=r"istiod serves .* not .*'other"):
        check_in_sync(synced(), [GATEWAY, APP, "other.test-namespace"], with_routes=True)


def test_unacknowledged_update_fails() -> None:
    report = synced()
    listener_state(report, APP)["acked"] = "an earlier one"
    with pytest.raises(AssertionError, match=f"{APP} is not in sync: .*Listener"):
        check_in_sync(report, [GATEWAY, APP], with_routes=True)


def test_rejected_update_is_not_in_sync() -> None:
    with pytest.raises(AssertionError, match="value length must be at least 1"):
        check_in_sync(recorded("syncz-rejected.json"), [GATEWAY, APP], with_routes=True)


def test_unsubscribed_routes_can_be_exempt_but_listeners_and_endpoints_are_not() -> None:
    report = deepcopy(synced())
    row = next(row for rows in report.values() for row in rows if row["proxy"] == GATEWAY)
    del row["resources"][ROUTES]
    check_in_sync(report, [GATEWAY, APP], with_routes=False)
    with pytest.raises(AssertionError, match=r"has not subscribed to .*RouteConfiguration"):
        check_in_sync(report, [GATEWAY, APP], with_routes=True)
    for kind in (LISTENERS, ENDPOINTS):
        del row["resources"][kind]
        with pytest.raises(AssertionError, match=rf"has not subscribed to .*{kind.rpartition('.')[2]}"):
            check_in_sync(report, [GATEWAY, APP], with_routes=False)


def test_gateway_listens_only_after_the_gateway_resource() -> None:
    listeners = recorded("listeners.json")
    check_no_listener(listeners["before-gateway"], 8080)
    check_listener(listeners["with-gateway"], 8080)


def test_missing_listener_fails_with_the_existing_ones() -> None:
    with pytest.raises(AssertionError, match=r"listens on \[15021, 15090\]"):
        check_listener(recorded("listeners.json")["before-gateway"], 8080)


def test_unexpected_listener_fails() -> None:
    with pytest.raises(AssertionError, match="expected no listener on port 8080"):
        check_no_listener(recorded("listeners.json")["with-gateway"], 8080)


def test_proxy_without_listeners_fails() -> None:
    with pytest.raises(AssertionError, match="no listener at all"):
        check_no_listener([], 8080)


def test_route_to_the_service_passes() -> None:
    (route,) = check_routed(recorded("routes.json"), "http.8080", [NGINX])
    assert route["match"]["prefix"] == "/"


def test_route_to_another_service_fails() -> None:
    with pytest.raises(AssertionError, match=r"http\.8080 has no route to outbound\|80\|\|other"):
        check_routed(recorded("routes.json"), "http.8080", ["outbound|80||other"])


def test_weighted_route_leads_to_each_of_its_clusters() -> None:
    weighted = {"clusters": [{"name": "b", "weight": 10}, {"name": "a", "weight": 90}]}
    route = {"match": {"prefix": "/"}, "route": {"weightedClusters": weighted}}
    routes = [{"name": "http.8080", "virtualHosts": [{"routes": [route]}]}]
    assert check_routed(routes, "http.8080", ["a", "b"])
    for clusters in (["a"], ["a", "b", "c"]):
        with pytest.raises(AssertionError, match="has no route to a"):
            check_routed(routes, "http.8080", clusters)


def test_route_with_the_meshs_retries_fails() -> None:
    routes = check_routed(recorded("routes.json"), "http.8080", [NGINX])
    with pytest.raises(AssertionError, match="'numRetries': 2"):
        check_not_retried(routes)


def test_route_without_retries_passes() -> None:
    check_not_retried(check_routed(configured({}, {}), "http.8080", [NGINX]))


def configured(route: dict[str, Any], host: dict[str, Any], *more: dict[str, Any]) -> list[dict[str, Any]]:
    """A route configuration whose virtual host has one route to nginx, and then more of them."""
    routes = [{"route": {"cluster": NGINX, **each}} for each in (route, *more)]
    return [{"name": "http.8080", "virtualHosts": [{"name": "*:80", "routes": routes, **host}]}]


@pytest.mark.parametrize(
    ("route", "host", "more"),
    [
        # Envoy's default for a policy without numRetries is one retry.
        ({"retryPolicy": {"retryOn": "5xx"}}, {}, []),
        ({}, {"retryPolicy": {"retryOn": "5xx", "numRetries": 2}}, []),
        ({}, {"retryPolicy": {"retryOn": "5xx"}}, []),
        ({"retryPolicy": {"numRetries": 0}}, {}, [{"retryPolicy": {"numRetries": 1}}]),
    ],
    ids=["policy without a number", "policy of the virtual host", "both", "another route"],
)
def test_every_policy_that_makes_envoy_retry_fails(
    route: dict[str, Any], host: dict[str, Any], more: list[dict[str, Any]]
) -> None:
    with pytest.raises(AssertionError, match="Envoy retries requests"):
        check_not_retried(check_routed(configured(route, host, *more), "http.8080", [NGINX]))


def test_routes_policy_precedes_the_virtual_hosts() -> None:
    routes = configured({"retryPolicy": {"numRetries": 0}}, {"retryPolicy": {"numRetries": 2}})
    check_not_retried(check_routed(routes, "http.8080", [NGINX]))
