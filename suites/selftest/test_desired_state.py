"""Desired state: the fields that the suite applied, as the API server accepted them, and later patches."""

from fixtures.clients.desired_state import Asked, is_custom

DEPLOYMENT = ("apps/v1/Deployment", "test", "web")
GATEWAY = ("networking.istio.io/v1/Gateway", "test", "gateway")


def desired(asked: Asked) -> object:
    return dict(asked)[DEPLOYMENT]


def test_manifest_fields_are_compared_with_the_servers_values() -> None:
    asked = Asked()
    made = {"spec": {"cpu": "100m", "replicas": 1, "ports": [{"port": 80, "protocol": "TCP"}]}}
    asked.applied(DEPLOYMENT, {"spec": {"cpu": "0.1", "ports": [{"port": 80}]}}, made)
    assert desired(asked) == {"spec": {"cpu": "100m", "ports": [{"port": 80}]}}


def test_list_extended_by_the_server_is_compared_as_a_whole() -> None:
    asked = Asked()
    asked.applied(DEPLOYMENT, {"spec": {"args": ["a"]}}, {"spec": {"args": ["a", "b"]}})
    assert desired(asked) == {"spec": {"args": ["a", "b"]}}


def test_whole_spec_of_a_custom_resource_is_compared() -> None:
    asked = Asked()
    asked.applied(GATEWAY, {"spec": {"selector": {}}}, {"spec": {"selector": {}, "servers": []}})
    assert dict(asked)[GATEWAY] == {"spec": {"selector": {}, "servers": []}}


def test_patch_is_merged_and_its_removals_are_remembered() -> None:
    asked = Asked()
    asked.applied(DEPLOYMENT, {"spec": {"replicas": 1}}, {"spec": {"replicas": 1}})
    asked.patched(DEPLOYMENT, {"spec": {"replicas": 0}, "metadata": {"labels": {"a": "b"}}})
    asked.patched(DEPLOYMENT, {"metadata": {"labels": {"a": None}}})
    assert desired(asked) == {"spec": {"replicas": 0}, "metadata": {"labels": {"a": None}}}


def test_deleted_resource_has_no_desired_state() -> None:
    asked = Asked()
    asked.patched(DEPLOYMENT, {"spec": {"replicas": 1}})
    asked.deleted(DEPLOYMENT)
    asked.deleted(GATEWAY)
    assert dict(asked) == {}


def test_custom_kinds_are_distinguished_from_built_in_kinds() -> None:
    kinds = ("v1/Pod", "apps/v1/Deployment", "rbac.authorization.k8s.io/v1/ClusterRole", GATEWAY[0])
    assert [is_custom(kind) for kind in kinds] == [False, False, False, True]
