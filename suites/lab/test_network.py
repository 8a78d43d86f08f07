"""No packet of the lab's networks leaves the machine, and the machine's own resolver keeps working."""

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

#: Addresses for documentation: nobody has them, and the guard stands before the way to them.
ELSEWHERE = "203.0.113.0/24"

ATTEMPTS = "for to in 203.0.113.7 10.96.0.1 10.244.0.9; do echo out >/dev/udp/$to/9; done"


def _inside(own_engine: engine.Engine, container: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of this machine in the container's network alone."""
    pid = own_engine.docker("inspect", "--format={{.State.Pid}}", container).stdout.strip()
    entering = ["nsenter", f"--net=/proc/{pid}/ns/net", *command]
    return subprocess.run(entering, capture_output=True, text=True, check=True)


def _forward(guarded: network.Network, state: str) -> None:
    """Forward what comes from the bridge ("1"), as where another engine has switched that on."""
    Path(f"/proc/sys/net/ipv4/conf/{guarded.bridge}/forwarding").write_text(state, encoding="ascii")


def _bash(own_engine: engine.Engine, container: str, script: str) -> str:
    """What the script in the container says on standard error; 15 s at most, a name is asked for once."""
    command = ["exec", "--env=RES_OPTIONS=timeout:1 attempts:1", container, "/bin/bash", "-c", script]
    return own_engine.docker(*command, check=False, timeout=15).stderr


@pytest.mark.parametrize("forwarding", ["0", "1"])
def test_nothing_of_the_lab_leaves(
    own_engine: engine.Engine, container: str, guarded: network.Network, forwarding: str
) -> None:
    """Packets to the outside, to services and to pods reach the bridge and no other interface."""
    _forward(guarded, forwarding)
    ranges = [guarded.subnet, PODS, SERVICES, ELSEWHERE]
    with (
        egress_watch.watch(firewall.leads_outside(guarded.bridge), ranges) as beyond,
        egress_watch.watch([guarded.bridge], [SERVICES, PODS, ELSEWHERE]) as within,
    ):
        _bash(own_engine, container, ATTEMPTS)
        assert len({packet.destination for packet in within.seen()}) == 3, "every attempt was made"
        assert list(map(str, beyond.seen())) == []


def test_pod_addresses_do_not_leave(
    own_engine: engine.Engine, container: str, guarded: network.Network
) -> None:
    """Packets from a pod's address, as a CNI plugin without masquerading sends them, stay on the machine."""
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


def test_forwarded_dial_to_the_outside_fails_at_once(
    own_engine: engine.Engine, container: str, guarded: network.Network
) -> None:
    """Where the machine forwards, a dial to the outside is refused and does not hang."""
    _forward(guarded, "1")
    assert "Connection refused" in _bash(own_engine, container, ": </dev/tcp/203.0.113.7/80")


def test_machine_sends_nothing_to_the_labs_ranges(guarded: network.Network) -> None:
    """What this machine sends to a pod or service that is not there stays here."""
    with egress_watch.watch(firewall.leads_outside(guarded.bridge), [PODS, SERVICES]) as beyond:
        for address in ("10.244.0.9", "10.96.0.1"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                assert sender.connect_ex((address, 9)) == errno.EINVAL, "no blackhole route"
        assert list(map(str, beyond.seen())) == []


def test_names_do_not_leave(own_engine: engine.Engine, container: str, guarded: network.Network) -> None:
    """A name that the engine's resolver does not know is asked of nobody outside."""
    name = f"leak-{secrets.token_hex(4)}"
    with egress_watch.watch(firewall.leads_outside(guarded.bridge), [guarded.subnet], [name]) as beyond:
        assert "name resolution" in _bash(own_engine, container, f": </dev/tcp/{name}.example/80")
        assert list(map(str, beyond.seen())) == []


def test_machines_resolver_answers(guarded: network.Network) -> None:
    """With the guard in place every resolver of this machine still answers a question."""
    head, tail = struct.pack(">6H", 0x4C41, 0x0100, 1, 0, 0, 0), struct.pack(">2H", 1, 1)
    question = head + b"\x09localhost\x00" + tail
    resolvers = firewall.resolvers()
    if not resolvers:
        pytest.skip("this machine has no resolver of IPv4")
    for resolver in resolvers:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(10)
            asking.sendto(question, (str(resolver.network_address), 53))
            assert asking.recv(512)[:2] == question[:2]


def test_removed_network_leaves_nothing(own_engine: engine.Engine) -> None:
    """A removed network takes its container, bridge, rules and routes with it, twice without an error."""
    made = network.create_network(own_engine, "gone")
    network.guard(own_engine, made, PODS, SERVICES)
    assert left_on_machine()
    network.remove_network(own_engine, made)
    network.remove_network(own_engine, made)
    assert left_on_machine() == ""


def test_two_runs_share_routes_until_the_last_ends(
    own_engine: engine.Engine, guarded: network.Network
) -> None:
    """A run that ends takes its own network's guard and leaves the other run's whole."""
    before = left_on_machine()
    second = network.create_network(own_engine, "second")
    assert network.guard(own_engine, second, PODS, SERVICES) == ()
    network.remove_network(own_engine, second)
    assert sorted(left_on_machine().splitlines()) == sorted(before.splitlines())


def test_network_that_was_left_is_found_as_it_is(own_engine: engine.Engine, guarded: network.Network) -> None:
    """A run that begins on a kept cluster finds its network; its guard can be made once more."""
    before = left_on_machine()
    assert network.find_network(own_engine, "probe") == guarded
    assert network.guard(own_engine, guarded, PODS, SERVICES) == ()
    assert left_on_machine() == before


def test_run_that_was_killed_is_replaced(
    own_engine: engine.Engine, container: str, guarded: network.Network
) -> None:
    """A network of the same run's name is removed with its containers, and made afresh."""
    again = network.create_network(own_engine, "probe")
    assert again == guarded
    assert own_engine.docker("ps", "--all", "--quiet", f"--filter=name={container}").stdout == ""
