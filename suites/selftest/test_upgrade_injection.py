"""The injection probe: a dry run each second shows whether a pod would get its sidecar."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures import waits
from fixtures.clients.kube import Kube
from fixtures.upgrade.injection import InjectionAttempt, InjectionProbe
from suites.selftest.fake_api_server import PODS, FakeApiServer, Json, fake_api_server, refusal

POD: Json = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"generateName": "p-", "namespace": "test"},
    "spec": {},
}
BARE = {"spec": {"containers": [{"name": "probe", "image": "x"}]}}
NATIVE = {"spec": {**BARE["spec"], "initContainers": [{"name": "istio-proxy", "image": "proxyv2:1.29.1"}]}}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApiServer]:
    with fake_api_server(tmp_path) as api:
        yield api


def first(api: FakeApiServer) -> InjectionAttempt:
    probe = InjectionProbe(Kube(api.kubeconfig, timeout=5), POD)

    def seen() -> InjectionAttempt:
        assert probe.attempts
        return probe.attempts[0]

    probe.start()
    try:
        return waits.eventually(seen, "a pod was asked for", 5)
    finally:
        probe.stop()


def test_injected_pod_reports_its_sidecars_version(api: FakeApiServer) -> None:
    api.on(f"POST {PODS}", NATIVE)
    found = first(api)
    assert (found.image, found.missed) == ("proxyv2:1.29.1", "")
    (asked,) = {query["dryRun"] for verb, _, query, _ in api.asked if verb == "POST"}
    assert asked == "All"


def test_pod_without_sidecar_is_missed(api: FakeApiServer) -> None:
    api.on(f"POST {PODS}", BARE)
    assert first(api).missed == "created without a sidecar"


def test_rejected_pod_is_retried_as_a_controller_does(api: FakeApiServer) -> None:
    api.on(f"POST {PODS}", refusal(500, "InternalError", "failed calling webhook"), NATIVE)
    found = first(api)
    assert (found.image, found.missed) == ("proxyv2:1.29.1", "")
    assert "failed calling webhook" in found.refused[0]


def test_repeatedly_rejected_pod_is_missed(api: FakeApiServer) -> None:
    api.on(f"POST {PODS}", refusal(500, "InternalError", "failed calling webhook"))
    assert first(api).missed.startswith("refused 4 times: ")
