"""The settings of a mesh that `mesh run` reads before it plans anything."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from fixtures.clients.kube import Kube
from fixtures.mesh_run.mesh_settings import read_settings


def cluster(mesh: str) -> Kube:
    """A cluster whose ConfigMaps have this MeshConfig."""
    found: dict[str, Any] = {"data": {"mesh": mesh}}
    return cast("Kube", SimpleNamespace(get=lambda *_: found))


@pytest.mark.parametrize("mesh", ["a: [", "a text", "[a, list]"])
def test_unreadable_mesh_config_is_reported(mesh: str) -> None:
    """A MeshConfig that is no YAML, or no mapping, is unknown; the reason names its ConfigMap."""
    settings = read_settings(cluster(mesh), "default", "istio-system")
    assert settings.unread == "the ConfigMap istio has no readable MeshConfig"


def test_mesh_config_is_read() -> None:
    """A MeshConfig with a log format is known."""
    settings = read_settings(cluster("accessLogFormat: '%PATH%'"), "default", "istio-system")
    assert (settings.log_format, settings.unread) == ("%PATH%", "")
