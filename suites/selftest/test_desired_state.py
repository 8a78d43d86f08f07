"""The desired state: applied fields with the API server's values, patches and deletions."""

from fixtures.clients.desired_state import DesiredState, is_custom

DEPLOYMENT = ("apps/v1/Deployment", "test", "web")
GATEWAY = ("networking.istio.io/v1/Gateway", "test", "gateway")


def fields_of(state: DesiredState) -> object:
    return dict(state)[DEPLOYMENT]


def test_applied_fields_have_the_servers_values() -> None:
    state = DesiredState()
    made = {"spec": {"cpu": "100m", "replicas": 1, "ports": [{"port": 80, "protocol": "TCP"}]}}
    state.applied(DEPLOYMENT, {"spec": {"cpu": "0.1", "ports": [{"port": 80}]}}, made)
    assert fields_of(state) == {"spec": {"cpu": "100m", "ports": [{"port": 80}]}}


def test_a_list_that_the_server_extended_is_recorded_whole() -> None:
    state = DesiredState()
    state.applied(DEPLOYMENT, {"spec": {"args": ["a"]}}, {"spec": {"args": ["a", "b"]}})
    assert fields_of(state) == {"spec": {"args": ["a", "b"]}}


def test_the_whole_spec_of_a_custom_resource_is_desired() -> None:
    state = DesiredState()
    state.applied(GATEWAY, {"spec": {"selector": {}}}, {"spec": {"selector": {}, "servers": []}})
    assert dict(state)[GATEWAY] == {"spec": {"selector": {}, "servers": []}}


def test_a_patch_is_merged_and_keeps_removed_fields_as_none() -> None:
    state = DesiredState()
    state.applied(DEPLOYMENT, {"spec": {"replicas": 1}}, {"spec": {"replicas": 1}})
    state.patched(DEPLOYMENT, {"spec": {"replicas": 0}, "metadata": {"labels": {"a": "b"}}})
    state.patched(DEPLOYMENT, {"metadata": {"labels": {"a": None}}})
    assert fields_of(state) == {"spec": {"replicas": 0}, "metadata": {"labels": {"a": None}}}


def test_a_deleted_resource_has_no_desired_state() -> None:
    state = DesiredState()
    state.patched(DEPLOYMENT, {"spec": {"replicas": 1}})
    state.deleted(DEPLOYMENT)
    state.deleted(GATEWAY)
    assert dict(state) == {}


def test_custom_kinds_are_distinguished_from_built_in_ones() -> None:
    kinds = ("v1/Pod", "apps/v1/Deployment", "rbac.authorization.k8s.io/v1/ClusterRole", GATEWAY[0])
    assert [is_custom(kind) for kind in kinds] == [False, False, False, True]
