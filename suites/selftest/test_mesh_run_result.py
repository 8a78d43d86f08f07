"""`mesh run`: the forms of its result, its exit codes, and its errors before anything is created."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from fixtures.clients.api_server import ApiError
from fixtures.mesh_run import run as running
from fixtures.mesh_run.marks import NAMESPACE
from fixtures.mesh_run.rights import OF_STAGES, REQUIRED
from fixtures.mesh_run.run import Skipped, Stage
from suites.command import mesh, mesh_run
from suites.selftest.fake_api_server import FakeApiServer, fake_api_server, refusal
from suites.selftest.inspected import deployment, healthy, objects
from suites.selftest.mesh_server import REVIEW, kubectl_for, path_of, serve
from suites.selftest.nested import ROOT

SCHEMA = json.loads((ROOT / "docs" / "schemas" / "mesh-run.schema.json").read_text())
FAILED, INTERRUPTED, REFUSED, ENVIRONMENT, INCOMPLETE = 1, 2, 4, 12, 13
NAMESPACES, USER_REVIEW = "/api/v1/namespaces", "POST /apis/authentication.k8s.io/v1/selfsubjectreviews"
SETTINGS = "GET /api/v1/namespaces/istio-system/configmaps/istio"
GATEWAY_SERVICE = "GET /api/v1/namespaces/istio-system/services/gw"


def seen() -> str:
    return "as expected"


def fails(error: BaseException) -> Callable[[], str]:
    def stage() -> str:
        raise error

    return stage


class Run:
    """The command on a fake cluster with stages of the test's own, with what it printed."""

    def __init__(self, server: FakeApiServer, kubectl: Path, capsys: Any, patch: pytest.MonkeyPatch) -> None:
        self.server, self.kubectl, self._capsys, self._patch = server, kubectl, capsys, patch
        self.stdout = self.stderr = ""

    def __call__(self, *options: str, stages: tuple[Callable[[], str], ...] = (seen,)) -> int:
        made = [Stage(f"stage-{'abc'[n]}", f"Stage {n}", each) for n, each in enumerate(stages)]
        self._patch.setattr(mesh_run, "MeshStages", lambda _: SimpleNamespace(all=lambda: made))
        place = [f"--kubeconfig={self.server.kubeconfig}", f"--kubectl={self.kubectl}"]
        code = mesh.main(["run", *place, "--request-timeout=2", *options])
        self.stdout, self.stderr = self._capsys.readouterr()
        return code

    def json(self, *stages: Callable[[], str]) -> Any:
        code = self("--yes", "-o", "json", stages=stages)
        result = json.loads(self.stdout)
        Draft202012Validator(SCHEMA).validate(result)
        assert result["exitCode"] == code
        return result

    def created(self) -> bool:
        return any((verb, path) == ("POST", NAMESPACES) for verb, path, *_ in self.server.asked)


@pytest.fixture
def command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Run]:
    """A mesh on which every right is given, and a namespace can be created."""
    with fake_api_server(tmp_path) as fake:
        serve(fake, healthy())
        fake.answers[REVIEW].clear()
        fake.on(REVIEW, {"status": {"allowed": True}})
        fake.kinds["authentication.k8s.io/v1"] = ["SelfSubjectReview"]
        fake.on(USER_REVIEW, {"status": {"userInfo": {"username": "someone"}}})
        fake.on(f"POST {NAMESPACES}", {})
        monkeypatch.setattr(running, "RETRY_SECONDS", 0.0)
        yield Run(fake, kubectl_for(fake, tmp_path), capsys, monkeypatch)


def test_result_keeps_to_its_schema(command: Run) -> None:
    """Whatever the stages come to, the JSON is valid, and says passed, partial, failed or not tested."""
    skip, away = fails(Skipped("no rights")), fails(ApiError("GET", 0, "no answer", "gone"))
    assert command.json(seen)["result"] == "passed"
    assert command.json(seen, skip)["result"] == "partial"
    assert command.json(fails(AssertionError("404")), seen)["result"] == "failed"
    assert command.json(away, seen)["result"] == "not tested"


