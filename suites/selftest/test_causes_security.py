"""Likely causes in policies, injection and access logs."""

from typing import Any

import pytest

from fixtures.causes import lasting, likely
from suites.selftest.recordings import recorded
from suites.selftest.views import Recorded, namespace, resource


def peer_authentication(mode: str) -> Recorded:
    return Recorded({"PeerAuthentication": [resource("default", spec={"mtls": {"mode": mode}})]})


def mesh_config(text: str) -> Recorded:
    return Recorded({"ConfigMap": [resource("istio", "istio-system", data={"mesh": text})]})


@pytest.mark.parametrize("kind", ["labels", "annotations"])
def test_a_pod_that_opts_out_is_named_and_lasts(kind: str) -> None:
    pod: Any = recorded("pods.json")["injected"]
    pod["metadata"][kind] = {"sidecar.istio.io/inject": "false"}
    labelled = namespace(pod["metadata"]["namespace"], **{"istio-injection": "enabled"})
    told = str(lasting(Recorded({"Pod": [pod], "Namespace": [labelled]})))
    assert lasting(Recorded({"Pod": [pod]})) is None
    assert f"opts out of injection by {kind[:-1]} sidecar.istio.io/inject=false" in told


def test_strict_mtls_is_named() -> None:
    told = str(likely(peer_authentication("STRICT")))
    assert (
        told == "STRICT mTLS: PeerAuthentication test-namespace/default is STRICT: plain text is turned away"
    )


def test_permissive_mtls_is_named() -> None:
    told = str(likely(peer_authentication("PERMISSIVE")))
    assert "PeerAuthentication test-namespace/default has mode PERMISSIVE: plain text is served" in told


@pytest.mark.parametrize("spec", [{}, {"action": "DENY", "rules": [{}]}], ids=["allow nothing", "deny"])
def test_a_policy_that_turns_away_is_named(spec: Any) -> None:
    told = str(likely(Recorded({"AuthorizationPolicy": [resource("p", spec=spec)]})))
    assert told.startswith("policy that denies: AuthorizationPolicy test-namespace/p")


def test_a_policy_that_allows_someone_is_no_cause() -> None:
    allowing = resource("p", spec={"action": "ALLOW", "rules": [{}]})
    assert likely(Recorded({"AuthorizationPolicy": [allowing]})) is None


def test_access_logs_that_are_off_are_named() -> None:
    assert "has no accessLogFile" in str(likely(mesh_config("enableTracing: true")))


def test_access_logs_that_are_on_are_no_cause() -> None:
    assert likely(mesh_config("accessLogFile: /dev/stdout")) is None
