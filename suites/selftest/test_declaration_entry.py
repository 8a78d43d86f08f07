"""The way to the app that follows from Gateway and route: host, path, scheme and certificate."""

import copy
from typing import Any

import pytest

from fixtures.manifests import APP, GATEWAY, ROUTE, ManifestError
from suites.selftest.overlays import Declare, Files, part, rule, server


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
    offered: str, routed: str, host: str | None, files: Files, declare: Declare
) -> None:
    server(files)["hosts"] = [offered]
    part(files, ROUTE, "VirtualService")["spec"]["hosts"] = (
        ["other.test", routed] if offered != "*" else [routed]
    )
    assert declare(files).entry.host == host


@pytest.mark.parametrize("offered", ["books.example", "other-namespace/*"])
def test_hosts_without_overlap_are_refused(offered: str, files: Files, declare: Declare) -> None:
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
    match: Any, rewrite: Any, paths: tuple[str, str], files: Files, declare: Declare
) -> None:
    rule(files).update({"match": match, "rewrite": rewrite})
    found = declare(files)
    assert (found.entry.path, found.app_path) == paths


@pytest.mark.parametrize(
    ("match", "path"),
    [
        ({"uri": {"prefix": "/shop"}, "method": {"exact": "GET"}}, "/shop"),
        ({"uri": {"prefix": "/shop"}, "withoutHeaders": {"x-beta": {}}}, "/shop"),
        ({"uri": {"prefix": "/shop"}, "method": {"exact": "POST"}}, "/"),
        ({"uri": {"prefix": "/shop"}, "gateways": ["mesh"]}, "/"),
        ({"uri": {"prefix": "/shop"}, "headers": {"x-beta": {}}}, "/"),
    ],
)
def test_first_rule_counts_if_a_plain_get_meets_its_conditions(
    match: Any, path: str, files: Files, declare: Declare
) -> None:
    rules = part(files, ROUTE, "VirtualService")["spec"]["http"]
    rules.insert(0, {**rules[0], "match": [match]})
    assert declare(files).entry.path == path


def test_rule_behind_a_redirect_of_the_same_path_needs_a_path(files: Files, declare: Declare) -> None:
    rules = part(files, ROUTE, "VirtualService")["spec"]["http"]
    rules.insert(0, {"match": [{"uri": {"exact": "/"}}], "redirect": {"uri": "/shop"}})
    with pytest.raises(ManifestError, match=r"behind an earlier rule, the annotation conformance/path"):
        declare(files)
    part(files, APP, "Deployment")["metadata"]["annotations"] = {"conformance/path": "/shop"}
    assert declare(files).entry.path == "/shop"


def test_annotated_path_selects_its_rule(files: Files, declare: Declare) -> None:
    rule(files)["match"] = [{"uri": {"regex": "/v[0-9]+/home"}}]
    with pytest.raises(ManifestError, match="annotation conformance/path"):
        declare(files)
    part(files, APP, "Deployment")["metadata"]["annotations"]["conformance/path"] = "/v2/home"
    assert declare(files).entry.path == "/v2/home"


def secure(files: Files, *, redirect: bool) -> None:
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
def test_https_is_the_entry_where_plain_http_is_not(redirect: bool, files: Files, declare: Declare) -> None:
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
    places: list[str], told: str, files: Files, declare: Declare
) -> None:
    secure(files, redirect=True)
    files[GATEWAY] += map(secret, places)
    with pytest.raises(ManifestError, match=told):
        declare(files)


def test_rule_that_leads_to_the_annotated_page_is_preferred(files: Files, declare: Declare) -> None:
    def named_api(file: str, kind: str) -> Any:
        made = copy.deepcopy(part(files, file, kind))
        made["metadata"]["name"] = "api"
        return made

    workload, service = named_api(APP, "Deployment"), named_api(APP, "Service")
    del workload["metadata"]["annotations"]
    workload["spec"]["selector"] = service["spec"]["selector"] = {"app": "api"}
    workload["spec"]["selector"] = {"matchLabels": {"app": "api"}}
    workload["spec"]["template"]["metadata"]["labels"] = {"app": "api"}
    files[APP] += [workload, service]
    rules = part(files, ROUTE, "VirtualService")["spec"]["http"]
    rules.insert(0, {"match": [{"uri": {"prefix": "/api"}}], "route": [{"destination": {"host": "api"}}]})
    assert (declare(files).primary.service, declare(files).entry.path) == ("test-svc", "/")
    del part(files, APP, "Deployment")["metadata"]["annotations"]
    assert (declare(files).primary.service, declare(files).entry.path) == ("api", "/api")
