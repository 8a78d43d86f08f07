"""Istio is installed with profile default: control plane and ingress gateway of one version and in sync."""

import allure
import pytest

from fixtures.checks.cluster import check_absent, check_available, check_named, check_present
from fixtures.checks.mesh import check_in_sync, check_trusted, check_versions
from fixtures.checks.webhooks import check_enforced, check_injection_policy, check_validation_policy
from fixtures.clients.api_server import ApiError
from fixtures.clients.istioctl import Istioctl
from fixtures.clients.kube import Kube, Resource
from fixtures.clusters.cluster_waits import ClusterWaits
from fixtures.distributions.base import Edition
from fixtures.mesh.installation import Mesh
from fixtures.settings import ISTIO_CRDS, Names
from fixtures.stages import Observed

pytestmark = pytest.mark.stage("control-plane")


@allure.title("istiod and the ingress gateway are Available")
@pytest.mark.parametrize("workload", ["istiod", "gateway"])
def test_workload_is_available_after_install(istio: Mesh, kube: Kube, names: Names, workload: str) -> None:
    """Istio is installed: the Deployment is Available."""
    if workload == "gateway" and names.installed.no_gateway:
        pytest.skip(names.installed.no_gateway)
    gateway = (names.gateway.deployment, names.gateway.namespace)
    places = {"istiod": (names.istiod, names.istio_namespace), "gateway": gateway}
    check_available(kube.get("apps/v1/Deployment", *places[workload]))


@allure.title("Client, control plane and data plane have the requested version")
def test_all_components_have_the_requested_version(
    istio: Mesh, istioctl: Istioctl, distribution: Edition, names: Names, observed: Observed
) -> None:
    """Istio is installed: client, istiod and each gateway report the requested version."""
    proxies = istio.proxies()
    check_versions(istioctl.version(), distribution.istio_version, proxies)
    gateways = len(names.installed.gateways)
    assert len(proxies) == gateways, f"expected only the proxies of {gateways} gateways: {proxies}"
    counted = "1 gateway" if gateways == 1 else f"{gateways} gateways"
    observed(f"Istio {distribution.istio_version}: client, istiod and {counted}")


@allure.title("The proxies are in sync with istiod")
def test_proxies_are_in_sync_after_install(
    istio: Mesh, istioctl: Istioctl, cluster_waits: ClusterWaits
) -> None:
    """Istio is installed: every proxy has acknowledged the last updates from istiod."""
    cluster_waits.configured(
        lambda: check_in_sync(istioctl.sync_status(), istio.proxies(), with_routes=False),
        "every proxy is in sync",
        reproduce="istioctl experimental internal-debug syncz --all",
    )


@allure.title("Istio's CRDs exist")
def test_crds_are_in_place_after_install(istio: Mesh, kube: Kube) -> None:
    """Istio is installed: the API server has all Istio CRDs."""
    check_present(kube.get_all("apiextensions.k8s.io/v1/CustomResourceDefinition"), "CRD", ISTIO_CRDS)


@allure.title("The webhook exists and trusts istiod's certificate")
def test_webhook_trusts_istiods_certificate(istio: Mesh, kube: Kube, names: Names, webhook: str) -> None:
    """Istio is installed: the webhook's CA bundle verifies the certificate that istiod serves."""
    kind, name = names.installed.webhooks[webhook]
    configuration = check_named(_webhooks(kube, kind), kind, name)
    assert configuration["webhooks"], f"{name} has no webhook"
    for bundle in {hook["clientConfig"]["caBundle"] for hook in configuration["webhooks"]}:
        check_trusted(istio.shake_hands_with_webhook(bundle), f"the CA bundle of {name}")


@allure.title("No object passes a webhook that istiod does not answer")
def test_webhooks_refuse_what_istiod_cannot_check(
    istio: Mesh, kube: Kube, names: Names, cluster_waits: ClusterWaits
) -> None:
    """Istio is installed and istiod has enabled its validators: each failurePolicy is Fail."""

    def check_each() -> None:
        for kind, name in names.installed.webhooks.values():
            check_enforced(check_named(_webhooks(kube, kind), kind, name))

    cluster_waits.configured(check_each, "every webhook of Istio has failurePolicy Fail")


@allure.title("The webhooks are called for the documented objects, each once")
def test_webhooks_select_the_documented_objects(istio: Mesh, kube: Kube, names: Names) -> None:
    """Istio is installed: selectors and rules cover what Istio documents, and nothing else."""
    installed = names.installed
    check_injection_policy(_webhooks(kube, "MutatingWebhookConfiguration"), installed.revisions)
    validators = _webhooks(kube, "ValidatingWebhookConfiguration")
    kinds = (("networking.istio.io", "virtualservices"), ("security.istio.io", "peerauthentications"))
    for group, resource in kinds:
        check_validation_policy(
            validators,
            group,
            resource,
            revision=installed.revision,
            every_revision=installed.validates_every_revision,
        )


@allure.title("There is no egress gateway")
@pytest.mark.profiles("default", "minimal")
def test_no_egress_gateway_after_install(istio: Mesh, kube: Kube) -> None:
    """A profile without an egress gateway is installed: no namespace has an istio-egressgateway."""
    deployments = kube.get_all("apps/v1/Deployment")
    check_absent(deployments, "Deployment", "istio-egressgateway")


@allure.title("An invalid VirtualService is refused")
def test_invalid_virtual_service_is_refused(istio: Mesh, kube: Kube) -> None:
    """Istio is installed: istiod refuses a VirtualService for host * of sidecars, and no other."""
    refusal = _refusal(kube, "*")
    assert "validation.istio.io" in refusal, f"istiod did not refuse an invalid VirtualService: {refusal!r}"
    accepted = _refusal(kube, "nothing.invalid")
    assert not accepted, f"istiod refused a valid VirtualService: {accepted}"


def _webhooks(kube: Kube, kind: str) -> list[Resource]:
    return kube.get_all(f"admissionregistration.k8s.io/v1/{kind}")


def _refusal(kube: Kube, host: str) -> str:
    """Return the API server's refusal of a VirtualService for this host in a dry run, "" if it accepts it."""
    route = [{"destination": {"host": "nothing.invalid"}}]
    try:
        kube.admitted(
            {
                "apiVersion": "networking.istio.io/v1",
                "kind": "VirtualService",
                "metadata": {"name": "istio-conformance-dry-run", "namespace": "default"},
                "spec": {"hosts": [host], "http": [{"route": route}]},
            }
        )
    except ApiError as refused:
        return str(refused)
    return ""
