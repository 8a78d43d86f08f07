"""`mesh run` on clusters as they are: mesh policies, add-ons, addresses, refusals, a lost API server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.clients.api_server import ApiError, NotFound
from fixtures.clients.jaeger import Jaeger
from fixtures.clients.kiali import Kiali
from fixtures.clients.kube import Kube
from fixtures.clients.prometheus import Prometheus
from fixtures.clusters.base import Cluster
from fixtures.mesh_run.marks import NAMESPACE
from fixtures.waits import eventually
from suites.lab.api_forwarder import forwarder
from suites.lab.mesh_runner import (
    ENDS,
    IMAGE,
    MIDDLE,
    Runner,
    applied,
    is_there,
    more_rights,
    stages_of,
    wait_for_line,
)
from suites.lab.mesh_users import digest

pytestmark = [pytest.mark.lab, pytest.mark.full, pytest.mark.stage("injection")]

SYSTEM = "istio-system"
#: Seconds until something that a test plants takes effect.
EFFECT = 30
STRICT: Any = {
    "apiVersion": "security.istio.io/v1",
    "kind": "PeerAuthentication",
    "metadata": {"name": "default", "namespace": SYSTEM},
    "spec": {"mtls": {"mode": "STRICT"}},
}
REGISTRY_ONLY: Any = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Sidecar",
    "metadata": {"name": "default", "namespace": SYSTEM},
    "spec": {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}, "egress": [{"hosts": ["*/*"]}]},
}
QUOTA: Any = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "one-pod", "namespace": NAMESPACE},
    "spec": {"hard": {"pods": "1"}},
}
ADD_ONS = (
    f"--prometheus={SYSTEM}/prometheus",
    f"--jaeger={SYSTEM}/jaeger-query",
    f"--kiali={SYSTEM}/kiali",
    "--tracing-provider=jaeger",
)


def policy(name: str, operation: str, resource: str, message: str) -> list[Any]:
    """A ValidatingAdmissionPolicy that denies something of pods labelled app=app, and its binding."""
    api = "admissionregistration.k8s.io/v1"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": [operation], "resources": [resource]}
    constraints = {"resourceRules": [rule], "objectSelector": {"matchLabels": {"app": "app"}}}
    spec = {"matchConstraints": constraints, "validations": [{"expression": "false", "message": message}]}
    binding = {"policyName": name, "validationActions": ["Deny"]}
    kind = "ValidatingAdmissionPolicy"
    return [
        {"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec},
        {"apiVersion": api, "kind": f"{kind}Binding", "metadata": {"name": name}, "spec": binding},
    ]


@pytest.fixture
def options(cluster: Cluster) -> Iterator[None]:
    """The rights of docs/rbac/run-options.yaml."""
    with more_rights(cluster):
        yield


@pytest.fixture
def no_pods(cluster: Cluster, kube: Kube, tmp_path: Path) -> Iterator[None]:
    """An admission policy that refuses the app's pods, and is active."""
    container = {"name": "web", "image": IMAGE}
    metadata = {"name": "probe", "namespace": "default", "labels": {"app": "app"}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}

    def refusal() -> str:
        try:
            return str(kube.admitted(pod))
        except ApiError as error:
            return error.message

    def check_active() -> None:
        assert "no pods here" in refusal()

    with applied(cluster, tmp_path, *policy("no-pods", "CREATE", "pods", "no pods here")):
        eventually(check_active, "the policy is active", EFFECT)
        yield


def give_address(cluster: Cluster, kube: Kube) -> str:
    """Set the address of the run's Service to that of the node, as a controller does, and return it."""
    addresses = kube.get_all("v1/Node")[0]["status"]["addresses"]
    node = next(str(each["address"]) for each in addresses if each["type"] == "InternalIP")
    eventually(
        lambda: kube.get("v1/Service", "gateway", NAMESPACE),
        "the run creates its Service",
        ENDS,
        retry_on=(NotFound,),
    )
    status = json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": node}]}}})
    patch = ("patch", "service", "gateway", f"--namespace={NAMESPACE}", "--subresource=status")
    cluster.kubectl.read(*patch, "--type=merge", f"--patch={status}")
    return node


