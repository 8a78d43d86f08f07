"""Causes that Kubernetes reports, on recordings of faults provoked on a real cluster."""

from typing import Any

import pytest

from fixtures.causes import found, lasting, likely
from suites.selftest.recordings import recorded
from suites.selftest.views import Recorded, deployment, pod, resource, service

HELD = {"deletionTimestamp": "2026-11-24T15:50:33Z", "finalizers": ["example/held"]}


def not_started(scheduled: bool = True) -> Any:
    """A pod whose container is waiting for a volume."""
    made = pod("app", "test-namespace")
    conditions = [{"type": "PodScheduled", "status": "True"}] if scheduled else []
    made["status"] = {"phase": "Pending", "conditions": conditions}
    return made


def warning(reason: str, message: str, minute: int, name: str = "app") -> Any:
    about = {"name": name, "namespace": "test-namespace"}
    time = f"2026-11-24T15:{minute}:00Z"
    return {
        "type": "Warning",
        "reason": reason,
        "message": message,
        "involvedObject": about,
        "lastTimestamp": time,
    }


def test_pod_waiting_for_a_volume_is_named_with_the_last_warning() -> None:
    events = [
        warning("FailedMount", 'configmap "missing" not found', 51),
        warning("FailedMount", "timed out", 50),
        warning("FailedMount", "of another", 59, "other"),
    ]
    assert likely(Recorded({"Pod": [not_started()], "Event": events})) == (
        "pod not started: pod test-namespace/app is scheduled but Pending: "
        'FailedMount: configmap "missing" not found'
    )


def test_pod_that_is_starting_or_was_just_scheduled_is_no_cause() -> None:
    events = [warning("FailedScheduling", "untolerated taint", 50)]
    assert found(Recorded({"Pod": [not_started()], "Event": events})) == []


def test_pod_ignored_by_every_scheduler_is_named() -> None:
    told = likely(Recorded({"Pod": [not_started(scheduled=False)]}))
    assert "is Pending, and scheduler default-scheduler has not processed it" in str(told)


def test_pod_held_by_a_finalizer_is_named() -> None:
    held = pod("app", "test-namespace")
    held["metadata"] |= HELD
    assert likely(Recorded({"Pod": [held]})) == (
        "pod blocked by a finalizer: pod test-namespace/app is being deleted, "
        "waits for finalizers example/held"
    )


def test_terminating_pod_or_finalizer_alone_is_no_cause() -> None:
    pods = [pod("a", "test-namespace"), pod("b", "test-namespace")]
    for each, (name, value) in zip(pods, HELD.items(), strict=True):
        each["metadata"][name] = value
    assert found(Recorded({"Pod": pods})) == []


def test_unready_pod_is_named() -> None:
    unready = pod("app", "test-namespace")
    unready["status"]["containerStatuses"][0]["ready"] = False
    assert likely(Recorded({"Pod": [unready]})) == (
        "pod not ready: pod test-namespace/app is running, but web is not ready"
    )


def test_webhook_without_pods_is_named_as_lasting() -> None:
    cluster = Recorded(
        {
            "MutatingWebhookConfiguration": recorded("webhooks.json"),
            "EndpointSlice": recorded("endpointslices.json")["without-istiod"],
            "Service": [service("istiod", "istio-system", [443], app="istiod")],
        }
    )
    assert "calls Service istio-system/istiod, which has no endpoint; its workloads request 0 pods" in str(
        lasting(cluster)
    )


def test_webhook_whose_pod_is_starting_is_not_lasting() -> None:
    cluster = Recorded(
        {
            "MutatingWebhookConfiguration": recorded("webhooks.json"),
            "Deployment": [deployment("istiod", "istio-system", app="istiod")],
            "Service": [service("istiod", "istio-system", [443], app="istiod")],
        }
    )
    assert str(likely(cluster)).startswith("webhook without endpoints")
    assert lasting(cluster) is None


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_webhook_whose_pods_start_in_another_namespace_is_not_lasting(kind: str) -> None:
    called = {"clientConfig": {"service": {"namespace": "certs", "name": "hook"}}, "name": "hook.example"}
    cluster = Recorded(
        {"ValidatingWebhookConfiguration": [{"metadata": {"name": "a"}, "webhooks": [called]}]}
    )
    cluster.elsewhere = {
        "Service": [service("hook", "certs", [443], app="hook")],
        kind: [deployment("hook", "certs", app="hook")],
    }
    assert "certs/hook, which has no endpoint; its workloads request 1 pods" in str(likely(cluster))
    assert lasting(cluster) is None


def test_webhook_with_endpoints_is_no_cause() -> None:
    slices = recorded("endpointslices.json")["all-up"]
    webhooks = recorded("webhooks.json")
    assert likely(Recorded({"MutatingWebhookConfiguration": webhooks, "EndpointSlice": slices})) is None


def test_image_that_cannot_be_pulled_is_named() -> None:
    told = lasting(Recorded({"Pod": [recorded("pods.json")["no-image"]]}))
    assert "cannot pull image registry.lab/nothing:1 (ErrImagePull)" in str(told)


def test_unschedulable_pod_is_named() -> None:
    told = lasting(Recorded({"Pod": [recorded("pods.json")["not-scheduled"]]}))
    assert (
        "client-namespace/toobig is Pending and fits no node: 0/1 nodes are available: 1 Insufficient cpu"
        in str(told)
    )


def test_pod_waiting_for_its_node_is_not_lasting() -> None:
    waiting = recorded("pods.json")["not-scheduled"]
    waiting["status"]["conditions"][0]["message"] = "1 node(s) had untolerated taint {not-ready: }"
    assert lasting(Recorded({"Pod": [waiting]})) is None


def test_rejected_pod_is_named_with_the_reason() -> None:
    condition = {"type": "ReplicaFailure", "message": 'exceeded quota: "small"', "status": "True"}
    told = lasting(Recorded({"ReplicaSet": [resource("app-1", status={"conditions": [condition]})]}))
    assert (
        told
        == 'pod not created: ReplicaSet test-namespace/app-1 cannot create its pod: exceeded quota: "small"'
    )


def test_failing_container_is_named_with_its_exit_code() -> None:
    failing = pod("app", "test-namespace")
    ended = {"terminated": {"exitCode": 3, "message": "no such file"}}
    failing["status"]["containerStatuses"][0] |= {"state": ended, "ready": False}
    assert "container web fails, exit code 3" in str(likely(Recorded({"Pod": [failing]})))


def test_node_under_pressure_is_named() -> None:
    condition = {"type": "DiskPressure", "status": "True", "message": "low on disk"}
    node = {"metadata": {"name": "node-1"}, "status": {"conditions": [condition]}}
    assert (
        likely(Recorded({"Node": [node]})) == "node not ready: node node-1: DiskPressure is True: low on disk"
    )
