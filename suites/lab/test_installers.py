"""The article by each installer, profile and revision, and the faults that only such runs can show."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from fixtures.causes.diagnosis import Diagnosis
from fixtures.clients.istioctl import Istioctl
from fixtures.clients.kube import Kube
from fixtures.clients.kubectl import Kubectl
from fixtures.distributions.lab import Lab
from fixtures.installers.base import PLAIN, InstallContext
from fixtures.installers.helm import HelmInstaller
from fixtures.installers.ownership import OwnershipConflict
from fixtures.settings import ISTIO_NAMESPACE, MANIFESTS
from lab import description, engine, runs
from lab.clean import remove_leftovers
from lab.paths import PROJECT

pytestmark = pytest.mark.lab

NAME = "istio-conformance-installers"
ARTICLE = [sys.executable, "-m", "pytest", "suites/article", "-p", "no:cacheprovider", "-rfs"]
ISTIO_VERSION = description.available_istio_versions()[-1]
#: The user's values that enable Istio's CNI plugin.
CNI = """
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec: {components: {cni: {enabled: true}}}
"""
#: A namespace selector that selects every namespace.
_EVERY = [{"op": "replace", "path": "/webhooks/0/namespaceSelector", "value": {}}]
_LABELS = ("[revision]", "[default]")
#: kubectl commands that break what only profile demo or a revision has, and the tests that must then fail.
#: Rounds: a tag that selects every namespace also injects where the deleted webhooks no longer do, and a tag
#: that is gone injects nowhere.
FAULTS = (
    (
        (
            ("scale", "-n", "istio-system", "deployment/istio-egressgateway", "--replicas=0"),
            (
                *("patch", "-n", "istio-system", "service/istio-egressgateway"),
                *("-p", '{"spec":{"type":"NodePort"}}'),
            ),
            (
                *("patch", "-n", "istio-system", "configmap/istio-blue"),
                *("-p", '{"data":{"mesh":"accessLogFile: \\"\\""}}'),
            ),
            (
                "delete",
                "mutatingwebhookconfiguration",
                "istio-revision-tag-default",
                "istio-sidecar-injector-blue",
            ),
        ),
        (
            "test_egress_gateway_is_available_after_install",
            "test_egress_gateway_is_inside_the_cluster_only",
            "test_access_log_is_on_after_install",
            "test_enabled_injection_wins_over_an_unknown_tag",
            *(f"test_label_of_revision_or_tag_injects{label}" for label in _LABELS),
        ),
    ),
    (
        (
            (
                *("patch", "mutatingwebhookconfiguration", "istio-revision-tag-prod", "--type=json"),
                *("-p", json.dumps([*_EVERY, {"op": "remove", "path": "/webhooks/1"}])),
            ),
        ),
        ("test_unknown_tag_does_not_inject", "test_disabled_injection_wins_over_a_tag"),
    ),
    (
        (("delete", "mutatingwebhookconfiguration", "istio-revision-tag-prod"),),
        ("test_label_of_revision_or_tag_injects[prod]",),
    ),
)


def article(*options: str) -> subprocess.CompletedProcess[str]:
    """A run of the article's stages on the lab."""
    command = [*ARTICLE, "--distribution=lab", *options]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


def kubectl(kubeconfig: Path) -> Kubectl:
    """A kubectl for a kept cluster."""
    lab = description.describe(ISTIO_VERSION)
    return Kubectl(program=lab.kubectl, kubeconfig=kubeconfig, environment=lab.environment, timeout=60)


@pytest.fixture
def kept(request: pytest.FixtureRequest, running: engine.Engine) -> Iterator[Path]:
    """The kubeconfig of a kept cluster with a control plane, installed with the test's options."""
    options = request.param
    ran = article("--stage=control-plane", f"--cluster-name={NAME}", "--keep-cluster", *options)
    try:
        assert ran.returncode == 0, ran.stdout[-6000:]
        yield next(each for each in runs.known() if each.name == NAME) / "kubeconfig"
    finally:
        remove_leftovers(running, print)