def test_run_passes_on_a_strict_mesh_that_allows_only_its_registry(
    runner: Runner, cluster: Cluster, kube: Kube, tmp_path: Path
) -> None:
    """Under mesh-wide STRICT and REGISTRY_ONLY every stage passes: the namespace's own policy decides."""
    with applied(cluster, tmp_path, STRICT, REGISTRY_ONLY):
        result = runner.result()
    assert result["result"] == "passed", result
    assert "20 of 20 plain-text requests" in stages_of(result, "passed")["capture"]
    assert not is_there(kube)


def test_add_ons_show_the_runs_requests(
    runner: Runner, options: None, prometheus: Prometheus, kiali: Kiali, jaeger: Jaeger, kube: Kube
) -> None:
    """Prometheus has the sidecar's counters, Jaeger a trace of each request, Kiali the edge."""
    result = runner.result(*ADD_ONS)
    assert result["result"] == "passed", result
    seen = stages_of(result, "passed")
    assert {"prometheus", "traces", "graph"} <= set(seen)
    assert seen["graph"].startswith(f"gateway.{NAMESPACE} to app.{NAMESPACE}")
    assert not is_there(kube)


def test_shared_gateway_serves_the_run_and_is_as_before(
    runner: Runner, options: None, cluster: Cluster, kube: Kube
) -> None:
    """With --ingress the shared gateway serves a host of the run's own; afterwards no object differs."""
    before = digest(cluster.kubectl)
    place = (f"--ingress={SYSTEM}/istio-ingressgateway", "--host=run.example", "--reach=node-port")
    result = runner.result(*place)
    assert result["result"] == "passed", result
    assert f"pod {SYSTEM}/istio-ingressgateway" in stages_of(result, "passed")["gateway-pod"]
    assert not is_there(kube)
    assert digest(cluster.kubectl) == before


