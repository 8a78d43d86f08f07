"""What is derived from a user's manifests, and which contradictions are refused before a cluster exists."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures.manifests import APP, GATEWAY, PEERS, ROUTE, ManifestError, Manifests
from suites.selftest.overlays import ARTICLE, Declare, Files, part, rule, template


def test_port_is_the_one_that_the_route_names(files: Files, declare: Declare) -> None:
    part(files, APP, "Service")["spec"]["ports"].insert(0, {"name": "http-metrics", "port": 9113})
    assert (declare(files).primary.port, declare(files).primary.target_port) == (80, 80)


def test_named_target_port_is_resolved_at_its_container(files: Files, declare: Declare) -> None:
    containers = template(files)["spec"]["containers"]
    containers[0]["ports"] = [{"name": "page", "containerPort": 8080}]
    containers.insert(0, {"name": "helper", "image": "helper:1"})
    part(files, APP, "Service")["spec"]["ports"][0]["targetPort"] = "page"
    found = declare(files)
    assert (found.primary.target_port, found.workload.container) == (8080, "web")
    assert found.workload.containers == ("helper", "web")


def test_unknown_target_port_is_refused(files: Files, declare: Declare) -> None:
    part(files, APP, "Service")["spec"]["ports"][0]["targetPort"] = "pge"
    with pytest.raises(ManifestError, match=r"has no port pge, the targetPort \(named: http\)"):
        declare(files)


@pytest.mark.parametrize(
    ("labels", "name", "revision", "reported"),
    [
        ({"app": "test", "version": "v1"}, "test", "v1", "test"),
        ({"app.kubernetes.io/name": "shop", "app.kubernetes.io/version": "2"}, "shop", "2", "unknown"),
        ({"app": "test", "app.kubernetes.io/name": "shop", "version": "v1"}, "shop", "v1", "test"),
        (
            {"service.istio.io/canonical-name": "x", "app": "test", "app.kubernetes.io/name": "y"},
            "x",
            "latest",
            "test",
        ),
        ({"tier": "web"}, "test-deployment", "latest", "unknown"),
    ],
)
def test_canonical_names_follow_istios_order_of_labels(
    labels: dict[str, str],
    name: str,
    revision: str,
    reported: str,
    files: Files,
    declare: Declare,
) -> None:
    template(files)["metadata"]["labels"] = labels
    part(files, APP, "Deployment")["spec"]["selector"] = {"matchLabels": labels}
    part(files, APP, "Service")["spec"]["selector"] = labels
    found = declare(files).workload
    assert (found.canonical_name, found.canonical_revision, found.app) == (name, revision, reported)


def test_service_that_selects_no_pod_is_refused(files: Files, declare: Declare) -> None:
    part(files, APP, "Service")["spec"]["selector"] = {"app": "tset"}
    with pytest.raises(ManifestError, match=r"selector \{'app': 'tset'\} selects no pod"):
        declare(files)


def test_projects_files_follow_the_names_of_the_app(tmp_path: Path, declare: Declare) -> None:
    text = yaml.safe_dump_all(ARTICLE[APP]).replace("test-namespace", "shop").replace("test-svc", "web")
    found = declare({APP: list(yaml.safe_load_all(text))})
    assert (found.namespace, found.primary.cluster) == ("shop", "outbound|80||web.shop.svc.cluster.local")
    assert Manifests(overlay=tmp_path).load(PEERS)[0]["metadata"]["namespace"] == "shop"
    assert Manifests(overlay=tmp_path).load(ROUTE)[0]["metadata"]["namespace"] == "shop"


def test_projects_route_follows_the_gateways_name(files: Files, declare: Declare) -> None:
    part(files, GATEWAY, "Gateway")["metadata"]["name"] = "public"
    assert declare({GATEWAY: files[GATEWAY]}).gateway == "public"


def subset(files: Files, labels: dict[str, str]) -> Any:
    rule(files)["route"][0]["destination"]["subset"] = "stable"
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "versions", "namespace": "test-namespace"},
        "spec": {"host": "test-svc", "subsets": [{"name": "stable", "labels": labels}]},
    }


@pytest.mark.parametrize("place", [0, 1])
def test_subset_is_declared_before_or_after_the_route(place: int, files: Files, declare: Declare) -> None:
    files[ROUTE].insert(place, subset(files, {"version": "v1"}))
    assert declare(files).primary.cluster == "outbound|80|stable|test-svc.test-namespace.svc.cluster.local"


@pytest.mark.parametrize(("host", "known"), [("*.test-namespace.svc.cluster.local", True), ("*.shop", False)])
def test_subset_can_be_declared_for_a_wildcard(
    host: str, known: bool, files: Files, declare: Declare
) -> None:
    declared = subset(files, {"version": "v1"})
    declared["spec"]["host"] = host
    files[ROUTE].append(declared)
    if known:
        assert declare(files).primary.subset == "stable"
        return
    with pytest.raises(ManifestError, match="which no DestinationRule declares"):
        declare(files)


def test_subset_that_no_rule_declares_is_refused(files: Files, declare: Declare) -> None:
    subset(files, {})
    with pytest.raises(ManifestError, match=r"subset stable of test-svc\.test-namespace, which no Dest"):
        declare(files)


def test_subset_that_no_pod_has_is_refused(files: Files, declare: Declare) -> None:
    files[ROUTE].append(subset(files, {"version": "v2"}))
    with pytest.raises(ManifestError, match=r"subset stable, whose labels \{'version': 'v2'\} no pod"):
        declare(files)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"host": "other"}, "routes to Service test-namespace/other, which no file defines"),
        ({"host": "test-svc", "port": {"number": 8080}}, r"port 8080 of Service test-svc, which has \[80\]"),
    ],
)
def test_destination_that_the_files_lack_is_refused(
    change: Any, told: str, files: Files, declare: Declare
) -> None:
    rule(files)["route"][0]["destination"] = change
    with pytest.raises(ManifestError, match=told):
        declare(files)


def test_gateway_that_no_file_defines_is_refused(files: Files, declare: Declare) -> None:
    part(files, ROUTE, "VirtualService")["spec"]["gateways"] = ["edge/public"]
    with pytest.raises(
        ManifestError, match=r"names Gateway edge/public, which no file defines \(defined: test-"
    ):
        declare(files)


@pytest.mark.parametrize(
    "name", ["edge/public", "public.edge", "public.edge.svc.cluster.local"], ids=["slash", "short", "full"]
)
def test_gateway_of_another_namespace_is_named_in_each_of_istios_ways(
    name: str, files: Files, declare: Declare
) -> None:
    files[GATEWAY].insert(0, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "edge"}})
    part(files, GATEWAY, "Gateway")["metadata"] = {"name": "public", "namespace": "edge"}
    part(files, ROUTE, "VirtualService")["spec"]["gateways"] = ["mesh", name]
    assert declare(files).gateway == "public"


def test_gateway_of_the_routes_own_namespace_can_be_named_by_a_dot(files: Files, declare: Declare) -> None:
    part(files, ROUTE, "VirtualService")["spec"]["gateways"] = ["./test-gateway"]
    assert declare(files).gateway == "test-gateway"


def test_namespaces_of_every_file_are_known(files: Files, declare: Declare) -> None:
    files[GATEWAY].insert(0, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "edge"}})
    part(files, GATEWAY, "Gateway")["metadata"]["namespace"] = "edge"
    part(files, ROUTE, "VirtualService")["spec"]["gateways"] = ["edge/test-gateway"]
    assert declare(files).others == ("edge",)


def test_resource_in_a_namespace_that_no_file_defines_is_refused(files: Files, declare: Declare) -> None:
    part(files, GATEWAY, "Gateway")["metadata"]["namespace"] = "edge"
    with pytest.raises(ManifestError, match=r"Gateway test-gateway is in namespace edge, which no file"):
        declare(files)


def test_namespace_labelled_from_the_start_is_refused(files: Files, declare: Declare) -> None:
    part(files, APP, "Namespace")["metadata"]["labels"] = {"istio-injection": "enabled"}
    with pytest.raises(ManifestError, match="has the label istio-injection, which the stage label sets"):
        declare(files)


def test_other_interception_mode_is_refused(files: Files, declare: Declare) -> None:
    template(files)["metadata"]["annotations"] = {"sidecar.istio.io/interceptionMode": "TPROXY"}
    with pytest.raises(ManifestError, match="interceptionMode=TPROXY; the stages know REDIRECT only"):
        declare(files)


def test_app_without_its_namespace_is_refused(files: Files, declare: Declare) -> None:
    part(files, APP, "Namespace")["metadata"]["name"] = "elsewhere"
    with pytest.raises(ManifestError, match=r"must contain the Namespace test-namespace of the app"):
        declare(files)


@pytest.mark.parametrize(
    ("port", "names"),
    [({"port": 8000, "targetPort": "http"}, ("again",)), ({"port": 9090}, ()), ({"port": 80}, ("again",))],
)
def test_other_services_of_the_same_port_are_known(
    port: Any, names: tuple[str, ...], files: Files, declare: Declare
) -> None:
    other = copy.deepcopy(part(files, APP, "Service"))
    other["metadata"]["name"], other["spec"]["ports"] = "again", [port]
    files[APP].append(other)
    assert declare(files).primary.others == names


def test_slow_start_and_end_of_the_pods_are_read(files: Files, declare: Declare) -> None:
    assert (declare(files).workload.ends_in, declare(files).workload.ready_in) == (30, 0)
    part(files, APP, "Deployment")["spec"]["minReadySeconds"] = 5
    spec = template(files)["spec"]
    spec["terminationGracePeriodSeconds"] = 120
    spec["containers"][0]["startupProbe"] = {"initialDelaySeconds": 40}
    assert (declare(files).workload.ends_in, declare(files).workload.ready_in) == (120, 45)
