"""Running a program: its output, its exit status, and an error that shows both."""

from dataclasses import fields

import pytest

from fixtures.clients.command import CommandFailed, run
from fixtures.clients.istioctl import Istioctl
from fixtures.clients.kubectl import Kubectl
from fixtures.clusters.kind.node import KindNode
from fixtures.distributions.base import Edition

SHELL = ("/bin/sh", "-c")


def test_successful_program_returns_its_streams_separately() -> None:
    ended = run([*SHELL, "echo out; echo err >&2"], environment={}, timeout=5)
    assert (ended.status, ended.stdout, ended.stderr) == (0, "out\n", "err\n")


def test_error_shows_command_status_and_last_output() -> None:
    with pytest.raises(CommandFailed, match="ended with status 3:\nno such pod") as failure:
        run([*SHELL, "echo begun; echo no such pod >&2; exit 3"], environment={}, timeout=5)
    assert "/bin/sh -c 'echo begun" in str(failure.value)
    assert (failure.value.status, failure.value.stdout) == (3, "begun\n")


def test_error_without_stderr_shows_stdout() -> None:
    with pytest.raises(CommandFailed, match="status 1:\nno such pod"):
        run([*SHELL, "echo no such pod; exit 1"], environment={}, timeout=5)


def test_expected_status_is_a_result() -> None:
    assert run([*SHELL, "exit 52"], environment={}, timeout=5, check=False).status == 52


def test_program_that_times_out_is_killed_and_its_output_kept() -> None:
    with pytest.raises(CommandFailed, match=r"took more than 0\.2 s:\nhalf") as failure:
        run([*SHELL, "echo half; exec tail -f /dev/null"], environment={"PATH": "/bin:/usr/bin"}, timeout=0.2)
    assert failure.value.status is None


def test_missing_program_is_named() -> None:
    with pytest.raises(CommandFailed, match=r"`/nowhere/istioctl version` could not be started"):
        run(["/nowhere/istioctl", "version"], environment={}, timeout=5)


def test_program_runs_in_only_the_given_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/the/user's")
    ended = run(["/usr/bin/env"], environment={"ONLY": "this"}, timeout=5)
    assert ended.stdout == "ONLY=this\n"


def test_standard_input_is_passed() -> None:
    assert run(["/bin/cat"], environment={}, timeout=5, stdin="manifest").stdout == "manifest"
    assert run(["/bin/cat"], environment={}, timeout=5).stdout == ""


@pytest.mark.parametrize("owner", [Istioctl, Kubectl, KindNode, Edition])
def test_environment_appears_in_no_message(owner: type[Edition]) -> None:
    (environment,) = [field for field in fields(owner) if field.name == "environment"]
    assert environment.repr is False
