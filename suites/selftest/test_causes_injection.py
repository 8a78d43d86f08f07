"""Causes in how a pod comes by its sidecar, on the webhooks and the pods of a real cluster."""

import base64
from typing import Any

import pytest

from fixtures.causes import found, likely
from suites.selftest.recordings import recorded
from suites.selftest.views import Recorded, endpoints, namespace, pod, resource

ENABLED = {"istio-injection": "enabled"}
OPTIONS = "traffic.sidecar.istio.io/"


def asking(*pods: Any, **kinds: list[Any]) -> Recorded:
    """A namespace that asks for sidecars, these pods in it, and the webhooks of Istio 1.29.1."""
    webhooks = recorded("webhooks.json")
    return Recorded(
        {
            "Namespace": [namespace("test-namespace", **ENABLED)],
            "Pod": list(pods),
            "EndpointSlice": [endpoints("istiod", "istio-system")],
            "MutatingWebhookConfiguration": [each for each in webhooks if each["kind"].startswith("M")],
            "ValidatingWebhookConfiguration": [each for each in webhooks if each["kind"].startswith("V")],
            **kinds,
        }
    )


def plain(**labels: str) -> Any:
    return pod("app", "test-namespace", app="test", **labels)


def injected(*arguments: str, **annotations: str) -> Any:
    made = recorded("pods.json")["injected"]
    args = made["spec"]["initContainers"][0]["args"]
    for name, value in zip(arguments[::2], arguments[1::2], strict=True):
        args[-1:-1] = [] if name in args else [name, ""]
        args[args.index(name) + 1] = value
    made["metadata"]["annotations"] = annotations
    return made


def root_of(cluster: Recorded) -> Any:
    bundle = cluster.kinds["MutatingWebhookConfiguration"][0]["webhooks"][0]["clientConfig"]["caBundle"]
    data = {"root-cert.pem": f"{base64.b64decode(bundle).decode()}\n"}
    return resource("istio-ca-root-cert", "test-namespace", data=data)


def test_an_injected_pod_is_no_cause() -> None:
    assert found(asking(injected())) == []


@pytest.mark.parametrize("kind", ["labels", "annotations"])
def test_a_pod_that_opts_out_is_named(kind: str) -> None:
    opting = plain()
    opting["metadata"][kind] = {"sidecar.istio.io/inject": "false"}
    assert likely(asking(opting)) == (
        "sidecar opted out: pod test-namespace/app opts out of injection by "
        f"{kind[:-1]} sidecar.istio.io/inject=false"
    )


def test_a_pod_on_its_nodes_network_is_named() -> None:
    on_node = plain()
    on_node["spec"]["hostNetwork"] = True
    assert "uses the host network and gets no sidecar" in str(likely(asking(on_node)))


def test_a_pod_that_opts_out_where_no_sidecars_are_asked_for_is_no_cause() -> None:
    istiod = plain(**{"sidecar.istio.io/inject": "false", "istio.io/rev": "default"})
    assert found(asking(istiod, Namespace=[namespace("test-namespace")])) == []


def test_a_namespace_of_an_unknown_revision_is_named_with_those_there_are() -> None:
    asked = namespace("test-namespace", **{"istio.io/rev": "nosuch"})
    assert likely(asking(plain(), Namespace=[asked])).split("; ")[0] == (  # type: ignore[union-attr]
        "unknown revision: namespace test-namespace is labelled istio.io/rev=nosuch, "
        "but no webhook injects it (known: default)"
    )


def test_a_pod_of_an_unknown_revision_is_named() -> None:
    asked = asking(plain(**{"istio.io/rev": "nosuch"}), Namespace=[namespace("test-namespace")])
    assert "pod test-namespace/app is labelled istio.io/rev=nosuch" in str(likely(asked))


@pytest.mark.parametrize(
    "labels",
    [{"istio.io/rev": "default"}, {"istio.io/rev": "nosuch", **ENABLED}],
    ids=["known", "beside enabled"],
)
def test_a_revision_that_is_known_or_does_not_count_is_no_cause(labels: dict[str, str]) -> None:
    assert found(asking(injected(), Namespace=[namespace("test-namespace", **labels)])) == []


def test_a_tag_is_a_revision_too() -> None:
    cluster = asking(injected(), Namespace=[namespace("test-namespace", **{"istio.io/rev": "stable"})])
    cluster.kinds["MutatingWebhookConfiguration"][0]["metadata"]["labels"] = {
        "istio.io/rev": "1-29",
        "istio.io/tag": "stable",
    }
    assert found(cluster) == []


def test_no_webhook_at_all_is_named() -> None:
    told = likely(asking(plain(), MutatingWebhookConfiguration=[]))
    assert told == (
        "webhook not called: no injection webhook is called for pod test-namespace/app: none exists"
    )


