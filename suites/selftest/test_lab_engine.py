"""Selecting an engine: which one is used or refused, and why; needs no real engine."""

import os
import subprocess
from pathlib import Path

import pytest

from lab import daemon, engine
from lab.errors import LabError

#: A stand-in for the docker client: prints a version, and fails the commands it is told to fail.
CLIENT = """#!/bin/sh
case "$1" in
version) echo 20.10.24 ;;
context) echo "unix://$PWD/none.sock" ;;
run) [ ! -e "$0.refuses" ] || { echo "unable to apply caps: operation not permitted" >&2; exit 1; } ;;
slow) exec sleep 60 ;;
broken) echo "broken for good" >&2; exit 3 ;;
environment) env ;;
esac
"""


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a fake docker client first on PATH, and disable the search for a real engine."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(CLIENT)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("ISTIO_LAB_STATE", "/tmp/ilab-selftest-none")
    monkeypatch.setattr(engine, "_DEFAULT_HOST", f"unix://{tmp_path}/none.sock")
    return program


@pytest.fixture
def listening(client: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An engine that DOCKER_HOST names, as far as the fake client can tell."""
    (tmp_path / "engine.sock").touch()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine.sock")
    return f"unix://{tmp_path}/engine.sock"


def _engine(client: Path) -> engine.Engine:
    return engine.Engine("unix:///nowhere.sock", own=False, version="20.10.24", client=client)


def test_engine_that_runs_privileged_containers_is_used(listening: str, client: Path) -> None:
    assert engine.find() == engine.Engine(listening, own=False, version="20.10.24", client=client)


def test_engine_without_privileged_containers_is_skipped(listening: str, client: Path) -> None:
    client.with_suffix(".refuses").touch()
    assert engine.find() is None
    refusals = [refusal for _, refusal in engine.survey()]
    assert "unable to apply caps" in str(refusals[0])


def test_engine_on_another_machine_is_refused(client: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://engine.invalid:2375")
    assert next(engine.survey()) == (None, "the engine at tcp:// is not on this machine")


def test_no_engine_without_root_fails_before_any_change(
    client: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="root is needed to start the lab's own Docker engine"):
        engine.ensure(pytest.fail)
    assert not daemon.place().root.exists()


def test_environment_points_to_this_engine_only(client: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "elsewhere")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    environment = _engine(client).environment()
    assert environment["DOCKER_HOST"] == "unix:///nowhere.sock"
    assert environment["PATH"].startswith(f"{client.parent}:")
    assert not environment.keys() & {"DOCKER_CONTEXT", "DOCKER_TLS_VERIFY"}


def test_failed_command_reports_its_last_output(client: Path) -> None:
    with pytest.raises(LabError, match=r"docker broken failed \(3\): broken for good"):
        _engine(client).docker("broken")
    assert _engine(client).docker("broken", check=False).returncode == 3


def test_hanging_command_is_stopped(client: Path) -> None:
    with pytest.raises(LabError, match=r"took more than 0\.1 s"):
        _engine(client).docker("slow", timeout=0.1)


def test_probe_program_exits_with_zero(tmp_path: Path) -> None:
    program = tmp_path / "exit"
    program.write_bytes(engine.proof_program())
    program.chmod(0o755)
    assert subprocess.run([program], check=False).returncode == 0


def test_state_folder_with_a_long_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTIO_LAB_STATE", "/tmp/" + "long" * 30)
    with pytest.raises(LabError, match="too long for a Unix socket's path"):
        daemon.place()


def test_daemons_are_distinguished_by_their_folder(tmp_path: Path) -> None:
    mine, other = daemon.Place(tmp_path / "mine"), daemon.Place(tmp_path / "other")
    arguments = ["dockerd", "-c", "echo up; read line", f"--data-root={mine.root}/data"]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, executable="/bin/bash", stdin=pipe, stdout=pipe) as process:
        # The command line is readable only after exec, not right after fork.
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        assert daemon.running(mine) == [process.pid]
        assert daemon.running(other) == []
        daemon.end(other)
        assert process.poll() is None
        daemon.end(mine)
    assert daemon.running(mine) == []


def test_each_place_has_its_own_control_group(tmp_path: Path) -> None:
    assert daemon.Place(tmp_path / "a").cgroup != daemon.Place(tmp_path / "b").cgroup
