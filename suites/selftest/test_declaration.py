"""What is derived from a user's manifests, and which contradictions are refused before a cluster exists."""

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures.declaration import Declaration, declared_in
from fixtures.manifests import APP, GATEWAY, PEERS, ROUTE, ManifestError, Manifests

Declare = Callable[[Mapping[str, Sequence[Any]]], Declaration]
ARTICLE = {name: Manifests().load(name) for name in (APP, GATEWAY, ROUTE)}


@pytest.fixture
def files() -> dict[str, list[Any]]:
    """The article's resources, to be changed by a test."""
    return copy.deepcopy(ARTICLE)


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    """A function that writes files into an overlay and returns what it declares."""

    def written(files: Mapping[str, Sequence[Any]]) -> Declaration:
        for name, resources in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(yaml.safe_dump_all(resources))
        return declared_in(Manifests.checked(tmp_path))

    return written


def part(files: dict[str, list[Any]], file: str, kind: str) -> Any:
    return next(each for each in files[file] if each["kind"] == kind)


def rule(files: dict[str, list[Any]]) -> Any:
    return part(files, ROUTE, "VirtualService")["spec"]["http"][0]


def server(files: dict[str, list[Any]]) -> Any:
    return part(files, GATEWAY, "Gateway")["spec"]["servers"][0]


def template(files: dict[str, list[Any]]) -> Any:
    return part(files, APP, "Deployment")["spec"]["template"]


def test_port_is_the_one_that_the_route_names(files: dict[str, list[Any]], declare: Declare) -> None:
    part(files, APP, "Service")["spec"]["ports"].insert(0, {"name": "http-metrics", "port": 9113})
    assert (declare(files).primary.port, declare(files).primary.target_port) == (80, 80)


def test_named_target_port_is_resolved_at_its_container(
    files: dict[str, list[Any]], declare: Declare
) -> None:
    containers = template(files)["spec"]["containers"]
    containers[0]["ports"] = [{"name": "page", "containerPort": 8080}]
    containers.insert(0, {"name": "helper", "image": "helper:1"})
    part(files, APP, "Service")["spec"]["ports"][0]["targetPort"] = "page"
    found = declare(files)
    assert (found.primary.target_port, found.workload.container) == (8080, "web")
    assert found.workload.containers == ("helper", "web")


def test_unknown_target_port_is_refused(files: dict[str, list[Any]], declare: Declare) -> None:
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
    files: dict[str, list[Any]],
    declare: Declare,
) -> None:
    template(files)["metadata"]["labels"] = labels
    part(files, APP, "Deployment")["spec"]["selector"] = {"matchLabels": labels}
    part(files, APP, "Service")["spec"]["selector"] = labels
    found = declare(files).workload
    assert (found.canonical_name, found.canonical_revision, found.app) == (name, revision, reported)


def test_service_that_selects_no_pod_is_refused(files: dict[str, list[Any]], declare: Declare) -> None:
    part(files, APP, "Service")["spec"]["selector"] = {"app": "tset"}
    with pytest.raises(ManifestError, match=r"selector \{'app': 'tset'\} selects no pod"):
        declare(files)


def test_projects_files_follow_the_names_of_the_app(tmp_path: Path, declare: Declare) -> None:
    text = yaml.safe_dump_all(ARTICLE[APP]).replace("test-namespace", "shop").replace("test-svc", "web")
    found = declare({APP: list(yaml.safe_load_all(text))})
    assert (found.namespace, found.primary.cluster) == ("shop", "outbound|80||web.shop.svc.cluster.local")
    assert Manifests(overlay=tmp_path).load(PEERS)[0]["metadata"]["namespace"] == "shop"
    assert Manifests(overlay=tmp_path).load(ROUTE)[0]["metadata"]["namespace"] == "shop"


def test_projects_route_follows_the_gateways_name(files: dict[str, list[Any]], declare: Declare) -> None:
    part(files, GATEWAY, "Gateway")["metadata"]["name"] = "public"
    assert declare({GATEWAY: files[GATEWAY]}).gateway == "public"


def subset(files: dict[str, list[Any]], labels: dict[str, str]) -> Any:
    rule(files)["route"][0]["destination"]["subset"] = "stable"
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "versions", "namespace": "test-namespace"},
        "spec": {"host": "test-svc", "subsets": [{"name": "stable", "labels": labels}]},
    }


@pytest.mark.parametrize("place", [0, 1])
def test_subset_is_declared_before_or_after_the_route(
    place: int, files: dict[str, list[Any]], declare: Declare
) -> None:
    files[ROUTE].insert(place, subset(files, {"version": "v1"}))
    assert declare(files).primary.cluster == "outbound|80|stable|test-svc.test-namespace.svc.cluster.local"


def test_subset_that_no_rule_declares_is_refused(files: dict[str, list[Any]], declare: Declare) -> None:
    subset(files, {})
    with pytest.raises(ManifestError, match=r"subset stable of test-svc\.test-namespace, which no Dest"):
        declare(files)


def test_subset_that_no_pod_has_is_refused(files: dict[str, list[Any]], declare: Declare) -> None:
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
    change: Any, told: str, files: dict[str, list[Any]], declare: Declare
) -> None:
    rule(files)["route"][0]["destination"] = change
    with pytest.raises(ManifestError, match=told):
        declare(files)


def test_gateway_that_no_file_defines_is_refused(files: dict[str, list[Any]], declare: Declare) -> None:
    part(files, ROUTE, "VirtualService")["spec"]["gateways"] = ["edge/public"]
    with pytest.raises(
        ManifestError, match=r"names Gateway edge/public, which no file defines \(defined: test-"
    ):
        declare(files)


