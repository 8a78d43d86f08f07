"""The report plugin in an inner run: evidence for each failed phase, observations, the summary."""

import json
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from suites.selftest.drawings import drawing
from suites.selftest.nested import run_pytest

PLUGINS = ("report",)
CONFTEST = """
    import pytest
    from fixtures.distributions.base import AddOns, Edition
    from fixtures.waits import ConditionNotMet, NotReady

    @pytest.fixture(scope="session")
    def distribution(tmp_path_factory):
        here = tmp_path_factory.getbasetemp()
        return Edition(
            name="lab", istio_version="1.29.1", kubernetes_version="1.35.4", envoy_version="1.37.0",
            versions={"kind": "0.30.0"}, node_image="node", kind=here, kubectl=here, istioctl=here,
            environment={}, stand_ins=("plain Envoy",), kind_config=here, install_values=here,
            addons=AddOns(
                manifests=(), dashboards=None, jaeger_query=("jaeger", 1), jaeger_path="", jaeger_major=1))

    @pytest.fixture(scope="session")
    def cluster(distribution, evidence):
        evidence.add("events", lambda: "Insufficient cpu")

    @pytest.fixture
    def broken(cluster):
        long = "0 of 1\\n" + "assert 0 == 1\\n" * 9
        raise NotReady("the app is Available", elapsed=2, tries=3, last=long, cause="Insufficient cpu")

    @pytest.fixture
    def leaking(cluster):
        yield
        raise NotReady("the app is gone", elapsed=2, tries=3, last="1 pod")
"""
LAST = """
    import pytest
    from fixtures.plugins.causes import DIAGNOSIS
    from fixtures.waits import NotReady

    class Looking:
        def likely(self):
            return "no endpoints: Service web"

    @pytest.fixture(scope="session")
    def whole(request, evidence):
        request.config.stash[DIAGNOSIS] = Looking()
        evidence.add("pods", lambda: "web-1 Terminating")
        yield
        evidence.forget()

    @pytest.fixture(scope="session")
    def fragile(whole):
        yield
        raise NotReady("the app is gone", elapsed=2, tries=3, last="1 pod")

    @pytest.mark.stage("gateway")
    def test_assertion(whole):
        assert [404] == [200]

    @pytest.mark.stage("virtual-service")
    def test_last(fragile): ...
"""
STAGES = """
    import pytest
    from fixtures.plugins.stages import StageOrderError
    from fixtures.waits import ConditionNotMet

    @pytest.mark.stage("cluster")
    def test_node(cluster, observed):
        observed("node Ready")

    @pytest.mark.stage("test-app")
    def test_set_up(broken): ...

    @pytest.mark.stage("gateway")
    def test_call(cluster):
        raise ConditionNotMet("404 at the ingress", elapsed=2, tries=3, last="refused", reproduce="curl -i x")

    @pytest.mark.stage("virtual-service")
    def test_teardown(leaking): ...

    @pytest.mark.stage("label")
    def test_beyond():
        pytest.skip("not reached because of Gateway")

    @pytest.mark.stage("before-gateway")
    def test_completed_stage():
        raise StageOrderError("stage already completed on this cluster: the run has reached 'label'")

    @pytest.mark.stage("injection")
    def test_interrupted():
        raise KeyboardInterrupt

    @pytest.mark.stage("metrics")
    def test_never_begun(): ...
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in which a set-up, a call and a teardown fail; `output` holds its output."""
    return ran(tmp_path_factory.mktemp("run"), CONFTEST, STAGES)


