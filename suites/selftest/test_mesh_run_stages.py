"""The stages of `mesh run`: what each accepts, refuses and skips; and why pods are missing."""

from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.clients.api_server import ApiError, NotFound
from fixtures.clients.http import Outcome
from fixtures.mesh_run import security, stages, telemetry
from fixtures.mesh_run.bench import Bench, InjectorFailed
from fixtures.mesh_run.entrance import SharedGateway
from fixtures.mesh_run.mesh_settings import MeshSettings
from fixtures.mesh_run.plan import plan
from fixtures.mesh_run.request import Place, Request
from fixtures.mesh_run.run import Skipped
from fixtures.mesh_run.stages import MeshStages
from fixtures.settings import Thresholds, Timeouts
from fixtures.waits import ConditionNotMet, NotReady
from suites.selftest.inspected import healthy
from suites.selftest.nested import ROOT

#: Waits that end at once.
SHORT = Timeouts().scaled(0.001)
PLACE = Place("istio-system", "gw", 80)
NAT = """
*nat
:ISTIO_INBOUND - [0:0]
:ISTIO_IN_REDIRECT - [0:0]
:ISTIO_OUTPUT - [0:0]
:ISTIO_REDIRECT - [0:0]
-A ISTIO_INBOUND -p tcp -m tcp --dport 15021 -j RETURN
-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT
-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006
-A ISTIO_OUTPUT -j ISTIO_REDIRECT
-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001
"""


def outcome(**what: Any) -> Outcome:
    return Outcome(**{"method": "GET", "url": "http://gw/", "kind": "status", "elapsed": 0.1, **what})


def condition(message: str) -> Any:
    return {"status": {"conditions": [{"type": "ReplicaFailure", "status": "True", "message": message}]}}


class FakeKube:
    """Objects by name, and one pod of the app whose ephemeral containers end with these codes."""

    def __init__(self, *, codes: tuple[int, int] = (0, 1), nat: str = NAT, refused: int = 0) -> None:
        self.objects: dict[str, Any] = {}
        self.nat, self.codes, self.refused = nat, codes, refused
        self.statuses: list[Any] = []

    def get(self, _: str, name: str, namespace: str = "") -> Any:
        if name not in self.objects:
            raise NotFound("GET", 404, "NotFound", f"no {namespace}/{name}")
        return self.objects[name]

    def get_all(self, *_: Any, **__: Any) -> list[Any]:
        status = {"phase": "Running", "ephemeralContainerStatuses": self.statuses}
        proxy = {"name": "istio-proxy", "image": "proxy:1"}
        labels = {"app": "app"}
        metadata = {"name": "app-1", "namespace": "conformance-mesh-run", "labels": labels}
        return [{"metadata": metadata, "spec": {"containers": [proxy]}, "status": status}]

    def add_ephemeral(self, _: str, __: str, containers: Any) -> None:
        if self.refused:
            raise ApiError("PATCH", self.refused, "Forbidden", "not here")
        self.statuses = [
            {"name": each["name"], "state": {"terminated": {"exitCode": code}}}
            for each, code in zip(containers, self.codes, strict=True)
        ]

    def logs(self, *_: Any, **__: Any) -> str:
        return self.nat


def bench(kube: Any = None, request: Request | None = None, **given: Any) -> Bench:
    planned = plan(healthy(), request or Request(image="image:1"), **given)
    kubectl: Any = SimpleNamespace()
    server: Any = kube or FakeKube()
    few = Thresholds(held_requests=2, metrics_requests=2, traced_requests=2)
    return Bench(server, kubectl, planned, timeouts=SHORT, thresholds=few)


def answering(target: Bench, *outcomes: Outcome) -> Bench:
    """The same bench, whose gateway answers these outcomes in order, the last one again and again."""
    left = list(outcomes)

    def get(number: int = 1, *_: Any) -> list[Outcome]:
        return [left.pop(0) if len(left) > 1 else left[0] for _ in range(number)]

    target.get = get  # type: ignore[method-assign,assignment]
    return target


def test_refused_pods_end_the_wait_at_once() -> None:
    """A Deployment whose pods are refused is not waited for, and the refusal is the cause."""
    kube = FakeKube()
    kube.objects["app"] = {
        "metadata": {"name": "app", "namespace": "a", "generation": 1},
        "spec": {"replicas": 1},
        **condition("pods: exceeded quota: a"),
    }
    target = bench(kube)
    target.timeouts = Timeouts()
    with pytest.raises(NotReady, match=r"(?s)gave up after.*exceeded quota: a"):
        target.available("app")


def test_injector_that_cannot_be_called_is_the_meshs_failure() -> None:
    """An injector that does not answer is the mesh's failure, not the environment's."""
    kube = FakeKube()
    message = 'failed calling webhook "namespace.sidecar-injector.istio.io": connection refused'
    kube.objects["app"] = {
        "metadata": {"name": "app", "namespace": "a", "generation": 1},
        "spec": {"replicas": 1},
        **condition(message),
    }
    with pytest.raises(InjectorFailed, match="connection refused"):
        bench(kube).available("app")


def test_nat_table_is_read_by_an_ephemeral_container() -> None:
    """Redirects to the proxy's ports pass, of either kind of iptables."""
    assert "inbound to 15006, outbound to 15001" in security.iptables(bench(FakeKube()))


