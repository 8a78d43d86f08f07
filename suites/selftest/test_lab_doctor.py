"""The doctor: what it reports about a machine, and what it keeps private."""

import os
import shutil
from collections.abc import Iterator

import pytest

from lab import doctor, engine, runtime
from lab.doctor import Prerequisite, State


def test_every_check_returns_findings_with_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_LOOKUPS", {"nothing": ["true"]})
    findings = doctor.examine()
    subjects = {
        "root",
        "engine",
        "capabilities",
        "control groups",
        "firewall",
        "Go",
        "Node",
        "Python",
        "memory",
    }
    assert subjects <= {finding.subject for finding in findings}
    assert all(finding.seen for finding in findings)
    assert all(finding.action for finding in findings if finding.state is not State.PRESENT)


def test_unresponsive_registry_is_missing_and_not_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    says = ["sh", "-c", "echo registry.invalid; echo registry.invalid >&2; exit 1"]
    monkeypatch.setattr(doctor, "_LOOKUPS", {"PyPI": says, "npm": ["true"], "Go modules": ["no-such-client"]})
    states = {finding.subject: finding.state for finding in doctor._registries()}
    assert states["registry for PyPI"] is states["registry for Go modules"] is State.MISSING
    assert states["registry for npm"] is State.PRESENT
    assert "registry.invalid" not in "".join(capfd.readouterr())


def test_missing_items_are_summarized(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lacking = Prerequisite(
        "memory", State.MISSING, "1.0 GiB available", "6 GiB are needed: take a larger machine"
    )
    monkeypatch.setattr(doctor, "examine", lambda: [lacking])
    assert not doctor.print_findings()
    shown = capsys.readouterr().out
    assert "missing  memory: 1.0 GiB available\n          6 GiB are needed" in shown
    assert shown.endswith("Fix these first: memory.\n")


def test_machine_without_an_engine_shows_what_will_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*, prove: bool) -> Iterator[tuple[None, str]]:
        assert not prove, "the doctor runs nothing"
        yield None, "nothing listens"

    monkeypatch.setattr(engine, "survey", none)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    finding = doctor._engine()[0]
    assert finding.state is State.AUTOMATIC
    assert "a build installs Debian's docker.io, iptables, iproute2" in finding.action


@pytest.mark.parametrize(
    ("lacks", "state"), [(True, State.AUTOMATIC), (False, State.PRESENT)], ids=["bounded", "whole"]
)
def test_capability_bounding_set_is_evaluated(
    monkeypatch: pytest.MonkeyPatch, lacks: bool, state: State
) -> None:
    monkeypatch.setattr(runtime, "lacks_capability", lambda: lacks)
    assert doctor._capabilities()[0].state is state


def test_user_without_root_gets_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    finding = doctor._root()[0]
    assert finding.state is State.MISSING
    assert "firewall" in finding.action


def test_outdated_program_counts_as_missing() -> None:
    finding = doctor._program("Shell", ["echo", "v1.9.3"], (1, 10), "install it")
    assert (finding.state, finding.seen) == (State.MISSING, "1.9; 1.10 or later is needed")
