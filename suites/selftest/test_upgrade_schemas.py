"""Resources that a newer version's CRDs reject."""

from typing import Any

from fixtures.upgrade.schemas import removed, schemas


def crd(spec: dict[str, Any], version: str = "v1", *, served: bool = True) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"properties": {"spec": spec}}}
    return {
        "kind": "CustomResourceDefinition",
        "spec": {
            "group": "x.istio.io",
            "names": {"kind": "Thing"},
            "versions": [{"name": version, "served": served, "schema": schema}],
        },
    }


def thing(spec: dict[str, Any]) -> dict[str, Any]:
    place = {"name": "one", "namespace": "n"}
    return {"apiVersion": "x.istio.io/v1", "kind": "Thing", "metadata": place, "spec": spec}


TEXT = {"type": "string"}
OLD = {
    "properties": {
        "mode": {"enum": ["A", "B"]},
        "hosts": {"items": {"properties": {"name": TEXT, "port": TEXT}}},
    }
}


def found(spec: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return removed([thing(spec)], schemas([crd(OLD)]), schemas([new]))


def test_resource_valid_in_both_versions_is_no_finding() -> None:
    assert found({"mode": "A", "hosts": [{"name": "x"}]}, crd(OLD)) == []


def test_removed_field_is_named_with_its_path() -> None:
    new = {
        "properties": {"mode": OLD["properties"]["mode"], "hosts": {"items": {"properties": {"name": TEXT}}}}
    }
    assert found({"hosts": [{"name": "x"}, {"port": "80"}]}, crd(new)) == [
        "Thing n/one: spec.hosts[1].port: unknown field"
    ]


def test_value_removed_from_its_enum_is_named() -> None:
    new = {"properties": {**OLD["properties"], "mode": {"enum": ["B"]}}}
    assert found({"mode": "A"}, crd(new)) == ["Thing n/one: spec.mode: 'A' is not one of ['B']"]


def test_resource_invalid_in_the_old_version_too_is_no_finding() -> None:
    assert found({"unknown": 1}, crd(OLD)) == []


def test_version_no_longer_served_is_named() -> None:
    assert found({}, crd(OLD, served=False)) == ["Thing n/one: x.istio.io/v1/Thing is no longer served"]


def test_field_that_preserves_unknown_fields_accepts_everything() -> None:
    keeping = {"properties": {"free": {"x-kubernetes-preserve-unknown-fields": True, "properties": {}}}}
    free = schemas([crd(keeping)])
    assert removed([thing({"free": {"a": 1}})], free, free) == []
