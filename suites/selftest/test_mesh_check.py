"""`mesh check`: what it cannot check, its exit codes, and the forms of its result."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from fixtures.inspection.catalogue import CHECKS
from suites.selftest.fake_api_server import fake_api_server, refusal
from suites.selftest.inspected import healthy, objects, row
from suites.selftest.mesh_server import REVIEW, Command, kubectl_for, path_of, serve
from suites.selftest.nested import ROOT
from suites.selftest.views import resource

SCHEMA = json.loads((ROOT / "docs" / "schemas" / "check.schema.json").read_text())
REFUSED, FAILED, ENVIRONMENT, INCOMPLETE = 4, 1, 12, 13


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    with fake_api_server(tmp_path) as server:
        yield Command(server, kubectl_for(server, tmp_path), capsys)


def test_healthy_mesh_passes_as_far_as_it_is_checked(command: Command) -> None:
    """Without the right to forward a port the result is partial, and says which right is missing."""
    serve(command.server, healthy())
    assert command("-o", "json") == 0
    result = command.result()
    assert result["findings"] == []
    rights = {each["missingRight"] for each in result["notChecked"]}
    assert rights == {"create pods/portforward in namespace istio-system"}


def test_only_reads_and_a_review_are_sent(command: Command) -> None:
    """Everything is a GET, except the question whether a port-forward is allowed."""
    serve(command.server, healthy())
    command("--no-port-forward")
    assert {verb for verb, *_ in command.server.asked} == {"GET"}
    command()
    posts = {f"{verb} {path}" for verb, path, *_ in command.server.asked if verb != "GET"}
    assert posts == {REVIEW}


def test_error_is_exit_code_1_and_a_note_is_not(command: Command) -> None:
    """Only an error fails the check."""
    cluster = healthy()
    objects(cluster, "Service")[1]["spec"]["ports"][0]["name"] = "web"
    serve(command.server, cluster)
    assert command("-o", "json") == 0
    assert [each["severity"] for each in command.result()["findings"]] == ["note"]
    objects(cluster, "Gateway")[0]["spec"]["selector"] = {"istio": "other"}
    command.server.answers.clear()
    serve(command.server, cluster)
    assert command() == FAILED
    assert "verdict: failed (exit 1): 1 error, 0 warnings, 1 note" in command.stdout


def test_forbidden_kind_is_not_checked_and_not_absent(command: Command) -> None:
    """A kind that may not be listed makes its checks "not checked", and names the right; 13 if asked for."""
    serve(command.server, healthy(), refused=["Gateway"])
    assert command("--no-port-forward", "-o", "json") == 0
    skipped = {each["check"]: each["missingRight"] for each in command.result()["notChecked"]}
    assert skipped["route-without-gateway"] == "list gateways.networking.istio.io"
    assert "service-without-endpoints" not in skipped
    assert command("--no-port-forward", "--require-complete") == INCOMPLETE


def test_busy_server_is_not_a_missing_right(command: Command) -> None:
    """A kind for which the API server has no time is not checked, for that reason."""
    serve(command.server, healthy())
    command.server.answers[f"GET {path_of('Sidecar')}"].clear()
    command.server.on(f"GET {path_of('Sidecar')}", refusal(429, "TooManyRequests", "initializing"))
    assert command("--no-port-forward", "-o", "json") == 0
    (skipped,) = (each for each in command.result()["notChecked"] if each["check"] == "sidecar-hides-mesh")
    assert (skipped["missingRight"], "429" in skipped["reason"]) == ("", True)


def test_absent_kind_is_no_missing_right(command: Command) -> None:
    """A CRD that the cluster does not have is a finding of its own, and its kind is empty."""
    serve(command.server, healthy())
    command.server.kinds["extensions.istio.io/v1alpha1"] = []
    assert command("--no-port-forward", "-o", "json") == 0
    assert "policy-matches-nothing" not in {each["check"] for each in command.result()["notChecked"]}


def test_failed_port_forward_is_reported(command: Command) -> None:
    """An istiod that cannot be asked is named, and its proxies are not called unconnected."""
    cluster = healthy()
    serve(command.server, cluster)
    command.server.answers[REVIEW].clear()
    command.server.on(REVIEW, {"status": {"allowed": True}})
    assert command("-o", "json") == 0
    skipped = {each["check"]: each["reason"] for each in command.result()["notChecked"]}
    assert "no port-forward here" in skipped["istiod istiod-1"]
    assert "proxy-not-connected" in skipped


def test_istiods_proxies_are_asked_for_through_a_port_forward(command: Command, tmp_path: Path) -> None:
    """With a port-forward istiod's own report is read, and only what it did not show is not checked."""
    serve(command.server, healthy())
    command.server.answers[REVIEW].clear()
    command.server.on(REVIEW, {"status": {"allowed": True}})
    error = {"x.Listener": {"sent": "1", "acked": "0", "lastError": "no such filter"}}
    rows: Any = [row("gateway.istio-system"), row("app.test-namespace", "1.30.4", error)]
    command.server.on("GET /debug/syncz", rows)
    command.kubectl = kubectl_for(command.server, tmp_path, forwards=True)
    assert command("-o", "json") == FAILED
    result = command.result()
    assert [each["check"] for each in result["findings"]] == ["update-rejected", "proxy-outdated"]
    skipped = {each["check"] for each in result["notChecked"]}
    assert skipped == {"webhook-ca-not-serving", "istiod-certificate-ends"}


