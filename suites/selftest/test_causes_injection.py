"""Causes in sidecar injection, on webhooks and pods of a real cluster."""

import base64
from typing import Any

import pytest

from fixtures.causes import found, likely
from suites.selftest.recordings import recorded
from suites.selftest.views import Recorded, endpoints, namespace, pod, resource

ENABLED = {"istio-injection": "enabled"}
OPTIONS = "traffic.sidecar.istio.io/"


def with_injection(*pods: Any, **kinds: list[Any]) -> Recorded:
    """A namespace with injection enabled, these pods in it, and the webhooks of Istio 1.29.1."""
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


def test_injected_pod_is_no_cause() -> None:
    assert found(with_injection(injected())) == []


@pytest.mark.parametrize("kind", ["labels", "annotations"])
def test_pod_that_opts_out_is_named(kind: str) -> None:
    opting = plain()
    opting["metadata"][kind] = {"sidecar.istio.io/inject": "false"}
    assert likely(with_injection(opting)) == (
        "sidecar opted out: pod test-namespace/app opts out of injection by "
        f"{kind[:-1]} sidecar.istio.io/inject=false"
    )


def test_host_network_pod_is_named() -> None:
    on_node = plain()
    on_node["spec"]["hostNetwork"] = True
    assert "uses the host network and gets no sidecar" in str(likely(with_injection(on_node)))


def test_opt_out_is_no_cause_without_injection() -> None:
    istiod = plain(**{"sidecar.istio.io/inject": "false", "istio.io/rev": "default"})
    assert found(with_injection(istiod, Namespace=[namespace("test-namespace")])) == []


def test_namespace_with_an_unknown_revision_is_named_with_the_existing_ones() -> None:
    asked = namespace("test-namespace", **{"istio.io/rev": "nosuch"})
    assert likely(with_injection(plain(), Namespace=[asked])).split("; ")[0] == (  # type: ignore[union-attr]
        "unknown revision: namespace test-namespace is labelled istio.io/rev=nosuch, "
        "but no webhook injects it (known: default)"
    )


@pytest.mark.parametrize("container", ["web", "istio-proxy"], ids=["pod", "gateway by its chart"])
def test_pod_with_an_unknown_revision_is_named(container: str) -> None:
    asking = plain(**{"istio.io/rev": "nosuch"})
    asking["spec"]["containers"] = [{"name": container, "image": "auto"}]
    asked = with_injection(asking, Namespace=[namespace("test-namespace")])
    assert "pod test-namespace/app is labelled istio.io/rev=nosuch" in str(likely(asked))


@pytest.mark.parametrize(
    "labels",
    [{"istio.io/rev": "default"}, {"istio.io/rev": "nosuch", **ENABLED}],
    ids=["known", "beside enabled"],
)
def test_known_or_ignored_revision_is_no_cause(labels: dict[str, str]) -> None:
    assert found(with_injection(injected(), Namespace=[namespace("test-namespace", **labels)])) == []


def test_tag_counts_as_a_revision() -> None:
    cluster = with_injection(
        injected(), Namespace=[namespace("test-namespace", **{"istio.io/rev": "stable"})]
    )
    cluster.kinds["MutatingWebhookConfiguration"][0]["metadata"]["labels"] = {
        "istio.io/rev": "1-29",
        "istio.io/tag": "stable",
    }
    assert found(cluster) == []


def test_absence_of_any_webhook_is_named() -> None:
    told = likely(with_injection(plain(), MutatingWebhookConfiguration=[]))
    assert told == (
        "webhook not called: no injection webhook is called for pod test-namespace/app: none exists"
    )


def test_webhooks_whose_selectors_match_nothing_are_named() -> None:
    cluster = with_injection(plain())
    for configuration in cluster.kinds["MutatingWebhookConfiguration"]:
        for hook in configuration["webhooks"]:
            hook["namespaceSelector"]["matchLabels"] = {"nobody": "here"}
    assert "the selectors of istio-revision-tag-default, istio-sidecar-injector don't match" in str(
        likely(cluster)
    )


def test_pod_label_requests_injection_in_an_unlabelled_namespace() -> None:
    by_itself = plain(**{"sidecar.istio.io/inject": "true"})
    told = str(likely(with_injection(by_itself, Namespace=[namespace("test-namespace")])))
    assert told.startswith(
        "perhaps pod older than the injection label: pod test-namespace/app has no istio-proxy"
    )


