"""What the user's PeerAuthentications declare for the app's port, and when they apply."""

from typing import Any

import pytest

from fixtures.manifests import GATEWAY, PEERS, ManifestError
from suites.selftest.overlays import Declare, Files

APP = {"matchLabels": {"app": "test"}}


def policy(spec: Any, namespace: str = "test-namespace") -> Any:
    metadata = {"name": "mine", "namespace": namespace}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": metadata,
        "spec": spec,
    }


@pytest.mark.parametrize(
    ("spec", "mode"),
    [
        ({"selector": APP, "portLevelMtls": {80: {"mode": "DISABLE"}}}, "DISABLE"),
        ({"selector": APP, "portLevelMtls": {"80": {"mode": "PERMISSIVE"}}}, "PERMISSIVE"),
        ({"selector": APP, "portLevelMtls": {9113: {"mode": "DISABLE"}}}, ""),
        ({"selector": APP, "mtls": {"mode": "PERMISSIVE"}}, "PERMISSIVE"),
        (
            {
                "selector": APP,
                "mtls": {"mode": "DISABLE"},
                "portLevelMtls": {80: {"mode": "PERMISSIVE"}},
            },
            "PERMISSIVE",
        ),
        (
            {"selector": APP, "mtls": {"mode": "DISABLE"}, "portLevelMtls": {80: {"mode": "UNSET"}}},
            "DISABLE",
        ),
        ({"selector": {"matchLabels": {"app": "other"}}, "mtls": {"mode": "DISABLE"}}, ""),
    ],
    ids=[
        "port",
        "port as text",
        "other port",
        "pods",
        "port before pods",
        "unset port",
        "other pods",
    ],
)
def test_mode_of_the_apps_port_is_the_narrowest(spec: Any, mode: str, files: Files, declare: Declare) -> None:
    files[GATEWAY].append(policy(spec))
    found = declare(files)
    assert (found.port_mode, found.policies) == (mode, ("test-namespace/mine",))


def test_policy_of_another_namespace_sets_no_mode(files: Files, declare: Declare) -> None:
    files[GATEWAY].append(policy({"selector": APP, "mtls": {"mode": "DISABLE"}}, "default"))
    assert declare(files).port_mode == ""


@pytest.mark.parametrize(
    ("spec", "namespace"),
    [
        ({"mtls": {"mode": "STRICT"}}, "test-namespace"),
        ({"mtls": {"mode": "STRICT"}}, "istio-system"),
        ({"selector": APP, "mtls": {"mode": "STRICT"}}, "test-namespace"),
        ({"selector": APP, "portLevelMtls": {80: {"mode": "STRICT"}}}, "test-namespace"),
    ],
)
def test_policy_that_is_strict_before_its_stage_is_refused(
    spec: Any, namespace: str, files: Files, declare: Declare
) -> None:
    files[GATEWAY].append(policy(spec, namespace))
    with pytest.raises(ManifestError, match=r"mine makes mutual TLS mandatory .* move it to article/peer-"):
        declare(files)


@pytest.mark.parametrize(
    ("spec", "namespace"),
    [
        ({"selector": APP, "mtls": {"mode": "STRICT"}, "portLevelMtls": {80: {"mode": "PERMISSIVE"}}}, None),
        ({"selector": {"matchLabels": {"app": "other"}}, "mtls": {"mode": "STRICT"}}, None),
        ({"mtls": {"mode": "STRICT"}}, "default"),
    ],
    ids=["port", "other pods", "other namespace"],
)
def test_strict_policy_that_spares_the_app_is_accepted(
    spec: Any, namespace: str | None, files: Files, declare: Declare
) -> None:
    files[GATEWAY].append(policy(spec, namespace or "test-namespace"))
    assert len(declare(files).policies) == 1


def test_strict_policy_in_the_file_of_its_stage_is_accepted(files: Files, declare: Declare) -> None:
    files[PEERS] = [policy({"selector": APP, "mtls": {"mode": "STRICT"}})]
    assert declare(files).port_mode == "STRICT"
