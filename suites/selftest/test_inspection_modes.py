"""Meshes of other kinds are healthy: istio-cni, ambient, discoverySelectors, Kubernetes Gateways."""

import json
from copy import deepcopy
from typing import Any

import pytest
import yaml

from fixtures.inspection.finding import Severity
from fixtures.inspection.inspect import inspect
from fixtures.inspection.mesh import Mesh, NoControlPlane, namespace_of
from fixtures.inspection.objects import CONFIG_MAP
from suites.selftest.faulty_agents import cni, validated
from suites.selftest.inspected import (
    add,
    deployment,
    healthy,
    injector,
    objects,
    plain,
    policy,
    proxied,
    seen,
)
from suites.selftest.views import namespace, resource


def told(mesh: Mesh) -> list[str]:
    """Every error and warning of a mesh."""
    inspection = inspect(mesh, lambda _: None)
    assert inspection.not_checked == ()
    return [
        f"{each.check.id} {each.subject}: {each.text}"
        for each in inspection.findings
        if each.severity is not Severity.NOTE
    ]


def configured(mesh: Mesh, **config: Any) -> None:
    settings = resource("istio", "istio-system", data={"mesh": yaml.safe_dump(config)})
    objects(mesh, CONFIG_MAP).append({**settings, "kind": CONFIG_MAP})


def in_namespace(mesh: Mesh, name: str, *pods: Any, **labels: str) -> None:
    objects(mesh, "Namespace").append({**namespace(name, **labels), "kind": "Namespace"})
    objects(mesh, "Pod").extend(pods)


def test_pod_outside_discovery_needs_no_sidecar() -> None:
    """A namespace that discoverySelectors leave out is not of the mesh, nor is anything in it."""
    mesh = healthy()
    objects(mesh, "Namespace")[0]["metadata"]["labels"]["mesh"] = "yes"
    configured(mesh, discoverySelectors=[{"matchLabels": {"mesh": "yes"}}])
    in_namespace(mesh, "outside", plain("web", "outside"), **{"istio.io/rev": "default"})
    add(mesh, "VirtualService", "lost", "outside", hosts=["a.example"], gateways=["no"])
    assert told(mesh) == []


def test_pod_within_discovery_needs_a_sidecar() -> None:
    """Any of the selectors, by labels or by expressions, brings a namespace into the mesh."""
    mesh = healthy()
    expression = {"key": "team", "operator": "In", "values": ["shop"]}
    configured(mesh, discoverySelectors=[{"matchLabels": {"a": "b"}}, {"matchExpressions": [expression]}])
    in_namespace(mesh, "shop", plain("web", "shop"), **{"istio-injection": "enabled", "team": "shop"})
    assert [each.subject.name for each in seen(mesh, "pod-older-than-label")] == ["web"]


def test_mesh_with_the_cni_plugin_is_healthy() -> None:
    """A pod whose traffic the plugin captures has istio-validation in place of istio-init."""
    mesh = healthy()
    cni(mesh)
    validated(mesh, terminated={"exitCode": 0})
    assert told(mesh) == []


def test_pod_that_started_before_the_plugin_is_named() -> None:
    """With exit code 126, istio-validation says that nothing is captured."""
    mesh = healthy()
    cni(mesh)
    validated(mesh, terminated={"exitCode": 126})
    assert [str(each.subject) for each in seen(mesh, "capture-missing")] == ["Pod test-namespace/app"]


def test_plugin_that_lacks_a_node_is_a_warning() -> None:
    """A plugin that is ready on some nodes serves them."""
    mesh = healthy()
    cni(mesh, ready=2)
    assert [each.severity for each in seen(mesh, "node-agent-not-ready")] == [Severity.WARNING]


def _ztunnel(mesh: Mesh, version: str = "1.31.0") -> None:
    made = cni(mesh, version)
    made["metadata"]["name"] = "ztunnel"
    made["spec"]["template"]["metadata"]["labels"] = {"app": "ztunnel"}
    pod = proxied("ztunnel-1", "istio-system", app="ztunnel")
    pod["metadata"]["annotations"] = {}
    pod["spec"]["containers"].pop(0)
    objects(mesh, "Pod").append(pod)


