"""A Kubernetes cluster, and nothing of Istio's on it."""

import allure
import pytest

from fixtures.checks.cluster import check_no_istio_pods, check_no_mesh, check_node, mesh_traces
from fixtures.clients.istioctl import Istioctl
from fixtures.clients.kube import Kube
from fixtures.settings import Names
from fixtures.stages import Observed

pytestmark = pytest.mark.stage("cluster")


@allure.title("The node is Ready and may take the app's pods")
def test_node_of_a_new_cluster_is_ready_and_labelled(kube: Kube, names: Names, observed: Observed) -> None:
    """A cluster was made: its node is Ready and has the label role=common-workers, which the app asks for."""
    node, *_ = kube.get_all("v1/Node")
    check_node(node, {"role": names.node_role})
    observed(f"Kubernetes {node['status']['nodeInfo']['kubeletVersion']}, node Ready, role={names.node_role}")


@allure.title("istioctl finds no running Istio")
def test_istioctl_finds_no_istio_before_the_installation(istioctl: Istioctl) -> None:
    """Nothing was installed: istioctl version says that no Istio pod runs in istio-system."""
    ended = istioctl.run("version")
    check_no_istio_pods(f"{ended.stdout}{ended.stderr}")


@allure.title("Nothing of Istio is in the cluster")
def test_nothing_of_istio_is_there_before_the_installation(kube: Kube) -> None:
    """Nothing was installed: there is no CRD, webhook configuration or namespace of Istio's."""
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
