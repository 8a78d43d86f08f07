"""`mesh check` on bad input: options that it refuses, and clusters that cannot be checked."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.inspection.objects import KINDS
from suites.command import mesh
from suites.selftest.fake_api_server import FakeApiServer, Stream, fake_api_server, refusal
from suites.selftest.inspected import deployment, healthy, objects
from suites.selftest.mesh_server import Command, kubectl_for, path_of, serve
from suites.selftest.nested import ROOT

REFUSED, ENVIRONMENT = 4, 12


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    with fake_api_server(tmp_path) as server:
        yield Command(server, kubectl_for(server, tmp_path), capsys)


def test_no_kubeconfig_is_refused(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a kubeconfig nothing is read, and the message says where it was looked for."""
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert mesh.main(["check", f"--kubectl={command.kubectl}"]) == REFUSED
    assert "there is no kubeconfig: none of" in command.capsys.readouterr().err
    assert command(kubeconfig=tmp_path / "missing") == REFUSED
    assert "there is no kubeconfig" in command.stderr


def test_wrong_context_is_refused(command: Command) -> None:
    """A context that the kubeconfig does not have is named."""
    assert command("--context", "prod") == REFUSED
    assert "has no usable context prod" in command.stderr
    assert command.server.asked == []


@pytest.mark.parametrize("options", [["--next=1.99"], ["--request-timeout=0"], ["--unknown"], ["-o", "xml"]])
def test_impossible_option_is_refused(command: Command, options: list[str]) -> None:
    """An option that cannot be met ends the command before anything is read."""
    assert command(*options) == REFUSED
    assert command.server.asked == []


def test_missing_kubectl_is_the_environments_failure(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without kubectl in PATH the message says how to name one."""
    monkeypatch.setenv("PATH", "")
    assert mesh.main(["check", f"--kubeconfig={command.server.kubeconfig}"]) == ENVIRONMENT
    assert "kubectl is not in PATH" in command.capsys.readouterr().err


def _expired(server: FakeApiServer) -> None:
    server.on("GET /version", refusal(401, "Unauthorized", "Unauthorized"))


def _no_rights(server: FakeApiServer) -> None:
    serve(server, healthy(), refused=list(KINDS))


def _no_control_plane(server: FakeApiServer) -> None:
    cluster = healthy()
    objects(cluster, "Deployment").clear()
    serve(server, cluster)


def _overloaded(server: FakeApiServer) -> None:
    serve(server, healthy())
    server.answers[f"GET {path_of('Pod')}"].clear()
    server.on(f"GET {path_of('Pod')}", refusal(500, "InternalError", "etcd is gone"))


def _null_list(server: FakeApiServer) -> None:
    cluster = healthy()
    objects(cluster, "Deployment").clear()
    serve(server, cluster)
    server.answers[f"GET {path_of('Sidecar')}"].clear()
    server.on(f"GET {path_of('Sidecar')}", {"items": None})


def _goes_away(server: FakeApiServer) -> None:
    serve(server, healthy())
    server.answers[f"GET {path_of('Sidecar')}"].clear()
    server.on(f"GET {path_of('Sidecar')}", Stream([], broken=True))


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (_expired, "refuses the credentials of the current context; they may have expired"),
        (_no_rights, "Missing rights: "),
        (_no_control_plane, "no control plane found"),
        (_goes_away, "broke off in the middle of an answer"),
        (_overloaded, "the check cannot begin, because the API server refuses it (500): etcd is gone"),
        (_null_list, "no control plane found"),
    ],
)
def test_cluster_that_cannot_be_checked_is_the_environments_failure(
    command: Command, state: Callable[[FakeApiServer], None], told: str
) -> None:
    """Nothing is called checked: the message says what is wrong, and the exit code is 12."""
    state(command.server)
    assert command() == ENVIRONMENT
    assert told in command.stderr
    assert "verdict: not checked (exit 12)" in command.stderr


def test_missing_rights_are_all_named(command: Command) -> None:
    """Without rights, one run names every right that is missing."""
    _no_rights(command.server)
    assert command() == ENVIRONMENT
    assert all(kind.right() in command.stderr for kind in KINDS.values())


def test_unreachable_server_is_the_environments_failure(command: Command) -> None:
    """An API server that does not answer is named with what to check."""
    text = command.server.kubeconfig.read_text()
    port = text.partition("127.0.0.1:")[2].split()[0]
    command.server.kubeconfig.write_text(text.replace(port, "9"))
    assert command() == ENVIRONMENT
    assert "does not answer: check the address, VPN and proxy" in command.stderr


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_interrupted_check_leaves_nothing(command: Command, tmp_path: Path, sign: signal.Signals) -> None:
    """Ended by Ctrl-C or SIGTERM, the command has removed its copy of the kubeconfig, and exits with 2."""
    asked = threading.Event()
    serve(command.server, healthy())
    command.server.answers["GET /version"].clear()
    command.server.on("GET /version", Stream(_endless(asked)))
    words = [f"--kubeconfig={command.server.kubeconfig}", f"--kubectl={command.kubectl}"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    # A shell's background job ignores Ctrl-C and passes that on; a command in a terminal does not.
    program = ["env", "--default-signal=INT", sys.executable, "-m", "suites.command", "mesh", "check", *words]
    with subprocess.Popen(program, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as running:
        assert asked.wait(20)
        assert list(tmp_path.glob("istio-lab-*/content/kubeconfig"))
        running.send_signal(sign)
        try:
            _, told = running.communicate(timeout=20)
        finally:
            running.kill()
    assert (running.returncode, "verdict: not checked (exit 2)" in told) == (2, True)
    assert not list(tmp_path.glob("istio-lab-*"))


def _endless(asked: threading.Event) -> Iterator[Any]:
    """A response that goes on until the client is gone."""
    asked.set()
    while True:
        yield {"version": "x" * 20}


def test_two_meshes_need_a_named_namespace(command: Command) -> None:
    """Of two meshes one has to be named, and a name without a mesh is refused."""
    cluster = healthy()
    other = deployment("default")
    other["metadata"]["namespace"] = "istio-two"
    objects(cluster, "Deployment").append(other)
    serve(command.server, cluster)
    assert command() == REFUSED
    assert "two meshes or more, with control planes in istio-system, istio-two" in command.stderr
    assert command("--istio-namespace=istio-three") == REFUSED
    assert command("--istio-namespace=istio-system") == 0


@pytest.mark.parametrize("answer", ["<html>log in</html>", {"kind": "Status"}, ["v1"]])
def test_server_that_is_no_api_server_is_the_environments_failure(command: Command, answer: Any) -> None:
    """A login page in place of the API server is named as such, without a traceback."""
    command.server.on("GET /version", answer)
    assert command() == ENVIRONMENT
    assert "is not a Kubernetes API server" in command.stderr
