"""What a run on an existing cluster refuses before it starts, and what it removes at its end."""

from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.clients.api_server import ApiError
from fixtures.clients.kube import FIELD_MANAGER
from fixtures.clusters.base import INSTALLING, NotUsable
from fixtures.clusters.existing import RESERVED, ExistingProvider

NAMESPACE, ROLE = "v1/Namespace", "rbac.authorization.k8s.io/v1/ClusterRole"
CRD = "apiextensions.k8s.io/v1/CustomResourceDefinition"
NAMES = ("istio-system", "test-namespace")


class World:
    """A cluster's resources by kind and name, each with its field manager, behind the methods of Kube."""

    def __init__(self) -> None:
        self.there: dict[str, dict[str, str]] = defaultdict(dict)
        self.purged = False
        self.timeouts = SimpleNamespace(deployment_available=1)

    def kube(self) -> "World":
        return self

    def istioctl(self) -> SimpleNamespace:
        return SimpleNamespace(uninstall=lambda: setattr(self, "purged", True))

    def get_all(self, kind: str) -> list[dict[str, Any]]:
        return [
            {
                "metadata": {"name": name, "managedFields": [{"manager": manager}]},
                "spec": {"group": name.partition(".")[2]},
            }
            for name, manager in self.there[kind].items()
        ]

    def create(self, manifest: dict[str, Any]) -> None:
        name = manifest["metadata"]["name"]
        if name in self.there[NAMESPACE]:
            raise ApiError("POST /api/v1/namespaces", 409, "Conflict", "exists")
        self.there[NAMESPACE][name] = FIELD_MANAGER

    def delete(self, kind: str, name: str) -> None:
        self.there[kind].pop(name, None)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    monkeypatch.setattr(ExistingProvider, "_found", lambda *_: found)
    return found


@pytest.fixture
def request_(tmp_path: Path) -> Any:
    return SimpleNamespace(
        name="context",
        folder=tmp_path,
        keep=False,
        reuse=False,
        namespaces=NAMES,
        istio_namespaces=("istio-system",),
        uninstall=lambda cluster: cluster.istioctl().uninstall(),
        cluster_scoped=((ROLE, "prometheus"),),
    )


def test_run_removes_what_it_created(world: World, request_: Any) -> None:
    with ExistingProvider().provide(request_):
        (request_.folder / INSTALLING).touch()
        world.there[NAMESPACE] |= {"istio-system": "istioctl", "test-namespace": FIELD_MANAGER}
        world.there[ROLE] |= {"prometheus": FIELD_MANAGER}
        world.there[CRD] |= {"gateways.networking.istio.io": "helm"}
    assert world.purged
    assert not any(world.there.values())


def test_resources_that_others_created_meanwhile_stay(world: World, request_: Any) -> None:
    """The run fails before it applies or installs anything."""
    theirs = {"istio-system": "istioctl", "test-namespace": "kubectl"}
    with ExistingProvider().provide(request_):
        world.there[NAMESPACE] |= theirs
    assert not world.purged
    assert world.there[NAMESPACE] == theirs


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        (NAMESPACE, "test-namespace", "already has the namespace test-namespace"),
        (NAMESPACE, RESERVED, "a run is using the cluster"),
        (ROLE, "prometheus", "already has the ClusterRole prometheus"),
    ],
)
def test_cluster_with_a_resource_of_the_runs_name_is_refused(
    world: World, request_: Any, kind: str, name: str, told: str
) -> None:
    world.there[kind][name] = "kubectl"
    with pytest.raises(NotUsable, match=told):
        ExistingProvider().check(request_)


def test_second_run_is_refused_even_if_it_starts_at_the_same_time(world: World, request_: Any) -> None:
    ExistingProvider().check(request_)
    with ExistingProvider().provide(request_):
        with pytest.raises(NotUsable, match="a run is using"), ExistingProvider().provide(request_):
            pytest.fail("two runs use the cluster")
        assert RESERVED in world.there[NAMESPACE]


def test_definition_that_was_there_before_stays(world: World, request_: Any) -> None:
    """A CRD of an older Istio's operator is not of this run: its objects would go with it."""
    theirs = {"istiooperators.install.istio.io": "kubectl"}
    world.there[CRD] |= theirs
    with ExistingProvider().provide(request_):
        (request_.folder / INSTALLING).touch()
        world.there[CRD] |= {"gateways.networking.istio.io": "helm"}
    assert world.there[CRD] == theirs
