"""IstioOperator files as values of Istio's charts: what is translated, and what is refused."""

import shlex
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from fixtures.clients.command import CommandFailed
from fixtures.clients.istioctl import Istioctl
from fixtures.clients.kube import Kube
from fixtures.clients.kubectl import Kubectl
from fixtures.declaration import declared_in
from fixtures.installers import chart_values
from fixtures.installers.base import PLAIN, InstallContext, InstallPlan
from fixtures.installers.helm import HelmInstaller
from fixtures.installers.install_files import profile_layers, write_files
from fixtures.installers.operator_names import operator_names
from fixtures.installers.operator_spec import Untranslatable, merged
from fixtures.manifests import ManifestError, Manifests, dump
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


def operator(spec: Any, folder: Path) -> Path:
    path = folder / "operator.yaml"
    path.write_text(yaml.safe_dump({"kind": "IstioOperator", "spec": spec}))
    return path


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({"namespace": "mesh"}, ["namespace"]),
        ({"values": {"global": {"istioNamespace": "mesh"}}}, ["values.global.istioNamespace"]),
        ({"values": {"revision": "blue", "profile": "demo"}}, ["values.revision", "values.profile"]),
        ({"values": {"gateways": {"securityContext": {}}}}, ["values.gateways.securityContext"]),
        ({"values": {"gateways": {NAME: {"name": "x"}}}}, [f"values.gateways.{NAME}.name"]),
        ({"components": {"ztunnel": {"enabled": True}}}, ["components.ztunnel"]),
        ({"components": {"base": {"enabled": False}}}, ["components.base.enabled"]),
        ({"components": {"pilot": {"enabled": False}}}, ["components.pilot.enabled"]),
        ({"components": {"pilot": {"k8s": {"overlays": []}}}}, ["components.pilot.k8s.overlays"]),
        ({"components": {"pilot": {"k8s": {"env": {"A": "b"}}}}}, ["components.pilot.k8s.env"]),
        (
            {"components": {"pilot": {"k8s": {"env": [{"name": "PILOT_TRACE_SAMPLING", "value": "5"}]}}}},
            ["components.pilot.k8s.env.PILOT_TRACE_SAMPLING"],
        ),
        ({"values": {"pilot": {"env": {"CLUSTER_ID": "x"}}}}, ["values.pilot.env.CLUSTER_ID"]),
        (
            {"components": {"cni": {"enabled": True, "k8s": {"nodeSelector": {}}}}},
            ["components.cni.k8s.nodeSelector"],
        ),
        (
            {
                "components": {
                    INGRESS: [{"name": NAME, "namespace": "edge", "hub": "x", "label": {"app": "x"}}]
                }
            },
            [f"components.{INGRESS}.{NAME}.{each}" for each in ("hub", "namespace", "label.app")],
        ),
        (
            {"components": {INGRESS: [{"name": NAME, "k8s": {"service": {"sessionAffinity": "ClientIP"}}}]}},
            [f"components.{INGRESS}.{NAME}.k8s.service.sessionAffinity"],
        ),
        (
            {"components": {INGRESS: [{"name": NAME, "k8s": {"service": {"ports": [{"name": "x"}]}}}]}},
            [f"components.{INGRESS}.{NAME}.k8s.service.ports"],
        ),
        ({"components": {INGRESS: [{"name": "x" * 40}]}}, [f"components.{INGRESS}.{'x' * 40}.name"]),
        ({"bogus": 1, "installPackagePath": "x"}, ["bogus", "installPackagePath"]),
    ],
    ids=lambda each: ",".join(each) if isinstance(each, list) else "",
)
def test_setting_without_a_value_is_refused_by_its_path(
    spec: dict[str, Any], named: list[str], tmp_path: Path
) -> None:
    with pytest.raises(Untranslatable) as refused:
        HelmInstaller.check([operator(spec, tmp_path)])
    assert list(refused.value.paths) == named


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ([1], "spec of operator.yaml is not a mapping"),
        (
            {"components": {INGRESS: {"name": NAME}}},
            f"spec.components.{INGRESS} of operator.yaml is not a list",
        ),
        ({"components": {INGRESS: [{"enabled": True}]}}, "has no name"),
        ({"components": {INGRESS: [None]}}, "has no name"),
        ({"components": {INGRESS: [{"name": NAME}, {"name": NAME}]}}, f"has two entries {NAME}"),
        (
            {"components": {"pilot": {"k8s": 1}}},
            "spec.components.pilot.k8s of operator.yaml is not a mapping",
        ),
        ({"values": {"gateways": {NAME: []}}}, f"spec.values.gateways.{NAME} of operator.yaml is not"),
    ],
)
def test_file_of_another_shape_is_refused(spec: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(Untranslatable, match=told):
        merged([operator(spec, tmp_path)])


def test_settings_of_istiods_deployment_become_values() -> None:
    env = [{"name": "A", "value": 1}, {"name": "B", "valueFrom": {}}]
    k8s = {"replicaCount": 2, "env": env, "hpaSpec": {"maxReplicas": 4}, "strategy": {"rollingUpdate": {}}}
    spec = {"components": {"pilot": {"hub": "h", "k8s": k8s}}, "values": {"pilot": {"replicaCount": 3}}}
    sourced = [{"name": "B", "valueFrom": {}}]
    wanted = {"replicaCount": 3, "env": {"A": "1"}, "envVarFrom": sourced, "autoscaleMax": 4, "hub": "h"}
    assert chart_values.istiod(spec)["pilot"] == wanted


def test_settings_of_a_gateways_deployment_become_values() -> None:
    k8s = {
        "env": [{"name": "A", "value": "b"}],
        "hpaSpec": {"minReplicas": 2},
        "serviceAnnotations": {"a": "b"},
        "service": {"type": "NodePort"},
        "priorityClassName": "high",
    }
    found = chart_values.gateway({"components": {INGRESS: [{"name": NAME, "k8s": k8s}]}}, INGRESS, NAME)
    assert found["autoscaling"] == {"enabled": True, "minReplicas": 2}
    assert found["service"] == {"type": "NodePort", "annotations": {"a": "b"}}
    assert (found["env"], found["priorityClassName"]) == ({"A": "b"}, "high")


def test_further_gateway_has_the_values_and_labels_of_its_kind(tmp_path: Path) -> None:
    entries = [{"name": NAME}, {"name": "edge", "namespace": "edge", "label": {"team": "edge"}}]
    values = {"gateways": {NAME: {"podAnnotations": {"a": "b"}}}}
    spec = merged([operator({"components": {INGRESS: entries}, "values": values}, tmp_path)])
    found = chart_values.gateway(spec, INGRESS, "edge")
    assert found["labels"] == {"app": NAME, "istio": "ingressgateway", "team": "edge"}
    assert (found["name"], found["podAnnotations"]) == ("edge", {"a": "b"})
    assert chart_values.namespace_of(spec, INGRESS, "edge") == "edge"
    assert "labels" not in chart_values.gateway(spec, INGRESS, NAME)


def test_istiod_knows_of_the_cni_plugin() -> None:
    spec = {"components": {"cni": {"enabled": True, "namespace": "kube-system"}}, "values": {"cni": {"x": 1}}}
    assert chart_values.istiod(spec)["pilot"] == {"cni": {"enabled": True}}
    assert chart_values.cni(spec)["x"] == 1
    assert chart_values.cni_namespace(spec, "istio-system") == "kube-system"


def test_mesh_config_of_the_spec_wins_and_other_values_win_over_the_spec() -> None:
    """As istioctl 1.31 merges them."""
    values = {"meshConfig": {"accessLogFile": "/b", "enableTracing": True}, "global": {"hub": "b"}}
    found = chart_values.istiod({"hub": "a", "meshConfig": {"accessLogFile": "/a"}, "values": values})
    assert found["meshConfig"] == {"accessLogFile": "/a", "enableTracing": True}
    assert found["global"]["hub"] == "b"


def test_every_chart_gets_the_compatibility_version() -> None:
    spec = {"compatibilityVersion": "1.30", "values": {"base": {"excludedCRDs": ["x"]}}}
    made = (chart_values.base(spec), chart_values.istiod(spec), chart_values.cni(spec))
    assert [each["compatibilityVersion"] for each in made] == ["1.30"] * 3
    assert chart_values.base(spec)["base"] == {"excludedCRDs": ["x"]}


@pytest.mark.parametrize("text", ["y", "N", "1e3", "0o7", "yes", "1.5"])
def test_text_stays_text_for_helm_and_istioctl(text: str) -> None:
    assert f"'{text}'" in dump({"value": text})


def test_value_unknown_to_istio_is_refused_before_a_release_is_written(tmp_path: Path) -> None:
    """The charts of istiod and base accept any value, so istioctl's validation names it."""
    command = ["sh", "-c", "echo 'unknown field \"bogus\"' >&2; exit 1"]
    program = tmp_path / "istioctl"
    program.write_text(f"#!/bin/sh\n{shlex.join(command)}\n")
    program.chmod(0o755)
    istioctl = Istioctl(program=program, kubeconfig=tmp_path / "none", environment={}, timeout=10)
    context = InstallContext(
        plan=PLAIN,
        kube=cast("Kube", None),
        kubectl=cast("Kubectl", None),
        istioctl=istioctl,
        folder=tmp_path / "values",
        istio_namespace="istio-system",
        charts=lambda: pytest.fail("the charts are needed too early"),
    )
    with pytest.raises(CommandFailed, match='unknown field "bogus"'):
        HelmInstaller(context).releases([operator({"values": {"bogus": 1}}, tmp_path)])
