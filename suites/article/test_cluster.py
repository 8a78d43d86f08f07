"""A Kubernetes cluster without Istio."""

import allure
import pytest

from fixtures.checks.cluster import check_no_istio_pods, check_no_mesh, check_node, mesh_traces
from fixtures.clients.istioctl import Istioctl
from fixtures.clients.kube import Kube
from fixtures.settings import Names
from fixtures.stages import Observed

pytestmark = pytest.mark.stage("cluster")


@allure.title("The node is Ready and labelled for the app's pods")
def test_node_of_a_new_cluster_is_ready_and_labelled(kube: Kube, names: Names, observed: Observed) -> None:
    """A new cluster exists: its node is Ready and has the label role=common-workers that the app requires."""
    node, *_ = kube.get_all("v1/Node")
    check_node(node, {"role": names.node_role})
    observed(f"Kubernetes {node['status']['nodeInfo']['kubeletVersion']}, node Ready, role={names.node_role}")


@allure.title("istioctl finds no running Istio")
def test_istioctl_finds_no_istio_before_the_installation(istioctl: Istioctl) -> None:
    """Istio is not installed: istioctl version reports no running Istio pods in istio-system."""
    completed = istioctl.run("version")
    check_no_istio_pods(f"{completed.stdout}{completed.stderr}")


@allure.title("The cluster has no Istio resources")
def test_no_istio_resource_exists_before_the_installation(kube: Kube) -> None:
    """Istio is not installed: there is no Istio CRD, webhook configuration or namespace."""
    webhooks = "admissionregistration.k8s.io/v1"
    traces = mesh_traces(
        crds=kube.get_all("apiextensions.k8s.io/v1/CustomResourceDefinition"),
        webhooks=[
            *kube.get_all(f"{webhooks}/MutatingWebhookConfiguration"),
            *kube.get_all(f"{webhooks}/ValidatingWebhookConfiguration"),
        ],
        namespaces=kube.get_all("v1/Namespace"),
    )
    check_no_mesh(traces)
