"""Each check of a mesh sees its fault in the objects, names the object, and nothing in a healthy mesh."""

import time
from dataclasses import replace

import pytest

from fixtures.inspection.catalogue import CHECKS
from fixtures.inspection.finding import Severity
from fixtures.inspection.inspect import inspect
from fixtures.inspection.objects import CONFIG_MAP
from suites.bench.large_mesh import LargeMesh
from suites.selftest import faulty_agents, faulty_planes, faulty_routes
from suites.selftest.faulty_routes import second_route
from suites.selftest.inspected import (
    ISTIOD_POD,
    add,
    answers,
    healthy,
    injector,
    label,
    objects,
    plain_pod,
    seen,
    spec_of,
)
from suites.selftest.views import resource

FAULTS = {**faulty_planes.FAULTS, **faulty_routes.FAULTS, **faulty_agents.FAULTS}


def test_every_check_has_a_fault() -> None:
    """A check without a fault would be a check that nobody has seen fail."""
    assert sorted(FAULTS) == sorted(each.id for each in CHECKS)


def test_healthy_mesh_has_no_finding_and_is_checked_whole() -> None:
    """Without a fault no check sees anything, and every check can read what it needs."""
    inspection = inspect(healthy(), lambda _: None)
    assert [(each.check.id, str(each.subject), each.text) for each in inspection.findings] == []
    assert inspection.not_checked == ()


@pytest.mark.parametrize("check", FAULTS)
def test_fault_is_seen_with_its_object(check: str) -> None:
    """The check of a fault names the object that has to be changed."""
    mesh = healthy()
    objects(mesh, CONFIG_MAP).append({**resource("istio", "istio-system"), "data": {"mesh": "{}"}})
    fault, subject = FAULTS[check]
    fault(mesh)
    assert subject in [str(each.subject) for each in seen(mesh, check)]


@pytest.mark.slow
def test_hundreds_of_proxies_take_seconds() -> None:
    """The checks of 250 differing proxies take less than 10 s of the processor."""
    large = LargeMesh(250)
    mesh = large.mesh
    mesh.answers = {ISTIOD_POD: replace(answers(mesh), rows=large.rows)}
    began = time.process_time()
    inspection = inspect(mesh, lambda _: None)
    assert time.process_time() - began < 10
    assert len(mesh.proxies) > 250
    assert inspection.not_checked == ()


def test_istiod_with_some_pods_is_a_warning() -> None:
    """An istiod that is partly ready serves, so it is no error."""
    mesh = healthy()
    objects(mesh, "Deployment")[0]["status"]["readyReplicas"] = 1
    assert [each.severity for each in seen(mesh, "istiod-not-ready")] == [Severity.WARNING]


def test_pod_that_has_ended_needs_no_sidecar() -> None:
    """The pod of a Job that has completed is not reported."""
    mesh = healthy()
    plain_pod(mesh)
    objects(mesh, "Pod")[-1]["status"]["phase"] = "Succeeded"
    assert seen(mesh, "pod-older-than-label") == []


def test_tag_means_its_revision() -> None:
    """A proxy of the revision that the namespace's tag points at is the right one."""
    mesh = healthy()
    objects(mesh, "MutatingWebhookConfiguration").append(injector("default", **{"istio.io/tag": "prod"}))
    label(mesh, **{"istio.io/rev": "prod"})
    assert seen(mesh, "proxy-other-revision") == []


def test_gateways_port_needs_no_protocol() -> None:
    """The Service of a gateway may name its ports as it likes: Gateways declare the protocol."""
    mesh = healthy()
    objects(mesh, "Pod")[0]["spec"]["containers"].pop(0)
    objects(mesh, "Service")[0]["spec"]["ports"][0]["name"] = "status-port"
    assert seen(mesh, "port-without-protocol") == []


def test_rule_of_a_service_entry_has_its_host() -> None:
    """A host that a ServiceEntry declares exists, although it looks like a Service of a namespace."""
    mesh = healthy()
    add(mesh, "DestinationRule", "rule", host="api.test-namespace")
    add(mesh, "ServiceEntry", "entry", hosts=["api.test-namespace"])
    assert seen(mesh, "destination-rule-without-host") == []


def test_host_of_two_routes_for_sidecars_conflicts_whatever_they_match() -> None:
    """Sidecars take one VirtualService for a host; a short name is a host of its own namespace."""
    mesh = healthy()
    for name, space in (("a", "test-namespace"), ("b", "test-namespace"), ("c", "istio-system")):
        rules = [{"match": [{"uri": {"prefix": f"/{name}"}}]}]
        objects(mesh, "VirtualService").append(
            {**resource(name, space, spec={"hosts": ["test-svc"], "http": rules}), "kind": "VirtualService"}
        )
    assert [each.subject.name for each in seen(mesh, "route-host-conflict")] == ["b"]


def test_two_specific_routes_of_one_host_do_not_conflict() -> None:
    """Routes that share a host and none of which takes every path are merged as their authors mean it."""
    mesh = healthy()
    spec_of(mesh, "VirtualService")["http"][0]["match"] = [{"uri": {"prefix": "/a"}}]
    second_route(mesh)
    objects(mesh, "VirtualService")[1]["spec"]["http"][0]["match"] = [{"uri": {"prefix": "/b"}}]
    assert seen(mesh, "route-host-conflict") == []
