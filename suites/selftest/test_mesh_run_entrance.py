"""The gateway's address of `mesh run`, and why its pods are missing."""

from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.clients.http import Outcome
from fixtures.mesh_run import entrance, obstacles
from fixtures.mesh_run.entrance import Entrance, NoSuchIngress, shared_gateway
from fixtures.mesh_run.request import Reach
from fixtures.waits import NotReady
from suites.selftest.test_mesh_run_stages import PLACE, FakeKube, condition, outcome


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ('pods "a" is forbidden: exceeded quota: one, requested: pods=1', "a quota for the run's namespace"),
        ('pods "a" is forbidden: violates PodSecurity "baseline:latest"', "enforce=privileged"),
        ("ValidatingAdmissionPolicy 'x' denied request: no", "an admission policy refuses the pod"),
        ('admission webhook "x" denied the request: no', "an admission webhook refuses the pod"),
    ],
)
def test_refusal_of_pods_is_quoted_with_what_to_do(message: str, advice: str) -> None:
    """The message of the refusal itself is reported, with advice."""
    told = obstacles.refusal(condition(message))
    assert told is not None
    assert message in told
    assert advice in told


def test_what_passes_by_itself_is_no_refusal() -> None:
    """A webhook that does not answer, or a healthy Deployment, is not called a refusal."""
    assert obstacles.refusal(condition("Internal error occurred: failed calling webhook")) is None
    assert obstacles.refusal({"status": {"conditions": [{"type": "Available", "status": "True"}]}}) is None
    assert obstacles.refusal({}) is None


def test_pods_that_are_not_ready_say_why() -> None:
    """A taint and an image that cannot be pulled are named with the options that help."""
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "untolerated taint {team: a}"}
    waiting = {"name": "web", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}}
    pods: Any = [
        {"metadata": {"name": "a"}, "status": {"conditions": [unscheduled]}},
        {"metadata": {"name": "b"}, "status": {"containerStatuses": [waiting]}},
        {"metadata": {"name": "c"}, "status": {"containerStatuses": [{"name": "web", "state": {}}]}},
    ]
    told = obstacles.unready(pods)
    assert told is not None
    assert "untolerated taint {team: a} (--toleration" in told
    assert "web of pod b: ImagePullBackOff: not found (--image" in told
    assert obstacles.unready(pods[2:]) is None


def way(kube: Any, reach: Reach, **more: Any) -> Entrance:
    kubectl: Any = SimpleNamespace()
    given = {"address_timeout": 0.01, "timeout": 0.1, "port": 8080, "target": 8080, **more}
    names = {"namespace": "a", "service": "gw", "selector": {"app": "gw"}}
    return Entrance(kube=kube, kubectl=kubectl, reach=reach, **names, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ingress", "expected"),
    [
        ({"ip": "10.0.0.1"}, "10.0.0.1"),
        ({"hostname": "lb.example"}, "lb.example"),
        ({"ip": "f::1"}, "[f::1]"),
    ],
)
def test_load_balancer_has_an_address_or_a_name(
    ingress: Any, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests go to the address or the name that the Service's status has, at the Service's port."""
    kube, asked = FakeKube(), []
    status = {"loadBalancer": {"ingress": [ingress]}}
    kube.objects["gw"] = {"spec": {"ports": [{"port": 8080}, {"port": 15021}]}, "status": status}

    def answer(_: str, url: str, **__: Any) -> Outcome:
        asked.append(url)
        return outcome(status=200)

    monkeypatch.setattr(entrance, "request", answer)
    assert way(kube, Reach.LOAD_BALANCER).found() == f"reached at {expected}:8080"
    assert asked == [f"http://{expected}:15021/healthz/ready"]


def test_pending_load_balancer_is_reported() -> None:
    """A Service without an address in time says that the load balancer is pending, and what else to use."""
    kube = FakeKube()
    kube.objects["gw"] = {"spec": {"ports": [{"port": 8080}]}, "status": {"loadBalancer": {}}}
    with pytest.raises(NotReady, match=r"pending.*--reach node-port or port-forward"):
        way(kube, Reach.LOAD_BALANCER).found()


def test_address_that_leads_nowhere_is_not_the_meshs_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address at which the health port does not answer is the environment's failure."""
    kube = FakeKube()
    status = {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}
    kube.objects["gw"] = {"spec": {"ports": [{"port": 15021}]}, "status": status}
    monkeypatch.setattr(entrance, "request", lambda *_, **__: outcome(kind="dns", cause="no such name"))
    with pytest.raises(NotReady, match="its name is not known here yet"):
        way(kube, Reach.LOAD_BALANCER).found()


@pytest.mark.parametrize(
    ("spec", "reach", "reason"),
    [
        (
            {"ports": [{"port": 443}], "selector": {"a": "b"}},
            Reach.PORT_FORWARD,
            "no port 80; its ports: 443",
        ),
        ({"ports": [{"port": 80}]}, Reach.PORT_FORWARD, "selects no pods"),
        ({"ports": [{"port": 80}], "selector": {"a": "b"}}, Reach.LOAD_BALANCER, "has no load balancer"),
        ({"ports": [{"port": 80}], "selector": {"a": "b"}}, Reach.NODE_PORT, "has no node port"),
    ],
)
def test_shared_gateway_that_cannot_be_used_is_refused(spec: Any, reach: Reach, reason: str) -> None:
    """A Service without the port, pods or address that the run needs is refused with the reason."""
    kube: Any = FakeKube()
    kube.objects["gw"] = {"spec": spec}
    with pytest.raises(NoSuchIngress, match=reason):
        shared_gateway(kube, PLACE, reach)