@pytest.fixture(scope="module")
def last(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for a run whose last teardown fails before the cluster is deleted in the same phase."""
    return ran(tmp_path_factory.mktemp("last"), "", LAST, "-p", "fixtures.plugins.causes")


def ran(folder: Path, conftest: str, stages: str, *options: str) -> Path:
    (folder / "conftest.py").write_text(dedent(conftest))
    (folder / "test_stages.py").write_text(dedent(stages))
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = stage\n")
    return run_pytest(folder, PLUGINS, *options, ".", COLUMNS="120")


def result(run: Path, test: str) -> dict[str, Any]:
    every = [json.loads(path.read_text()) for path in (run / "results").glob("*-result.json")]
    return next(each for each in every if each["name"] == test)


def attached(run: Path, test: str) -> dict[str, str]:
    attachments = result(run, test).get("attachments", [])
    return {each["name"]: (run / "results" / each["source"]).read_text() for each in attachments}


@pytest.mark.parametrize("test", ["test_set_up", "test_call", "test_teardown"])
def test_each_failed_phase_has_evidence_and_a_reproducing_command(run: Path, test: str) -> None:
    pieces = attached(run, test)
    assert pieces["events"] == "Insufficient cpu"
    assert "--keep-cluster" in pieces["how to reproduce"]


def test_reproducing_command_of_the_check_comes_first(run: Path) -> None:
    assert attached(run, "test_call")["how to reproduce"].startswith("curl -i x\n")


def test_failed_teardown_has_the_state_of_the_cluster(last: Path) -> None:
    assert attached(last, "test_last")["pods"] == "web-1 Terminating"


def test_failure_without_a_wait_names_its_cause(last: Path) -> None:
    output = (last / "output").read_text()
    details = result(last, "test_assertion")["statusDetails"]
    assert details["message"].endswith("\nlikely cause: no endpoints: Service web")
    assert re.search(r"^E +likely cause: no endpoints: Service web$", output, re.MULTILINE)
    assert re.search(r"^ +likely cause: no endpoints: Service web$", output, re.MULTILINE)


def test_passed_test_has_its_observation_and_no_evidence(run: Path) -> None:
    assert attached(run, "test_node") == {}
    assert [step["name"] for step in result(run, "test_node")["steps"]] == ["seen: node Ready"]


def test_product_and_environment_failures_are_distinguished(run: Path) -> None:
    assert result(run, "test_call")["status"] == "failed"
    assert result(run, "test_set_up")["status"] == "broken"


def test_test_is_grouped_under_its_numbered_stage(run: Path) -> None:
    labels = {label["name"]: label["value"] for label in result(run, "test_call")["labels"]}
    assert (labels["suite"], labels["stage"]) == ("05 Gateway", "gateway")


def test_environment_names_distribution_versions_and_stand_ins(run: Path) -> None:
    told = (run / "results" / "environment.properties").read_text().splitlines()
    assert {"distribution=lab", "istio=1.29.1", "kind=0.30.0", "stand-in\\ 1=plain Envoy"} <= set(told)


def page_attachments(run: Path) -> dict[str, str]:
    """The attachments of the page as a whole: name to file."""
    every = [json.loads(path.read_text()) for path in (run / "results").glob("*-globals.json")]
    return {attachment["name"]: attachment["source"] for each in every for attachment in each["attachments"]}


def test_page_gets_each_stand_in_in_full(run: Path) -> None:
    assert "stand-in 1: plain Envoy" in page_attachments(run)


def test_page_gets_a_chart_of_the_stages(run: Path) -> None:
    shown = drawing((run / "results" / page_attachments(run)["how long each stage took"]).read_text())
    titles = [
        "Cluster", "Test app", "Before the Gateway", "Gateway", "VirtualService", "Label", "Injection",
        "Metrics",
    ]  # fmt: skip
    assert [each.text for each in shown.words if each.text in titles] == titles
    assert "8 stages" in shown.text


def test_run_without_a_mesh_has_no_picture_of_it(run: Path) -> None:
    assert set(page_attachments(run)) == {"stand-in 1: plain Envoy", "how long each stage took"}


@pytest.mark.parametrize(
    "line",
    [
        r"pass  Cluster +\d+\.\d s  node Ready",
        r"ENV   Test app +\d+\.\d s  timed out after 2.0 s \(3 attempts\): the app is Available",
        r" +likely cause: Insufficient cpu",
        r"FAIL  Gateway +\d+\.\d s  timed out after 2.0 s \(3 attempts\): 404 at the ingress",
        r"ENV   VirtualService +\d+\.\d s  timed out after 2.0 s \(3 attempts\): the app is gone",
        r"ERR   Before the Gateway +0.0 s  StageOrderError: stage already completed on this cluster: .*",
        r" --   Label +0.0 s  not reached because of Gateway",
        r" --   Injection +0.0 s  not reached: the run ended first",
        r" --   Metrics +0.0 s  not reached: the run ended first",
        r"stand-ins: 1, listed on the page; the first: plain Envoy",
        r"results: .*results \(.*",
    ],
)
def test_summary_lists_each_stage(run: Path, line: str) -> None:
    assert re.search(f"^{line}$", (run / "output").read_text(), re.MULTILINE)


STRATEGIES = """
    import pytest

    @pytest.fixture(scope="session", params=["first", "second"])
    def strategy(request): return request.param

    @pytest.fixture(scope="session")
    def mesh(strategy): pass

    def test_it(mesh): pass
"""


def test_time_left_is_estimated_from_runs_of_the_same_kind(tmp_path: Path) -> None:
    """Each strategy's own set-ups have their own durations; other suites and modes are not included."""
    seconds = tmp_path / ".pytest_cache" / "v" / "istio-conformance"
    seconds.mkdir(parents=True)
    mine = {"mesh, first": 30.0, "mesh, second": 12.0}
    (seconds / f"seconds {tmp_path.name}").write_text(json.dumps(mine))
    (seconds / "seconds article").write_text(json.dumps({"cluster": 99.0}))
    told = (ran(tmp_path, "", STRATEGIES) / "output").read_text()
    assert "mesh, first: 30 s last time, 42 s of set-up left" in told
    assert "mesh, second: 12 s last time, 12 s of set-up left" in told
