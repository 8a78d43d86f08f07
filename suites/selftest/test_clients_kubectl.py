"""kubectl's command lines and the life of a port-forward, with a script in place of kubectl."""

from pathlib import Path

import pytest

from fixtures.clients.command import CommandFailed
from fixtures.clients.kubectl import Kubectl


def kubectl(folder: Path, script: str, timeout: float = 5) -> Kubectl:
    """A program that records its arguments in a file, then runs the script."""
    program = folder / "kubectl"
    program.write_text(f'#!/bin/sh\necho "$@" > {folder}/asked\n{script}\n')
    program.chmod(0o755)
    environment = {"PATH": "/usr/bin:/bin"}
    return Kubectl(program=program, kubeconfig=Path("kc"), environment=environment, timeout=timeout)


def test_command_runs_in_the_named_container(tmp_path: Path) -> None:
    ended = kubectl(tmp_path, "echo ok").exec("test", "web-1", "web", "curl", "-s", "localhost")
    assert ended.stdout == "ok\n"
    asked = (tmp_path / "asked").read_text()
    assert asked == "--kubeconfig kc exec --namespace test web-1 --container web -- curl -s localhost\n"


def test_command_reads_what_it_is_given(tmp_path: Path) -> None:
    ended = kubectl(tmp_path, "cat").exec("test", "web-1", "web", "cat", stdin="given")
    assert ended.stdout == "given"
    assert "exec --stdin --namespace test" in (tmp_path / "asked").read_text()


def test_failed_command_in_the_container_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="status 7:\nrefused"):
        kubectl(tmp_path, "echo refused >&2; exit 7").exec("test", "web-1", "web", "curl")


def test_expected_status_is_a_result(tmp_path: Path) -> None:
    assert kubectl(tmp_path, "exit 7").exec("test", "web-1", "web", "curl", check=False).status == 7


def test_port_forward_uses_kubectls_port_and_ends_with_the_block(tmp_path: Path) -> None:
    script = (
        f'echo $$ > {tmp_path}/pid; echo "Forwarding from 127.0.0.1:41234 -> 8080"; exec tail -f /dev/null'
    )
    with kubectl(tmp_path, script).port_forward("istio-system", "pod/gateway", 8080) as port:
        assert port == 41234
        process = Path("/proc") / (tmp_path / "pid").read_text().strip()
        assert process.exists()
    assert not process.exists()
    assert (
        (tmp_path / "asked")
        .read_text()
        .endswith("--address 127.0.0.1 --pod-running-timeout=1s pod/gateway :8080\n")
    )


def test_failed_port_forward_shows_the_reason(tmp_path: Path) -> None:
    forward = kubectl(tmp_path, "echo 'pods \"gateway\" not found' >&2; exit 1").port_forward(
        "a", "pod/b", 80
    )
    with pytest.raises(CommandFailed, match='did not forward:\npods "gateway" not found'), forward:
        pass


def test_port_forward_that_never_starts_is_stopped(tmp_path: Path) -> None:
    forward = kubectl(tmp_path, "exec tail -f /dev/null", timeout=0.2).port_forward("a", "pod/b", 80)
    with pytest.raises(CommandFailed, match="did not forward"), forward:
        pass