def test_result_keeps_to_its_schema(command: Command) -> None:
    """JSON with findings and without keeps to docs/schemas/check.schema.json."""
    cluster = healthy()
    objects(cluster, "Gateway")[0]["spec"]["selector"] = {"istio": "other"}
    serve(command.server, cluster)
    command("-o", "json", "--next=1.31")
    Draft202012Validator(SCHEMA).validate(command.result())
    assert command.result()["counts"]["error"] > 0


def test_junit_has_one_case_for_each_check(command: Command) -> None:
    """Errors are failures, what was not checked is skipped, and the totals agree."""
    cluster = healthy()
    objects(cluster, "Gateway")[0]["spec"]["selector"] = {"istio": "other"}
    serve(command.server, cluster)
    assert command("-o", "junit", "--no-port-forward") == FAILED
    suite = ElementTree.fromstring(command.stdout.partition("\n")[2])[0]
    cases = {each.get("name"): each for each in suite}
    assert list(cases) == [each.id for each in CHECKS]
    failed = [name for name, each in cases.items() if each.find("failure") is not None]
    skipped = [name for name, each in cases.items() if each.find("skipped") is not None]
    assert "gateway-selects-no-pod" in failed
    assert (suite.get("failures"), suite.get("skipped")) == (str(len(failed)), str(len(skipped)))


def test_table_explains_each_finding(command: Command) -> None:
    """The table has severity, check and object, and below it why, what to do, and the anchor."""
    cluster = healthy()
    objects(cluster, "Gateway")[0]["spec"]["selector"] = {"istio": "other"}
    serve(command.server, cluster)
    command()
    assert "error     gateway-selects-no-pod  Gateway test-namespace/test-gateway" in command.stdout
    assert "why: No proxy opens its listener" in command.stdout
    assert "docs/checks.md#gateway-selects-no-pod" in command.stdout
    assert "missing right: create pods/portforward in namespace istio-system" in command.stdout


def test_table_has_ten_findings_of_a_check(command: Command) -> None:
    """Of many findings of one check the table has ten and their number, and with --all every one."""
    cluster = healthy()
    for number in range(13):
        rule = {**resource(f"rule-{number}"), "spec": {"host": "missing"}}
        objects(cluster, "DestinationRule").append(rule)
    serve(command.server, cluster)
    command()
    assert command.stdout.count("DestinationRule test-namespace/rule-") == 10
    assert "destination-rule-without-host  and 3 more: --all or -o json lists them" in command.stdout
    command("--all")
    assert command.stdout.count("DestinationRule test-namespace/rule-") == 13


def test_same_mesh_gives_the_same_result(command: Command) -> None:
    """Twice on one mesh, the findings are the same, in the same order, whatever order the server lists."""
    results = []
    for turn in range(2):
        cluster = healthy()
        rules = [{**resource(f"rule-{number}"), "spec": {"host": "missing"}} for number in range(5)]
        objects(cluster, "DestinationRule").extend(rules[::-1] if turn else rules)
        command.server.answers.clear()
        serve(command.server, cluster)
        command("-o", "json")
        results.append({**command.result(), "date": "", "seconds": 0})
    assert results[0] == results[1]
    assert len(results[0]["findings"]) == 5


@pytest.mark.parametrize("columns", [60, 80, 300])
def test_table_fits_the_terminal(command: Command, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """On a narrow terminal each object has a line of its own, and no name is cut."""
    cluster = healthy()
    long = {**resource("rule-of-payments"), "spec": {"host": "missing"}}
    objects(cluster, "DestinationRule").append(long)
    serve(command.server, cluster)
    monkeypatch.setenv("COLUMNS", str(columns))
    command()
    lines = command.stdout.splitlines()
    assert max(map(len, lines)) <= min(columns, 110)
    assert any(line.endswith("rule-of-payments") for line in lines)


@pytest.mark.parametrize("form", ["table", "json", "junit"])
def test_secret_in_an_object_does_not_leave(command: Command, form: str) -> None:
    """A finding that quotes an object passes the gate of secrets."""
    cluster = healthy()
    selector = {"matchLabels": {"password": "hunter2-hunter2"}}
    policy = {**resource("fault"), "spec": {"selector": selector, "rules": [{}]}}
    objects(cluster, "AuthorizationPolicy").append(policy)
    serve(command.server, cluster)
    command("-o", form)
    assert "policy-matches-nothing" in command.stdout
    assert "hunter2" not in command.stdout
