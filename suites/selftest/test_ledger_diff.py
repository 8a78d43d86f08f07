"""The difference of two ledgers, and how it is rendered."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures.ledger.categories import GROUPS, group_of
from fixtures.ledger.difference import Change, Diff, changes, diff
from fixtures.ledger.ledger import Ledger
from fixtures.ledger.render import html, text
from fixtures.ledger.rules import ORDER
from suites.command import ledger as program
from suites.selftest.test_ledger import KEY

OLD = replace(KEY, istio="1.28.2")


def ledgers(before: dict[str, Any], after: dict[str, Any]) -> tuple[Ledger, Ledger]:
    return Ledger(OLD, before), Ledger(KEY, after)


def between(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    return list(changes(before, after))


def rendered(before: dict[str, Any], after: dict[str, Any], shown: int = 8) -> str:
    return text(diff(*ledgers(before, after)), shown)


def test_equal_ledgers_have_no_difference() -> None:
    assert between({"a": {"b": [1, 2]}}, {"a": {"b": [1, 2]}}) == []


def test_added_removed_and_changed_are_distinguished() -> None:
    assert between({"a": {"gone": 1, "other": 2}}, {"a": {"new": {"x": 1}, "other": 3}}) == [
        Change("-", ("a", "gone"), old=1),
        Change("+", ("a", "new"), new={"x": 1}),
        Change("~", ("a", "other"), old=2, new=3),
    ]


def test_value_of_another_type_is_a_change() -> None:
    assert between({"a": {"b": 1}}, {"a": [1]}) == [Change("~", ("a",), old={"b": 1}, new=[1])]


def test_list_items_are_reported_one_by_one() -> None:
    assert between({"a": ["x", "y", "y"]}, {"a": ["y", "z"]}) == [
        Change("-", ("a",), old="x"),
        Change("-", ("a",), old="y"),
        Change("+", ("a",), new="z"),
    ]


def test_another_order_is_a_change() -> None:
    assert between({"a": ["x", "y"]}, {"a": ["y", "x"]}) == [
        Change("~", ("a", "in this order"), old=["x", "y"], new=["y", "x"])
    ]


def test_new_filter_is_reported_once_and_not_as_a_reordering() -> None:
    before = {ORDER: ["cors", "router"], "cors": {}, "router": {}}
    after = {ORDER: ["cors", "fault", "router"], "cors": {}, "fault": {"@type": "f"}, "router": {}}
    assert between({"f": before}, {"f": after}) == [Change("+", ("f", "fault"), new={"@type": "f"})]


def test_second_filter_is_reported_without_its_reordering() -> None:
    before: dict[str, Any] = {"router": {}}
    after: dict[str, Any] = {ORDER: ["fault", "router"], "fault": {}, "router": {}}
    assert between({"f": before}, {"f": after}) == [Change("+", ("f", "fault"), new={})]


def clusters(**settings: Any) -> dict[str, Any]:
    names = ("inbound|80||", "outbound|8000||subject", "PassthroughCluster")
    return {
        "proxies": {"sidecar": {"clusters": {name: {"breakers": {"max": 1, **settings}} for name in names}}}
    }


def test_the_same_change_in_many_places_is_one_line() -> None:
    lines = rendered(clusters(track_remaining=True), clusters()).splitlines()
    assert lines[-1] == "  - proxies/sidecar/clusters/*/breakers/track_remaining: True  [3 places]"


def test_the_same_change_of_fields_in_many_places_is_one_line() -> None:
    names = ("spec.subsets[].policy.warmup.aggression", "spec.policy.warmup.aggression")
    before, after = ({"crds": {"a.io": {"fields": dict.fromkeys(names, kind)}}} for kind in (">= 1", ">= 0"))
    lines = rendered(before, after).splitlines()
    assert lines[-1] == "  ~ crds/a.io/fields/spec.*policy.warmup.aggression: >= 1 -> >= 0  [2 places]"


def test_fields_below_a_new_field_are_counted_and_not_listed() -> None:
    fields = {
        "spec.match": "object",
        "spec.match.name": "string",
        "spec.match[].x": "string",
        "spec.matches": "x",
    }
    lines = rendered({"crds": {"a.io": {"fields": {}}}}, {"crds": {"a.io": {"fields": fields}}}).splitlines()
    assert lines[-2:] == [
        "  + crds/a.io/fields/spec.match: object, and 2 more below it",
        "  + crds/a.io/fields/spec.matches: x",
    ]


def test_differences_are_grouped_by_category() -> None:
    before = {"pods": {"istiod": {"image": "a"}}, "crds": {"one": {"fields": {}}}}
    after = {"pods": {"istiod": {"image": "b"}}, "crds": {}}
    lines = rendered(before, after).splitlines()
    assert lines[:2] == [
        "Istio 1.28.2 to 1.29.1 (distribution lab, Kubernetes 1.35.4, profile default)",
        "2 differences: 1 removed, 1 changed, 0 added",
    ]
    assert lines[2:] == [
        "",
        "Pods: containers, iptables and the Envoy version (1 changed)",
        "  ~ pods/istiod/image: a -> b",
        "",
        "Manifests: CRDs (1 removed)",
        "  - crds/one",
    ]


def test_removals_come_first() -> None:
    before, after = {"settings": {"A": "x", "Z": "gone"}}, {"settings": {"A": "y", "B": "new"}}
    signs = [line.strip()[0] for line in rendered(before, after).splitlines()[4:]]
    assert signs == ["-", "~", "+"]


def test_long_list_is_summarized_after_the_first_few() -> None:
    lines = rendered(
        {"settings": {}}, {"settings": {f"S{number}": number for number in range(9)}}, 3
    ).splitlines()
    assert lines[-4:] == [
        "  + settings/S0: 0",
        "  + settings/S1: 1",
        "  + settings/S2: 2",
        "  and 6 more: 6 added",
    ]


def test_branch_is_counted_and_long_value_truncated() -> None:
    lines = rendered({"crds": {}}, {"crds": {"new": {"a": 1, "b": {"c": 2}}, "text": "x" * 500}}).splitlines()
    assert lines[-2] == "  + crds/new: (2 entries)"
    assert len(lines[-1]) < 120


def test_no_difference_is_stated() -> None:
    assert rendered({}, {}).splitlines()[-1] == "0 differences: 0 removed, 0 changed, 0 added"


def test_ledgers_that_differ_in_more_than_the_version_are_flagged() -> None:
    old, new = ledgers({}, {})
    found = diff(Ledger(replace(old.key, kubernetes="1.34.4"), {}), new)
    assert "The ledgers also differ in: kubernetes 1.34.4 and 1.35.4" in text(found)


def test_html_is_escaped_and_the_rest_is_collapsed() -> None:
    after = {"settings": {f"S{number}": "<string>" for number in range(3)}}
    page = html(diff(*ledgers({"settings": {}}, after)), 1)
    assert page.count("&lt;string&gt;") == page.count("<li>") == 3
    assert "<string>" not in page
    assert page.count("<details>") == 1
    assert "http" not in page


@pytest.mark.parametrize(
    ("place", "title"),
    [
        ("configuration", "Not caused by the version"),
        ("pods/istiod/containers", "Pods: containers, iptables and the Envoy version"),
        ("proxies/sidecar/envoy", "Pods: containers, iptables and the Envoy version"),
        ("proxies/sidecar/listeners/virtualInbound", "Traffic"),
        ("resources/istiod/discovery/requests/cpu", "Cost"),
        ("objects/HorizontalPodAutoscaler/istiod", "Cost"),
        ("objects/Service/istiod", "Istio's permissions"),
        ("metrics/istiod/pilot_xds", "Dashboards"),
        ("webhooks/mutating istio/a/timeout", "Admission"),
        ("settings/PILOT_HTTP10", "Defaults"),
        ("istioctl/commands/istioctl tag", "Tools"),
        ("something/new", "Other"),
    ],
)
def test_path_has_the_category_of_its_meaning(place: str, title: str) -> None:
    assert group_of(place.split("/")).title.startswith(title)


def test_every_group_has_its_own_title() -> None:
    assert len({group.title for group in GROUPS}) == len(GROUPS)


def written(folder: Path, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [str(each.write(folder)) for each in ledgers(before, after)]


def test_diff_command_exits_with_1_on_a_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = written(tmp_path, {"settings": {"A": 1}}, {"settings": {"A": 2}})
    assert program.main(["diff", *files]) == 1
    assert "~ settings/A: 1 -> 2" in capsys.readouterr().out
    assert program.main(["diff", files[0], files[0]]) == 0


def test_diff_command_reports_why_it_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["diff", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_empty_diff_has_no_groups() -> None:
    assert Diff(OLD, KEY, []).grouped() == {}
