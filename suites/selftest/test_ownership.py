"""Ownership conflicts: who owns a resource that Helm would change, reported before it changes any."""

from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from fixtures.clients.api_server import NotFound
from fixtures.clients.helm import ChartRelease, Helm
from fixtures.clients.kube import Kube
from fixtures.installers.ownership import OwnershipConflict, check_free, foreign_owner

RELEASE = ChartRelease(name="istiod", namespace="istio-system", chart=Path("x"), values=Path("x"))
MANIFEST = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "istiod", "namespace": "istio-system"},
}
MINE = {
    "labels": {"app.kubernetes.io/managed-by": "Helm"},
    "annotations": {
        "meta.helm.sh/release-name": "istiod",
        "meta.helm.sh/release-namespace": "istio-system",
    },
}


class World:
    """A cluster with at most one resource, and a Helm whose chart has one."""

    def __init__(self, metadata: dict[str, Any] | None, refused: str = "") -> None:
        self.metadata, self.refused = metadata, refused

    def releases(self) -> list[dict[str, str]]:
        return []

    def template(self, _release: ChartRelease, *_: str, upgrade: bool) -> str:
        return f"---\n{yaml.safe_dump(MANIFEST)}---\n"

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        if self.metadata is None:
            raise NotFound(f"GET {name}", 404, "NotFound", "none")
        return {"metadata": self.metadata}

    def refused_fields(self, *_: object) -> str:
        return self.refused

    def check(self) -> None:
        check_free(cast("Kube", self), cast("Helm", self), [RELEASE])


def test_new_and_own_resources_are_free() -> None:
    World(None).check()
    World(MINE).check()


def test_resource_of_istioctl_is_reported_with_its_owner() -> None:
    theirs = {"labels": {"operator.istio.io/component": "Pilot"}}
    with pytest.raises(
        OwnershipConflict, match=r"Service istio-system/istiod: belongs to istioctl, not to Helm"
    ):
        World(theirs).check()


def test_field_of_another_manager_is_reported() -> None:
    with pytest.raises(OwnershipConflict, match=r'istiod: conflict with "kubectl": .spec.replicas'):
        World(MINE, 'conflict with "kubectl": .spec.replicas').check()


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        (MINE, ""),
        ({**MINE, "labels": {}}, "Helm's release istio-system/istiod"),
        (
            {"annotations": {"meta.helm.sh/release-name": "a", "meta.helm.sh/release-namespace": "b"}},
            "Helm's release b/a",
        ),
        ({"managedFields": [{"manager": "argocd"}]}, "another tool (argocd)"),
        ({}, "another tool (unknown)"),
    ],
)
def test_owner_is_named(metadata: dict[str, Any], owner: str) -> None:
    assert foreign_owner({"metadata": metadata}, "istiod", "istio-system") == owner
