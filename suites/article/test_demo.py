"""Profile demo: an egress gateway, and access logs that the profile itself turns on."""

import allure
import pytest
import yaml

from fixtures.checks.cluster import check_available
from fixtures.clients.kube import Kube
from fixtures.mesh.installation import Mesh
from fixtures.settings import Names

pytestmark = [pytest.mark.stage("control-plane"), pytest.mark.profiles("demo")]


@allure.title("The egress gateway is Available")
def test_egress_gateway_is_available_after_install(istio: Mesh, kube: Kube, names: Names) -> None:
    """Profile demo is installed: the egress gateway's Deployment is Available."""
    egress = names.installed.egress
    assert egress, "the installer reports no egress gateway for profile demo"
    check_available(kube.get("apps/v1/Deployment", egress.deployment, egress.namespace))


@allure.title("The egress gateway's Service leads to its pods, and not to the node")
def test_egress_gateway_is_inside_the_cluster_only(istio: Mesh, kube: Kube, names: Names) -> None:
    """Profile demo is installed: the egress gateway's Service is a ClusterIP."""
    egress = names.installed.egress
    assert egress, "the installer reports no egress gateway for profile demo"
    kind = kube.get("v1/Service", egress.service, egress.namespace)["spec"]["type"]
    assert kind == "ClusterIP", f"the egress gateway's Service is a {kind}"


@allure.title("The profile writes access logs to stdout")
def test_access_log_is_on_after_install(istio: Mesh, kube: Kube, names: Names) -> None:
    """Profile demo is installed: MeshConfig, whose other values the run sets, logs to /dev/stdout."""
    revision = names.installed.revision
    name = "istio" if revision == "default" else f"istio-{revision}"
    mesh = yaml.safe_load(kube.get("v1/ConfigMap", name, names.istio_namespace)["data"]["mesh"])
    assert mesh.get("accessLogFile") == "/dev/stdout", f"accessLogFile is {mesh.get('accessLogFile')!r}"
