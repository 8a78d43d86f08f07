"""The lab's own engine: its capabilities, recovery after a kill, and complete removal."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import daemon, engine, firewall, network, runtime
from suites.lab.leftovers import left_on_machine

pytestmark = pytest.mark.lab

SERVER = """
use IO::Socket::INET;
my $ear = IO::Socket::INET->new(LocalPort => 8080, Listen => 1, ReuseAddr => 1) or die $!;
while (my $caller = $ear->accept) { print $caller "here I am\\n"; close $caller }
"""

#: Exits once the server listens; it dials with bash, the only suitable program in the image.
LISTENING = "until : </dev/tcp/127.0.0.1/8080; do :; done 2>/dev/null"

START = "from lab import engine; print(engine.start_own(lambda text: None).host)"


@pytest.fixture
def served(own_engine: engine.Engine, image: str, guarded: network.Network) -> Iterator[int]:
    """The port, published on loopback, of a container that responds on it."""
    options = ["--detach", "--name=served", f"--network={guarded.name}", "--publish=127.0.0.1::8080"]
    own_engine.docker("run", *options, image, "/usr/bin/perl", "-e", SERVER)
    own_engine.docker("exec", "served", "/bin/bash", "-c", LISTENING)
    yield int(own_engine.docker("port", "served", "8080/tcp").stdout.rpartition(":")[2])
    own_engine.docker("rm", "--force", "served")


def _capabilities(own_engine: engine.Engine, container: str) -> int:
    status = own_engine.docker("exec", "--privileged", container, "/bin/cat", "/proc/self/status").stdout
    found = re.search(r"CapEff:\s*(\w+)", status)
    assert found, status
    return int(found.group(1), 16)


def test_privileged_process_has_the_machines_capabilities(own_engine: engine.Engine, container: str) -> None:
    """A privileged exec has SYS_ADMIN and no capability that this machine lacks."""
    effective = _capabilities(own_engine, container)
    assert effective & (1 << 21), f"no CAP_SYS_ADMIN in {effective:#x}"
    assert not effective & ~runtime.bounding_set()


def test_published_port_answers_only_on_loopback(served: int) -> None:
    """A port published on 127.0.0.1 reaches the container and is closed on the machine's other addresses."""
    with socket.create_connection(("127.0.0.1", served), timeout=5) as answered:
        assert answered.makefile().readline() == "here I am\n"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", served), timeout=5)


def test_engine_changes_nothing_on_the_machine(own_engine: engine.Engine) -> None:
    """The engine alone creates no firewall rule, route or bridge, except its own bridge beside docker0."""
    assert left_on_machine(with_engine=not firewall.has_interface("docker0")) == ""


@pytest.fixture
def docker0() -> Iterator[None]:
    """The interface of a default engine: the machine's, or one created here."""
    if firewall.has_interface("docker0"):
        yield
        return
    subprocess.run(["ip", "link", "add", "docker0", "type", "bridge"], check=True)
    yield
    subprocess.run(["ip", "link", "delete", "docker0"], check=True)


def test_bridge_of_another_engine_stays(
    own_engine: engine.Engine, docker0: None, where: daemon.Place
) -> None:
    """When the lab's engine starts beside a default engine, the default engine keeps docker0."""
    _kill(daemon.running(where))
    engine.start_own(print)
    assert firewall.has_interface("docker0")
    assert firewall.has_interface(firewall.bridge_name(firewall.ENGINE))


def test_concurrent_callers_get_the_same_engine(own_engine: engine.Engine, where: daemon.Place) -> None:
    """Two processes that start the engine of one folder at once end up with one engine."""
    _kill(daemon.running(where))
    command = [sys.executable, "-c", START]
    callers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert {caller.communicate(timeout=60)[0].strip() for caller in callers} == {own_engine.host}
    assert len(daemon.running(where)) == 2, "one dockerd and one containerd"


def test_killed_engine_restarts_with_its_images(
    own_engine: engine.Engine, image: str, container: str, where: daemon.Place
) -> None:
    """After kill -9 of the daemons, their shims and every container, the engine starts with its images."""
    _kill([*daemon.running(where), *daemon.members(where)])
    again = engine.start_own(print)
    assert again == own_engine
    assert again.docker("image", "inspect", image).returncode == 0
    again.docker("start", container)
    assert again.docker("exec", container, "/bin/cat", "/proc/1/comm").stdout == "sleep\n"


def test_stopped_engine_leaves_nothing(
    own_engine: engine.Engine, container: str, where: daemon.Place
) -> None:
    """Stopped with a running container, it leaves no process, mount, control group, rule, bridge or file."""
    members = daemon.members(where)
    assert members
    assert left_on_machine()
    engine.stop_own(print)
    try:
        assert not [pid for pid in members if _is_running(pid)]
        assert daemon.running(where) == []
        assert str(where.root) not in Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        assert not list(Path("/sys/fs/cgroup").glob(f"**/{where.cgroup}"))
        assert left_on_machine(with_engine=True) == ""
        assert not where.root.exists()
    finally:
        engine.start_own(print)


def test_missing_image_is_requested_from_no_registry(own_engine: engine.Engine) -> None:
    """A missing image fails at once on loopback, without a request to a registry or a resolver."""
    refused = own_engine.docker("pull", "lacking:1", check=False, timeout=5).stderr
    assert "127.0.0.1:9: connect: connection refused" in refused


def _kill(pids: list[int]) -> None:
    """Kill the processes and return once all have ended."""
    for pid in pids:
        daemon.end_process(pid, signal.SIGKILL)


def _is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}/root/").exists()
