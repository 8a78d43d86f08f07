"""istioctl uninstall --purge: Istio is inactive, and only known resources remain."""

import allure
import pytest

from fixtures.causes import CIRCUMSTANCES
from fixtures.checks.cluster import mesh_traces
from fixtures.checks.remains import (
    KINDS,
    check_no_proxy,
    check_no_workload,
    check_purged,
    check_remains,
    remains,
)
from fixtures.checks.responses import check_page
from fixtures.clients.kube import Kube, Resource
from fixtures.clusters.cluster_waits import ClusterWaits
from fixtures.mesh.installation import Mesh
from fixtures.settings import Names
from fixtures.stages import Observed
from fixtures.workloads.app import App
from fixtures.workloads.probe_pod import ProbePod

pytestmark = pytest.mark.stage("uninstall")


@allure.title("No Istio workload is left")
def test_no_workload_is_left_after_purge(
    purged_mesh: Mesh, addons: list[Resource], kube: Kube, names: Names, cluster_waits: ClusterWaits
) -> None:
    """Istio was purged: its namespace has no Deployment except the add-ons."""
    others = [each["metadata"]["name"] for each in addons if each["kind"] == "Deployment"]
    cluster_waits.configured(
        lambda: check_no_workload(kube.get_all("apps/v1/Deployment"), names.mesh_namespaces, others),
        "no Istio workload is left",
    )


@allure.title("No proxy is left")
def test_no_proxy_is_left_after_purge(purged_mesh: Mesh, kube: Kube, cluster_waits: ClusterWaits) -> None:
    """Istio was purged: after the gateway's pod is gone, no pod in any namespace has a proxy."""
    timeout = cluster_waits.timeouts.pod_gone
    cluster_waits.eventually(lambda: check_no_proxy(kube.get_all("v1/Pod")), "no proxy is left", timeout)


@allure.title("No CRD and no webhook is left")
def test_no_crd_or_webhook_is_left_after_purge(
    purged_mesh: Mesh, kube: Kube, names: Names, cluster_waits: ClusterWaits
) -> None:
    """Istio was purged: its namespaces are left, no webhook, and CRDs only if the installer keeps them."""
    webhooks = [f"admissionregistration.k8s.io/v1/{kind}WebhookConfiguration" for kind in _WEBHOOKS]
    cluster_waits.configured(
        lambda: check_purged(
            mesh_traces(
                crds=kube.get_all("apiextensions.k8s.io/v1/CustomResourceDefinition"),
                webhooks=[each for kind in webhooks for each in kube.get_all(kind)],
                namespaces=kube.get_all("v1/Namespace"),
            ),
            names.mesh_namespaces,
            with_crds=names.installed.keeps_crds,
        ),
        "no Istio CRD or webhook is left",
    )


@allure.title("Only the known resources remain")
def test_only_known_resources_remain_after_purge(
    purged_mesh: Mesh, expected_remains: list[str], kube: Kube, names: Names, observed: Observed
) -> None:
    """Istio was purged: only the CA secret, the root-cert and CRL ConfigMaps and the elections remain.

    No role, binding or admission policy is among them, in a namespace or of the cluster.
    """
    found = remains({kind.rpartition("/")[2]: kube.get_all(kind) for kind in KINDS}, names.istio_namespace)
    check_remains(found, expected_remains)
    observed(f"no workload, webhook, CRD or proxy; {len(found)} resources remain by design")


@allure.title("The app is served through its Service")
def test_app_is_served_through_its_service_after_purge(
    purged_mesh: Mesh, app: App, probe_pod: ProbePod, names: Names, cluster_waits: ClusterWaits
) -> None:
    """Istio was purged: a pod without a sidecar gets the app's page from the Service's cluster IP."""
    url = app.url()
    cluster_waits.holds(
        lambda number: probe_pod.get_many(url, number),
        lambda answer: check_page(answer, names.page),
        "the app is served through its Service",
        circumstances=CIRCUMSTANCES,
    )


_WEBHOOKS = ("Mutating", "Validating")
