"""Choosing addresses, and identifying the lab's own rules and routes; creates no network."""

import json
import os
import shutil
import socket
from pathlib import Path
from subprocess import CompletedProcess
from typing import cast

import pytest

from lab import engine, firewall, network, paths
from lab.errors import LabError
from lab.firewall import Range
from suites.lab import egress_watch

RULES = """-P FORWARD ACCEPT
-A FORWARD -i ilabX ! -o ilabX -m comment --comment "{mine}one" -j REJECT
-A FORWARD -i ilabY ! -o ilabY -m comment --comment {mine}two -j REJECT
-A FORWARD -i ilabZ ! -o ilabZ -m comment --comment "io.istio-conformance.lab=other/one" -j REJECT
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
"""


class Machine:
    """Answers the commands that would read or change the machine, and records them."""

    host = "unix:///selftest.sock"

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def call(self, command: list[str], *, check: bool = True) -> CompletedProcess[str]:
        self.asked.append(" ".join(command))
        given = [answer for start, answer in self.answers.items() if self.asked[-1].startswith(start)]
        return CompletedProcess(command, 0 if given or check else 1, given[0] if given else "", "")

    def docker(self, *arguments: str, **_options: object) -> CompletedProcess[str]:
        return self.call(["docker", *arguments], check=False)

    def changes(self, word: str) -> list[str]:
        return [command for command in self.asked if word in command.split()]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine with one route of its own, one of the lab's, and firewall rules of several owners."""
    monkeypatch.setenv("ISTIO_LAB_STATE", "/tmp/ilab-selftest-none")
    routes = [
        {"dst": "default", "gateway": "192.0.2.1"},
        {"dst": "192.0.2.0/24", "protocol": "kernel"},
        {"dst": "10.244.0.0/16", "protocol": "173", "metric": 1},
    ]
    mine = f"io.istio-conformance.lab={paths.scope():04x}/"
    answers = {"ip -json -4 route": json.dumps(routes), "iptables -w -S": RULES.format(mine=mine)}
    answers["docker network create"] = "made"
    made = Machine(answers)
    monkeypatch.setattr(firewall, "_call", made.call)
    monkeypatch.setattr(firewall, "_firewalls", lambda: ["iptables"])
    monkeypatch.setattr(firewall, "resolvers", lambda: [Range("10.255.255.53/32")])
    monkeypatch.setattr(shutil, "which", lambda *_, **__: "/usr/sbin/iptables")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return made


def _engine(machine: Machine) -> engine.Engine:
    return cast("engine.Engine", machine)


def test_ranges_in_use_exclude_the_default_route_and_the_labs_own(machine: Machine) -> None:
    assert firewall.in_use() == [Range("192.0.2.0/24"), Range("10.255.255.53/32")]


def test_network_avoids_ranges_in_use(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firewall, "resolvers", lambda: [Range("10.213.0.0/17"), Range("10.213.128.0/18")])
    made = network.create_network(_engine(machine), "run")
    assert Range(made.subnet).subnet_of(Range("10.213.192.0/18"))


def test_firewall_rules_exist_before_the_network(machine: Machine) -> None:
    network.create_network(_engine(machine), "run")
    rule = next(index for index, asked in enumerate(machine.asked) if "-I FORWARD" in asked)
    assert "network create" in machine.asked[rule + 1]


def test_machine_without_a_free_range_is_reported(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firewall, "resolvers", lambda: [Range("0.0.0.0/1"), Range("128.0.0.0/1")])
    with pytest.raises(LabError, match="no free range of 256 addresses"):
        network.create_network(_engine(machine), "run")


def test_resolvers_range_gets_no_blackhole_route(machine: Machine) -> None:
    made = network.Network("istio-lab-run", "10.213.4.0/24", "lo")
    left_out = network.guard(_engine(machine), made, "10.255.0.0/16", "10.96.0.0/16")
    assert left_out == (
        "no blackhole route for the pods' range 10.255.0.0/16: this machine uses 10.255.255.53/32",
    )
    assert [asked.split()[4] for asked in machine.changes("replace")] == ["10.213.4.0/24", "10.96.0.0/16"]


def test_engine_with_bridges_in_another_namespace_is_refused(machine: Machine) -> None:
    made = network.Network("istio-lab-run", "10.213.4.0/24", "ilab-not-here")
    with pytest.raises(LabError, match="keeps its networks elsewhere"):
        network.guard(_engine(machine), made, "10.244.0.0/16", "10.96.0.0/16")


def test_deleted_network_is_not_found(machine: Machine) -> None:
    with pytest.raises(LabError, match="the network istio-lab-run is gone"):
        network.find_network(_engine(machine), "run")


@pytest.mark.parametrize(
    ("run", "gone"), [("one", ["ilabX"]), (None, ["ilabX", "ilabY"])], ids=["one run", "all"]
)
def test_only_the_labs_own_rules_are_removed(machine: Machine, run: str | None, gone: list[str]) -> None:
    firewall.remove_rules(run)
    assert [asked.split()[5] for asked in machine.changes("-D")] == gone


def test_routes_of_another_lab_stay(machine: Machine) -> None:
    firewall.remove_routes()
    assert machine.changes("del") == []


def test_bridge_names_fit_the_limit_and_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {firewall.bridge_name("a"), firewall.bridge_name("b")}
    monkeypatch.setenv("ISTIO_LAB_STATE", "/tmp/another")
    names.add(firewall.bridge_name("a"))
    assert {len(name) for name in names} == {15}
    assert len(names) == 3


def test_only_ipv4_resolvers_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# nameserver 192.0.2.9\nnameserver 10.255.255.53\nnameserver fd00::1\nsearch example\n")
    monkeypatch.setattr(firewall, "_RESOLVER_FILES", (str(file), str(tmp_path / "none")))
    assert firewall.resolvers() == [Range("10.255.255.53/32")]


@pytest.mark.skipif(os.geteuid() != 0, reason="a packet socket needs root")
def test_egress_watch_matches_only_its_ranges_and_names() -> None:
    with (
        egress_watch.watch(["lo"], ["127.0.77.0/24"], ["Leak"]) as seeing,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        for payload, address in (
            (b"in range", "127.0.77.1"),
            (b"\x04leak\x02io", "127.0.78.1"),
            (b"", "127.0.79.1"),
        ):
            sender.sendto(payload, (address, 9))
        found = {str(packet.destination) for packet in seeing.seen()}
    assert {"127.0.77.1", "127.0.78.1"} <= found
    assert "127.0.79.1" not in found
