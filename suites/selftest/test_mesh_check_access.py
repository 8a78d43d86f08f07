"""How `mesh check` reaches a cluster: credential plugins, proxies, and what a missing answer means."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures.clients.api_server import ApiError
from fixtures.clients.forward_proxy import proxy_of
from suites.command.mesh_access import explained
from suites.selftest.fake_api_server import Stream, fake_api_server
from suites.selftest.inspected import healthy
from suites.selftest.mesh_server import Command, kubectl_for, path_of, serve

ENVIRONMENT = 12
_V1 = "client.authentication.k8s.io/v1"
TOKEN = {"apiVersion": _V1, "kind": "ExecCredential", "status": {"token": "of-the-plugin"}}


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    with fake_api_server(tmp_path) as server:
        serve(server, healthy())
        yield Command(server, kubectl_for(server, tmp_path), capsys)


def _plugin(on: Command, program: str = "", **rest: Any) -> None:
    """Give the context's user a credential plugin, beside the kubeconfig if it has a program text."""
    place = on.server.kubeconfig
    if program:
        (place.parent / "plugin").write_text(f"#!/bin/sh\n{program}\n")
        (place.parent / "plugin").chmod(0o700)
    parsed = yaml.safe_load(place.read_text())
    parsed["users"][0]["user"] = {"exec": {"apiVersion": _V1, "command": "./plugin", **rest}}
    place.write_text(yaml.safe_dump(parsed))


def test_plugin_beside_the_kubeconfig_gives_credentials(command: Command) -> None:
    """A relative path of a credential plugin is relative to the kubeconfig, as for kubectl."""
    _plugin(command, f"echo '{json.dumps(TOKEN)}'")
    assert command("--no-port-forward") == 0


def test_plugin_learns_of_the_cluster(command: Command) -> None:
    """With provideClusterInfo, a credential plugin gets the cluster's address."""
    address = "http://127.0.0.1"
    _plugin(
        command,
        f"case $KUBERNETES_EXEC_INFO in *{address}*) echo '{json.dumps(TOKEN)}';; esac",
        provideClusterInfo=True,
    )
    assert command("--no-port-forward") == 0


def test_missing_plugin_is_named_with_its_hint(command: Command) -> None:
    """A credential plugin that is not installed is named, with what the kubeconfig says of it."""
    _plugin(command, command="no-such-plugin", installHint="get it from the platform team")
    assert command() == ENVIRONMENT
    assert "plugin no-such-plugin is not found: get it from the platform team" in command.stderr
    assert command.server.asked == []


def test_failing_plugin_speaks_for_itself(command: Command) -> None:
    """A credential plugin that fails is quoted, without its arguments."""
    _plugin(command, "echo your session has ended >&2; exit 3", args=["hunter2-hunter2"])
    assert command() == ENVIRONMENT
    assert "ended with status 3: your session has ended" in command.stderr
    assert "hunter2" not in command.stderr


@pytest.mark.parametrize("printed", ["nothing useful", '{"status": {}}', "[]"])
def test_plugin_without_credentials_is_named(command: Command, printed: str) -> None:
    """A credential plugin that prints something else does not count as an answer."""
    _plugin(command, f"echo '{printed}'")
    assert command() == ENVIRONMENT
    assert "printed no ExecCredential" in command.stderr


def test_plugin_with_a_prompt_is_refused(command: Command) -> None:
    """A credential plugin that always needs a terminal is not run."""
    _plugin(command, "exit 0", interactiveMode="Always")
    assert command() == ENVIRONMENT
    assert "needs a terminal" in command.stderr


def test_hanging_server_is_a_time_out(command: Command) -> None:
    """An API server that does not answer in time is no wrong context; the request and the time are named."""
    command.server.answers[f"GET {path_of('Sidecar')}"].clear()
    command.server.on(f"GET {path_of('Sidecar')}", Stream(_silent()))
    assert command("--request-timeout=0.5") == ENVIRONMENT
    assert "did not answer within 0.5 s (--request-timeout)" in command.stderr
    assert "/sidecars" in command.stderr
    assert "usable" not in command.stderr


def _silent() -> Iterator[Any]:
    """A response that says nothing for longer than a client waits."""
    time.sleep(2)
    yield {}


def test_proxy_of_the_environment_is_used(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster behind a proxy is checked through it, and NO_PROXY leaves it out."""
    text = command.server.kubeconfig.read_text()
    own = f"http://127.0.0.1:{text.partition('127.0.0.1:')[2].split()[0]}"
    command.server.kubeconfig.write_text(text.replace(own, "http://api.invalid"))
    monkeypatch.setenv("HTTP_PROXY", own)
    assert command("--no-port-forward") == 0
    monkeypatch.setenv("NO_PROXY", ".invalid")
    assert command("--no-port-forward") == ENVIRONMENT
    assert "has a name that does not resolve" in command.stderr


@pytest.mark.parametrize(
    ("address", "excepted", "used"),
    [
        ("https://10.1.2.3:6443", "", True),
        ("https://10.1.2.3:6443", "10.0.0.0/8", False),
        ("https://10.1.2.3:6443", "10.1.2.3:443", True),
        ("https://10.1.2.3:6443", "10.1.2.3:6443", False),
        ("https://api.corp.example", "corp.example", False),
        ("https://api.corp.example", "a, .corp.example", False),
        ("https://corp.example", ".corp.example", True),
        ("https://mycorp.example", "corp.example", True),
        ("https://api.corp.example", "*", False),
        ("https://[fd00::1]:6443", "fd00::/8", False),
        ("https://127.0.0.1:6443", "", False),
        ("https://localhost:6443", "", False),
        ("http://10.1.2.3", "", False),
    ],
)
def test_proxy_is_chosen_as_kubectl_does(address: str, excepted: str, used: bool) -> None:
    """HTTPS_PROXY holds for https, except loopback and what NO_PROXY lists."""
    environment = {"HTTPS_PROXY": "proxy.example:3128", "no_proxy": excepted}
    assert proxy_of(address, environment) == ("http://proxy.example:3128" if used else "")


def test_unsupported_proxy_is_said(command: Command) -> None:
    """A proxy-url that the client cannot use ends the check with its kind."""
    parsed = yaml.safe_load(command.server.kubeconfig.read_text())
    parsed["clusters"][0]["cluster"]["proxy-url"] = "socks5://127.0.0.1:9"
    command.server.kubeconfig.write_text(yaml.safe_dump(parsed))
    assert command() == ENVIRONMENT
    assert "its proxy is of the kind socks5" in command.stderr


@pytest.mark.parametrize(
    ("reason", "happened"),
    [
        ("SSLError", "did not complete the TLS handshake"),
        ("ProxyError", "cannot be reached through the proxy"),
        ("ProtocolError", "broke off in the middle of an answer"),
        ("NewConnectionError", "does not answer"),
    ],
)
def test_missing_answer_says_what_happened(reason: str, happened: str) -> None:
    """Each kind of missing answer has its own words."""
    error = ApiError("GET /version", 0, reason, "text")
    assert f"context prod {happened}" in str(explained(error, "prod", 3))
