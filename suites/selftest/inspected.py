"""A healthy mesh as objects, for the selftests of its inspection, and certificates that end when asked."""

import base64
import json
from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fixtures.clients.tls import Handshake
from fixtures.inspection.catalogue import CHECKS
from fixtures.inspection.finding import Seen
from fixtures.inspection.istiods import Answers
from fixtures.inspection.mesh import Mesh
from fixtures.inspection.objects import CONFIG_MAP, CRD, CRDS, KINDS, Objects
from fixtures.inspection.recorded_versions import recorded
from suites.selftest.views import GATEWAY, endpoints, namespace, resource, routed, service

MINOR = "1.31"
ISTIOD_POD = "istiod-1"
ISTIOD = {"app": "istiod", "istio.io/rev": "default"}
_PROXY = {"name": "istio-proxy", "image": "istio/proxyv2:1.31.0"}
_RUNNING = {"name": "istio-proxy", "ready": True, "state": {"running": {}}}


def certificate(days: float, lifetime: float = 3650) -> tuple[str, bytes]:
    """A self-signed certificate that ends in so many days, in PEM and in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "cluster.local")])
    ends = datetime.now(UTC) + timedelta(days=days)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(ends - timedelta(days=lifetime))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding
    return made.public_bytes(encoding.PEM).decode(), made.public_bytes(encoding.DER)


ROOT, SERVED = certificate(3000)


def bundle(pem: str) -> str:
    return base64.b64encode(pem.encode()).decode()


def proxied(name: str, space: str, **labels: str) -> Any:
    """A pod that the default revision injected."""
    status = json.dumps({"revision": "default"})
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": space,
            "labels": labels,
            "annotations": {"sidecar.istio.io/status": status},
        },
        "spec": {"containers": [{"name": "web", "image": "nginx"}, deepcopy(_PROXY)]},
        "status": {"phase": "Running", "containerStatuses": [deepcopy(_RUNNING)]},
    }


def plain(name: str, space: str, **labels: str) -> Any:
    """A running pod without a proxy."""
    made = proxied(name, space, **labels)
    del made["metadata"]["annotations"], made["spec"]["containers"][1]
    made["status"]["containerStatuses"] = []
    return made


def hook(name: str, service_name: str = "istiod", **rest: Any) -> Any:
    return {
        "name": name,
        "failurePolicy": "Fail",
        "clientConfig": {
            "caBundle": bundle(ROOT),
            "service": {"name": service_name, "namespace": "istio-system"},
        },
        **rest,
    }


def injector(revision: str = "default", **labels: str) -> Any:
    """The injection webhook of a revision; `istio-injection=enabled` selects the default one."""
    key, value = ("istio-injection", "enabled") if revision == "default" else ("istio.io/rev", revision)
    selector = {"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]}
    return {
        "kind": "MutatingWebhookConfiguration",
        "metadata": {
            "name": f"istio-sidecar-injector-{revision}",
            "labels": {"istio.io/rev": revision, **labels},
        },
        "webhooks": [hook("namespace.sidecar-injector.istio.io", namespaceSelector=selector)],
    }


def row(proxy: str, version: str = "1.31.0", resources: Any = None) -> Any:
    """What istiod says of one proxy."""
    return {
        "cluster_id": "Kubernetes",
        "proxy": proxy,
        "istio_version": version,
        "resources": resources or {},
    }


def crds() -> list[Any]:
    """Istio's CRDs with the fields that the ledger of the version records."""
    known = recorded(MINOR)
    assert known
    return [_crd(name, known.fields[name]) for name in CRDS]


