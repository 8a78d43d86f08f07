"""Causes in policies and mutual TLS."""

from typing import Any

import pytest

from fixtures.causes import likely
from suites.selftest.recordings import recorded
from suites.selftest.views import Recorded, pod, resource, routed

MTLS: Any = {"trafficPolicy": {"tls": {"mode": "DISABLE"}}}
HOST = "test-svc.test-namespace.svc.cluster.local"


def injected() -> Recorded:
    """The complete route, with a sidecar in the app's pod."""
    cluster = routed()
    sidecar = recorded("pods.json")["injected"]
    sidecar["metadata"]["labels"]["app"] = "test"
    cluster.kinds["Pod"][1] = sidecar
    return cluster


def policy(spec: Any, namespace: str = "test-namespace") -> Any:
    return resource("p", namespace, spec=spec)


def peers(mode: str, **rest: Any) -> Any:
    return resource("default", spec={"mtls": {"mode": mode}, **rest})


def rule(host: str = HOST, **spec: Any) -> Any:
    return resource("rule", spec={"host": host, **spec})


def reported(**kinds: list[Any]) -> str:
    cluster = injected()
    return str(likely(Recorded({**cluster.kinds, **kinds})))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({}, "allows nothing"),
        ({"action": "DENY", "rules": [{}]}, "denies requests that match its rules"),
        ({"selector": {"matchLabels": {"app": "test"}}}, "allows nothing"),
    ],
    ids=["allow nothing", "deny", "on the app alone"],
)
def test_denying_policy_is_named(spec: Any, words: str) -> None:
    assert reported(AuthorizationPolicy=[policy(spec)]).startswith(
        f"requests denied by a policy: AuthorizationPolicy test-namespace/p {words}"
    )


def test_mesh_wide_policy_is_named() -> None:
    assert reported(AuthorizationPolicy=[policy({}, "istio-system")]).startswith(
        "requests denied by a policy"
    )


@pytest.mark.parametrize(
    "spec",
    [
        {"action": "ALLOW", "rules": [{}]},
        {"action": "DENY"},
        {"action": "AUDIT"},
        {"selector": {"matchLabels": {"app": "other"}}},
    ],
    ids=["allow all", "deny nothing", "audit", "on no pod"],
)
def test_policy_that_denies_nothing_is_no_cause(spec: Any) -> None:
    assert "AuthorizationPolicy" not in reported(AuthorizationPolicy=[policy(spec)])


def test_unenforced_policy_is_no_cause() -> None:
    plain = routed()
    plain.kinds["AuthorizationPolicy"] = [policy({})]
    assert "AuthorizationPolicy" not in str(likely(plain))


def test_policy_that_allows_some_is_a_circumstance() -> None:
    some = {"rules": [{"from": [{"source": {"namespaces": ["istio-system"]}}]}]}
    assert reported(AuthorizationPolicy=[policy(some)]).startswith(
        "perhaps requests restricted by a policy: AuthorizationPolicy"
    )


@pytest.mark.parametrize(
    ("host", "spec"),
    [
        (HOST, MTLS),
        ("test-svc", MTLS),
        ("*.local", MTLS),
        (
            HOST,
            {"trafficPolicy": {"portLevelSettings": [{"port": {"number": 80}, "tls": {"mode": "DISABLE"}}]}},
        ),
        (HOST, {"subsets": [{"name": "v1", **MTLS}]}),
    ],
    ids=["name", "short name", "wildcard", "port", "subset"],
)
def test_plain_text_to_a_strict_service_is_named(host: str, spec: Any) -> None:
    found = reported(DestinationRule=[rule(host, **spec)], PeerAuthentication=[peers("STRICT")])
    assert found.startswith(
        "mutual TLS disabled under STRICT: DestinationRule test-namespace/rule has tls mode"
    )
    assert "DISABLE for Service test-namespace/test-svc, whose namespace is STRICT" in found


def test_plain_text_to_sidecars_that_accept_it_is_certain() -> None:
    assert reported(DestinationRule=[rule(**MTLS)]).startswith(
        "mutual TLS disabled for a Service: DestinationRule"
    )


@pytest.mark.parametrize(("host", "spec"), [(HOST, {"trafficPolicy": {}}), ("www.example", MTLS)])
def test_rule_without_tls_settings_is_no_cause(host: str, spec: Any) -> None:
    rules = [rule(host, **spec)]
    assert "DestinationRule" not in reported(DestinationRule=rules, PeerAuthentication=[peers("STRICT")])


def test_mutual_tls_to_a_pod_without_a_sidecar_is_named() -> None:
    plain = routed()
    plain.kinds["DestinationRule"] = [rule(trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}})]
    found = str(likely(plain))
    assert found.startswith(
        "mutual TLS to a pod without a sidecar: DestinationRule test-namespace/rule requires"
    )
    assert "but its pod test-namespace/app has no sidecar" in found


def test_mutual_tls_to_a_sidecar_is_no_cause() -> None:
    assert "DestinationRule" not in reported(
        DestinationRule=[rule(trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}})]
    )


def test_strict_mtls_is_named_with_pods_without_sidecar() -> None:
    cluster = injected()
    cluster.kinds["Pod"].append(pod("client", "client-namespace"))
    cluster.kinds["PeerAuthentication"] = [peers("STRICT")]
    assert likely(cluster) == (
        "perhaps STRICT mTLS: PeerAuthentication test-namespace/default is STRICT: "
        "sidecars reject plain text, for example from pods without a sidecar: client-namespace/client"
    )


def test_unenforced_strict_mtls_is_no_cause() -> None:
    cluster = routed()
    cluster.kinds["PeerAuthentication"] = [peers("STRICT")]
    assert "STRICT" not in str(likely(cluster))


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (peers("PERMISSIVE"), "has mode PERMISSIVE, which accepts plain text"),
        (resource("default", spec={}), "has mode UNSET, which accepts plain text"),
        (
            peers("STRICT", portLevelMtls={80: {"mode": "DISABLE"}}),
            "mode DISABLE on port 80, which accepts plain text",
        ),
    ],
    ids=["permissive", "unset", "port"],
)
def test_mtls_weaker_than_strict_is_named(policy: Any, words: str) -> None:
    assert f"mTLS is not STRICT: PeerAuthentication test-namespace/default {words}".replace(
        "default mode", "default has mode"
    ) in reported(PeerAuthentication=[policy])
