"""The plan of `mesh run`: its objects, its rights, and the meshes that it refuses."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures.clients.kube import kind_of
from fixtures.mesh_run.entrance import SharedGateway
from fixtures.mesh_run.marks import NAMESPACE
from fixtures.mesh_run.mesh_settings import MeshSettings, NotSelected
from fixtures.mesh_run.plan import NoSuchRevision, NotTestable, plan
from fixtures.mesh_run.request import (
    InvalidOption,
    Place,
    Reach,
    Request,
    labels,
    namespace_labels,
    place,
    pull_secret,
    tolerations,
)
from fixtures.mesh_run.rights import OF_STAGES, REQUIRED, Right, of_options, settings_right
from suites.selftest.inspected import deployment, healthy, injector, objects
from suites.selftest.nested import ROOT

RBAC = ROOT / "docs" / "rbac"
PLAIN = Request(image="image:1")
INGRESS = Place("istio-system", "istio-ingressgateway", 80)
EVERYTHING = Request(
    image="image:1",
    prometheus=Place("istio-system", "prometheus", 9090),
    jaeger=Place("istio-system", "jaeger-query", 16686),
    kiali=Place("istio-system", "kiali", 20001, "/kiali"),
    pull_secret='{"auths": {}}',
    tolerations=({"operator": "Exists"},),
    node_selector={"kubernetes.io/arch": "amd64"},
    namespace_labels={"team": "a"},
)


def test_plan_asks_for_the_named_revision() -> None:
    """The namespace gets the tag's own name, and the tag's revision must inject."""
    cluster = healthy()
    objects(cluster, "Deployment").append(deployment("canary"))
    objects(cluster, "MutatingWebhookConfiguration").append(injector("canary", **{"istio.io/tag": "prod"}))
    planned = plan(cluster, Request(image="image:1", revision="prod"))
    assert template(planned.gateway)["metadata"]["labels"]["istio.io/rev"] == "prod"
    assert (planned.plane.revision, planned.injection) == ("canary", {"istio.io/rev": "prod"})
    with pytest.raises(NoSuchRevision, match="canary, default, prod"):
        plan(cluster, Request(image="image:1", revision="other"))


def test_everything_of_the_plan_is_in_its_namespace() -> None:
    """Nothing but the namespace itself is outside of it, and everything is announced."""
    planned = plan(healthy(), EVERYTHING)
    made = [*planned.app, *planned.gateway, *planned.routing]
    assert {each["metadata"]["namespace"] for each in made} == {NAMESPACE}
    assert next(planned.names()) == f"Namespace {NAMESPACE} (team=a)"
    assert len([*planned.names()]) == len(made) + 1
    assert f"Secret {NAMESPACE}/mesh-run" in planned.names()
    assert [*planned.changes()] == []


def test_no_node_is_named_without_an_option() -> None:
    """Without options, no node is chosen and no taint is tolerated."""
    text = yaml.safe_dump(plan(healthy(), PLAIN).objects())
    assert not [each for each in ("nodeSelector", "tolerations", "imagePullSecrets") if each in text]


def test_pods_go_where_the_options_say() -> None:
    """Tolerations, node selector and pull secret are those of both Deployments."""
    planned = plan(healthy(), EVERYTHING)
    for each in (planned.app, planned.gateway):
        spec = template(each)["spec"]
        assert spec["tolerations"] == [{"operator": "Exists"}]
        assert spec["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
        assert spec["imagePullSecrets"] == [{"name": "mesh-run"}]


@pytest.mark.parametrize("reach", [Reach.LOAD_BALANCER, Reach.NODE_PORT])
def test_address_needs_a_service_of_the_gateway(reach: Reach) -> None:
    """The run's own gateway has a Service only if an option needs an address."""
    planned = plan(healthy(), Request(image="image:1", reach=reach))
    (service,) = (each for each in planned.gateway if each["kind"] == "Service")
    assert service["spec"]["type"].lower() == reach.replace("-", "")
    assert not [each for each in plan(healthy(), PLAIN).gateway if each["kind"] == "Service"]


