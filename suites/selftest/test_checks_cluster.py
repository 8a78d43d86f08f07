"""Checks of nodes, Deployments, endpoints, and Istio's cluster-wide resources."""

from copy import deepcopy
from typing import Any

import pytest

from fixtures.checks.cluster import (
    check_absent,
    check_available,
    check_endpoints,
    check_no_istio_pods,
    check_no_mesh,
    check_node,
    check_present,
    mesh_traces,
)
from suites.selftest.recordings import recorded

NODE = {
    "metadata": {"name": "node-1", "labels": {"role": "common-workers"}},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}
DEPLOYMENT: dict[str, Any] = {
    "metadata": {"name": "test-deployment", "namespace": "test-namespace", "generation": 2},
    "spec": {"replicas": 1},
    "status": {
        "observedGeneration": 2,
        "replicas": 1,
        "updatedReplicas": 1,
        "readyReplicas": 1,
        "conditions": [{"type": "Available", "status": "True"}],
    },
}


def named(*names: str, group: str = "") -> list[Any]:
    return [{"metadata": {"name": name}, "spec": {"group": group}} for name in names]


def deployment(**status: Any) -> Any:
    changed = deepcopy(DEPLOYMENT)
    changed["status"] |= status
    return changed


def test_bare_cluster_has_no_mesh() -> None:
    crds = named("ingressroutes.traefik.io", group="traefik.io")
    check_no_mesh(mesh_traces(crds, named("policy"), named("default", "kube-system")))


def test_leftover_crd_fails() -> None:
    crds = named("gateways.networking.istio.io", group="networking.istio.io")
    with pytest.raises(AssertionError, match=r"crds=\['gateways\.networking\.istio\.io'\]"):
        check_no_mesh(mesh_traces(crds, [], []))


def test_leftover_webhook_fails() -> None:
    with pytest.raises(AssertionError, match=r"webhooks=\['istio-revision-tag-default"):
        check_no_mesh(mesh_traces([], recorded("webhooks.json"), []))


def test_leftover_namespace_fails() -> None:
    with pytest.raises(AssertionError, match=r"namespaces=\['istio-system'\]"):
        check_no_mesh(mesh_traces([], [], named("istio-system")))


def test_istioctl_that_finds_no_istio_pod_passes() -> None:
    check_no_istio_pods(
        'Istio is not present in the cluster: no running Istio pods in namespace "istio-system"\n'
        "client version: 1.29.1\n"
    )


def test_unreachable_cluster_does_not_pass_as_no_istio() -> None:
    with pytest.raises(AssertionError, match="connection refused"):
        check_no_istio_pods("Istio is not present in the cluster: dial tcp: connection refused")


def test_ready_labelled_node_passes() -> None:
    check_node(NODE, {"role": "common-workers"})


def test_unready_node_fails() -> None:
    node = {**NODE, "status": {"conditions": [{"type": "Ready", "status": "False", "message": "no CNI"}]}}
    with pytest.raises(AssertionError, match=r"node node-1: .*no CNI"):
        check_node(node, {})


def test_missing_label_fails_with_the_existing_labels() -> None:
    with pytest.raises(AssertionError, match=r"lacks {'role': 'gpu'}, has {'role': 'common-workers'}"):
        check_node(NODE, {"role": "gpu"})


def test_available_deployment_passes() -> None:
    check_available(DEPLOYMENT)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ({"observedGeneration": 1}, "the status is of an older generation"),
        ({"conditions": [{"type": "Available", "status": "False"}]}, "not Available"),
        ({"replicas": 2}, "expected 1 replicas, all up to date and ready"),
        ({"readyReplicas": 0}, "expected 1 replicas, all up to date and ready"),
    ],
    ids=["old generation", "not available", "an old replica", "not ready"],
)
def test_missing_deployment_fails(status: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_available(deployment(**status))


def test_deployment_scaled_to_zero_is_not_available() -> None:
    scaled = deployment(replicas=0, updatedReplicas=0, readyReplicas=0)
    scaled["spec"] = {"replicas": 0}
    with pytest.raises(AssertionError, match="requests no replica"):
        check_available(scaled)


def test_deployment_without_status_is_not_available() -> None:
    with pytest.raises(AssertionError, match="the status is of an older generation"):
        check_available({**DEPLOYMENT, "status": {}})


def test_ready_endpoints_on_the_port_pass() -> None:
    check_endpoints(recorded("endpointslices.json")["all-up"], 8080)


def test_port_without_endpoints_fails() -> None:
    with pytest.raises(AssertionError, match="no endpoint on port 9999"):
        check_endpoints(recorded("endpointslices.json")["all-up"], 9999)


def test_unready_endpoint_fails() -> None:
    slices = recorded("endpointslices.json")["all-up"]
    for each in slices:
        each["endpoints"][0]["conditions"]["ready"] = False
    with pytest.raises(AssertionError, match=r"not all endpoints on port 8080 are ready: .*False"):
        check_endpoints(slices, 8080)


def test_remaining_resource_fails_by_name() -> None:
    with pytest.raises(AssertionError, match="Deployment istio-egressgateway exists"):
        check_absent(named("istiod", "istio-egressgateway"), "Deployment", "istio-egressgateway")


def test_missing_resource_fails_by_name() -> None:
    with pytest.raises(AssertionError, match=r"CRD \['b'\] missing; existing: \['a'\]"):
        check_present(named("a"), "CRD", ["a", "b"])


def test_stateful_set_is_available_by_its_replicas() -> None:
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas"), 2)
    stateful = {
        "metadata": {"name": "db", "namespace": "shop", "generation": 1},
        "spec": {"replicas": 2},
        "status": {"observedGeneration": 1, **counts},
    }
    check_available(stateful, "StatefulSet")
    with pytest.raises(AssertionError, match="not Available: Deployment shop/db"):
        check_available(stateful)
    stateful["status"] = {"observedGeneration": 1, **counts, "readyReplicas": 1}
    with pytest.raises(AssertionError, match="expected 2 replicas, all up to date and ready: StatefulSet"):
        check_available(stateful, "StatefulSet")
