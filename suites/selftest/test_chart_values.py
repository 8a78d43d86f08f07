"""IstioOperator files as values of Istio's charts: what is translated, and what is refused."""

from pathlib import Path

import pytest
import yaml

from fixtures.declaration import declared_in
from fixtures.installers import chart_values
from fixtures.installers.base import InstallPlan
from fixtures.installers.helm import HelmInstaller
from fixtures.installers.install_files import profile_layers, write_files
from fixtures.installers.operator_names import operator_names
from fixtures.installers.operator_spec import Untranslatable, merged
from fixtures.manifests import ManifestError, Manifests
from lab.paths import PROJECT

INGRESS, NAME = "ingressGateways", "istio-ingressgateway"
PORTS = {"http2": (80, 30080), "https": (443, 30443), "status-port": (15021, 30021)}


@pytest.mark.parametrize("values_of", ["lab", "upstream"])
def test_every_value_of_the_distribution_is_translated(values_of: str) -> None:
    values = Manifests().path(f"{values_of}/istio-values.yaml")
    spec = merged([values, Manifests().path("upgrade/in-place.yaml")])
    istiod, gateway = chart_values.istiod(spec), chart_values.gateway(spec, INGRESS, NAME)
    assert istiod["meshConfig"]["accessLogFile"] == "/dev/stdout"
    assert istiod["meshConfig"]["defaultConfig"]["concurrency"] == 1
    assert istiod["global"]["hub"] == "docker.io/istio"
    assert "gateways" not in istiod
    assert gateway["replicaCount"] == 2
    assert gateway["strategy"] == {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert gateway["autoscaling"] == {"enabled": False}


def test_gateway_listens_on_the_ports_of_its_service() -> None:
    spec = merged([Manifests().path("lab/istio-values.yaml")])
    ports = chart_values.gateway(spec, INGRESS, NAME)["service"]["ports"]
    assert {each["name"]: (each["port"], each["nodePort"]) for each in ports} == PORTS
    assert all(each["targetPort"] == each["port"] for each in ports)


def test_value_that_the_gateway_chart_lacks_is_refused() -> None:
    spec = {"values": {"gateways": {NAME: {"runAsRoot": True}}}}
    with pytest.raises(Untranslatable, match=f"no chart has a value for values.gateways.{NAME}.runAsRoot"):
        chart_values.gateway(spec, INGRESS, NAME)


def test_setting_of_a_component_that_the_chart_lacks_is_refused() -> None:
    spec = {"components": {INGRESS: [{"name": NAME, "k8s": {"overlays": []}}]}}
    with pytest.raises(Untranslatable, match=f"components.{INGRESS}.{NAME}.k8s.overlays"):
        chart_values.gateway(spec, INGRESS, NAME)


def test_revision_has_tags_and_the_default_validator(tmp_path: Path) -> None:
    spec = merged(write_files(tmp_path, "1.31.0", "blue", layers=[]))
    assert chart_values.base(spec) == {"defaultRevision": "blue"}
    assert chart_values.istiod(spec, ["default", "prod"])["revisionTags"] == ["default", "prod"]
    assert chart_values.gateway(spec, INGRESS, NAME)["revision"] == "blue"


@pytest.mark.parametrize(
    ("profile", "ingress", "egress"),
    [("default", 1, 0), ("demo", 1, 1), ("minimal", 0, 0)],
)
def test_profile_decides_on_the_gateways(tmp_path: Path, profile: str, ingress: int, egress: int) -> None:
    layers = profile_layers(tmp_path, Manifests().path("lab/istio-values.yaml"), profile)
    spec = merged(write_files(tmp_path, "1.31.0", layers=layers, profile=profile))
    assert len(chart_values.gateways(spec, INGRESS)) == ingress
    assert len(chart_values.gateways(spec, "egressGateways")) == egress


def test_access_log_of_profile_demo_is_its_own(tmp_path: Path) -> None:
    (layer,) = profile_layers(tmp_path, Manifests().path("lab/istio-values.yaml"), "demo")
    mesh = yaml.safe_load(layer.read_text())["spec"]["meshConfig"]
    assert "accessLogFile" not in mesh
    assert "accessLogFormat" in mesh


def test_helm_names_differ_from_istioctls() -> None:
    names = HelmInstaller.names(InstallPlan())
    assert names.gateway.principal == "spiffe://cluster.local/ns/istio-ingress/sa/istio-ingressgateway"
    assert names.gateway.selector == "istio=ingressgateway"
    assert "default tag" not in names.webhooks


def test_canonical_revision_is_the_revision_by_istioctl_and_the_version_by_helm() -> None:
    plan = InstallPlan(revision="blue", version="1.31.0")
    assert operator_names(plan).gateway.canonical_revision == "blue"
    assert HelmInstaller.names(plan).gateway.canonical_revision == "1.31.0"
    assert operator_names().gateway.canonical_revision == "latest"


def test_revision_gives_helm_its_tags() -> None:
    names = HelmInstaller.names(InstallPlan(revision="blue"))
    assert names.webhooks["injector"][1] == "istio-sidecar-injector-blue"
    assert names.webhooks["prod tag"][1] == "istio-revision-tag-prod"
    assert names.revisions == ("blue", "default", "prod")


def test_certificate_belongs_into_the_namespace_of_helms_gateway() -> None:
    manifests = Manifests.checked(PROJECT / "suites" / "lab" / "cases" / "https")
    assert declared_in(manifests).entry.scheme == "https"
    with pytest.raises(
        ManifestError, match="must be in the gateway's namespace istio-ingress, not istio-system"
    ):
        declared_in(manifests, HelmInstaller.names(InstallPlan()).gateway.namespace)
