"""Parsing of a node's programs; `docker` is a script that prints the recorded output of a real node."""

from pathlib import Path

import pytest

from fixtures.clients.command import CommandFailed
from fixtures.clients.nodes import Listening, NoSuchContainer, Process
from fixtures.clusters.kind.node import KindNode

TASKS = """\
TASK                                PID     STATUS
0c8b3c9f0d7e                        2412    RUNNING
7f1a22aa9b10                        1877    RUNNING
"""
PROCESSES = """\
4026531836     1     0     0 systemd         0::/init.scope
4026532501  1877  1337  1337 pilot-agent     4:memory:/kubepods/pod1/7f1a
4026532501  1902  1337  1337 envoy           4:memory:/kubepods/pod1/7f1a
4026532501  1950 10001 10001 nginx           4:memory:/kubepods/pod1/99c0
4026532700  2412     0     0 nginx           4:memory:/kubepods/pod2/0c8b
         -     3     0     0 kthread of the host -
"""
SOCKETS = """\
LISTEN 0      4096         0.0.0.0:15021      0.0.0.0:*
LISTEN 0      511                *:80               *:*
LISTEN 0      4096       127.0.0.1:15000      0.0.0.0:*
LISTEN 0      4096            [::]:9000          [::]:*
"""


def node(folder: Path, prints: str, status: int = 0) -> KindNode:
    (folder / "prints").write_text(prints)
    docker = folder / "docker"
    notes = "echo '* Empty reply from server' >&2"
    lines = ["#!/bin/sh", f'echo "$@" > {folder}/asked', f"/bin/cat {folder}/prints", notes, f"exit {status}"]
    docker.write_text("\n".join(lines))
    docker.chmod(0o755)
    return KindNode(name="lab-control-plane", environment={"PATH": str(folder)}, timeout=5)


def recorded_arguments(folder: Path) -> str:
    return (folder / "asked").read_text().strip()


def test_command_runs_in_the_nodes_container(tmp_path: Path) -> None:
    assert node(tmp_path, "v1.35.4\n").run("cat", "/kind/version").stdout == "v1.35.4\n"
    assert recorded_arguments(tmp_path) == "exec lab-control-plane cat /kind/version"


def test_failed_command_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="status 1:"):
        node(tmp_path, "no such file", status=1).run("cat", "/nothing")


def test_container_process_is_found_by_the_id_in_the_pod_status(tmp_path: Path) -> None:
    assert node(tmp_path, TASKS).pid("containerd://7f1a22aa9b10") == 1877


def test_stopped_container_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoSuchContainer, match="lab-control-plane runs no container 7f1a22aa:"):
        node(tmp_path, TASKS).pid("containerd://7f1a22aa")


@pytest.mark.parametrize("tables", ["nft", "legacy"])
def test_nat_rules_are_those_of_the_process_network(tmp_path: Path, tables: str) -> None:
    lab = node(tmp_path, "*nat\nCOMMIT\n")
    printed = lab.nat_rules(1877, "nft") if tables == "nft" else lab.nat_rules(1877, "legacy")
    assert printed == "*nat\nCOMMIT\n"
    entered = "exec lab-control-plane nsenter --target 1877 --net"
    assert recorded_arguments(tmp_path) == f"{entered} iptables-{tables}-save -t nat"


def test_listening_sockets_are_sorted_by_port(tmp_path: Path) -> None:
    assert node(tmp_path, SOCKETS).listening(1877) == [
        Listening("*", 80),
        Listening("[::]", 9000),
        Listening("127.0.0.1", 15000),
        Listening("0.0.0.0", 15021),
    ]


def test_container_processes_are_those_of_its_pid_namespace_and_cgroup(tmp_path: Path) -> None:
    assert node(tmp_path, PROCESSES).processes(1877) == [
        Process(1877, 1337, 1337, "pilot-agent"),
        Process(1902, 1337, 1337, "envoy"),
    ]


def test_ended_process_has_no_container(tmp_path: Path) -> None:
    assert node(tmp_path, PROCESSES).processes(4711) == []


def test_request_from_the_node_has_an_outcome(tmp_path: Path) -> None:
    outcome = node(tmp_path, "", status=52).request("http://127.0.0.1:30080/", timeout=3)
    assert (outcome.kind, outcome.method, outcome.url) == ("empty reply", "GET", "http://127.0.0.1:30080/")
    assert recorded_arguments(tmp_path).startswith("exec lab-control-plane curl --disable")


def test_absent_nat_table_is_not_read(tmp_path: Path) -> None:
    assert node(tmp_path, "filter\n").nat_tables(1877) == ("filter\n", "")
    assert recorded_arguments(tmp_path).endswith("iptables-nft-save -t nat")


def test_both_nat_tables_are_read_where_both_exist(tmp_path: Path) -> None:
    assert node(tmp_path, "filter nat\n").nat_tables(1877) == ("filter nat\n", "filter nat\n")
