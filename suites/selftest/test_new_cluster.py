"""What a new cluster does not serve, and what the lab cannot run, is refused before there is a cluster."""

from contextlib import nullcontext
from typing import Any

import pytest

from fixtures.declaration import check_node_ports, check_served
from fixtures.distributions.lab import Lab
from fixtures.manifests import APP, ManifestError
from suites.selftest.overlays import Files, part, template


def named(api_version: str, kind: str, **fields: Any) -> Any:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "shop"}, **fields}


@pytest.mark.parametrize(
    "resource",
    [
        named("monitoring.coreos.com/v1", "ServiceMonitor"),
        named("gateway.networking.k8s.io/v1", "HTTPRoute"),
        named("extensions/v1beta1", "Deployment"),
        named("policy/v1beta1", "PodDisruptionBudget"),
        named("autoscaling/v2beta2", "HorizontalPodAutoscaler"),
    ],
    ids=lambda each: str(each["apiVersion"]),
)
def test_kind_that_a_new_cluster_lacks_is_refused(resource: Any) -> None:
    with pytest.raises(ManifestError, match=r"shop is of .*, which the run's new cluster does not serve"):
        check_served({APP: [resource]})


@pytest.mark.parametrize(
    "api_version",
    [
        "v1",
        "apps/v1",
        "autoscaling/v2",
        "networking.k8s.io/v1",
        "networking.istio.io/v1beta1",
        "shop.example/v1",
    ],
)
def test_kind_that_a_new_cluster_has_or_the_files_define_is_accepted(api_version: str) -> None:
    definition = named("apiextensions.k8s.io/v1", "CustomResourceDefinition", spec={"group": "shop.example"})
    check_served({APP: [definition, named(api_version, "Thing")]})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"image": "ghcr.io/shop/web:3"},
            "has the image ghcr.io/shop/web:3, not one of its own (registry.lab/",
        ),
        ({"imagePullPolicy": "Always"}, "(imagePullPolicy Always): set IfNotPresent"),
    ],
)
def test_image_that_the_lab_cannot_have_is_refused(change: Any, told: str, files: Files) -> None:
    assert Lab().cannot_run(files[APP]) == ""
    template(files)["spec"]["containers"][0] |= change
    assert told in Lab().cannot_run(files[APP])


@pytest.mark.parametrize("kind", ["claim", "template"])
def test_volume_that_nothing_provisions_in_the_lab_is_refused(kind: str, files: Files) -> None:
    if kind == "claim":
        files[APP].append(named("v1", "PersistentVolumeClaim", spec={}))
    else:
        part(files, APP, "Deployment")["spec"]["volumeClaimTemplates"] = [{}]
    assert "claims a volume, and nothing provisions one: use emptyDir" in Lab().cannot_run(files[APP])


@pytest.mark.parametrize(("number", "is_taken"), [(30080, True), (30081, False)])
def test_node_port_of_the_ingress_gateway_is_refused(number: int, is_taken: bool, files: Files) -> None:
    part(files, APP, "Service")["spec"]["ports"][0]["nodePort"] = number
    refused = pytest.raises(ManifestError, match="nodePort 30080, which is the ingress gateway's")
    with refused if is_taken else nullcontext():
        check_node_ports(files, {30080})