def test_shared_gateway_is_announced_and_selected() -> None:
    """With --ingress there is no gateway of the run's own, and the plan says what changes."""
    shared = SharedGateway(place=INGRESS, selector={"istio": "ingress"}, target=8080)
    planned = plan(healthy(), Request(image="image:1", ingress=INGRESS, host="a.example"), None, shared)
    gateway, route = (each["spec"] for each in planned.routing[:2])
    assert (planned.gateway, gateway["selector"]) == ([], {"istio": "ingress"})
    assert (gateway["servers"][0]["port"]["number"], gateway["servers"][0]["hosts"]) == (80, ["a.example"])
    assert (route["hosts"], route["exportTo"]) == (["a.example"], [".", "istio-system"])
    assert "istio-system/istio-ingressgateway serves the host a.example" in next(planned.changes())


def test_traces_are_requested_only_with_jaeger() -> None:
    """Every request is traced only with --jaeger, by the named provider."""
    for request, expected in (
        (PLAIN, None),
        (EVERYTHING, [{"randomSamplingPercentage": 100}]),
    ):
        (spec,) = (each["spec"] for each in plan(healthy(), request).routing if each["kind"] == "Telemetry")
        assert spec.get("tracing") == expected


@pytest.mark.parametrize(
    ("version", "ready", "reason"), [("1.31.0", 0, "is down: 0 of 2"), ("1.21.6", 2, "needs 1.22.0 or later")]
)
def test_control_plane_that_is_down_or_too_old_is_refused(version: str, ready: int, reason: str) -> None:
    """Nothing is planned on a control plane that cannot be tested."""
    cluster = healthy()
    objects(cluster, "Deployment")[0] = deployment("default", version)
    objects(cluster, "Deployment")[0]["status"]["readyReplicas"] = ready
    with pytest.raises(NotTestable, match=reason):
        plan(cluster, PLAIN)


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ([], {}),
        ([{"matchLabels": {"mesh": "a"}}], {"mesh": "a"}),
        ([{"matchExpressions": [{"key": "mesh", "operator": "In", "values": ["a", "b"]}]}], {"mesh": "a"}),
        ([{"matchExpressions": [{"key": "mesh", "operator": "Exists"}]}], {"mesh": "true"}),
        ([{"matchExpressions": [{"key": "off", "operator": "DoesNotExist"}]}], {}),
        ([{"matchLabels": {"istio-injection": "enabled"}}, {"matchLabels": {"mesh": "b"}}], {"mesh": "b"}),
    ],
)
def test_namespace_gets_the_labels_that_istiod_looks_for(selectors: Any, expected: Any) -> None:
    """A plain discoverySelector is met by labels, which are announced."""
    planned = plan(healthy(), PLAIN, MeshSettings(selectors))
    assert planned.labels == expected
    assert all(f"{name}={text}" in next(planned.names()) for name, text in expected.items())


@pytest.mark.parametrize(
    "selector",
    [
        {"matchLabels": {"istio-injection": "enabled"}},
        {"matchLabels": {"kubernetes.io/metadata.name": "other"}},
        {"matchExpressions": [{"key": "conformance/mesh-run", "operator": "DoesNotExist"}]},
    ],
)
def test_namespace_that_istiod_cannot_see_is_refused(selector: Any) -> None:
    """A selector that only the tested labels, or the name, would meet ends the run before it begins."""
    with pytest.raises(NotSelected, match="Add a selector for the label conformance/mesh-run=true"):
        plan(healthy(), PLAIN, MeshSettings([selector]))


def test_rights_are_exactly_those_of_the_manifest() -> None:
    """docs/rbac/run.yaml grants what a run without options asks for, and nothing else."""
    named = [*REQUIRED, *(right for each in OF_STAGES.values() for right in each)]
    assert granted("run.yaml") == described([*named, settings_right("istio", "istio-system")])