def test_stage_that_was_skipped_is_named_with_its_reason(command: Run) -> None:
    """A skip has its reason in the result and in the last lines; only --require-complete fails for it."""
    skip = fails(Skipped("no rights"))
    (stage,) = command.json(skip)["stages"]
    assert (stage["name"], stage["result"], stage["text"]) == ("stage-a", "skipped", "no rights")
    assert command("--yes", stages=(skip, seen)) == 0
    assert "skipped: stage-a: no rights" in command.stdout
    assert "verdict: partial (exit 0)" in command.stdout
    assert command("--yes", "--require-complete", stages=(skip, seen)) == INCOMPLETE


def test_result_is_alone_on_standard_output(command: Run) -> None:
    """With -o json the plan and the progress go to standard error."""
    command.json(seen)
    assert f"Namespace {NAMESPACE}" in command.stderr
    assert "pass  Stage 0" in command.stderr


def test_junit_tells_failures_from_errors(command: Run) -> None:
    """The mesh's failure is a failure, a skip is skipped with its reason, and the totals agree."""
    stages = (fails(Skipped("no rights")), fails(AssertionError("404")), seen)
    assert command("--yes", "-o", "junit", stages=stages) == FAILED
    suite = ElementTree.fromstring(command.stdout.partition("\n")[2])[0]
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["4", "1", "0", "2"]
    cases = {each.get("name"): each[0].tag for each in suite if len(each)}
    assert cases == {"stage-a": "skipped", "stage-b": "failure", "stage-c": "skipped"}


def test_namespace_that_stays_is_reported_beside_the_verdict(command: Run) -> None:
    """A failed stage stays failed when the namespace cannot be deleted, and both are in the result."""
    command.server.answers[f"GET {path_of('Namespace')}"].clear()
    command.server.on(f"GET {path_of('Namespace')}", refusal(503, "Unavailable", "going away"))
    result = command.json(fails(AssertionError("404")))
    assert (result["result"], result["exitCode"]) == ("failed", FAILED)
    assert "mesh cleanup" in result["leftBehind"]
    assert command("--yes") == ENVIRONMENT
    assert f"LEFT BEHIND: the namespace {NAMESPACE} could not be removed" in command.stdout


def test_kept_namespace_is_reported(command: Run) -> None:
    """With --keep the result says so, and how to remove the namespace."""
    assert command("--yes", "--keep") == 0
    assert f"kept: Namespace {NAMESPACE}; `istio-conformance mesh cleanup` removes it" in command.stdout


def test_optional_right_that_is_missing_skips_its_stage(command: Run) -> None:
    """The plan names each stage that is skipped for a missing right."""
    rights = [right for each in OF_STAGES.values() for right in each]
    command.server.answers[REVIEW].clear()
    refused = {"status": {"allowed": False}}
    given = {"status": {"allowed": True}}
    command.server.on(REVIEW, *[given] * required_reviews(), *[refused] * len(rights))
    assert command("--yes") == 0
    assert "skips:    iptables: missing right: patch pods/ephemeralcontainers, get pods/log" in command.stdout


def test_labels_for_discovery_selectors_are_announced(command: Run) -> None:
    """A namespace that istiod would not see is created with the label that it looks for."""
    command.server.on(SETTINGS, {"data": {"mesh": "discoverySelectors: [{matchLabels: {mesh: a}}]"}})
    assert command("--yes") == 0
    assert f"Namespace {NAMESPACE} (mesh=a)" in command.stdout
    (body,) = (body for verb, path, _, body in command.server.asked if (verb, path) == ("POST", NAMESPACES))
    assert body["metadata"]["labels"] == {"mesh": "a", "conformance/mesh-run": "true"}


def test_unread_settings_are_announced(command: Run) -> None:
    """Without the right to read the mesh's settings the run says that it does not know them."""
    command.server.on(SETTINGS, refusal(403, "Forbidden", "no"))
    assert command("--yes") == 0
    assert "unknown:  the mesh's discoverySelectors (missing right: get configmaps (istio)" in command.stdout


def test_namespace_that_istiod_cannot_see_is_refused(command: Run) -> None:
    """Selectors that no label of the run meets end it before anything is created."""
    selector = "discoverySelectors: [{matchLabels: {istio-injection: enabled}}]"
    command.server.on(SETTINGS, {"data": {"mesh": selector}})
    assert command("--yes") == ENVIRONMENT
    assert "nothing was created: the mesh's discoverySelectors do not select" in command.stderr
    assert not command.created()


