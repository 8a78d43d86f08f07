"""Check of a Service's endpoints."""

from typing import Any

import pytest

from fixtures.checks.endpoints import check_endpoints


def pod(name: str, *addresses: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"podIPs": [{"ip": each} for each in addresses]}}


def endpoint(name: str, address: str, *, ready: bool | None = True) -> dict[str, Any]:
    return {
        "addresses": [address],
        "conditions": {"ready": ready},
        "targetRef": {"kind": "Pod", "name": name},
    }


def test_the_apps_pods_are_the_endpoints_in_one_family_or_both() -> None:
    pods = [pod("a", "10.0.0.1", "fd00::1"), pod("b", "10.0.0.2")]
    slices = [
        {"endpoints": [endpoint("a", "10.0.0.1"), endpoint("b", "10.0.0.2", ready=None)]},
        {"endpoints": [endpoint("a", "fd00::1")]},
    ]
    check_endpoints(slices, pods)


def test_pod_of_another_app_behind_the_service_fails() -> None:
    slices = [{"endpoints": [endpoint("a", "10.0.0.1"), endpoint("other", "10.0.0.9")]}]
    with pytest.raises(AssertionError, match=r"not the app's pods \['a'\]: \['other at 10.0.0.9'\]"):
        check_endpoints(slices, [pod("a", "10.0.0.1")])


def test_address_without_a_pod_fails() -> None:
    with pytest.raises(AssertionError, match=r"no pod at 192\.0\.2\.1"):
        check_endpoints([{"endpoints": [{"addresses": ["192.0.2.1"]}]}], [pod("a", "10.0.0.1")])


@pytest.mark.parametrize(
    "slices", [[], [{"endpoints": None}], [{"endpoints": [endpoint("a", "10.0.0.1", ready=False)]}]]
)
def test_pod_that_is_no_ready_endpoint_fails(slices: list[dict[str, Any]]) -> None:
    with pytest.raises(AssertionError, match=r"no ready endpoint for the app's pods \['a'\]"):
        check_endpoints(slices, [pod("a", "10.0.0.1")])


def test_app_without_pods_fails() -> None:
    with pytest.raises(AssertionError, match="the app has no pod"):
        check_endpoints([], [])
