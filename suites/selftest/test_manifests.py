"""The user's manifests in place of the project's, and what is refused in them."""

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from fixtures.declaration import declared_in, names_in
from fixtures.installers.operator_names import operator_names
from fixtures.manifests import APP, GATEWAY, ROUTE, ManifestError, Manifests, without_retries
from fixtures.settings import MANIFESTS, UnknownName

Overlay = Callable[..., Path]


@pytest.fixture
def overlay(tmp_path: Path) -> Overlay:
    """A function that writes one file, by name and text, and returns its folder."""

    def write(name: str, text: str) -> Path:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return tmp_path

    return write


def test_every_manifest_of_the_project_loads() -> None:
    manifests = Manifests.checked(None)
    assert {GATEWAY, APP, "kind/lab.yaml"} <= set(manifests.names())
    # Values of a chart are no resources.
    for name in {*manifests.names()} - {"upgrade/helm-gateway.yaml"}:
        assert manifests.load(name)


def test_projects_names_are_the_articles() -> None:
    names = names_in(Manifests(), operator_names())
    assert (names.namespace, names.container, names.page) == ("test-namespace", "web", "Welcome to nginx!")


def test_overlay_file_replaces_the_projects(overlay: Overlay) -> None:
    text = (MANIFESTS / GATEWAY).read_text().replace("test-gateway", "my-gateway")
    manifests = Manifests.checked(overlay(GATEWAY, text))
    assert manifests.load(GATEWAY)[0]["metadata"]["name"] == "my-gateway"
    assert declared_in(manifests).gateway == "my-gateway"


def test_list_is_read_as_its_items(overlay: Overlay) -> None:
    folder = overlay(
        APP, yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": Manifests().load(APP)})
    )
    assert Manifests(overlay=folder).load(APP) == Manifests().load(APP)


def test_json_with_tabs_is_read(overlay: Overlay) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": Manifests().load(APP)}, indent="\t")
    assert Manifests(overlay=overlay(APP, text)).load(APP) == Manifests().load(APP)


def test_files_missing_from_the_overlay_are_the_projects(overlay: Overlay) -> None:
    manifests = Manifests.checked(overlay(GATEWAY, (MANIFESTS / GATEWAY).read_text()))
    assert manifests.path(GATEWAY).parent != MANIFESTS / "article"
    assert manifests.path(APP) == MANIFESTS / APP


def test_users_app_provides_its_own_names(overlay: Overlay) -> None:
    text = (MANIFESTS / APP).read_text().replace("Welcome to nginx!", "My shop").replace("test-", "shop-")
    manifests = Manifests.checked(overlay(APP, text))
    names = names_in(manifests, operator_names())
    assert (names.page, names.namespace) == ("My shop", "shop-namespace")
    assert declared_in(manifests).primary.service == "shop-svc"


def test_unknown_file_is_refused_with_the_known_ones(overlay: Overlay) -> None:
    with pytest.raises(UnknownName, match=r"'article/gateway.yml' \(did you mean article/gateway.yaml\?\)"):
        Manifests.checked(overlay("article/gateway.yml", "kind: Gateway"))


def test_loading_an_unknown_manifest_is_an_error() -> None:
    with pytest.raises(UnknownName, match="known: addons/"):
        Manifests().load("article/gatway.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: [", r"cannot read \S+gateway\.yaml: (?s:.*)line 1"),
        ("", "contains no resource"),
        ("---\n", "contains no resource"),
        ("- kind: Gateway", "document 1: expected a mapping, not list"),
        ("kind: Gateway", "document 1: lacks apiVersion"),
        ("apiVersion: v1\nkind: Pod\n---\na: 1", "document 2: lacks apiVersion and kind"),
    ],
    ids=["broken", "empty", "blank", "list", "no version", "second document"],
)
def test_invalid_manifest_is_named(text: str, message: str, overlay: Overlay) -> None:
    with pytest.raises(ManifestError, match=message):
        Manifests.checked(overlay(GATEWAY, text))


def test_file_in_another_encoding_is_named(overlay: Overlay) -> None:
    folder = overlay(GATEWAY, "")
    (folder / GATEWAY).write_bytes("kind: Gäteway".encode("latin-1"))
    with pytest.raises(ManifestError, match=r"cannot read \S+gateway\.yaml"):
        Manifests.checked(folder)


def test_hidden_files_are_ignored(overlay: Overlay) -> None:
    overlay(".git/config", "[core]")
    Manifests.checked(overlay(GATEWAY, (MANIFESTS / GATEWAY).read_text()))


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="nowhere is not a directory"):
        Manifests.checked(tmp_path / "nowhere")


def test_empty_overlay_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="contains no manifest; known: addons/"):
        Manifests.checked(tmp_path)


def test_app_without_a_service_is_refused(overlay: Overlay) -> None:
    parts = [each for each in Manifests().load(APP) if each["kind"] != "Service"]
    manifests = Manifests.checked(overlay(APP, yaml.safe_dump_all(parts)))
    with pytest.raises(ManifestError, match=r"app/test-app\.yaml must contain a Service"):
        names_in(manifests, operator_names())


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ("", "Gateway lacks metadata"),
        ("metadata:", "Gateway lacks metadata"),
        ("metadata: {labels: {}}", "Gateway lacks metadata.name"),
        ("metadata: {name: 5}", "Gateway 5 has a number as metadata.name, which must be a text; quote it"),
        ("metadata: [a]", "Gateway has a list as metadata, which must be a mapping"),
    ],
)
def test_resource_without_a_name_is_reported_with_its_file(
    metadata: str, told: str, overlay: Overlay
) -> None:
    text = f"apiVersion: networking.istio.io/v1\nkind: Gateway\n{metadata}\n"
    with pytest.raises(ManifestError, match=rf"article/gateway\.yaml: {told}"):
        names_in(Manifests.checked(overlay(GATEWAY, text)), operator_names())


