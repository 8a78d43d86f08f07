"""The catalogue of faults, the matrix, and the judgement of one fault."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.causes import CAUSES, INGRESS
from fixtures.clients.command import CommandFailed
from fixtures.stages import NAMES
from lab.paths import PROJECT
from suites.prove import __main__ as prove
from suites.prove import matrix, trial
from suites.prove.catalogue import (
    Fault,
    article_tests,
    faults,
    names_of_tests,
    unbroken,
    unbroken_promises,
    upgrade_faults,
)
from suites.prove.trial import Ran, Result, SharedCluster

FAULT = Fault(name="a", stage="gateway", broken="b", fails=["test_a"], cause="no endpoints", steps=[])
MESSAGE = "timed out\nlikely cause: no endpoints: Service a has none\nreproduce: curl"
FAILED, PASSED = Ran(1, "", {"test_a[x]": MESSAGE}), Ran(0, "", {})


def judge(ran: Ran, again: Ran, fault: Fault = FAULT, *, reported: bool = True) -> list[str]:
    return list(trial._reasons(fault, ran, again, cause_reported=reported))


def test_each_fault_names_a_stage_and_tests_of_that_stage() -> None:
    tests = article_tests()
    wrong = [
        (fault.name, test) for fault in faults() for test in fault.fails if tests.get(test) != fault.stage
    ]
    assert wrong == []


def test_names_of_faults_are_unique() -> None:
    assert len({fault.name for fault in faults()}) == len(faults())


def test_faults_are_in_the_order_of_the_stages() -> None:
    stages = [NAMES.index(fault.stage) for fault in faults()]
    assert stages == sorted(stages)


def test_each_expected_cause_exists() -> None:
    known = {cause.name for cause in (*CAUSES, *INGRESS)}
    assert {fault.cause for fault in faults() if fault.cause} <= known


def test_each_test_of_the_article_is_broken_or_has_a_reason() -> None:
    broken = {test for fault in faults() for test in fault.fails}
    assert broken & unbroken().keys() == set()
    assert broken | unbroken().keys() == article_tests().keys()
    assert all(len(reason) > 20 for reason in unbroken().values())


def test_each_promise_of_an_upgrade_is_broken_or_has_a_reason() -> None:
    promises = {
        test
        for module in (PROJECT / "suites" / "upgrade").glob("test_*.py")
        for test in names_of_tests(module)
    }
    broken = {test for fault in upgrade_faults() for test in fault.fails}
    assert broken & unbroken_promises().keys() == set()
    assert broken | unbroken_promises().keys() == promises


def test_each_fault_of_an_upgrade_is_a_test_of_the_lab() -> None:
    tests = names_of_tests(PROJECT / "suites" / "lab" / "test_upgrade_faults.py")
    assert {fault.test for fault in upgrade_faults()} <= {*tests}


def test_steps_that_run_a_creating_command_have_an_undo() -> None:
    creating = [
        fault for fault in faults() if any(step.get("run", "").startswith("create ") for step in fault.steps)
    ]
    assert creating
    assert all(fault.undo for fault in creating)


def test_the_document_is_up_to_date_with_the_catalogue() -> None:
    text = (PROJECT / "docs" / "trials.md").read_text(encoding="utf-8")
    assert matrix.written(text, faults(), unbroken(), {}) == text


def test_a_caught_fault_has_no_reason() -> None:
    assert judge(FAILED, PASSED) == []


@pytest.mark.parametrize(
    ("ran", "again", "reported", "reason"),
    [
        (PASSED, PASSED, True, "did not fail: test_a"),
        (replace(FAILED, code=12), PASSED, True, "exit code 12, expected 1"),
        (FAILED, PASSED, False, "expected cause: no endpoints"),
        (FAILED, FAILED, True, "the stage fails after the fault is removed: test_a[x] (timed out)"),
    ],
    ids=["passes", "environment", "cause", "again"],
)
def test_a_fault_that_is_not_caught_says_why(ran: Ran, again: Ran, reported: bool, reason: str) -> None:
    assert reason in judge(ran, again, reported=reported)


def test_a_test_that_the_stage_refuses_does_not_count_as_failed() -> None:
    assert judge(FAILED, Ran(1, "", {}, refused=True)) == []
    assert judge(FAILED, Ran(1, "", {})) != []


def test_a_cause_is_read_from_the_failure_of_a_test() -> None:
    assert FAILED.causes() == ["no endpoints: Service a has none"]


def test_failures_are_read_from_the_results_of_a_run(tmp_path: Path) -> None:
    results = tmp_path / "results.xml"
    results.write_text(
        '<testsuite><testcase name="test_a"><failure message="m">text</failure></testcase>'
        '<testcase name="test_b"><error message="e"/></testcase><testcase name="test_c"/></testsuite>'
    )
    assert trial._failed(results) == {"test_a": "m\ntext", "test_b": "e\n"}


def test_a_row_that_did_not_run_says_so_and_a_measured_one_is_kept() -> None:
    other = replace(FAULT, name="other")
    row = matrix.row(Result(FAULT, ("test_a",), "no | endpoints", 12.3, ()))
    text = matrix.written(f"x{matrix.BEGIN}{matrix.END}y", [FAULT, other], {}, {"a": row})
    assert "| a | b | gateway | test_a | no \\| endpoints | 12 | yes |" in text
    assert "| other | b | gateway | not run |" in text
    assert matrix.written(text, [FAULT, other], {}, {}) == text
    assert "| 12 |" not in matrix.written(text, [replace(FAULT, broken="changed"), other], {}, {})


def test_a_fault_that_passes_makes_the_command_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    removed: list[str] = []
    passed = ("did not fail: x",)
    monkeypatch.setattr(SharedCluster, "advance", lambda *_: None)
    monkeypatch.setattr(SharedCluster, "remove", lambda cluster: removed.append(cluster.name))
    monkeypatch.setattr(SharedCluster, "prove", lambda _, fault: Result(fault, (), "", 1.0, ()))
    assert prove.main(["--stage", "mtls"]) == 0
    monkeypatch.setattr(SharedCluster, "prove", lambda _, fault: Result(fault, (), "", 1.0, passed))
    assert prove.main(["--fault", "permissive"]) == 1
    assert len(removed) == 2
    assert "0 of 1 faults caught, 0 not run" in capsys.readouterr().out


def test_a_cluster_that_a_fault_leaves_broken_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    monkeypatch.setattr(SharedCluster, "advance", lambda _, stage: steps.append(stage))
    monkeypatch.setattr(SharedCluster, "remove", lambda _: steps.append("removed"))
    monkeypatch.setattr(
        SharedCluster, "prove", lambda _, fault: Result(fault, (), "", 1.0, (), restored=False)
    )
    assert prove.main(["--fault", "permissive", "--fault", "any-client-certificate"]) == 0
    assert steps == ["mtls", "removed", "mtls", "removed", "removed"]


def test_a_stage_that_fails_with_nothing_broken_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: SharedCluster, stage: str) -> None:
        raise trial.StageFailed(stage)

    monkeypatch.setattr(SharedCluster, "advance", fail)
    monkeypatch.setattr(SharedCluster, "remove", lambda _: None)
    assert prove.main(["--stage", "mtls"]) == 1


def test_a_fault_before_the_stages_fixtures_runs_its_own_tests_on_the_stage_before() -> None:
    first = replace(FAULT, first=True)
    assert (first.reached, first.only) == ("before-gateway", ["test_a"])
    assert (FAULT.reached, FAULT.only) == ("gateway", ())


def test_faults_name_stages_that_they_repeat_and_have_one_mode() -> None:
    assert {fault.repeats for fault in faults()} <= {"", *NAMES}
    assert not [fault for fault in faults() if fault.first and fault.repeats]
    repeating = [fault for fault in faults() if fault.repeats]
    assert all(NAMES.index(fault.repeats) <= NAMES.index(fault.stage) for fault in repeating)


def test_an_interrupt_removes_the_cluster_and_runs_no_other_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt ends the command, also if the cluster can't be restored after it."""
    steps: list[str] = []

    def interrupted(_: SharedCluster, fault: Fault, __: float) -> Result:
        steps.append(fault.name)
        try:
            raise KeyboardInterrupt
        finally:
            raise CommandFailed(["kubectl", "replace"], "exited with status 1", stdout="", stderr="refused")

    monkeypatch.setattr(SharedCluster, "advance", lambda *_: None)
    monkeypatch.setattr(SharedCluster, "remove", lambda _: steps.append("removed"))
    monkeypatch.setattr(SharedCluster, "_judged", interrupted)
    assert prove.main(["--fault", "permissive", "--fault", "any-client-certificate"]) == 2
    assert steps == ["permissive", "removed"]


def test_an_error_without_an_interrupt_is_a_fault_that_could_not_be_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failed(*_: object) -> Result:
        raise CommandFailed(["kubectl", "patch"], "exited with status 1", stdout="", stderr="refused")

    monkeypatch.setattr(SharedCluster, "_judged", failed)
    result = SharedCluster("x").prove(FAULT)
    assert not result.restored
    assert "the fault could not be made or removed" in result.reasons[0]


def test_a_run_gets_one_signal_after_ctrl_c() -> None:
    """The terminal sends SIGINT to its process group, which the run is not part of."""
    own_group = "import os; print(os.getpgrp() == os.getpid())"
    assert trial._command([sys.executable, "-c", own_group]) == (0, "True\n")
