"""The article passes on an existing cluster and with the manifests installer, the second of each seam."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from fixtures.settings import MANIFESTS
from lab import description, engine, network
from lab.paths import PROJECT

pytestmark = pytest.mark.lab

NAME = "istio-conformance-theirs"
ARTICLE = [sys.executable, "-m", "pytest", "suites/article", "-p", "no:cacheprovider", "-rs"]
_AVAILABLE = "wait --for=condition=Available --timeout=60s --namespace=kube-system deployment/coredns"
ISTIO_VERSION = description.available_istio_versions()[-1]


@pytest.fixture
def their_cluster(running: engine.Engine, tmp_path: Path) -> Iterator[Path]:
    """The kubeconfig of a kind cluster that the suite did not make, with a namespace of its owner's."""
    lab = description.describe(ISTIO_VERSION)
    config = yaml.safe_load((MANIFESTS / "kind" / "lab.yaml").read_text(encoding="utf-8"))
    ranges = config["networking"]
    made = network.create_network(running, NAME)
    network.guard(running, made, ranges["podSubnet"], ranges["serviceSubnet"])
    kubeconfig = tmp_path / "kubeconfig"
    environment = {**lab.environment, "KIND_EXPERIMENTAL_DOCKER_NETWORK": made.name}
    create: list[str | Path] = [lab.kind, "create", "cluster", "--name", NAME, "--image", lab.node_image]
    options = ["--config", str(MANIFESTS / "kind" / "lab.yaml"), "--kubeconfig", str(kubeconfig)]
    kubectl: list[str | Path] = [lab.kubectl, "--kubeconfig", str(kubeconfig)]
    try:
        commands: list[list[str | Path]] = [
            [*create, *options],
            [*kubectl, "apply", "--filename", str(MANIFESTS / "lab" / "coredns.yaml")],
            [*kubectl, "create", "namespace", "theirs"],
            [
                *kubectl,
                *[
                    "wait",
                    "--for=condition=Available",
                    "--timeout=60s",
                    "-n",
                    "kube-system",
                    "deploy/coredns",
                ],
            ],
        ]
        for command in commands:
            subprocess.run(command, env=environment, check=True, capture_output=True)
        yield kubeconfig
    finally:
        network.remove_network(running, made)


def objects(kubeconfig: Path) -> set[str]:
    """Every object of the cluster that a run could leave: namespaces, CRDs, webhooks, cluster roles."""
    lab = description.describe(ISTIO_VERSION)
    kinds = "namespaces,crds,mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles"
    command: list[str | Path] = [
        lab.kubectl,
        "--kubeconfig",
        str(kubeconfig),
        "get",
        f"{kinds},clusterrolebindings",
        "-o",
        "json",
    ]
    listed = subprocess.run(command, env=dict(lab.environment), check=True, capture_output=True, text=True)
    items = json.loads(listed.stdout)["items"]
    return {f"{each['kind']}/{each['metadata']['name']}" for each in items}


def article(*options: str) -> subprocess.CompletedProcess[str]:
    """A run of the article's stages."""
    return subprocess.run([*ARTICLE, *options], cwd=PROJECT, capture_output=True, text=True, check=False)


def test_article_passes_on_an_existing_cluster_and_leaves_it_as_it_was(their_cluster: Path) -> None:
    """All that needs no node passes; afterwards the cluster has what it had, and the kubeconfig too."""
    before, kubeconfig = objects(their_cluster), their_cluster.read_text()
    ran = article(f"--kubeconfig={their_cluster}", f"--context=kind-{NAME}")
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert "the suite runs no commands on the nodes of an existing cluster" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("verdict: passed, partial (exit 0)")
    assert objects(their_cluster) == before
    assert their_cluster.read_text() == kubeconfig


def test_a_cluster_with_a_namespace_of_our_name_is_refused_untouched(their_cluster: Path) -> None:
    """A namespace of one of our names is somebody's: the run says so and creates nothing."""
    lab = description.describe(ISTIO_VERSION)
    command: list[str | Path] = [
        lab.kubectl,
        "--kubeconfig",
        str(their_cluster),
        "create",
        "namespace",
        "test-namespace",
    ]
    subprocess.run(command, env=dict(lab.environment), check=True, capture_output=True)
    before = objects(their_cluster)
    ran = article(f"--kubeconfig={their_cluster}", f"--context=kind-{NAME}")
    assert ran.returncode == 12, ran.stdout[-3000:]
    assert "already has the namespace test-namespace" in ran.stdout
    assert objects(their_cluster) == before


@pytest.mark.full
def test_article_passes_with_generated_manifests(running: engine.Engine) -> None:
    """Istio is installed by kubectl from the manifests that istioctl generates: every stage passes."""
    ran = article("--installer=manifests")
    assert ran.returncode == 0, ran.stdout[-6000:]
