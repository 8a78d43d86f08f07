"""The documents of `mesh check` agree with it: every check has its anchor, every read its right."""

import re

import pytest
import yaml

from fixtures.inspection.catalogue import CHECKS, GROUPS, TEXTS
from fixtures.inspection.finding import NotReadable
from fixtures.inspection.inspect import inspect
from fixtures.inspection.objects import CRDS, KINDS
from fixtures.inspection.recorded_versions import minors, recorded, refused_values, unknown_fields
from fixtures.inspection.reference import ASKING, page
from suites.lab.mesh_faults import faults
from suites.selftest.inspected import healthy
from suites.selftest.nested import ROOT

RIGHTS = [*yaml.safe_load_all((ROOT / "docs" / "rbac" / "check.yaml").read_text())]
#: Checks of which the lab's mesh cannot have the fault: istiod restores its root and its certificate at
#: once, the version of istioctl is not the cluster's, and discoverySelectors would change all of the mesh.
ELSEWHERE = {
    "root-certificate-ends",
    "istiod-certificate-ends",
    "istioctl-skew",
    "injected-outside-discovery",
}


def test_page_is_the_catalogue() -> None:
    """docs/checks.md is what `python -m fixtures.inspection.reference` writes."""
    assert (ROOT / "docs" / "checks.md").read_text() == page()


def test_every_check_has_its_own_anchor() -> None:
    """Each id is the heading of one entry, so that the links of findings lead to it."""
    assert re.findall(r"^### (.*)$", page(), re.MULTILINE) == [each.id for each in CHECKS]


def test_every_text_is_of_a_check() -> None:
    """checks.yaml has the texts of the checks and no others."""
    ids = [each for looks in GROUPS.values() for each in looks]
    assert sorted(yaml.safe_load(TEXTS.read_text())) == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_rights_are_exactly_those_of_the_reads() -> None:
    """docs/rbac/check.yaml grants to list each kind that is read, and nothing else in the cluster."""
    (role,) = (each for each in RIGHTS if each["kind"] == "ClusterRole")
    granted = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    crds = ("apiextensions.k8s.io", "customresourcedefinitions", "get")
    assert granted == {(kind.group, kind.plural, "list") for kind in KINDS.values()} | {crds}
    (named,) = (rule["resourceNames"] for rule in role["rules"] if "resourceNames" in rule)
    assert sorted(named) == sorted(CRDS)


def test_checks_that_ask_istiod_are_marked() -> None:
    """The page marks exactly the checks that --no-port-forward leaves out."""
    mesh = healthy()
    mesh.unasked = NotReadable("not asked")
    assert {each.check for each in inspect(mesh, lambda _: None).not_checked} == ASKING


def test_every_check_is_provoked_on_the_lab() -> None:
    """Each check has a planted fault, or a reason why it cannot have one there."""
    planted = {each.finds for each in faults()}
    assert planted | ELSEWHERE == {each.id for each in CHECKS}
    assert not planted & ELSEWHERE


@pytest.mark.parametrize("minor", minors())
def test_recorded_version_is_readable(minor: str) -> None:
    """Every ledger gives the fields of Istio's CRDs and its settings."""
    found = recorded(minor)
    assert found is not None
    assert found.version.startswith(f"{minor}.")
    assert {"virtualservices.networking.istio.io"} <= set(found.fields)
    assert len(found.settings) > 100


def test_unknown_field_is_the_outermost_one() -> None:
    """A field that the version lacks is named once, and maps with any names are not."""
    fields = {
        "spec": "object",
        "spec.a[]": "object",
        "spec.a[].b": "string",
        "spec.m.*": "object",
        "spec.any": "object",
    }
    spec = {"a": [{"b": "x", "c": {"d": 1}}, {"c": 2}], "m": {"name": {}}, "any": {"x": {"y": 1}}}
    assert [*unknown_fields(spec, fields)] == ["spec.a[].c"]


def test_value_that_the_version_refuses_is_named() -> None:
    """A text outside of a field's listed values is named with them."""
    fields = {"spec.mode": "string of OFF, ON", "spec.modes": "list of string of OFF, ON"}
    assert [*refused_values({"mode": "ON"}, fields)] == []
    assert [*refused_values({"mode": "MAYBE"}, fields)] == ["spec.mode is MAYBE, which is not one of OFF, ON"]
