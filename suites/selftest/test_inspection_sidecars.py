"""Sidecars: labels that mean nothing, pods that have none and why, and settings that are valid."""

from typing import Any

import pytest
import yaml

from fixtures.inspection.finding import Severity
from fixtures.inspection.objects import CONFIG_MAP
from suites.selftest.inspected import healthy as mesh_without_fault
from suites.selftest.inspected import hook, injector, label, objects, plain_pod, seen
from suites.selftest.test_inspection_modes import in_namespace, told
from suites.selftest.views import resource


@pytest.mark.parametrize(
    "mistyped",
    [
        {"istio-injecton": "enabled"},
        {"istio_injection": "enabled"},
        {"istio.io/injection": "enabled"},
        {"sidecar.istio.io/inject": "true"},
        {"istio.io/revision": "default"},
        {"istio-rev": "default"},
        {"istio-injection": "Enabled"},
        {"istio.io/dataplane-mode": "ambiant"},
    ],
)
def test_mistyped_label_is_named(mistyped: dict[str, str]) -> None:
    """A label, or a value, that only resembles one of Istio's is named, whatever the mistake is."""
    mesh = mesh_without_fault()
    label(mesh, **mistyped)
    (found,) = seen(mesh, "injection-label-unknown")
    assert next(iter(mistyped)) in found.text


@pytest.mark.parametrize(
    "others",
    [
        {"linkerd.io/inject": "disabled"},
        {"vault.example.com/agent-inject": "true"},
        {"istio.io/use-waypoint": "waypoint"},
        {"topology.istio.io/network": "one"},
        {"istio.io/dataplane-mode": "none"},
        {"kuma.io/sidecar-injection": "disabled"},
    ],
)
def test_label_of_something_else_is_no_mistake(others: dict[str, str]) -> None:
    """Labels of other products, and others of Istio, are left alone."""
    mesh = mesh_without_fault()
    label(mesh, **{"istio-injection": "enabled"}, **others)
    assert told(mesh) == []


def _ask(**metadata: Any) -> Any:
    mesh = mesh_without_fault()
    plain_pod(mesh)
    pod = objects(mesh, "Pod")[-1]
    pod["metadata"] |= {"annotations": {}, **metadata}
    return mesh


@pytest.mark.parametrize(
    ("space", "metadata", "reason"),
    [
        ({"istio-injection": "disabled"}, {"labels": {"sidecar.istio.io/inject": "true"}}, "is ignored"),
        ({}, {"annotations": {"sidecar.istio.io/inject": "true"}}, "only a label"),
        ({"istio-injection": "enabled"}, {"labels": {"sidecar.istio.io/inject": "yes"}}, "neither true"),
    ],
)
def test_pod_that_asks_in_vain_is_named(space: dict[str, str], metadata: dict[str, Any], reason: str) -> None:
    """A pod that asks for a sidecar in a way that selects no webhook is named with the reason."""
    mesh = _ask(**metadata)
    label(mesh, **space)
    assert [reason in each.text for each in seen(mesh, "pod-without-sidecar")] == [True]
    assert seen(mesh, "pod-older-than-label") == []


def test_gateway_whose_image_was_not_replaced_is_named() -> None:
    """A pod with the image auto was not injected."""
    mesh = mesh_without_fault()
    objects(mesh, "Pod")[0]["spec"]["containers"][-1]["image"] = "auto"
    assert "was not replaced" in seen(mesh, "pod-without-sidecar")[0].text


def test_namespace_without_a_default_revision_is_named() -> None:
    """istio-injection=enabled means the default revision, which a canary alone is not."""
    mesh = mesh_without_fault()
    objects(mesh, "MutatingWebhookConfiguration")[:] = [injector("canary")]
    assert [str(each.subject) for each in seen(mesh, "revision-unknown")] == ["Namespace test-namespace"]


def test_pod_that_the_injector_leaves_out_is_no_fault() -> None:
    """A pod that neverInjectSelector selects needs no restart."""
    mesh = mesh_without_fault()
    plain_pod(mesh, job="batch")
    config = {"neverInjectSelector": [{"matchExpressions": [{"key": "job", "operator": "Exists"}]}]}
    settings = resource("istio-sidecar-injector", "istio-system", data={"config": yaml.safe_dump(config)})
    objects(mesh, CONFIG_MAP).append({**settings, "kind": CONFIG_MAP})
    assert told(mesh) == []


@pytest.mark.parametrize(
    "given",
    [
        {"traffic.sidecar.istio.io/excludeOutboundPorts": "3306"},
        {"sidecar.istio.io/interceptionMode": "NONE"},
    ],
)
def test_exclusion_without_init_container_is_named(given: dict[str, str]) -> None:
    """Where nothing but an annotation says it, traffic is still excluded."""
    mesh = mesh_without_fault()
    objects(mesh, "Pod")[1]["metadata"]["annotations"] |= given
    assert next(iter(given)) in seen(mesh, "traffic-excluded")[0].text


def test_exclusion_under_the_cni_plugin_is_named() -> None:
    """istio-validation has the options that istio-init has elsewhere."""
    mesh = mesh_without_fault()
    init = {"name": "istio-validation", "args": ["istio-iptables", "-o", "5432"]}
    objects(mesh, "Pod")[1]["spec"]["initContainers"] = [init]
    assert "excludes outbound ports 5432" in seen(mesh, "traffic-excluded")[0].text


def test_injector_at_an_address_is_an_injector() -> None:
    """A webhook that calls istiod by an address injects as one with a Service does."""
    mesh = mesh_without_fault()
    hooks = objects(mesh, "MutatingWebhookConfiguration")[0]["webhooks"]
    hooks[0]["clientConfig"] = {"url": "https://istiod.example/inject", "caBundle": ""}
    assert told(mesh) == []


def test_injector_of_istiods_own_namespace_is_named() -> None:
    """A webhook that must answer before istiod's own pod can be created is a deadlock."""
    mesh = mesh_without_fault()
    objects(mesh, "Namespace")[1]["metadata"]["labels"] = {"istio-injection": "enabled"}
    (found,) = seen(mesh, "webhook-covers-kube-system")
    assert "is called for pods of istio-system" in found.text


def test_every_configuration_of_a_removed_service_is_named() -> None:
    """Of two configurations that call one missing Service, both have to be changed."""
    mesh = mesh_without_fault()
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        objects(mesh, kind)[0]["webhooks"].append(hook("old.istio.io", "removed"))
    assert len(seen(mesh, "webhook-without-endpoints")) == 2


def test_webhook_that_passes_everything_is_named_without_endpoints() -> None:
    """A webhook of Istio without endpoints is named although it stops nothing."""
    mesh = mesh_without_fault()
    lenient = hook("old.istio.io", "removed", failurePolicy="Ignore")
    objects(mesh, "MutatingWebhookConfiguration")[0]["webhooks"].append(lenient)
    (found,) = seen(mesh, "webhook-without-endpoints")
    assert found.severity is Severity.WARNING


def test_ambient_namespace_with_a_job_is_healthy() -> None:
    """A namespace in ambient mode asks for no sidecar."""
    mesh = mesh_without_fault()
    in_namespace(mesh, "shop", **{"istio.io/dataplane-mode": "ambient"})
    assert told(mesh) == []