def test_uninjected_pod_that_a_webhook_matches_predates_the_label() -> None:
    assert found(with_injection(plain())) == []
    assert likely(with_injection(plain())) == (
        "perhaps pod older than the injection label: pod test-namespace/app has no istio-proxy although "
        "its namespace is labelled: it is older than the label and was not restarted"
    )


def test_terminating_pod_is_no_cause() -> None:
    ending = plain()
    ending["metadata"]["deletionTimestamp"] = "2026-11-24T15:50:33Z"
    assert (
        likely(with_injection(ending))
        == "none was found; applied so far: istio-injection=enabled on namespace test-namespace"
    )


@pytest.mark.parametrize("labels", [{"istio-injecton": "enabled"}, {"istio-injection": "yes"}])
def test_label_unknown_to_istio_is_named(labels: dict[str, str]) -> None:
    (label,) = labels.items()
    told = str(likely(with_injection(Namespace=[namespace("test-namespace", **labels)])))
    assert f"namespace test-namespace has the label {'='.join(label)}, unknown to Istio" in told


def test_namespace_without_injection_is_no_cause() -> None:
    disabled = namespace("test-namespace", **{"istio-injection": "disabled"})
    assert found(with_injection(plain(), Namespace=[disabled])) == []


def test_empty_ca_bundle_is_named() -> None:
    cluster = with_injection()
    cluster.kinds["MutatingWebhookConfiguration"][1]["webhooks"][0]["clientConfig"].pop("caBundle")
    assert likely(cluster).split("; ")[0] == (  # type: ignore[union-attr]
        "webhook without CA: MutatingWebhookConfiguration istio-sidecar-injector has no CA bundle, "
        "so no call of it succeeds"
    )


def test_ca_bundle_from_another_ca_is_named() -> None:
    cluster = with_injection()
    cluster.kinds["ConfigMap"] = [root_of(cluster)]
    hook = cluster.kinds["ValidatingWebhookConfiguration"][0]["webhooks"][0]
    hook["clientConfig"]["caBundle"] = "bm90IGEgcm9vdA=="
    told = str(likely(cluster))
    assert "ValidatingWebhookConfiguration istio-validator-istio-system is not istiod's root" in told


@pytest.mark.parametrize("root", [True, False], ids=["the root", "no root to compare with"])
def test_ca_bundle_served_by_istiod_is_no_cause(root: bool) -> None:
    cluster = with_injection()
    cluster.kinds["ConfigMap"] = [root_of(cluster)] if root else []
    assert found(cluster) == []


def test_foreign_webhook_without_ca_bundle_is_no_cause() -> None:
    hook = {"name": "other.example", "clientConfig": {"service": {"namespace": "x", "name": "other"}}}
    other = {"metadata": {"name": "other"}, "webhooks": [{**hook, "failurePolicy": "Ignore"}]}
    assert found(with_injection(ValidatingWebhookConfiguration=[other])) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-d", "15090,15021,15020,80"), "excludes inbound ports 80"),
        (("-b", "443"), "captures only inbound ports 443"),
        (("-b", ""), "captures only inbound ports none"),
        (("-d", "80", "-o", "5432"), "excludes inbound ports 80; excludes outbound ports 5432"),
    ],
)
def test_port_excluded_by_istio_init_is_named(arguments: tuple[str, ...], told: str) -> None:
    assert likely(with_injection(injected(*arguments))) == (
        "traffic excluded from capture: istio-init of pod test-namespace/test-deployment-56fbdccbf9-wfq9j "
        f"{told}, set by the values of the Istio installation"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-x", "10.0.0.0/8"), "excludes outbound addresses 10.0.0.0/8"),
        (("-o", "5432"), "excludes outbound ports 5432"),
    ],
)
def test_outbound_traffic_excluded_by_istio_init_is_no_certain_cause(
    arguments: tuple[str, ...], told: str
) -> None:
    """Outbound traffic, such as that to a database, is often excluded on purpose."""
    assert str(likely(with_injection(injected(*arguments)))).startswith(
        "perhaps traffic excluded from capture: istio-init of pod test-namespace/test-deployment-56fbdccbf9-"
        f"wfq9j {told}"
    )


def test_annotation_that_excludes_a_port_is_named() -> None:
    excluding = injected("-d", "15090,15021,15020,80", **{f"{OPTIONS}excludeInboundPorts": "80"})
    assert "set by annotation traffic.sidecar.istio.io/excludeInboundPorts=80" in str(
        likely(with_injection(excluding))
    )


def test_annotation_that_excludes_an_istio_port_is_no_cause() -> None:
    excluding = injected(**{f"{OPTIONS}excludeInboundPorts": "15020"})
    assert found(with_injection(excluding)) == []
