"""Faults of control planes, CRDs, webhooks, certificates, injection and proxies, with the objects."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fixtures.clients.tls import Handshake
from fixtures.inspection.mesh import Mesh, Server
from fixtures.inspection.objects import CONFIG_MAP, CRD
from suites.selftest.inspected import (
    ISTIOD_POD,
    MINOR,
    answers,
    bundle,
    certificate,
    deployment,
    hook,
    injector,
    label,
    objects,
    plain_pod,
    row,
    spec_of,
)

Fault = Callable[[Mesh], Any]
APP = "Pod test-namespace/app"
ENDED, _ = certificate(-1)
SERVER = Server("test-namespace", "test-gateway", 443, "shop.example")
OLD_ISTIOD = "Deployment istio-system/istiod-old"


def answered(mesh: Mesh, **changes: Any) -> None:
    mesh.answers = {ISTIOD_POD: replace(answers(mesh), **changes)}


def webhook(mesh: Mesh, service_name: str = "istiod", **rest: Any) -> None:
    configuration = objects(mesh, "ValidatingWebhookConfiguration")[0]
    configuration["webhooks"].append(hook("other.istio.io", service_name, **rest))


def app_version(mesh: Mesh, version: str) -> None:
    answered(mesh, rows=[row("gateway.istio-system"), row("app.test-namespace", version)])


def unselected_pod(mesh: Mesh) -> None:
    hooks = objects(mesh, "MutatingWebhookConfiguration")[0]["webhooks"]
    hooks[0]["objectSelector"] = {"matchLabels": {"inject": "me"}}
    plain_pod(mesh)


def old_revision(mesh: Mesh, version: str = "1.28.2") -> None:
    objects(mesh, "Deployment").append(deployment("old", version))


def rejected(mesh: Mesh) -> None:
    error = {"x.Listener": {"sent": "1", "acked": "0", "lastError": "Proto constraint validation failed"}}
    answered(mesh, rows=[row("gateway.istio-system"), row("app.test-namespace", resources=error)])


def excluded(mesh: Mesh) -> None:
    objects(mesh, "Pod")[1]["spec"]["initContainers"] = [{"name": "istio-init", "args": ["-d", "15090,8080"]}]


def environment(mesh: Mesh) -> None:
    mesh.coming = MINOR
    old = deployment("old", "1.30.4")
    variable = {"name": "PILOT_SPAWN_UPSTREAM_SPAN_FOR_GATEWAY", "value": "false"}
    old["spec"]["template"]["spec"]["containers"][0]["env"] = [variable]
    objects(mesh, "Deployment").append(old)


def unknown_field(mesh: Mesh) -> None:
    mesh.coming = MINOR
    spec_of(mesh, "VirtualService")["http"][0]["former"] = {}


def crd_without_a_field(mesh: Mesh) -> None:
    (crd,) = (each for each in objects(mesh, CRD) if each["metadata"]["name"].startswith("virtualservices"))
    fields = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    del fields["http"]["items"]["properties"]["redirect"]


def user_1337(mesh: Mesh) -> None:
    objects(mesh, "Pod")[1]["spec"]["containers"][0]["securityContext"] = {"runAsUser": 1337}


def _client(ca_bundle: str) -> Any:
    return {"caBundle": ca_bundle, "service": {"name": "istiod", "namespace": "istio-system"}}


def _other_injector() -> Any:
    other = injector()
    other["metadata"]["name"] = "other"
    return other


FAULTS: dict[str, tuple[Fault, str]] = {
    "istiod-not-ready": (
        lambda mesh: objects(mesh, "Deployment")[0]["status"].clear(),
        "Deployment istio-system/istiod",
    ),
    "istiod-single-replica": (
        lambda mesh: spec_of(mesh, "Deployment").update(replicas=1),
        "Deployment istio-system/istiod",
    ),
    "control-plane-version-unknown": (lambda mesh: old_revision(mesh, "latest"), OLD_ISTIOD),
    "control-planes-apart": (old_revision, OLD_ISTIOD),
    "proxy-ahead-of-control-plane": (lambda mesh: app_version(mesh, "1.32.0"), APP),
    "proxy-too-old": (lambda mesh: app_version(mesh, "1.29.9"), APP),
    "proxy-outdated": (lambda mesh: app_version(mesh, "1.30.9"), APP),
    "istioctl-skew": (lambda mesh: setattr(mesh, "client", (1, 28, 0)), "Program istioctl"),
    "crd-missing": (lambda mesh: objects(mesh, CRD).pop(0), f"{CRD} authorizationpolicies.security.istio.io"),
    "crd-older": (crd_without_a_field, f"{CRD} virtualservices.networking.istio.io"),
    "next-drops": (unknown_field, "VirtualService test-namespace/test-virtualservice"),
    "next-removes-setting": (environment, OLD_ISTIOD),
    "webhook-without-endpoints": (
        lambda mesh: webhook(mesh, "removed"),
        "ValidatingWebhookConfiguration istio-validator",
    ),
    "webhook-ca-mismatch": (
        lambda mesh: webhook(mesh, clientConfig=_client(bundle(ENDED))),
        "ValidatingWebhookConfiguration istio-validator",
    ),
    "webhook-ca-not-serving": (
        lambda mesh: answered(
            mesh, handshakes={each: Handshake("tls", 0.0) for each in answers(mesh).handshakes}
        ),
        "MutatingWebhookConfiguration istio-sidecar-injector-default",
    ),
    "webhook-fails-open": (
        lambda mesh: webhook(mesh, failurePolicy="Ignore"),
        "ValidatingWebhookConfiguration istio-validator",
    ),
    "webhook-covers-kube-system": (
        lambda mesh: objects(mesh, "MutatingWebhookConfiguration")[0]["webhooks"][0].pop("namespaceSelector"),
        "MutatingWebhookConfiguration istio-sidecar-injector-default",
    ),
    "webhooks-overlap": (
        lambda mesh: objects(mesh, "MutatingWebhookConfiguration").append(_other_injector()),
        "Namespace test-namespace",
    ),
    "validation-missing": (
        lambda mesh: objects(mesh, "ValidatingWebhookConfiguration").clear(),
        "Deployment istio-system/istiod",
    ),
    "root-certificate-ends": (
        lambda mesh: objects(mesh, CONFIG_MAP)[0].update(data={"root-cert.pem": certificate(30)[0]}),
        "ConfigMap istio-system/istio-ca-root-cert",
    ),
    "webhook-ca-ends": (
        lambda mesh: webhook(mesh, clientConfig=_client(bundle(ENDED))),
        "ValidatingWebhookConfiguration istio-validator",
    ),
    "istiod-certificate-ends": (
        lambda mesh: answered(mesh, certificate=certificate(1, lifetime=10)[1]),
        f"Pod istio-system/{ISTIOD_POD}",
    ),
    "gateway-certificate-ends": (
        lambda mesh: setattr(mesh, "served", {SERVER: certificate(3)[1]}),
        "Gateway test-namespace/test-gateway",
    ),
    "gateway-without-certificate": (
        lambda mesh: setattr(mesh, "served", {SERVER: b""}),
        "Gateway test-namespace/test-gateway",
    ),
    "injection-label-unknown": (
        lambda mesh: label(mesh, **{"istio-injection": "true"}),
        "Namespace test-namespace",
    ),
    "revision-unknown": (lambda mesh: label(mesh, **{"istio.io/rev": "prod"}), "Namespace test-namespace"),
    "namespace-labels-contradict": (
        lambda mesh: label(mesh, **{"istio-injection": "enabled", "istio.io/rev": "default"}),
        "Namespace test-namespace",
    ),
    "tag-without-revision": (
        lambda mesh: objects(mesh, "MutatingWebhookConfiguration").append(
            injector("gone", **{"istio.io/tag": "prod"})
        ),
        "MutatingWebhookConfiguration istio-sidecar-injector-gone",
    ),
    "injector-missing": (
        lambda mesh: objects(mesh, "MutatingWebhookConfiguration").clear(),
        "Deployment istio-system/istiod",
    ),
    "pod-without-sidecar": (unselected_pod, "Pod test-namespace/late"),
    "pod-older-than-label": (plain_pod, "Pod test-namespace/late"),
    "pod-opted-out": (
        lambda mesh: plain_pod(mesh, **{"sidecar.istio.io/inject": "false"}),
        "Pod test-namespace/late",
    ),
    "proxy-other-revision": (
        lambda mesh: objects(mesh, "Pod")[1]["metadata"]["annotations"].update(
            {"sidecar.istio.io/status": '{"revision": "old"}'}
        ),
        APP,
    ),
    "runs-as-proxy": (user_1337, APP),
    "traffic-excluded": (excluded, APP),
    "update-rejected": (rejected, APP),
    "proxy-out-of-sync": (
        lambda mesh: answered(mesh, rows=[{**row("app.test-namespace"), "stale": ["Cluster"]}]),
        APP,
    ),
    "proxy-not-connected": (lambda mesh: answered(mesh, rows=[row("gateway.istio-system")]), APP),
    "proxy-not-ready": (
        lambda mesh: objects(mesh, "Pod")[1]["status"]["containerStatuses"][0].update(ready=False),
        APP,
    ),
}