def test_webhooks_whose_selectors_miss_are_named() -> None:
    cluster = asking(plain())
    for configuration in cluster.kinds["MutatingWebhookConfiguration"]:
        for hook in configuration["webhooks"]:
            hook["namespaceSelector"]["matchLabels"] = {"nobody": "here"}
    assert "the selectors of istio-revision-tag-default, istio-sidecar-injector don't match" in str(
        likely(cluster)
    )


def test_a_pod_that_asks_by_itself_in_a_namespace_without_label_is_taken() -> None:
    by_itself = plain(**{"sidecar.istio.io/inject": "true"})
    told = str(likely(asking(by_itself, Namespace=[namespace("test-namespace")])))
    assert told.startswith(
        "perhaps pod older than the injection label: pod test-namespace/app has no istio-proxy"
    )


def test_a_pod_that_a_webhook_takes_is_older_than_the_label() -> None:
    assert found(asking(plain())) == []
    assert likely(asking(plain())) == (
        "perhaps pod older than the injection label: pod test-namespace/app has no istio-proxy although "
        "its namespace is labelled: it is older than the label and was not restarted"
    )


def test_a_pod_that_ends_is_no_cause() -> None:
    ending = plain()
    ending["metadata"]["deletionTimestamp"] = "2026-11-24T15:50:33Z"
    assert (
        likely(asking(ending))
        == "none was found; applied so far: istio-injection=enabled on namespace test-namespace"
    )


@pytest.mark.parametrize("labels", [{"istio-injecton": "enabled"}, {"istio-injection": "yes"}])
def test_a_label_that_istio_does_not_know_is_named(labels: dict[str, str]) -> None:
    (label,) = labels.items()
    told = str(likely(asking(Namespace=[namespace("test-namespace", **labels)])))
    assert f"namespace test-namespace has the label {'='.join(label)}, unknown to Istio" in told


def test_a_namespace_that_wants_no_sidecars_is_no_cause() -> None:
    disabled = namespace("test-namespace", **{"istio-injection": "disabled"})
    assert found(asking(plain(), Namespace=[disabled])) == []


def test_an_empty_ca_bundle_is_named() -> None:
    cluster = asking()
    cluster.kinds["MutatingWebhookConfiguration"][1]["webhooks"][0]["clientConfig"].pop("caBundle")
    assert likely(cluster).split("; ")[0] == (  # type: ignore[union-attr]
        "webhook without CA: MutatingWebhookConfiguration istio-sidecar-injector has no CA bundle, "
        "so no call of it succeeds"
    )


def test_a_ca_bundle_of_another_authority_is_named() -> None:
    cluster = asking()
    cluster.kinds["ConfigMap"] = [root_of(cluster)]
    hook = cluster.kinds["ValidatingWebhookConfiguration"][0]["webhooks"][0]
    hook["clientConfig"]["caBundle"] = "bm90IGEgcm9vdA=="
    told = str(likely(cluster))
    assert "ValidatingWebhookConfiguration istio-validator-istio-system is not istiod's root" in told


@pytest.mark.parametrize("root", [True, False], ids=["the root", "no root to compare with"])
def test_the_ca_bundle_that_istiod_serves_is_no_cause(root: bool) -> None:
    cluster = asking()
    cluster.kinds["ConfigMap"] = [root_of(cluster)] if root else []
    assert found(cluster) == []


def test_a_webhook_of_others_may_be_without_a_bundle() -> None:
    hook = {"name": "other.example", "clientConfig": {"service": {"namespace": "x", "name": "other"}}}
    other = {"metadata": {"name": "other"}, "webhooks": [{**hook, "failurePolicy": "Ignore"}]}
    assert found(asking(ValidatingWebhookConfiguration=[other])) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-d", "15090,15021,15020,80"), "excludes inbound ports 80"),
        (("-b", "443"), "captures only inbound ports 443"),
        (("-b", ""), "captures only inbound ports none"),
        (("-x", "10.0.0.0/8"), "excludes outbound addresses 10.0.0.0/8"),
        (("-o", "5432"), "excludes outbound ports 5432"),
    ],
)
def test_what_istio_init_leaves_out_is_named(arguments: tuple[str, ...], told: str) -> None:
    assert likely(asking(injected(*arguments))) == (
        "traffic excluded from capture: istio-init of pod test-namespace/test-deployment-56fbdccbf9-wfq9j "
        f"{told}, set by the values of the Istio installation"
    )


def test_the_annotation_that_excludes_a_port_is_named() -> None:
    excluding = injected("-d", "15090,15021,15020,80", **{f"{OPTIONS}excludeInboundPorts": "80"})
    assert "set by annotation traffic.sidecar.istio.io/excludeInboundPorts=80" in str(
        likely(asking(excluding))
    )


def test_an_annotation_that_excludes_istios_own_port_is_no_cause() -> None:
    excluding = injected(**{f"{OPTIONS}excludeInboundPorts": "15020"})
    assert found(asking(excluding)) == []
