"""Causes outside the suite: applied resources changed or deleted, Istio incomplete or unexpected."""

from typing import Any

import pytest

from fixtures.causes import DesiredResource, likely
from fixtures.settings import ISTIO_CRDS
from suites.selftest.recordings import recorded
from suites.selftest.views import Recorded, deployment, pod, resource

ROUTE = {"http": [{"route": [{"destination": {"host": "test-svc"}}]}]}


def crd(name: str) -> Any:
    return {"metadata": {"name": name}}


def reported_cause(wanted: Any, now: Any, *, whole: bool = False, expected: bool | None = None) -> str:
    resource = DesiredResource("VirtualService test-namespace/route", wanted, now, whole)
    return str(likely(Recorded(desired_resources=[resource], expected=expected)))


def test_deleted_resource_is_named() -> None:
    told = reported_cause({"spec": ROUTE}, None)
    assert told == (
        "changed since it was applied: VirtualService test-namespace/route was applied and is gone"
    )


def test_changed_field_is_named_with_both_values() -> None:
    other = {"http": [{"route": [{"destination": {"host": "other-svc"}}]}]}
    told = reported_cause({"spec": ROUTE}, resource("route", spec=other))
    assert "spec.http[0].route[0].destination.host is 'other-svc' instead of 'test-svc'" in told


def test_removed_field_that_reappears_is_named() -> None:
    wanted = {"metadata": {"labels": {"istio-injection": None}}}
    now = {"metadata": {"name": "test-namespace", "labels": {"istio-injection": "enabled"}}}
    assert "metadata.labels.istio-injection is 'enabled' and was removed" in reported_cause(wanted, now)


def test_last_writer_is_named_unless_it_is_the_suite_or_wrote_only_status() -> None:
    fields = [
        {"manager": "istio-conformance", "time": "2026-11-24T10:00:03Z"},
        {"manager": "kubectl-patch", "time": "2026-11-24T10:00:01Z"},
        {"manager": "someone", "time": "2026-11-24T09:00:00Z"},
        {"manager": "istiod", "time": "2026-11-24T10:00:02Z", "subresource": "status"},
    ]
    now = {"metadata": {"name": "route", "managedFields": fields}, "spec": {}}
    told = reported_cause({"spec": ROUTE}, now)
    assert "last changed by kubectl-patch at 2026-11-24T10:00:01Z: spec.http is absent" in told


@pytest.mark.parametrize("whole", [True, False])
def test_field_added_to_a_completely_specified_spec_is_named(whole: bool) -> None:
    mirrored = {"http": [{**ROUTE["http"][0], "mirror": {"host": "other-svc"}}]}
    told = reported_cause({"spec": ROUTE}, resource("route", spec=mirrored), whole=whole)
    assert ("spec.http[0].mirror is {'host': 'other-svc'} and was not applied" in told) is whole


def test_server_defaults_and_status_are_no_cause() -> None:
    now = resource("route", spec=ROUTE, status={"conditions": []})
    assert (
        reported_cause({"apiVersion": "v1", "spec": ROUTE, "metadata": {"labels": {}}}, now, whole=True)
        == "None"
    )


def test_missing_istio_resources_are_no_cause_after_a_purge() -> None:
    assert reported_cause({"spec": ROUTE}, None, whole=True, expected=False) == "None"


def test_missing_crd_is_named() -> None:
    there = [crd(name) for name in ISTIO_CRDS[1:]]
    told = likely(Recorded({"CustomResourceDefinition": there}))
    assert told == f"CRD missing: Istio is installed without {ISTIO_CRDS[0]}"


@pytest.mark.parametrize("there", [ISTIO_CRDS, ()], ids=["all", "none"])
def test_all_crds_or_none_is_no_cause(there: tuple[str, ...]) -> None:
    crds = [*map(crd, there), crd("gateways.gateway.networking.k8s.io")]
    assert likely(Recorded({"CustomResourceDefinition": crds})) is None


def test_unexpected_istio_is_named_with_its_parts() -> None:
    kinds = {
        "CustomResourceDefinition": [crd(ISTIO_CRDS[0]), crd("other.example")],
        "MutatingWebhookConfiguration": [{"metadata": {"name": "istio-sidecar-injector"}}],
        "Deployment": [deployment("istiod", "istio-system"), deployment("prometheus", "istio-system")],
        "Pod": [recorded("pods.json")["injected"], pod("client", "client-namespace")],
    }
    assert likely(Recorded(kinds, expected=False)) == (
        "Istio is installed: Istio must not be installed now, but the cluster has "
        "Deployments istio-system/istiod; "
        "pods with a proxy test-namespace/test-deployment-56fbdccbf9-wfq9j; "
        "webhooks istio-sidecar-injector; CRDs authorizationpolicies.security.istio.io"
    )


@pytest.mark.parametrize("expected", [True, None])
def test_istio_is_no_cause_where_it_is_allowed(expected: bool | None) -> None:
    kinds = {"Deployment": [deployment("istiod", "istio-system")]}
    assert "Istio is installed" not in str(likely(Recorded(kinds, expected=expected)))


def test_expected_remains_of_a_purge_are_no_cause() -> None:
    kinds = {
        "Deployment": [deployment("prometheus", "istio-system")],
        "Pod": [pod("client", "client-namespace")],
    }
    assert likely(Recorded(kinds, expected=False)) is None
