"""Causes in the proxies: rejected updates, readiness, versions."""

from typing import Any

import pytest

from fixtures.causes import found, lasting, likely
from fixtures.causes.proxies import rejections
from suites.selftest.recordings import recorded
from suites.selftest.secret_cases import JWT
from suites.selftest.views import Recorded, pod


def waiting() -> Any:
    """An injected pod whose proxy runs but is not ready, and whose app waits for it."""
    made = recorded("pods.json")["injected"]
    made["status"]["phase"] = "Pending"
    made["status"]["initContainerStatuses"][1]["ready"] = False
    state = {"waiting": {"reason": "PodInitializing"}}
    made["status"]["containerStatuses"][0] |= {"ready": False, "state": state}
    return made


def of_version(container: str, tag: str) -> Any:
    made = pod(container, "istio-system")
    made["spec"]["containers"] = [{"name": container, "image": f"docker.io/istio/x:{tag}"}]
    return made


def test_rejected_update_is_named_with_envoys_reason() -> None:
    told = str(lasting(Recorded(report=recorded("syncz-rejected.json"))))
    assert "update rejected by a proxy: proxy istio-ingressgateway-667c4bd6b6-c2677.istio-system" in told
    assert "value length must be at least 1 characters" in told


def test_accepted_updates_are_no_cause() -> None:
    assert found(Recorded(report=recorded("syncz.json"))) == []


def test_unready_sidecar_is_named_once_and_first() -> None:
    assert likely(Recorded({"Pod": [waiting()]})) == (
        "sidecar not ready: istio-proxy of pod test-namespace/test-deployment-56fbdccbf9-wfq9j "
        "is not ready and not connected to istiod"
    )


def test_unready_sidecar_that_istiod_serves_is_distinguished() -> None:
    name = "test-deployment-56fbdccbf9-wfq9j.test-namespace"
    report = {"istiod": [{"proxy": name, "cluster_id": "Kubernetes"}]}
    told = str(likely(Recorded({"Pod": [waiting()]}, report)))
    assert told.endswith(" but connected to istiod")


def test_terminating_or_unstarted_sidecar_is_no_cause() -> None:
    ending, beginning = waiting(), waiting()
    ending["metadata"]["deletionTimestamp"] = "2026-11-24T15:50:33Z"
    beginning["status"]["initContainerStatuses"][1]["state"] = {"waiting": {"reason": "PodInitializing"}}
    assert found(Recorded({"Pod": [ending, beginning]})) == []


def test_proxy_version_that_no_istiod_has_is_a_circumstance() -> None:
    pods = [of_version("discovery", "1.29.1"), of_version("istio-proxy", "1.28.2")]
    assert likely(Recorded({"Pod": pods})) == (
        "perhaps proxy and istiod versions differ: the proxy of pod istio-system/istio-proxy "
        "has version 1.28.2, istiod has 1.29.1"
    )


@pytest.mark.parametrize(
    "tags", [("1.28.2", "1.29.1"), ("1.29.1",), ()], ids=["upgrade", "same", "no istiod"]
)
def test_proxy_version_that_an_istiod_has_is_no_cause(tags: tuple[str, ...]) -> None:
    istiods = [of_version("discovery", tag) for tag in tags]
    assert likely(Recorded({"Pod": [*istiods, of_version("istio-proxy", "1.29.1")]})) is None


def test_secret_across_the_cut_of_a_long_error_is_redacted() -> None:
    """An error is redacted before it is cut: half a token would not be recognized."""
    error = f"{'x' * 370} {JWT} end"
    (text,) = rejections({"resources": {"Listener": {"lastError": error}}})
    assert JWT.partition(".")[0] not in text
