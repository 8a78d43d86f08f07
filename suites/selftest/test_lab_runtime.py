"""The bounded runtime: when it is needed, and that it drops only capabilities that the machine lacks."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from lab import runtime

LACKING = "CAP_SYS_RESOURCE"
PROCESS = {"args": ["sh"], "capabilities": {"bounding": ["CAP_KILL", LACKING], "effective": [LACKING]}}


@pytest.mark.parametrize(
    ("version", "lacks", "needed"),
    [
        ("20.10.24+dfsg1", True, True),
        ("20.10.24", False, False),
        ("23.0.1", True, False),
        ("28.2.2", True, False),
    ],
    ids=[
        "old engine, bounded machine",
        "old engine, whole machine",
        "23 asks the kernel",
        "28 asks the kernel",
    ],
)
def test_bounded_runtime_is_needed_depending_on_engine_and_machine(
    monkeypatch: pytest.MonkeyPatch, version: str, lacks: bool, needed: bool
) -> None:
    monkeypatch.setattr(runtime, "lacks_capability", lambda: lacks)
    assert runtime.is_needed(version) is needed


@pytest.fixture
def bounded(tmp_path: Path) -> list[str]:
    """The wrapper around a runc that does nothing, on a machine without CAP_SYS_RESOURCE."""
    if not runtime.built().exists():
        pytest.skip("the bounded runtime is not built on this machine")
    if runtime.bounding_set() & (1 << 24):
        pytest.skip("this machine lacks no CAP_SYS_RESOURCE")
    runc = tmp_path / "bin" / "runc"
    runc.parent.mkdir()
    runc.write_text('#!/bin/sh\necho "$@"\n')
    runc.chmod(0o755)
    return ["env", f"PATH={runc.parent}:{os.environ['PATH']}", str(runtime.built())]


def _run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_create_drops_capabilities_that_the_machine_lacks(bounded: list[str], tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"process": PROCESS, "linux": {"limit": 18446744073709551615}}))
    arguments = ["--root", "create", "--log=x", "create", "--bundle", str(tmp_path), "name"]
    assert _run([*bounded, *arguments]) == " ".join(arguments)
    left = json.loads(config.read_text())
    assert left["process"] == {"args": ["sh"], "capabilities": {"bounding": ["CAP_KILL"], "effective": []}}
    assert left["linux"] == {"limit": 18446744073709551615}


@pytest.mark.parametrize("form", ["--process FILE", "--process=FILE", "-p FILE"])
def test_exec_drops_capabilities_that_the_machine_lacks(
    bounded: list[str], tmp_path: Path, form: str
) -> None:
    process = tmp_path / "process.json"
    process.write_text(json.dumps(PROCESS))
    _run([*bounded, "exec", *form.replace("FILE", str(process)).split(), "name"])
    assert json.loads(process.read_text())["capabilities"] == {"bounding": ["CAP_KILL"], "effective": []}


def test_other_commands_pass_unchanged(bounded: list[str]) -> None:
    assert _run([*bounded, "--root", "/x", "state", "name"]) == "--root /x state name"


def test_invalid_file_fails_and_is_named(bounded: list[str], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    done = subprocess.run(
        [*bounded, "create", "--bundle", str(tmp_path), "x"], capture_output=True, check=False
    )
    assert done.returncode == 1
    assert b"config.json" in done.stderr