@pytest.mark.parametrize(
    ("offered", "routed", "host"),
    [
        ("*", "*", None),
        ("*", "shop.example", "shop.example"),
        ("*.shop.example", "*", "istio-conformance.shop.example"),
        ("test-namespace/*.shop.example", "a.shop.example", "a.shop.example"),
        ("./shop.example", "*.example", "shop.example"),
    ],
)
def test_host_is_the_narrower_of_gateway_and_route(
    offered: str, routed: str, host: str | None, files: dict[str, list[Any]], declare: Declare
) -> None:
    server(files)["hosts"] = [offered]
    part(files, ROUTE, "VirtualService")["spec"]["hosts"] = (
        ["other.test", routed] if offered != "*" else [routed]
    )
    assert declare(files).entry.host == host


@pytest.mark.parametrize("offered", ["books.example", "other-namespace/*"])
def test_hosts_without_overlap_are_refused(
    offered: str, files: dict[str, list[Any]], declare: Declare
) -> None:
    server(files)["hosts"] = [offered]
    part(files, ROUTE, "VirtualService")["spec"]["hosts"] = ["shop.example"]
    with pytest.raises(ManifestError, match="have no host in common"):
        declare(files)


@pytest.mark.parametrize(
    ("match", "rewrite", "paths"),
    [
        ([{"uri": {"prefix": "/shop"}}], {}, ("/shop", "/shop")),
        ([{"uri": {"prefix": "/shop"}}], {"uri": "/"}, ("/shop", "/")),
        ([{"uri": {"exact": "/a"}}], {"uri": "/b"}, ("/a", "/b")),
        ([{"headers": {"x": {"exact": "1"}}}, {"uri": {"prefix": "/c"}}], {}, ("/c", "/c")),
        ([{"uri": {"regex": "/.*"}}], {}, ("/", "/")),
        (None, {}, ("/", "/")),
    ],
)
def test_path_follows_from_the_match(
    match: Any, rewrite: Any, paths: tuple[str, str], files: dict[str, list[Any]], declare: Declare
) -> None:
    rule(files).update({"match": match, "rewrite": rewrite})
    found = declare(files)
    assert (found.entry.path, found.app_path) == paths


def test_annotated_path_selects_its_rule(files: dict[str, list[Any]], declare: Declare) -> None:
    rule(files)["match"] = [{"uri": {"regex": "/v[0-9]+/home"}}]
    with pytest.raises(ManifestError, match="annotation conformance/path"):
        declare(files)
    part(files, APP, "Deployment")["metadata"]["annotations"]["conformance/path"] = "/v2/home"
    assert declare(files).entry.path == "/v2/home"


def secure(files: dict[str, list[Any]], *, redirect: bool) -> None:
    servers = part(files, GATEWAY, "Gateway")["spec"]["servers"]
    if redirect:
        servers[0]["tls"] = {"httpsRedirect": True}
    else:
        servers.clear()
    port = {"number": 443, "name": "https", "protocol": "HTTPS"}
    servers.append({"port": port, "hosts": ["*"], "tls": {"mode": "SIMPLE", "credentialName": "page"}})


def secret(namespace: str) -> Any:
    metadata = {"name": "page", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"tls.crt": "PEM"}}


@pytest.mark.parametrize("redirect", [True, False])
def test_https_is_the_entry_where_plain_http_is_not(
    redirect: bool, files: dict[str, list[Any]], declare: Declare
) -> None:
    secure(files, redirect=redirect)
    files[GATEWAY].append(secret("istio-system"))
    found = declare(files).entry
    assert (found.scheme, found.port, found.certificate) == ("https", 443, "PEM")
    assert found.redirecting == (80 if redirect else None)
    assert found.server == "https.test-gateway.test-namespace"


@pytest.mark.parametrize(
    ("places", "told"),
    [([], "no file has a Secret of that name: add one"), (["default"], "gateway's namespace")],
)
def test_certificate_that_the_gateway_cannot_have_is_refused(
    places: list[str], told: str, files: dict[str, list[Any]], declare: Declare
) -> None:
    secure(files, redirect=True)
    files[GATEWAY] += map(secret, places)
    with pytest.raises(ManifestError, match=told):
        declare(files)


def test_namespaces_of_every_file_are_known(files: dict[str, list[Any]], declare: Declare) -> None:
    files[GATEWAY].insert(0, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "edge"}})
    part(files, GATEWAY, "Gateway")["metadata"]["namespace"] = "edge"
    part(files, ROUTE, "VirtualService")["spec"]["gateways"] = ["edge/test-gateway"]
    assert declare(files).others == ("edge",)


def test_resource_in_a_namespace_that_no_file_defines_is_refused(
    files: dict[str, list[Any]], declare: Declare
) -> None:
    part(files, GATEWAY, "Gateway")["metadata"]["namespace"] = "edge"
    with pytest.raises(ManifestError, match=r"Gateway test-gateway is in namespace edge, which no file"):
        declare(files)


def test_namespace_labelled_from_the_start_is_refused(files: dict[str, list[Any]], declare: Declare) -> None:
    part(files, APP, "Namespace")["metadata"]["labels"] = {"istio-injection": "enabled"}
    with pytest.raises(ManifestError, match="has the label istio-injection, which the stage label sets"):
        declare(files)


def test_app_without_its_namespace_is_refused(files: dict[str, list[Any]], declare: Declare) -> None:
    part(files, APP, "Namespace")["metadata"]["name"] = "elsewhere"
    with pytest.raises(ManifestError, match=r"must contain the Namespace test-namespace of the app"):
        declare(files)