def test_node_port_and_pull_secret_are_used(
    runner: Runner, options: None, kube: Kube, tmp_path: Path
) -> None:
    """At the node's address the same stages hold, and a pull secret is created and removed."""
    secret = tmp_path / "config.json"
    secret.write_text('{"auths": {"registry.lab": {"auth": "bm86Ym9keQ=="}}}')
    ran = runner.run("--reach=node-port", f"--pull-secret={secret}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"Secret {NAMESPACE}/mesh-run" in ran.stdout
    assert "bm86Ym9keQ==" not in ran.stdout + ran.stderr
    assert not is_there(kube)


def test_load_balancer_address_is_waited_for(
    runner: Runner, options: None, cluster: Cluster, kube: Kube
) -> None:
    """Once a controller sets the Service's address, requests go there."""
    with runner.started("--reach=load-balancer") as running:
        node = give_address(cluster, kube)
        stdout, stderr = running.communicate(timeout=ENDS)
    assert running.returncode == 0, stdout + stderr
    assert f"reached at {node}:8080" in stdout


def test_load_balancer_that_stays_pending_is_reported(runner: Runner, options: None, kube: Kube) -> None:
    """Without an address in time the run ends with 12, says what is pending, and leaves nothing."""
    ran = runner.run("--reach=load-balancer", "--address-timeout=3")
    assert ran.returncode == 12, ran.stdout + ran.stderr
    assert "the load balancer is pending" in ran.stdout
    assert not is_there(kube)


def test_refused_ephemeral_container_is_a_skip(
    runner: Runner, cluster: Cluster, kube: Kube, tmp_path: Path
) -> None:
    """Where a policy refuses ephemeral containers, the stage is skipped and the result partial."""
    planted = policy("no-debugging", "UPDATE", "pods/ephemeralcontainers", "no debugging here")
    with applied(cluster, tmp_path, *planted):
        result = runner.result("--require-complete")
    assert (result["result"], result["exitCode"]) == ("partial", 13), result
    assert "no debugging here" in stages_of(result, "skipped")["iptables"]
    assert "capture" in stages_of(result, "passed")


def test_pod_security_that_refuses_the_sidecar_is_reported(runner: Runner, kube: Kube) -> None:
    """Pod security's own message is in the result, with what to do, and nothing is left."""
    result = runner.result("--namespace-label=pod-security.kubernetes.io/enforce=baseline")
    (text,) = stages_of(result, "environment").values()
    assert "violates PodSecurity" in text
    assert "pod-security.kubernetes.io/enforce=privileged" in text
    assert (result["exitCode"], is_there(kube)) == (12, False)


def test_quota_reached_halfway_is_reported(runner: Runner, kube: Kube) -> None:
    """A quota that the second pod exceeds ends the run with its message, and nothing is left."""
    with runner.started() as running:
        wait_for_line(running, "and deletes the namespace")
        eventually(lambda: kube.create(QUOTA), "the quota is there", EFFECT, retry_on=(ApiError,))
        stdout, _ = running.communicate(timeout=ENDS)
    assert running.returncode == 12, stdout
    assert "exceeded quota" in stdout
    assert not is_there(kube)


def test_admission_policy_that_refuses_pods_is_reported(runner: Runner, no_pods: None, kube: Kube) -> None:
    """A policy's own message is in the result, before the time-out, and nothing is left."""
    result = runner.result()
    (text,) = stages_of(result, "environment").values()
    assert "no pods here" in text
    assert (result["exitCode"], result["stages"][0]["result"]) == (12, "environment")
    assert result["seconds"] < 60
    assert not is_there(kube)


def test_tainted_node_needs_a_toleration(runner: Runner, cluster: Cluster, kube: Kube) -> None:
    """Without a toleration the taint is named; with it, every stage passes."""
    name = kube.get_all("v1/Node")[0]["metadata"]["name"]
    cluster.kubectl.read("taint", "node", name, "team=a:NoSchedule")
    try:
        ran = runner.run("--timeout-factor=0.1")
        assert (ran.returncode, "untolerated taint" in ran.stdout) == (12, True), ran.stdout
        passed = runner.run("--toleration=team=a", f"--node-selector=kubernetes.io/hostname={name}")
    finally:
        cluster.kubectl.read("taint", "node", name, "team-")
    assert passed.returncode == 0, passed.stdout
    assert not is_there(kube)


def test_missing_optional_rights_skip_their_stages(runner: Runner, cluster: Cluster) -> None:
    """Without the rights that may be left out, the stages are skipped by name, and the rest passes."""
    role = "clusterrole/istio-conformance-run"
    optional = {"telemetries", "pods/log", "pods/ephemeralcontainers"}
    rules = json.loads(cluster.kubectl.read("get", role, "--output=json"))["rules"]
    fewer = [each for each in rules if not optional & {*each["resources"]}]
    cluster.kubectl.read("patch", role, "--type=merge", f"--patch={json.dumps({'rules': fewer})}")
    try:
        result = runner.result()
    finally:
        cluster.kubectl.read("patch", role, "--type=merge", f"--patch={json.dumps({'rules': rules})}")
    assert set(stages_of(result, "skipped")) == {"iptables", "access-log"}, result
    assert (result["result"], result["exitCode"]) == ("partial", 0)


def test_api_server_that_goes_away_leaves_a_namespace_for_the_cleanup(
    runner: Runner, kube: Kube, tmp_path: Path
) -> None:
    """When the API server stops answering, the run ends with 12 and says what is left; cleanup removes it."""
    with forwarder(kube.address) as address, runner.at(address.url, tmp_path).started() as running:
        wait_for_line(running, MIDDLE)
        address.close()
        stdout, _ = running.communicate(timeout=ENDS)
    assert running.returncode == 12, stdout
    assert "LEFT BEHIND" in stdout
    assert runner.cleanup().stdout == f"removed: Namespace {NAMESPACE}\n"
    assert not is_there(kube)
