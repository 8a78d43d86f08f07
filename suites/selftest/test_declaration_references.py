"""What the app's pods refer to must be in the files, or be made by Kubernetes."""

from typing import Any

import pytest

from fixtures.manifests import APP, ManifestError
from suites.selftest.overlays import Declare, Files, part, template

CONTAINER = "container"
REFERENCES = [
    ({"serviceAccountName": "shop"}, "ServiceAccount"),
    ({"serviceAccount": "shop"}, "ServiceAccount"),
    ({"volumes": [{"name": "v", "configMap": {"name": "shop"}}]}, "ConfigMap"),
    ({"volumes": [{"name": "v", "secret": {"secretName": "shop"}}]}, "Secret"),
    ({"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "shop"}}]}}]}, "Secret"),
    ({CONTAINER: {"envFrom": [{"configMapRef": {"name": "shop"}}]}}, "ConfigMap"),
    ({CONTAINER: {"envFrom": [{"secretRef": {"name": "shop"}}]}}, "Secret"),
    (
        {CONTAINER: {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "shop", "key": "a"}}}]}},
        "Secret",
    ),
    (
        {CONTAINER: {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "shop", "key": "a"}}}]}},
        "ConfigMap",
    ),
]


def refer(files: Files, change: Any) -> None:
    spec = template(files)["spec"]
    spec["containers"][0] |= change.get(CONTAINER, {})
    spec |= {name: value for name, value in change.items() if name != CONTAINER}


@pytest.mark.parametrize(("change", "kind"), REFERENCES, ids=lambda value: str(value)[:40])
def test_reference_that_no_file_satisfies_is_refused(
    change: Any, kind: str, files: Files, declare: Declare
) -> None:
    refer(files, change)
    with pytest.raises(
        ManifestError, match=f"test-deployment refers to {kind} shop, which no file defines in namespace test"
    ):
        declare(files)
    metadata = {"name": "shop", "namespace": "test-namespace"}
    files[APP].insert(1, {"apiVersion": "v1", "kind": kind, "metadata": metadata})
    assert declare(files).workload.name


@pytest.mark.parametrize(
    "volume",
    [
        {"configMap": {"name": "shop", "optional": True}},
        {"configMap": {"name": "kube-root-ca.crt"}},
        {"emptyDir": {}},
        {"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
    ],
    ids=str,
)
def test_reference_that_needs_no_file_is_accepted(volume: Any, files: Files, declare: Declare) -> None:
    refer(files, {"volumes": [{"name": "v", **volume}]})
    assert declare(files).workload.name


def test_autoscaler_of_the_app_is_refused(files: Files, declare: Declare) -> None:
    files[APP].append(
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "shop"}}
    )
    with pytest.raises(ManifestError, match="HorizontalPodAutoscaler shop changes the number of pods"):
        declare(files)


def test_workload_without_a_replica_is_refused(files: Files, declare: Declare) -> None:
    part(files, APP, "Deployment")["spec"]["replicas"] = 0
    with pytest.raises(ManifestError, match="Deployment test-deployment has no replica"):
        declare(files)


def test_selector_that_its_pods_do_not_match_is_refused(files: Files, declare: Declare) -> None:
    part(files, APP, "Deployment")["spec"]["selector"] = {"matchLabels": {"app": "tset"}}
    with pytest.raises(ManifestError, match="does not match the labels of its pods"):
        declare(files)


@pytest.mark.parametrize(
    ("label", "value", "refused"),
    [
        ("sidecar.istio.io/inject", "true", True),
        ("istio.io/rev", "default", True),
        ("sidecar.istio.io/inject", "false", False),
    ],
)
def test_pod_that_asks_for_its_sidecar_is_refused(
    label: str, value: str, refused: bool, files: Files, declare: Declare
) -> None:
    template(files)["metadata"]["labels"][label] = value
    if not refused:
        assert declare(files).workload.name
        return
    with pytest.raises(ManifestError, match=f"have the label {label}, which injects them from the start"):
        declare(files)
