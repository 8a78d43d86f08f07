"""CRD schemas, webhooks and permissions in a ledger."""

from typing import Any

from fixtures.ledger import admission
from suites.selftest.recordings import recorded


def crd(**versions: dict[str, Any]) -> dict[str, Any]:
    made = [
        {
            "name": name,
            "served": True,
            "storage": name == "v1",
            "schema": {"openAPIV3Schema": {"properties": {"spec": {"type": "object", "properties": spec}}}},
        }
        for name, spec in versions.items()
    ]
    return {
        "metadata": {"name": "gateways.networking.istio.io"},
        "spec": {"group": "networking.istio.io", "versions": made},
    }


HOSTS = {"type": "array", "items": {"type": "string", "enum": ["b", "a"]}}
WARMUP = {
    "type": "object",
    "required": ["duration"],
    "properties": {"weight": {"type": "integer", "minimum": 0}},
}


def test_crd_fields_state_their_types() -> None:
    found = admission.crds([crd(v1={"hosts": HOSTS, "warmup": WARMUP})])["gateways.networking.istio.io"]
    assert found["fields"] == {
        "spec": "object",
        "spec.hosts": "list of string of a, b",
        "spec.warmup": "object needs duration",
        "spec.warmup.weight": "integer >= 0",
    }
    assert (found["served"], found["stored"]) == (["v1"], "v1")
    assert found["versions with other fields"] == {}


def test_crd_version_with_other_fields_is_recorded() -> None:
    found = admission.crds([crd(v1={"hosts": HOSTS}, v1beta1={"hosts": {"type": "string"}, "old": HOSTS})])
    other = found["gateways.networking.istio.io"]["versions with other fields"]
    assert other == {"v1beta1": ["spec.hosts", "spec.old"]}


def test_fields_below_lists_and_maps_are_found() -> None:
    schema = {
        "properties": {
            "http": {"type": "array", "items": {"properties": {"name": {"type": "string"}}}},
            "labels": {"type": "object", "additionalProperties": {"properties": {"x": {"type": "string"}}}},
        }
    }
    assert [place for place, _ in admission.fields(schema)] == ["http", "http[].name", "labels", "labels.*.x"]


def test_foreign_crd_is_left_out() -> None:
    foreign = crd(v1={})
    foreign["spec"]["group"] = "notistio.io"
    assert admission.crds([foreign]) == {}


def test_webhooks_have_target_rules_and_failure_policy() -> None:
    recordings = [(each["kind"], each) for each in recorded("webhooks.json") if each["webhooks"]]
    found = admission.webhooks(
        [*recordings, ("MutatingWebhookConfiguration", {"metadata": {"name": "other"}})]
    )
    assert all(name.split()[0] in ("mutating", "validating") for name in found)
    assert "other" not in " ".join(found)


def test_webhook_rules_and_selectors_read_like_a_sentence() -> None:
    hook = {
        "name": "a.istio.io",
        "clientConfig": {
            "service": {"name": "istiod", "port": 443, "path": "/inject"},
            "caBundle": "LS0tLS1",
        },
        "failurePolicy": "Fail",
        "rules": [
            {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
        ],
        "namespaceSelector": {
            "matchExpressions": [{"key": "istio-injection", "operator": "In", "values": ["enabled"]}]
        },
        "objectSelector": {"matchLabels": {"a": "b"}},
    }
    configuration = {"metadata": {"name": "istio-sidecar-injector"}, "webhooks": [hook]}
    found = admission.webhooks([("MutatingWebhookConfiguration", configuration)])
    told = found["mutating istio-sidecar-injector"]["a.istio.io"]
    assert told["calls"] == "istiod:443/inject"
    assert told["rules"] == ["CREATE core/v1 pods"]
    assert (told["namespaces"], told["objects"]) == (["istio-injection In enabled"], ["a = b"])
    assert "LS0tLS1" not in str(told)


def test_permissions_are_listed_by_resource() -> None:
    rules = [
        {"apiGroups": ["", "apps"], "resources": ["pods"], "verbs": ["list", "get"]},
        {"apiGroups": ["x.io"], "resources": ["roles"], "resourceNames": ["one"], "verbs": ["bind"]},
    ]
    roles: list[dict[str, Any]] = [{"metadata": {"name": "istiod"}, "rules": rules}]
    roles += [{"metadata": {"name": "admin"}, "rules": None}]
    assert admission.rights(roles) == {
        "istiod": ["apps/pods: get, list", "pods: get, list", "x.io/roles named one: bind"]
    }