@pytest.mark.full
def test_article_passes_by_helm(running: engine.Engine) -> None:
    """Istio is installed by Helm from its charts: every stage passes, and the CRDs remain."""
    ran = article("--installer=helm")
    assert ran.returncode == 0, ran.stdout[-6000:]


@pytest.mark.matrix
@pytest.mark.parametrize("installer", ["istioctl", "helm", "manifests"])
def test_article_passes_with_demo_and_a_revision(running: engine.Engine, installer: str) -> None:
    """Profile demo is installed as a revision: every stage passes, injected through a tag."""
    ran = article(f"--installer={installer}", "--profile=demo", "--revision=blue", "-v")
    assert ran.returncode == 0, ran.stdout[-6000:]
    for test in ("test_egress_gateway_is_available_after_install", "test_label_of_revision_or_tag_injects"):
        assert re.search(rf"::{test}.* PASSED", ran.stdout), ran.stdout[-6000:]


@pytest.mark.matrix
@pytest.mark.parametrize("installer", ["istioctl", "helm", "manifests"])
def test_profile_minimal_skips_what_needs_a_gateway(running: engine.Engine, installer: str) -> None:
    """Profile minimal is installed: what needs no gateway passes, the rest is skipped with the reason."""
    ran = article(f"--installer={installer}", "--profile=minimal")
    assert ran.returncode == 0, ran.stdout[-6000:]
    assert "profile minimal has no ingress gateway" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("verdict: passed, partial (exit 0)")


@pytest.mark.matrix
@pytest.mark.parametrize("installer", ["istioctl", "helm", "manifests"])
def test_article_passes_with_the_cni_plugin(running: engine.Engine, installer: str, tmp_path: Path) -> None:
    """The user's values enable Istio's CNI plugin: every stage passes with its chains, without istio-init."""
    values = tmp_path / "values.yaml"
    values.write_text(CNI)
    ran = article(f"--installer={installer}", f"--istio-values={values}")
    assert ran.returncode == 0, ran.stdout[-6000:]


@pytest.mark.full
@pytest.mark.parametrize("kept", [("--profile=demo", "--revision=blue")], indirect=True)
def test_faults_of_demo_and_revision_are_found(kept: Path) -> None:
    """The egress gateway, the access log and the tags are broken: the tests of each fail."""
    options = (f"--use-cluster={NAME}", "--profile=demo", "--revision=blue")
    for commands, broken in FAULTS:
        for command in commands:
            kubectl(kept).read(*command)
        ran = article("--stage=control-plane", *options)
        failed = [line for line in ran.stdout.splitlines() if line.startswith("FAILED ")]
        missed = {test for test in broken if not any(f"::{test} " in f"{line} " for line in failed)}
        assert not missed, f"{missed} passed: {ran.stdout[-6000:]}"


@pytest.mark.full
@pytest.mark.parametrize("kept", [()], indirect=True)
def test_helm_refuses_what_istioctl_installed(kept: Path, tmp_path: Path) -> None:
    """istioctl has installed Istio: Helm names the owner of each resource before it changes any."""
    lab = description.describe(ISTIO_VERSION)
    charts = Lab().charts(ISTIO_VERSION, lambda _: None)
    context = InstallContext(
        plan=PLAIN,
        kube=Kube(kept, timeout=60),
        kubectl=kubectl(kept),
        istioctl=Istioctl(program=lab.istioctl, kubeconfig=kept, environment=lab.environment, timeout=60),
        folder=tmp_path,
        istio_namespace=ISTIO_NAMESPACE,
        charts=lambda: charts,
    )
    installer = HelmInstaller(context)
    with pytest.raises(OwnershipConflict, match=r"nothing was changed[\s\S]*belongs to istioctl"):
        installer.install([MANIFESTS / "lab" / "istio-values.yaml"], cast("Diagnosis", None), 60)
    assert installer.client.releases() == []