@pytest.mark.parametrize(
    ("rule", "other", "reason"),
    [
        ("--to-ports 15006", "--to-ports 15007", "ISTIO_IN_REDIRECT is"),
        ("--to-ports 15001", "--to-ports 15002", "ISTIO_REDIRECT is"),
        ("--dport 15021 -j RETURN", "--dport 80 -j RETURN", "the app's port 80 goes to RETURN"),
    ],
)
def test_traffic_that_passes_the_proxy_by_fails(rule: str, other: str, reason: str) -> None:
    """A redirect to another port, or none, is the mesh's failure."""
    with pytest.raises(AssertionError, match=reason):
        security.iptables(bench(FakeKube(nat=NAT.replace(rule, other))))


@pytest.mark.parametrize(
    ("kube", "reason"),
    [
        (FakeKube(refused=403), "an ephemeral container is refused.*not here"),
        (FakeKube(refused=422), "an ephemeral container is refused"),
        (FakeKube(codes=(127, 128)), "cannot read the nat table"),
        (FakeKube(nat="*nat\n"), "none of Istio's chains"),
    ],
)
def test_nat_table_that_cannot_be_read_is_a_skip(kube: FakeKube, reason: str) -> None:
    """Where rights, pod security or the image forbid it, the stage is skipped with the reason."""
    with pytest.raises(Skipped, match=reason):
        security.iptables(bench(kube))


def test_other_error_of_the_api_server_is_no_skip() -> None:
    """An API server that fails is the environment's failure."""
    with pytest.raises(ApiError, match="500"):
        security.iptables(bench(FakeKube(refused=500)))


def test_skipped_stage_of_the_plan_does_not_run() -> None:
    """A stage for which a right is missing is skipped before it does anything."""
    found = {each.name: each for each in MeshStages(bench(skipped={"iptables": "missing right: x"})).all()}
    with pytest.raises(Skipped, match="missing right: x"):
        found["iptables"].run()


def test_stages_of_add_ons_exist_only_if_they_are_asked_for() -> None:
    """Without options there is no stage of an add-on, so that a run can pass completely."""
    names = [each.name for each in MeshStages(bench()).all()]
    request = Request(image="image:1", prometheus=PLACE, jaeger=PLACE, kiali=PLACE)
    more = [each.name for each in MeshStages(bench(request=request)).all()]
    assert len(names) == 12
    assert [each for each in more if each not in names] == ["prometheus", "traces", "graph"]


def test_answer_before_the_gateway_fails() -> None:
    """Silence is expected before the Gateway; a status is not silence."""
    assert stages.before_gateway(answering(bench(), outcome(kind="empty reply"))) == "no answer, 3 times"
    with pytest.raises(AssertionError, match="an answer: GET"):
        stages.before_gateway(answering(bench(), outcome(status=404)))
    with pytest.raises(AssertionError, match="an answer: GET"):
        stages.before_gateway(answering(bench(), outcome(kind="refused")))


def test_host_that_the_shared_gateway_serves_already_is_refused() -> None:
    """Somebody else's host is not taken over: the run ends before it creates a Gateway."""
    shared = SharedGateway(place=PLACE, selector={"istio": "ingress"}, target=8080)
    target = bench(request=Request(image="image:1", ingress=PLACE), shared=shared)
    assert stages.not_served_yet(answering(target, outcome(status=404))) == "404"
    with pytest.raises(NotReady, match="--host names another"):
        stages.not_served_yet(answering(target, outcome(status=200)))


def test_log_without_the_request_fails() -> None:
    """A proxy that does not log the request fails; a format that shows no request is a skip."""
    target = answering(bench(FakeKube(nat="")), outcome(status=200, headers={"server": "istio-envoy"}))
    with pytest.raises(ConditionNotMet, match="proxy has the request 0 times"):
        telemetry.access_log(target)
    settings = MeshSettings(log_format="%RESPONSE_CODE%")
    blind = answering(bench(settings=settings), outcome(status=200, headers={"server": "istio-envoy"}))
    with pytest.raises(Skipped, match="accessLogFormat"):
        telemetry.access_log(blind)


def test_add_on_that_asks_for_a_login_is_a_skip() -> None:
    """401 and 403 skip the stage; an add-on that is not there is an error."""
    target = bench(request=Request(image="image:1", prometheus=PLACE))
    for status, expected in ((401, Skipped), (403, Skipped), (503, ApiError)):

        def refuse(*_: Any, code: int = status) -> str:
            raise ApiError("GET", code, "no", "log in")

        target.kube.read_service = refuse  # type: ignore[method-assign,assignment]
        with pytest.raises(expected, match="log in"):
            telemetry.prometheus(target)


def test_page_instead_of_an_api_is_an_error() -> None:
    """A login page with status 200 is no Prometheus."""
    target = bench(request=Request(image="image:1", prometheus=PLACE))
    target.kube.read_service = lambda *_: "<html>"  # type: ignore[method-assign]
    with pytest.raises(ApiError, match="unexpected answer"):
        telemetry.prometheus(target)


def test_files_of_the_stages_are_manifests_of_the_project() -> None:
    """Every manifest of a run is read by a plan, so that none is forgotten in its announcement."""
    folder = ROOT / "manifests" / "mesh-run"
    assert {each.stem for each in folder.iterdir()} == {"app", "gateway", "gateway-service", "routing"}


def test_every_stage_is_documented() -> None:
    """docs/mesh-run.md has a row for each stage, in their order, and for nothing else."""
    request = Request(image="image:1", prometheus=PLACE, jaeger=PLACE, kiali=PLACE)
    text = (ROOT / "docs" / "mesh-run.md").read_text()
    table = text.partition("| stage | what must hold |")[2].partition("\n\n")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    assert rows == [each.name for each in MeshStages(bench(request=request)).all()]
