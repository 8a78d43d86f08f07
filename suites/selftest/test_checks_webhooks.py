"""Checks of admission webhooks, on those of Istio 1.29.1."""

from typing import Any

import pytest

from fixtures.checks.webhooks import check_enforced, check_injection_policy, check_validation_policy
from suites.selftest.recordings import recorded

GROUP, RESOURCE = "networking.istio.io", "virtualservices"
INJECTOR = "istio-revision-tag-default"


def webhooks(kind: str) -> list[Any]:
    return [each for each in recorded("webhooks.json") if each["kind"].startswith(kind)]


def hooks(configurations: list[Any], name: str) -> list[Any]:
    found: list[Any] = next(each for each in configurations if each["metadata"]["name"] == name)["webhooks"]
    return found


def test_webhooks_of_an_installation_pass() -> None:
    check_injection_policy(webhooks("Mutating"))
    check_validation_policy(webhooks("Validating"), GROUP, RESOURCE)
    for configuration in recorded("webhooks.json"):
        check_enforced(configuration)


@pytest.mark.parametrize("policy", ["Ignore", None])
def test_webhook_that_lets_objects_pass_unasked_fails(policy: str | None) -> None:
    configuration = webhooks("Mutating")[0]
    configuration["webhooks"][-1]["failurePolicy"] = policy
    with pytest.raises(AssertionError, match=rf"when istiod does not answer.*{policy}"):
        check_enforced(configuration)


def test_webhook_that_injects_every_namespace_fails() -> None:
    found = webhooks("Mutating")
    for hook in hooks(found, INJECTOR):
        hook["namespaceSelector"] = {}
    with pytest.raises(AssertionError, match=r"a pod labelled \{\} in a namespace labelled \{\} is sent to"):
        check_injection_policy(found)


def test_webhook_that_ignores_the_opt_out_fails() -> None:
    found = webhooks("Mutating")
    for hook in hooks(found, INJECTOR):
        expressions = hook["objectSelector"]["matchExpressions"]
        expressions[:] = [each for each in expressions if each["operator"] != "NotIn"]
    with pytest.raises(AssertionError, match=r"a pod labelled \{'sidecar.istio.io/inject': 'false'\}"):
        check_injection_policy(found)


def test_second_injector_for_the_same_pods_fails() -> None:
    found = webhooks("Mutating")
    second = next(each for each in webhooks("Mutating") if each["metadata"]["name"] == INJECTOR)
    second["metadata"]["name"] = "second"
    with pytest.raises(AssertionError, match=r"second/.*not to 1 injection webhook"):
        check_injection_policy([*found, second])


def test_injector_that_is_not_called_for_created_pods_fails() -> None:
    found = webhooks("Mutating")
    for hook in hooks(found, INJECTOR):
        hook["rules"][0]["operations"] = ["UPDATE"]
    with pytest.raises(AssertionError, match=r"is sent to \[\], not to 1"):
        check_injection_policy(found)


def test_validator_that_overlooks_changes_fails() -> None:
    found = webhooks("Validating")
    for configuration in found:
        for hook in configuration["webhooks"]:
            hook["rules"][0]["operations"] = ["CREATE"]
    with pytest.raises(AssertionError, match=r"UPDATE of virtualservices labelled \{\} is sent to \[\]"):
        check_validation_policy(found, GROUP, RESOURCE)


def test_validator_that_selects_nothing_fails() -> None:
    found = webhooks("Validating")
    for configuration in found:
        for hook in configuration["webhooks"]:
            hook["objectSelector"] = {"matchLabels": {"a": "b"}}
    with pytest.raises(AssertionError, match=r"is sent to \[\], not to 1 validating webhook"):
        check_validation_policy(found, GROUP, RESOURCE)


def test_validator_of_every_revision_passes_only_where_it_is_expected() -> None:
    found = webhooks("Validating")
    for configuration in found:
        if configuration["metadata"]["name"] == "istiod-default-validator":
            for hook in configuration["webhooks"]:
                hook.pop("objectSelector")
    check_validation_policy(found, GROUP, RESOURCE, every_revision=True)
    with pytest.raises(AssertionError, match=r"is sent to .*, not to 1 validating webhook"):
        check_validation_policy(found, GROUP, RESOURCE)