def test_rights_of_options_are_exactly_those_of_the_manifest() -> None:
    """docs/rbac/run-options.yaml grants what all options together ask for, and nothing else."""
    requests = (
        EVERYTHING,
        Request(image="image:1", reach=Reach.NODE_PORT),
        Request(image="image:1", ingress=INGRESS),
    )
    needed = [right for each in requests for right in of_options(each)]
    split = [Right(each.verb, each.group, each.resource, (name,)) for each in needed for name in each.names]
    whole = [each for each in needed if not each.names]
    assert granted("run-options.yaml", split=True) == described([*split, *whole])
    assert of_options(PLAIN) == []


def test_rights_cover_every_object_of_the_plan() -> None:
    """Each kind that is applied has the rights to create and to patch it, by the plan's names."""
    rights = [*REQUIRED, *OF_STAGES["access-log"], *of_options(EVERYTHING)]
    for each in plan(healthy(), EVERYTHING).objects():
        group = kind_of(each).rpartition("/")[0].rpartition("/")[0]
        mine = [one for one in rights if (one.group, one.resource) == (group, _plural(each["kind"]))]
        assert {"create", "patch"} <= {one.verb for one in mine}, each["kind"]
        assert all(each["metadata"]["name"] in one.names for one in mine if one.verb == "patch")


def test_values_of_options_are_read() -> None:
    """Places, labels and tolerations are read as Kubernetes writes them."""
    assert place("--kiali", "a/b", 20001, "/kiali") == Place("a", "b", 20001, "/kiali")
    assert place("--kiali", "a/b:80/", 20001, "/kiali") == Place("a", "b", 80, "")
    assert place("--kiali", "https://k.example/kiali/", 1) == Place(url="https://k.example/kiali")
    assert place("--kiali", "", 1) is None
    assert labels("--node-selector", ["a=b", "c="]) == {"a": "b", "c": ""}
    assert tolerations("--toleration", ["a=b:NoSchedule", "c"]) == [
        {"key": "a", "operator": "Equal", "value": "b", "effect": "NoSchedule"},
        {"key": "c", "operator": "Exists"},
    ]


def test_values_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    """A value of another form names its option and the expected form; a secret is not quoted."""
    file = tmp_path / "config"
    file.write_text(json.dumps({"auth": "hunter2"}))
    with pytest.raises(InvalidOption, match="--pull-secret") as error:
        pull_secret("--pull-secret", file)
    assert "hunter2" not in str(error.value)
    with pytest.raises(InvalidOption, match="--ingress a: expected NAMESPACE/SERVICE"):
        place("--ingress", "a", 80)
    with pytest.raises(InvalidOption, match="--toleration"):
        tolerations("--toleration", ["a:Never"])
    with pytest.raises(InvalidOption, match="a value needs a key"):
        tolerations("--toleration", ["=x"])
    with pytest.raises(InvalidOption, match="a port from 1 to 65535, not 65536"):
        place("--ingress", "edge/gateway:65536", 80)
    with pytest.raises(InvalidOption, match="tests injection"):
        namespace_labels("--namespace-label", ["istio-injection=enabled"])


def granted(name: str, *, split: bool = False) -> set[tuple[str, str, str, tuple[str, ...]]]:
    documents = yaml.safe_load_all((RBAC / name).read_text())
    rules = [rule for each in documents if each["kind"] in ("ClusterRole", "Role") for rule in each["rules"]]
    found = set()
    for rule in rules:
        names = tuple(rule.get("resourceNames", ()))
        for one in [(each,) for each in names] if split and names else [names]:
            found |= {
                (verb, group, resource, one)
                for group in rule["apiGroups"]
                for resource in rule["resources"]
                for verb in rule["verbs"]
            }
    return found


def described(rights: Sequence[Right]) -> set[tuple[str, str, str, tuple[str, ...]]]:
    return {(each.verb, each.group, each.resource, each.names) for each in rights}


def template(made: Sequence[Any]) -> Any:
    (found,) = (each for each in made if each["kind"] == "Deployment")
    return found["spec"]["template"]


def _plural(kind: str) -> str:
    return {"Telemetry": "telemetries"}.get(kind, f"{kind.lower()}s")
