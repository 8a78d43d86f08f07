"""Whether a cluster has enough capacity, and what it lacks."""

from typing import Any

import pytest

from fixtures.upgrade.capacity import Demand, FreeCapacity, demand, free_capacity, quantity, shortage

MI = 2**20


def container(cpu: str = "", memory: str = "", **more: Any) -> dict[str, Any]:
    requests = {name: value for name, value in {"cpu": cpu, "memory": memory}.items() if value}
    return {"name": "c", "resources": {"requests": requests}, **more}


def node(**spec: Any) -> dict[str, Any]:
    allocatable = {"cpu": "2", "memory": "4Gi", "pods": "110"}
    return {"metadata": {"name": "one"}, "spec": spec, "status": {"allocatable": allocatable}}


def pod(cpu: str, where: str = "one", phase: str = "Running") -> dict[str, Any]:
    spec = {"nodeName": where, "containers": [container(cpu)]}
    return {"metadata": {"name": "p"}, "spec": spec, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("text", "number"), [("250m", 0.25), ("2", 2), ("1Gi", 2**30), ("500k", 5e5), (3, 3)]
)
def test_quantity_is_parsed_as_a_number(text: str, number: float) -> None:
    assert quantity(text) == number


def test_pod_requests_the_sum_of_containers_and_native_sidecars() -> None:
    spec = {
        "containers": [container("100m", "64Mi"), container("50m")],
        "initContainers": [container("50m", "64Mi", restartPolicy="Always"), container("20m")],
    }
    assert demand("p", spec) == Demand("p", 200, 128 * MI)


def test_init_container_with_the_largest_request_decides() -> None:
    spec = {"containers": [container("100m")], "initContainers": [container("1")]}
    assert demand("p", spec).cpu == 1000


def test_limit_without_a_request_is_the_request() -> None:
    assert demand("p", {"containers": [{"name": "c", "resources": {"limits": {"cpu": "300m"}}}]}).cpu == 300


def test_ended_pods_and_pods_of_other_nodes_use_no_capacity() -> None:
    (room,) = free_capacity([node()], [pod("500m"), pod("1", phase="Succeeded"), pod("1", where="two")])
    assert (room.cpu, room.pods) == (1500, 109)


def test_unschedulable_node_has_no_capacity() -> None:
    tainted = {"taints": [{"key": "k", "effect": "NoSchedule"}]}
    assert free_capacity([node(unschedulable=True), node(**tainted)], []) == []


def test_pods_that_fit_have_capacity() -> None:
    assert shortage([FreeCapacity("one", 500, 512 * MI, 10)], [Demand("istiod", 500, 128 * MI)]) is None


def test_missing_capacity_is_reported_in_numbers() -> None:
    there = [FreeCapacity("one", 150, 512 * MI, 10)]
    told = shortage(there, [Demand("istiod-1-29-1", 500, 128 * MI)])
    assert told is not None
    assert told.startswith("needs 350m CPU more: no node fits istiod-1-29-1 (500m, 128Mi); free: one 150m")


def test_pod_that_fits_on_no_single_node_has_no_capacity() -> None:
    there = [FreeCapacity("one", 300, 512 * MI, 10), FreeCapacity("two", 300, 512 * MI, 10)]
    told = shortage(there, [Demand("istiod", 500, 0)])
    assert told is not None
    assert "more capacity on a single node" in told