def test_ambient_namespace_is_healthy() -> None:
    """Ambient pods have no sidecar; policies select them and mutual TLS reaches them all the same."""
    mesh = healthy()
    cni(mesh)
    _ztunnel(mesh)
    in_namespace(mesh, "shop", plain("web", "shop", app="web"), **{"istio.io/dataplane-mode": "ambient"})
    labels = {"matchLabels": {"app": "web"}}
    add(mesh, "AuthorizationPolicy", "a", "shop", selector=labels, rules=[{}])
    add(mesh, "PeerAuthentication", "b", "istio-system", mtls={"mode": "STRICT"})
    assert told(mesh) == []


def test_ztunnel_that_is_newer_is_named() -> None:
    """A ztunnel is a proxy, so it must not be ahead of its control plane."""
    mesh = healthy()
    _ztunnel(mesh, "1.32.0")
    assert [each.subject.name for each in seen(mesh, "node-agent-skew")] == ["ztunnel"]


def test_gateway_of_the_gateway_api_is_healthy() -> None:
    """The Deployment that istiod makes for a Kubernetes Gateway has a proxy, without a sidecar's marks."""
    mesh = healthy()
    name = {"gateway.networking.k8s.io/gateway-name": "shop"}
    pod = proxied("shop-istio-1", "test-namespace", **name, **{"sidecar.istio.io/inject": "false"})
    pod["metadata"]["annotations"] = {"istio.io/rev": "default"}
    pod["spec"]["containers"].pop(0)
    pod["status"] = {"phase": "Pending"}
    objects(mesh, "Pod").append(pod)
    target = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "shop"}
    policy(mesh, "AuthorizationPolicy", "a", targetRefs=[target], rules=[{}])
    assert told(mesh) == []
    assert mesh.proxies[-1].revision == "default"


def test_native_sidecar_is_a_sidecar() -> None:
    """A proxy among the init containers counts, with its state and its capture."""
    mesh = healthy()
    app = objects(mesh, "Pod")[1]
    app["spec"]["initContainers"] = [{**app["spec"]["containers"].pop(), "restartPolicy": "Always"}]
    app["status"]["initContainerStatuses"] = app["status"].pop("containerStatuses")
    assert told(mesh) == []
    objects(mesh, "Service")[1]["spec"]["ports"][0]["name"] = "web"
    assert len(seen(mesh, "port-without-protocol")) == 1


def test_proxy_of_another_mesh_is_not_unconnected() -> None:
    """Of two meshes in a cluster, each has its own revisions; the other one's proxies are not its own."""
    mesh = healthy()
    other = deployment("two")
    other["metadata"]["namespace"] = "istio-two"
    objects(mesh, "Deployment").append(other)
    hooks = injector("two")
    hooks["webhooks"][0]["clientConfig"]["service"] |= {"name": "istiod-two", "namespace": "istio-two"}
    objects(mesh, "MutatingWebhookConfiguration").append(hooks)
    objects(mesh, "EndpointSlice").append(deepcopy(objects(mesh, "EndpointSlice")[2]))
    objects(mesh, "EndpointSlice")[-1]["metadata"] |= {
        "namespace": "istio-two",
        "labels": {"kubernetes.io/service-name": "istiod-two"},
    }
    pod = proxied("web", "shop")
    pod["metadata"]["annotations"]["sidecar.istio.io/status"] = json.dumps({"revision": "two"})
    in_namespace(mesh, "shop", pod, **{"istio.io/rev": "two"})
    assert told(mesh) == []
    assert [each.pod["metadata"]["name"] for each in mesh.proxies] == ["gateway", "app"]


def test_external_control_plane_is_said() -> None:
    """Without an istiod, webhooks that call an address say that the control plane is elsewhere."""
    mesh = healthy()
    objects(mesh, "Deployment").clear()
    hook = objects(mesh, "MutatingWebhookConfiguration")[0]["webhooks"][0]
    hook["clientConfig"] = {"url": "https://istiod.example:15017/inject"}
    with pytest.raises(NoControlPlane, match=r"calls https://istiod.example:15017/inject. .* is external"):
        namespace_of(mesh.objects)


@pytest.mark.parametrize(
    "image",
    ["istio/pilot:1.31.0@sha256:12", "r.example:5000/pilot:1.31.0-distroless", "10.0.0.1:5000/pilot:1.31.0"],
)
def test_version_is_read_from_any_reference(image: str) -> None:
    """A digest, a port and a variant beside the tag leave the version readable."""
    mesh = healthy()
    objects(mesh, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]["image"] = image
    assert mesh.control_planes[0].version == (1, 31, 0)