def test_control_plane_that_is_down_is_refused(command: Run) -> None:
    """Without a ready istiod nothing is created."""
    cluster = healthy()
    objects(cluster, "Deployment")[0]["status"]["readyReplicas"] = 0
    command.server.answers.pop(f"GET {path_of('Deployment')}")
    command.server.on(f"GET {path_of('Deployment')}", {"items": objects(cluster, "Deployment")})
    assert command("--yes") == ENVIRONMENT
    assert "is down: 0 of 2 pods are ready" in command.stderr
    assert not command.created()


def test_two_meshes_need_a_name(command: Run) -> None:
    """With control planes in two namespaces none is chosen by chance."""
    other = deployment("default")
    other["metadata"]["namespace"] = "other"
    command.server.answers.pop(f"GET {path_of('Deployment')}")
    command.server.on(f"GET {path_of('Deployment')}", {"items": [deployment("default"), other]})
    assert command("--yes") == REFUSED
    assert "istio-system, other: name one with --istio-namespace" in command.stderr
    assert command("--yes", "--istio-namespace=other") == 0


def test_expired_credentials_are_reported(command: Run) -> None:
    """An API server that refuses the credentials is the environment's failure, with what to do."""
    command.server.answers.pop("GET /version")
    command.server.on("GET /version", refusal(401, "Unauthorized", "expired"))
    assert command("--yes") == ENVIRONMENT
    assert "they may have expired: log in again" in command.stderr
    assert not command.created()


def test_refused_namespace_is_the_environments_failure(command: Run) -> None:
    """A policy that refuses the namespace ends the run with its message."""
    command.server.answers.pop(f"POST {NAMESPACES}")
    command.server.on(f"POST {NAMESPACES}", refusal(403, "Forbidden", "policy: no such names"))
    assert command("--yes") == ENVIRONMENT
    assert "policy: no such names" in command.stderr


def test_proxy_of_the_environment_is_used(command: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An API server behind a proxy is reached as kubectl reaches it, except where NO_PROXY names it."""
    file = command.server.kubeconfig
    address = re.search(r"http://127.0.0.1:\d+", file.read_text())
    assert address
    file.write_text(file.read_text().replace(address[0], "http://cluster.invalid"))
    monkeypatch.setenv("HTTP_PROXY", address[0])
    monkeypatch.setenv("http_proxy", address[0])
    assert command("--yes") == 0
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "cluster.invalid")
    assert command("--yes") == ENVIRONMENT


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--context=other"], "no usable context other"),
        (["--kubeconfig=/nonexistent"], "there is no kubeconfig"),
        (["--ingress=gw"], "expected NAMESPACE/SERVICE"),
        (["--address-timeout=0"], "expected seconds above 0"),
        (["--timeout-factor=0"], "must be a number above 0"),
        (["--tracing-provider=a"], "no effect without --jaeger"),
        (["--pull-secret=/nonexistent"], "expected a Docker configuration"),
        (["--ingress=istio-system/gw"], "there is no such Service"),
    ],
)
def test_option_that_cannot_be_met_is_refused(command: Run, options: list[str], reason: str) -> None:
    """A wrong option ends the command with 4 before anything is created."""
    assert command("--yes", *options) == REFUSED
    assert reason in command.stderr
    assert not command.created()


def test_shared_gateway_is_announced_as_a_change(command: Run) -> None:
    """With --ingress the plan says that the shared gateway's listeners change, before it asks."""
    ports = [{"port": 80, "targetPort": 8080}]
    command.server.on(GATEWAY_SERVICE, {"spec": {"selector": {"istio": "ingress"}, "ports": ports}})
    assert command("--ingress=istio-system/gw") == REFUSED
    assert (
        "changes:  gateway istio-system/gw serves the host mesh-run.example at its port 80" in command.stdout
    )
    assert "nothing else in the cluster is changed" not in command.stdout


def required_reviews() -> int:
    """The number of reviews before those of the optional rights: one for each name of each right."""
    return sum(max(1, len(each.names)) for each in REQUIRED)
