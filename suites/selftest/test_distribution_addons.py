"""What is read from the manifests of the add-ons."""

from pathlib import Path

import pytest

from fixtures.distributions.addons import described
from fixtures.distributions.base import Unavailable
from fixtures.manifests import Manifests

SERVICE = """
apiVersion: v1
kind: Service
metadata: {{name: tracing, namespace: istio-system}}
spec:
  ports: [{{port: {port}, targetPort: {target}}}]
---
apiVersion: v1
kind: Pod
metadata: {{name: jaeger, namespace: istio-system}}
spec:
  containers: [{{name: jaeger, image: "{image}"}}]
"""


def sample(folder: Path, port: int, target: str, image: str) -> list[Path]:
    file = folder / "jaeger.yaml"
    file.write_text(SERVICE.format(port=port, target=target, image=image))
    return [file]


def test_projects_own_jaeger_is_found_by_its_port() -> None:
    own = described([Manifests().path("addons/jaeger.yaml")], None)
    assert (own.jaeger_query, own.jaeger_path, own.jaeger_major) == (("jaeger-query", 16686), "", 1)


def test_sample_of_jaeger_2_is_below_its_path(tmp_path: Path) -> None:
    found = described(sample(tmp_path, 80, "16686", "docker.io/jaegertracing/jaeger:2.14.0"), None)
    assert (found.jaeger_query, found.jaeger_path, found.jaeger_major) == (("tracing", 80), "/jaeger", 2)


def test_service_may_name_the_port_of_its_pods(tmp_path: Path) -> None:
    found = described(sample(tmp_path, 16686, "query", "jaegertracing/all-in-one:1.76.0"), None)
    assert found.jaeger_query == ("tracing", 16686)


def test_add_ons_without_a_query_api_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"no Service for Jaeger's query API \(port 16686\)"):
        described(sample(tmp_path, 80, "8080", "jaegertracing/all-in-one:1.76.0"), None)