@pytest.mark.parametrize("kind", ["Deployment", "Service"])
def test_app_resource_without_spec_is_refused(kind: str, overlay: Overlay) -> None:
    parts = Manifests().load(APP)
    next(each for each in parts if each["kind"] == kind)["spec"] = None
    manifests = Manifests.checked(overlay(APP, yaml.safe_dump_all(parts)))
    with pytest.raises(ManifestError, match=rf"test-app\.yaml: {kind} test-\w+ lacks spec"):
        names_in(manifests, operator_names())


def test_file_that_the_run_derives_itself_is_not_used_and_said_so(overlay: Overlay) -> None:
    folder = overlay(GATEWAY, (MANIFESTS / GATEWAY).read_text())
    overlay("article/virtual-service-without-retries.yaml", "kind: VirtualService")
    (note,) = Manifests.checked(folder).notes()
    assert "virtual-service-without-retries.yaml is not used: the run derives" in note


def test_route_without_retries_keeps_everything_else_of_the_users() -> None:
    destination = {"destination": {"host": "shop", "subset": "v2"}, "weight": 100}
    user = {
        "kind": "VirtualService",
        "spec": {
            "hosts": ["shop.example"],
            "http": [
                {"route": [destination], "retries": {"attempts": 5}, "fault": {"abort": {"httpStatus": 503}}},
                {"redirect": {"uri": "/"}},
            ],
        },
    }
    derived = without_retries(user)
    assert derived["spec"]["http"] == [
        {"route": [destination], "retries": {"attempts": 0}, "fault": {"abort": {"httpStatus": 503}}},
        {"redirect": {"uri": "/"}},
    ]
    assert derived["spec"]["hosts"] == ["shop.example"]
    assert user["spec"]["http"][0]["retries"] == {"attempts": 5}  # type: ignore[index]


def test_only_virtual_services_are_changed_to_have_no_retries() -> None:
    rule = {"kind": "DestinationRule", "spec": {"http": [{"route": []}]}}
    assert without_retries(rule) is rule
    (own,) = map(without_retries, Manifests().load(ROUTE))
    assert own["spec"]["http"][0]["retries"] == {"attempts": 0}


def test_file_beside_the_manifests_is_not_used_and_said_so(overlay: Overlay) -> None:
    folder = overlay(GATEWAY, (MANIFESTS / GATEWAY).read_text())
    overlay("article/README.md", "How we deploy")
    (note,) = Manifests.checked(folder).notes()
    assert note.endswith("article/README.md is not used: it is no manifest")


def test_byte_order_mark_and_line_ends_of_windows_are_read(overlay: Overlay) -> None:
    text = "\ufeff# ours\r\n---\r\n" + (MANIFESTS / APP).read_text().replace("\n", "\r\n")
    assert Manifests(overlay=overlay(APP, text)).load(APP) == Manifests().load(APP)


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("2026-11-02", "2026-11-02"),
        ("2026-11-02T08:15:00Z", "2026-11-02T08:15:00Z"),
        ("12:30", "12:30"),
        ("0644", 420),
        ("0o644", 420),
        ("0x1F", 31),
        ("-5", -5),
        ("0", 0),
        ("yes", True),
        ("1.5", 1.5),
    ],
)
def test_scalar_is_read_as_kubectl_reads_it(scalar: str, value: object, overlay: Overlay) -> None:
    text = f"apiVersion: v1\nkind: ConfigMap\ndata: {{x: {scalar}}}\n"
    (found,) = Manifests(overlay=overlay(APP, text)).load(APP)
    assert (found["data"]["x"], type(found["data"]["x"])) == (value, type(value))


def test_exported_resource_is_read_without_what_its_cluster_added(overlay: Overlay) -> None:
    parts = Manifests().load(APP)
    exported = copy.deepcopy(parts)
    for each in exported:
        each["metadata"] |= {"uid": "1", "resourceVersion": "2", "managedFields": [{}], "generation": 1}
        each["status"] = {"phase": "Active"}
    exported[2]["spec"] |= {"clusterIP": "10.43.0.9", "clusterIPs": ["10.43.0.9"]}
    exported[2]["spec"]["ports"][0]["nodePort"] = 30080
    owned = {"name": "test-1", "uid": "3", "ownerReferences": [{"kind": "Deployment"}]}
    exported.append({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": owned})
    assert Manifests(overlay=overlay(APP, yaml.safe_dump_all(exported))).load(APP) == parts


def test_fixed_addresses_of_a_written_service_remain(overlay: Overlay) -> None:
    parts = Manifests().load(APP)
    parts[2]["spec"] |= {"clusterIP": "None"}
    parts[2]["spec"]["ports"][0]["nodePort"] = 30081
    assert Manifests(overlay=overlay(APP, yaml.safe_dump_all(parts))).load(APP) == parts


def test_projects_route_leads_to_the_service_of_the_page(overlay: Overlay) -> None:
    cache = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "cache", "namespace": "test-namespace"},
        "spec": {"selector": {"app": "cache"}, "ports": [{"name": "http", "port": 6379}]},
    }
    app = Manifests().load(APP)
    del app[2]["spec"]["ports"][0]["name"]
    manifests = Manifests.checked(overlay(APP, yaml.safe_dump_all([cache, *app])))
    assert declared_in(manifests).primary.service == "test-svc"
