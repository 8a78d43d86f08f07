"""Objects that stricter CRDs refuse, on a scripted cluster that answers dry runs as the API server does."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, cast

import pytest

from fixtures.clients.api_server import ApiError, NotFound
from fixtures.clients.kube import Kube
from fixtures.upgrade.trial_crds import CRD, refused, trial_of

ROUTE = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "web", "namespace": "shop", "resourceVersion": "7", "uid": "u"},
    "spec": {"hosts": ["*"]},
    "status": {},
}


def crd(**schema: Any) -> dict[str, Any]:
    return {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "virtualservices.networking.istio.io", "labels": {"app": "istio-pilot"}},
        "spec": {
            "group": "networking.istio.io",
            "scope": "Namespaced",
            "names": {"kind": "VirtualService", "plural": "virtualservices", "shortNames": ["vs"]},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}},
                {"name": "v1beta1", "served": True, "storage": False, "schema": {"openAPIV3Schema": schema}},
            ],
        },
    }


class Cluster:
    """Serves a CRD from its second dry run on, and answers dry runs with `answer`."""

    def __init__(self, answer: Callable[[dict[str, Any]], None]) -> None:
        self.answer, self.crds, self.asked, self.made = answer, list[str](), 0, list[dict[str, Any]]()

    def create(self, manifest: dict[str, Any]) -> None:
        self.crds.append(manifest["metadata"]["name"])
        self.made.append(manifest)

    def delete(self, kind: str, name: str) -> None:
        assert kind == CRD
        self.crds.remove(name)

    def get_all(self, _: str) -> list[dict[str, Any]]:
        return [{"metadata": {"name": name}} for name in self.crds]

    def admitted(self, manifest: dict[str, Any]) -> None:
        self.asked += 1
        if self.asked == 1:
            raise NotFound("POST", 404, "NotFound", "not served yet")
        self.answer(manifest)


def invalid(_: dict[str, Any]) -> None:
    raise ApiError("POST /apis", 422, "Invalid", "spec.hosts: Required value")


def run(cluster: Cluster, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return refused(cast("Kube", cluster), [ROUTE], [old], [new, {"kind": "Service"}])


def test_object_that_a_stricter_crd_refuses_is_named_with_the_reason() -> None:
    cluster = Cluster(invalid)
    assert run(cluster, crd(), crd(required=["x"])) == ["VirtualService shop/web: spec.hosts: Required value"]
    assert cluster.crds == []


def test_trial_does_not_touch_the_crd_in_use() -> None:
    cluster = Cluster(lambda _: None)
    assert run(cluster, crd(), crd(required=["x"])) == []
    (made,) = cluster.made
    assert made["metadata"]["name"] == "virtualservices.dry-run.networking.istio.io"
    assert made["spec"]["group"] == "dry-run.networking.istio.io"


def test_unchanged_crd_needs_no_trial() -> None:
    cluster = Cluster(invalid)
    assert run(cluster, crd(), crd()) == []
    assert cluster.made == []


def test_object_is_tried_without_what_the_api_server_added() -> None:
    seen: list[dict[str, Any]] = []
    run(Cluster(seen.append), crd(), crd(required=["x"]))
    assert seen == [
        {
            "apiVersion": "dry-run.networking.istio.io/v1",
            "kind": "VirtualService",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"hosts": ["*"]},
        }
    ]


def test_other_errors_are_raised_and_the_trial_is_removed() -> None:
    def forbidden(_: dict[str, Any]) -> None:
        raise ApiError("POST /apis", 403, "Forbidden", "no")

    cluster = Cluster(forbidden)
    with pytest.raises(ApiError, match="Forbidden"):
        run(cluster, crd(), crd(required=["x"]))
    assert cluster.crds == []


def test_trial_has_one_version_and_no_label_of_istio() -> None:
    original = crd(required=["x"])
    trial = trial_of(deepcopy(original), "v1")
    assert [each["name"] for each in trial["spec"]["versions"]] == ["v1"]
    assert "labels" not in trial["metadata"]
    assert trial["spec"]["names"] == {"kind": "VirtualService", "plural": "virtualservices"}
