"""The table of what a ledger leaves out: each rule does exactly what its example says."""

import pytest

from fixtures.ledger.rules import ORDER, LeftOut, Replaced, Rules, matches
from suites.selftest.test_ledger import KEY

RULES = Rules.of(KEY, "1-29-1")


@pytest.mark.parametrize("rule", RULES.replaced, ids=lambda rule: rule.example["of"])
def test_rule_does_what_its_example_says(rule: Replaced) -> None:
    given = RULES.filled(rule.example["of"])
    assert RULES.text(given) == rule.example["gives"]
    assert (
        Rules([each for each in RULES.replaced if each is not rule], [], KEY, "1-29-1").text(given)
        != (rule.example["gives"])
    ), "another rule already does it"


def test_every_rule_has_a_reason() -> None:
    reasons = [*(rule.reason for rule in RULES.replaced), *(rule.reason for rule in RULES.left_out)]
    assert all(len(reason) > 20 for reason in reasons)


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0_15006",
        "127.0.0.6",
        "169.254.7.127",
        "inbound|80||",
        "envoy.filters.http.router.v3.Router",
        "1.29.10",
        "-m owner --uid-owner 1337 -j RETURN",
        "istio-ingressgateway-service-account",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "test-deployment",
    ],
)
def test_values_of_the_version_stay(text: str) -> None:
    assert RULES.text(text) == text


def test_no_text_is_taken_for_a_revision_without_one() -> None:
    assert Rules.of(KEY).text("istiod-1-29-1 in default") == "istiod-1-29-1 in default"


def test_names_and_texts_are_replaced_and_numbers_stay() -> None:
    tree = {"10.96.0.1_443": {"of": ["istiod-694c7b7b57-dkb57", 15012, True]}}
    assert RULES.tree(tree) == {"<address>_443": {"of": ["istiod-<pod>", 15012, True]}}


def test_names_that_differ_only_in_the_replaced_part_both_stay() -> None:
    assert list(RULES.tree({"10.0.0.1": 1, "10.0.0.2": 2})) == ["<address>", "<address> (2)"]


def test_removed_path_is_not_in_the_order_of_names_either() -> None:
    rules = Rules([], [LeftOut("proxies/**/lab.*", "the lab's own filters are no one's")], KEY)
    filters = {ORDER: ["cors", "lab.say", "router"], "cors": {}, "lab.say": {"a": 1}, "router": {}}
    kept = rules.tree({"proxies": {"sidecar": {"filters": filters}}})["proxies"]["sidecar"]["filters"]
    assert kept == {ORDER: ["cors", "router"], "cors": {}, "router": {}}


def test_list_item_is_removed_by_its_path() -> None:
    rules = Rules([], [LeftOut("node/metadata/LAB_*", "the lab's own are no one's")], KEY)
    tree = {"node": {"metadata": ["LAB_COUNTS", "LABELS", 7], "other": ["LAB_COUNTS"]}}
    assert rules.tree(tree) == {"node": {"metadata": ["LABELS", 7], "other": ["LAB_COUNTS"]}}


def test_single_name_has_no_order() -> None:
    rules = Rules([], [LeftOut("**/lab.*", "the lab's own filters are no one's")], KEY)
    assert rules.tree({"filters": {ORDER: ["router", "lab.say"], "router": {}}}) == {
        "filters": {"router": {}}
    }


@pytest.mark.parametrize(
    ("pattern", "place", "same"),
    [
        ("mesh/accessLogFormat", "mesh/accessLogFormat", True),
        ("mesh/accessLogFormat", "mesh/accessLogFormat/more", False),
        ("proxies/*/clusters", "proxies/sidecar/clusters", True),
        ("proxies/*/clusters", "proxies/clusters", False),
        ("proxies/**/sds_config", "proxies/sds_config", True),
        ("proxies/**/sds_config", "proxies/a/b/c/sds_config", True),
        ("metrics/*/envoy_istio_*", "metrics/sidecar/envoy_istio_requests_total", True),
        ("**", "anything/at/all", True),
    ],
)
def test_pattern_matches_these_paths(pattern: str, place: str, *, same: bool) -> None:
    assert matches(pattern.split("/"), place.split("/")) is same
