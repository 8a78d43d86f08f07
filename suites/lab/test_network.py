"""No packet of the lab's networks leaves the machine, and the machine's resolvers keep working."""

import errno
import secrets
import socket
import struct
import subprocess
from pathlib import Path

import pytest

from lab import engine, firewall, network
from suites.lab import egress_watch
from suites.lab.leftovers import left_on_machine

pytestmark = pytest.mark.lab

PODS, SERVICES = "10.244.0.0/16", "10.96.0.0/16"

#: Documentation addresses (RFC 5737): unassigned, and behind the lab's firewall rules.
ELSEWHERE = "203.0.113.0/24"

ATTEMPTS = "for to in 203.0.113.7 10.96.0.1 10.244.0.9; do echo out >/dev/udp/$to/9; done"


def _inside(own_engine: engine.Engine, container: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of this machine in the container's network namespace only."""
    pid = own_engine.docker("inspect", "--format={{.State.Pid}}", container).stdout.strip()
    entering = ["nsenter", f"--net=/proc/{pid}/ns/net", *command]
    return subprocess.run(entering, capture_output=True, text=True, check=True)


def _forward(guarded: network.Network, state: str) -> None:
    """Enable forwarding from the bridge ("1"), as another engine may have done."""
    Path(f"/proc/sys/net/ipv4/conf/{guarded.bridge}/forwarding").write_text(state, encoding="ascii")


def _bash(own_engine: engine.Engine, container: str, script: str) -> str:
    """The script's standard error in the container; limited to 15 s, with one DNS attempt per name."""
    command = ["exec", "--env=RES_OPTIONS=timeout:1 attempts:1", container, "/bin/bash", "-c", script]
    return own_engine.docker(*command, check=False, timeout=15).stderr


@pytest.mark.parametrize("forwarding", ["0", "1"])
def test_no_packet_of_the_lab_leaves_the_machine(
    own_engine: engine.Engine, container: str, guarded: network.Network, forwarding: str
) -> None:
    """Packets to outside addresses, services and pods reach the bridge and no other interface."""
    _forward(guarded, forwarding)
    ranges = [guarded.subnet, PODS, SERVICES, ELSEWHERE]
    with (
        egress_watch.watch(firewall.leads_outside(guarded.bridge), ranges) as beyond,
        egress_watch.watch([guarded.bridge], [SERVICES, PODS, ELSEWHERE]) as within,
    ):
        _bash(own_engine, container, ATTEMPTS)
        assert len({packet.destination for packet in within.seen()}) == 3, "every attempt was made"
        assert list(map(str, beyond.seen())) == []


def test_packets_with_pod_addresses_do_not_leave_the_machine(
    own_engine: engine.Engine, container: str, guarded: network.Network
) -> None:
    """Packets with a pod's source address, as sent without masquerading, stay on the machine."""
    _forward(guarded, "1")
    _inside(own_engine, container, "ip", "address", "add", "10.244.0.5/32", "dev", "eth0")
    gateway = guarded.subnet.replace(".0/24", ".1")
    _inside(own_engine, container, "ip", "route", "add", ELSEWHERE, "via", gateway, "src", "10.244.0.5")
    with (
        egress_watch.watch(firewall.leads_outside(guarded.bridge), [PODS, ELSEWHERE]) as beyond,
        egress_watch.watch([guarded.bridge], [PODS]) as within,
    ):
        _bash(own_engine, container, "echo out >/dev/udp/203.0.113.7/9")
        assert f"{guarded.bridge}: 10.244.0.5 to 203.0.113.7" in map(str, within.seen())
        assert list(map(str, beyond.seen())) == []


def test_forwarded_connection_to_the_outside_fails_at_once(
    own_engine: engine.Engine, container: str, guarded: network.Network
) -> None:
    """On a machine that forwards packets, a connection to the outside is refused and does not hang."""
    _forward(guarded, "1")
    assert "Connection refused" in _bash(own_engine, container, ": </dev/tcp/203.0.113.7/80")


def test_packets_to_the_labs_ranges_stay_on_the_machine(guarded: network.Network) -> None:
    """Packets from this machine to an absent pod or service stay on it."""
    with egress_watch.watch(firewall.leads_outside(guarded.bridge), [PODS, SERVICES]) as beyond:
        for address in ("10.244.0.9", "10.96.0.1"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                assert sender.connect_ex((address, 9)) == errno.EINVAL, "no blackhole route"
        assert list(map(str, beyond.seen())) == []


def test_dns_queries_do_not_leave_the_machine(
    own_engine: engine.Engine, container: str, guarded: network.Network
) -> None:
    """The engine's resolver forwards no unknown name to the outside."""
    name = f"leak-{secrets.token_hex(4)}"
    with egress_watch.watch(firewall.leads_outside(guarded.bridge), [guarded.subnet], [name]) as beyond:
        assert "name resolution" in _bash(own_engine, container, f": </dev/tcp/{name}.example/80")
        assert list(map(str, beyond.seen())) == []


def test_machines_resolvers_answer_with_the_firewall_rules(guarded: network.Network) -> None:
    """With the firewall rules in place, every resolver of this machine still answers."""
    head, tail = struct.pack(">6H", 0x4C41, 0x0100, 1, 0, 0, 0), struct.pack(">2H", 1, 1)
    question = head + b"\x09localhost\x00" + tail
    resolvers = firewall.resolvers()
    if not resolvers:
        pytest.skip("this machine has no IPv4 resolver")
    for resolver in resolvers:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(10)
            asking.sendto(question, (str(resolver.network_address), 53))
            assert asking.recv(512)[:2] == question[:2]


def test_removed_network_leaves_nothing(own_engine: engine.Engine) -> None:
    """Removing a network removes its container, bridge, rules and routes; doing so twice is no error."""
    made = network.create_network(own_engine, "gone")
    network.guard(own_engine, made, PODS, SERVICES)
    assert left_on_machine()
    network.remove_network(own_engine, made)
    network.remove_network(own_engine, made)
    assert left_on_machine() == ""


def test_shared_routes_stay_until_the_last_run_ends(
    own_engine: engine.Engine, guarded: network.Network
) -> None:
    """A run that ends removes the rules of its own network and leaves the other run's intact."""
    before = left_on_machine()
    second = network.create_network(own_engine, "second")
    assert network.guard(own_engine, second, PODS, SERVICES) == ()
    network.remove_network(own_engine, second)
    assert sorted(left_on_machine().splitlines()) == sorted(before.splitlines())


def test_existing_network_of_a_kept_cluster_is_found(
    own_engine: engine.Engine, guarded: network.Network
) -> None:
    """A run on a kept cluster finds the existing network, and can create its rules again."""
    before = left_on_machine()
    assert network.find_network(own_engine, "probe") == guarded
    assert network.guard(own_engine, guarded, PODS, SERVICES) == ()
    assert left_on_machine() == before


def test_network_of_a_killed_run_is_replaced(
    own_engine: engine.Engine, container: str, guarded: network.Network
) -> None:
    """A network left under the run's name is removed with its containers and created again."""
    again = network.create_network(own_engine, "probe")
    assert again == guarded
    assert own_engine.docker("ps", "--all", "--quiet", f"--filter=name={container}").stdout == ""