def healthy() -> Mesh:
    """A mesh without a fault: istiod, a gateway, an app with a sidecar, its Gateway and its route."""
    kinds: dict[str, Any] = {kind: [] for kind in (*KINDS, CRD, CONFIG_MAP)}
    kinds |= routed().kinds
    for kind, objects in kinds.items():
        for each in objects:
            each["kind"] = kind
    kinds["Namespace"] = [
        namespace("test-namespace", **{"istio-injection": "enabled"}),
        namespace("istio-system"),
        namespace("kube-system"),
    ]
    for each in kinds["Service"]:
        for port in each["spec"]["ports"]:
            port["name"] = "http"
    kinds["Service"].append(service("istiod", "istio-system", [443], **ISTIOD))
    kinds["Service"][-1]["spec"]["ports"][0]["name"] = "https"
    kinds["EndpointSlice"].append(endpoints("istiod", "istio-system"))
    istiod = plain(ISTIOD_POD, "istio-system", **ISTIOD, **{"sidecar.istio.io/inject": "false"})
    gateway = proxied("gateway", "istio-system", **GATEWAY)
    kinds["Pod"] = [gateway, proxied("app", "test-namespace", app="test"), istiod]
    for pod in kinds["Pod"]:
        pod["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    kinds["Deployment"] = [deployment("default")]
    kinds["MutatingWebhookConfiguration"] = [injector()]
    kinds["ValidatingWebhookConfiguration"] = [
        {
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": "istio-validator", "labels": {"istio.io/rev": "default"}},
            "webhooks": [hook("rev.validation.istio.io")],
        }
    ]
    kinds[CONFIG_MAP] = [resource("istio-ca-root-cert", "istio-system", data={"root-cert.pem": ROOT})]
    kinds[CRD] = crds()
    for kind in ("Namespace", "Service", "EndpointSlice", CONFIG_MAP):
        for each in kinds[kind]:
            each["kind"] = kind
    answers = Answers(
        rows=[row("gateway.istio-system"), row("app.test-namespace")],
        handshakes={bundle(ROOT): Handshake("trusted", 0.0)},
        certificate=SERVED,
    )
    return Mesh(Objects(kinds), "istio-system", {ISTIOD_POD: answers}, client=(1, 31, 0))


def deployment(revision: str, version: str = "1.31.0", replicas: int = 2) -> Any:
    """The istiod of a revision, all of its pods ready."""
    suffix = "" if revision == "default" else f"-{revision}"
    container = {"name": "discovery", "image": f"istio/pilot:{version}", "env": []}
    labels = {"app": "istiod", "istio.io/rev": revision}
    return {
        "kind": "Deployment",
        "metadata": {"name": f"istiod{suffix}", "namespace": "istio-system", "labels": labels},
        "spec": {
            "replicas": replicas,
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
        "status": {"readyReplicas": replicas},
    }


def objects(mesh: Mesh, kind: str) -> Any:
    """The objects of a kind, to be changed by a test."""
    return mesh.objects.kinds[kind]


def answers(mesh: Mesh) -> Answers:
    """What the only istiod answered."""
    given = mesh.answers[ISTIOD_POD]
    assert isinstance(given, Answers)
    return given


def seen(mesh: Mesh, check: str) -> list[Seen]:
    """What one check sees."""
    (found,) = (each for each in CHECKS if each.id == check)
    return [*found.look(mesh)]


def spec_of(mesh: Mesh, kind: str) -> Any:
    return objects(mesh, kind)[0]["spec"]


def add(mesh: Mesh, kind: str, name: str, space: str = "test-namespace", /, **spec: Any) -> None:
    objects(mesh, kind).append({**resource(name, space, spec=spec), "kind": kind})


def label(mesh: Mesh, **labels: str) -> None:
    objects(mesh, "Namespace")[0]["metadata"]["labels"] = labels


def policy(mesh: Mesh, kind: str, name: str, **spec: Any) -> None:
    add(mesh, kind, name, **spec)


def plain_pod(mesh: Mesh, **labels: str) -> None:
    objects(mesh, "Pod").append(plain("late", "test-namespace", **labels))


def _crd(name: str, fields: Mapping[str, str]) -> Any:
    plural, _, group = name.partition(".")
    schema: dict[str, Any] = {}
    for place in fields:
        _add(schema, place.split("."))
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "kind": CRD,
        "metadata": {"name": name},
        "spec": {"group": group, "names": {"plural": plural}, "versions": [version]},
    }


def _add(schema: dict[str, Any], words: list[str]) -> None:
    """Add one field, such as spec.http[].route, to a schema."""
    for word in words:
        if word == "*":
            schema = schema.setdefault("additionalProperties", {})
            continue
        schema = schema.setdefault("properties", {}).setdefault(word.removesuffix("[]"), {})
        if word.endswith("[]"):
            schema = schema.setdefault("items", {})
