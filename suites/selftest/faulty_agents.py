"""Faults of the agents on the nodes, and of what the CNI plugin captures, with the objects."""

from collections.abc import Callable
from typing import Any

from fixtures.inspection.mesh import Mesh
from suites.selftest.inspected import deployment, objects
from suites.selftest.views import resource

Fault = Callable[[Mesh], Any]
APP = "Pod test-namespace/app"
CNI = "DaemonSet kube-system/istio-cni-node"


def cni(mesh: Mesh, version: str = "1.31.0", ready: int = 3) -> Any:
    """Install the CNI plugin on three nodes."""
    labels = {"k8s-app": "istio-cni-node"}
    container = {"name": "install-cni", "image": f"registry.example:5000/istio/install-cni:{version}"}
    made: Any = resource("istio-cni-node", "kube-system")
    made |= {
        "kind": "DaemonSet",
        "spec": {"template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}},
        "status": {"numberReady": ready, "desiredNumberScheduled": 3},
    }
    objects(mesh, "DaemonSet").append(made)
    return made


def validated(mesh: Mesh, **state: Any) -> None:
    """Give the app the init container of pods whose traffic the CNI plugin captures."""
    app = objects(mesh, "Pod")[1]
    app["spec"]["initContainers"] = [{"name": "istio-validation"}]
    app["status"]["initContainerStatuses"] = [{"name": "istio-validation", "state": state}]


def outside(mesh: Mesh) -> None:
    """Leave the app's namespace out of what istiod watches."""
    config = "discoverySelectors: [{matchLabels: {mesh: 'yes'}}]"
    objects(mesh, "ConfigMap")[-1]["data"] = {"mesh": config}


FAULTS: dict[str, tuple[Fault, str]] = {
    "node-agent-not-ready": (lambda mesh: cni(mesh, ready=0), CNI),
    "node-agent-skew": (lambda mesh: cni(mesh, "1.29.1"), CNI),
    "annotation-unknown": (
        lambda mesh: objects(mesh, "Pod")[1]["metadata"]["annotations"].update(
            {"traffic.sidecar.istio.io/excludeOutboundPort": "3306"}
        ),
        APP,
    ),
    "control-plane-unsupported": (
        lambda mesh: objects(mesh, "Deployment").append(deployment("old", "1.20.0")),
        "Deployment istio-system/istiod-old",
    ),
    "injected-outside-discovery": (outside, "Namespace test-namespace"),
    "capture-missing": (validated, APP),
}
