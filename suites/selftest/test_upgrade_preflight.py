"""The pods that an upgrade adds, and the findings of the preflight checks."""

from typing import Any

import pytest

from fixtures.upgrade.preflight import Obstacle, demands, describe, pinned
from fixtures.upgrade.request import StrategyName


def container(cpu: str, name: str = "c", **more: Any) -> dict[str, Any]:
    return {"name": name, "resources": {"requests": {"cpu": cpu}}, **more}


def deployment(name: str, cpu: str, replicas: int = 1) -> dict[str, Any]:
    template = {"spec": {"containers": [container(cpu)]}}
    return {
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "template": template},
    }


def pod(app: str, namespace: str, **labels: str) -> dict[str, Any]:
    sidecar = container("50m", "istio-proxy", restartPolicy="Always")
    return {
        "metadata": {"name": f"{app}-x", "namespace": namespace, "labels": {"app": app, **labels}},
        "spec": {"containers": [container("50m")], "initContainers": [sidecar]},
    }


COMING = [deployment("istiod-1-29-1", "500m"), deployment("other", "1"), {"kind": "Service", "metadata": {}}]
PODS = [
    *(pod("ingress", "istio-system", istio="ingressgateway") for _ in range(2)),
    *(pod("app", "upgrade") for _ in range(2)),
    pod("istiod", "istio-system"),
]


@pytest.mark.parametrize(("strategy", "gateways"), [("canary", 3), ("in-place", 2)])
def test_planned_pods_are_a_control_plane_gateways_and_one_of_each_workload(
    strategy: StrategyName, gateways: int
) -> None:
    found = [(each.what, each.cpu) for each in demands(COMING, PODS, [], strategy, "ingressgateway")]
    assert found == [("istiod-1-29-1", 500), *[("ingress", 100)] * gateways, *[("app", 100)] * 2]


def test_planned_workloads_have_a_sidecar_and_a_surge_pod() -> None:
    planned = demands([], PODS[2:], [deployment("client", "100m")], "canary", "ingressgateway")
    assert [(each.what, each.cpu) for each in planned] == [
        *[("app", 100)] * 2,
        *[("client", 100), ("a sidecar", 50)] * 2,
    ]


def test_pod_that_pins_its_proxys_image_blocks_the_upgrade() -> None:
    kept = pod("app", "upgrade")
    kept["metadata"]["annotations"] = {"sidecar.istio.io/proxyImage": "docker.io/istio/proxyv2:1.30.4"}
    (found,) = pinned([*PODS, kept])
    assert (found.check, found.severity) == ("pinned proxy", "blocks")
    assert found.text.startswith("upgrade/app-x keeps docker.io/istio/proxyv2:1.30.4 by its annotation")


def test_findings_are_listed_one_per_line() -> None:
    assert describe([]) == "no obstacles to the upgrade"
    assert describe([Obstacle("cluster capacity", "blocks", "needs 350m CPU more")]) == (
        "cluster capacity: needs 350m CPU more"
    )
