"""The Kubernetes client against a scripted API server: its requests, and how it parses responses."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.clients.api_server import ApiError, NotFound, UnknownKind
from fixtures.clients.kube import Kube, kind_of
from suites.selftest.fake_api_server import PODS, FakeApiServer, fake_api_server, pod, pods, refusal

GATEWAY = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "test-gateway", "namespace": "test"},
}
GATEWAYS = "/apis/networking.istio.io/v1/namespaces/test/gateways"


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApiServer]:
    monkeypatch.setenv("http_proxy", "http://name.invalid:3128")
    monkeypatch.setenv("KUBECONFIG", "/the/user's")
    with fake_api_server(tmp_path) as api:
        yield api


@pytest.fixture
def kube(api: FakeApiServer) -> Kube:
    return Kube(api.kubeconfig, timeout=5)


def test_resource_is_read_as_the_server_has_it(api: FakeApiServer, kube: Kube) -> None:
    api.on(f"GET {PODS}/web", pod("web", 7, phase="Running"))
    assert kube.get("v1/Pod", "web", "test")["status"] == {"phase": "Running"}


def test_selectors_and_all_namespaces_are_requested(api: FakeApiServer, kube: Kube) -> None:
    api.on("GET /api/v1/pods", pods(1, pod("web", 1)))
    assert len(kube.get_all("v1/Pod", label_selector="app=test")) == 1
    assert api.asked[-1][2] == {"labelSelector": "app=test"}


def test_missing_resource_raises_not_found(kube: Kube) -> None:
    with pytest.raises(NotFound, match=rf"GET {PODS}/web: 404 NotFound: .* not found"):
        kube.get("v1/Pod", "web", "test")


def test_rejected_request_shows_request_and_reason(api: FakeApiServer, kube: Kube) -> None:
    api.on(f"GET {PODS}/web", refusal(403, "Forbidden", "pods is forbidden"))
    with pytest.raises(ApiError, match="403 Forbidden: pods is forbidden") as failure:
        kube.get("v1/Pod", "web", "test")
    assert failure.value.status == 403


def test_unreachable_api_server_is_no_answer(tmp_path: Path) -> None:
    with fake_api_server(tmp_path) as api:
        kube = Kube(api.kubeconfig, timeout=5)
    with pytest.raises(ApiError, match="GET /api/v1: no answer"):
        kube.get_all("v1/Pod")


def test_apply_is_server_side_and_forced_with_the_suites_field_manager(
    api: FakeApiServer, kube: Kube
) -> None:
    api.kinds["networking.istio.io/v1"] = ["Gateway"]
    api.on(f"PATCH {GATEWAYS}/test-gateway", {**GATEWAY, "spec": {}})
    assert kube.apply(GATEWAY)["spec"] == {}
    _, _, query, body = api.asked[-1]
    assert query == {"fieldManager": "istio-conformance", "force": "true"}
    assert body == GATEWAY


def test_apply_uses_the_given_namespace_where_a_resource_names_none(api: FakeApiServer, kube: Kube) -> None:
    api.on(f"PATCH {PODS}/web", pod("web", 1))
    kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}}, "test")
    assert api.asked[-1][1] == f"{PODS}/web"


def test_kind_is_looked_up_once(api: FakeApiServer, kube: Kube) -> None:
    api.on(f"GET {PODS}", pods(1))
    assert [kube.get_all("v1/Pod", "test") for _ in range(2)] == [[], []]
    assert [path for _, path, _, _ in api.asked] == ["/api/v1", PODS, PODS]


def test_kind_that_appears_later_is_found(api: FakeApiServer, kube: Kube) -> None:
    api.kinds["networking.istio.io/v1"] = ["VirtualService"]
    with pytest.raises(UnknownKind, match=r"no kind Gateway in networking.istio.io/v1"):
        kube.get_all(kind_of(GATEWAY), "test")
    api.kinds["networking.istio.io/v1"].append("Gateway")
    api.on(f"GET {GATEWAYS}", {"items": [GATEWAY]})
    assert kube.get_all(kind_of(GATEWAY), "test") == [GATEWAY]


def test_listed_resources_have_their_kind(api: FakeApiServer, kube: Kube) -> None:
    api.on(f"GET {PODS}", {"items": [{"metadata": {"name": "web"}}]})
    assert [kind_of(each) for each in kube.get_all("v1/Pod", "test")] == ["v1/Pod"]


def test_delete_of_a_missing_resource_succeeds(api: FakeApiServer, kube: Kube) -> None:
    kube.delete("v1/Pod", "web", "test", grace_seconds=0)
    assert api.asked[-1][2] == {"propagationPolicy": "Background", "gracePeriodSeconds": "0"}


def test_delete_without_the_crd_succeeds(kube: Kube) -> None:
    kube.delete(kind_of(GATEWAY), "test-gateway", "test")


def test_rejected_delete_is_an_error(api: FakeApiServer, kube: Kube) -> None:
    api.on(f"DELETE {PODS}/web", refusal(409, "Conflict", "another one"))
    with pytest.raises(ApiError, match="409 Conflict"):
        kube.delete("v1/Pod", "web", "test")


def test_patch_merges(api: FakeApiServer, kube: Kube) -> None:
    api.on(f"PATCH {PODS}/web", pod("web", 2))
    change = {"metadata": {"labels": {"istio-injection": None}}}
    kube.patch("v1/Pod", "web", change, "test")
    assert api.asked[-1][3] == change


def test_scale_sets_the_replicas(api: FakeApiServer, kube: Kube) -> None:
    path = "/apis/apps/v1/namespaces/test/deployments/web/scale"
    api.on(f"PATCH {path}", {})
    kube.scale("web", "test", 0)
    assert api.asked[-1][1:] == (path, {"fieldManager": "istio-conformance"}, {"spec": {"replicas": 0}})


def test_logs_are_the_text_of_one_container(api: FakeApiServer, kube: Kube) -> None:
    api.on(f"GET {PODS}/web/log", "GET / 200\n")
    assert kube.logs("web", "test", "istio-proxy", previous=True, lines=10) == "GET / 200\n"
    assert api.asked[-1][2] == {"container": "istio-proxy", "previous": "true", "tailLines": "10"}


def test_two_clients_share_nothing(api: FakeApiServer, tmp_path: Path) -> None:
    first = Kube(api.kubeconfig, timeout=5)
    (tmp_path / "other").mkdir()
    with fake_api_server(tmp_path / "other") as other:
        other.on(f"GET {PODS}", pods(1, pod("theirs", 1)))
        api.on(f"GET {PODS}", pods(1, pod("ours", 1)))
        second = Kube(other.kubeconfig, timeout=5)
        seen = [each.get_all("v1/Pod", "test")[0]["metadata"]["name"] for each in (first, second)]
    assert seen == ["ours", "theirs"]


def test_desired_state_is_remembered(api: FakeApiServer, kube: Kube) -> None:
    api.on(f"PATCH {PODS}/web", pod("web", 1), pod("web", 2))
    kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "test"}})
    kube.patch("v1/Pod", "web", {"metadata": {"labels": {"a": None}}}, "test")
    metadata = {"name": "web", "namespace": "test", "labels": {"a": None}}
    assert dict(kube.desired) == {("v1/Pod", "test", "web"): {"metadata": metadata}}
    kube.delete("v1/Pod", "web", "test")
    assert dict(kube.desired) == {}
