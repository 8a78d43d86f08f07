"""The lab's programs get only what they need from the caller's environment."""

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from lab import environment
from lab.engine import Engine
from lab.paths import PROJECT
from lab.programs import go_environment

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "cloud-key",
    "GITHUB_TOKEN": "code-host-token",
    "DATABASE_URL": "postgres://user:database-password@db/app",
    "KUBECONFIG": "/users/kubeconfig",
    "DOCKER_AUTH_CONFIG": "registry-credentials",
    "DOCKER_CONFIG": "/users/docker",
    "KIND_EXPERIMENTAL_PROVIDER": "podman",
    "LD_PRELOAD": "/users/library.so",
    "PYTHONPATH": "/users/modules",
}
PROXY = "http://user:proxy-password@proxy.invalid:3128"


@pytest.fixture
def caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller whose environment contains secrets and a proxy."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    for name in ("http_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, PROXY)


def environments() -> dict[str, dict[str, str]]:
    engine = Engine("unix:///nowhere.sock", own=False, version="28.0", client=Path("/usr/bin/docker"))
    return {
        "engine": engine.environment(),
        "needed": environment.needed(),
        "registries": environment.for_registries(),
        "go": go_environment(),
    }


@pytest.mark.parametrize("which", ["engine", "needed", "registries", "go"])
def test_callers_secrets_are_not_passed_on(caller: None, which: str) -> None:
    values = environments()[which].values()
    assert not set(SECRETS.values()) & set(values)


@pytest.mark.parametrize("which", ["engine", "needed"])
def test_proxy_is_passed_only_to_registry_clients(caller: None, which: str) -> None:
    """kind passes a proxy to each node, where it ends up in the control plane's manifests."""
    assert not any("proxy-password" in value for value in environments()[which].values())


@pytest.mark.parametrize("which", ["registries", "go"])
def test_registry_clients_get_proxy_and_settings(
    caller: None, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    monkeypatch.setenv("GOPROXY", "https://modules.invalid")
    given = environments()[which]
    assert (given["HTTPS_PROXY"], given["GOPROXY"]) == (PROXY, "https://modules.invalid")


#: A build of which both the program and a child of it ignore SIGTERM. Its output closes when both have ended.
STUBBORN = "trap '' TERM; sleep 60 & echo started; wait"
BUILD = f"""
import subprocess
from lab.environment import ending_with_us

with subprocess.Popen(ending_with_us(["sh", "-c", {STUBBORN!r}])):
    pass
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a PID namespace")
def test_build_and_its_children_end_when_its_caller_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", BUILD], stdout=subprocess.PIPE, cwd=PROJECT) as caller:
        assert caller.stdout is not None
        assert caller.stdout.readline() == b"started\n"
        caller.kill()
        ended, _, _ = select.select([caller.stdout], [], [], 10)
    assert ended, "a part of it outlives its caller"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a PID namespace")
def test_end_of_children_ends_what_they_started() -> None:
    command = environment.ending_with_us(["sh", "-c", STUBBORN])
    with subprocess.Popen(command, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"started\n"
        environment.end_children()
        ended, _, _ = select.select([running.stdout], [], [], 10)
    assert ended, "a part of it goes on"
