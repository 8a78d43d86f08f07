"""Manages the lab's firewall rules, blackhole routes and bridges on the host.

All of them can be found again after a kill: rules by their comment, routes by their protocol number and
metric, bridges by their name. Each carries the scope, a number that identifies the state folder, so that two
labs on one machine don't touch each other's.
"""

import hashlib
import ipaddress
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from lab.errors import LabError
from lab.host import require_root
from lab.paths import LABEL, scope

Range = ipaddress.IPv4Network

#: Routing protocol number of the lab's routes; iproute2's rt_protos does not assign it.
ROUTE_PROTOCOL = 173

#: The chain for forwarded packets, and the chain that Docker evaluates before its own rules. Source: Docker's
#: manual, "Packet filtering and firewalls".
_CHAIN, _USERS_CHAIN = "FORWARD", "DOCKER-USER"

_PREFIX = "ilab"

#: Ranges from which each of the lab's networks takes a subnet of 256 addresses.
POOLS = tuple(Range(pool) for pool in ("10.213.0.0/16", "172.29.0.0/16", "192.168.128.0/17"))

#: Bridge of an engine with default settings; the lab's own engine's name in place of a run's.
_DOCKERS, ENGINE = "docker0", "engine"
_LAST_RESORT = 4_000_000_000

_RESOLVER_FILES = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")
_SBIN = "/usr/sbin:/sbin:/usr/bin:/bin"


def bridge_name(run: str) -> str:
    """Return the name of a run's bridge: 15 characters, the kernel's limit, including the scope."""
    return f"{_PREFIX}{scope():04x}{hashlib.sha256(run.encode()).hexdigest()[:7]}"


def reject(bridge: str, run: str) -> None:
    """Reject packets that the bridge would forward to another interface; IPv6 too if the machine has it.

    The rule must be first in its chain: an engine that manages firewall rules inserts accept rules at the
    top when it creates a network. If the engine has a chain for user rules, which it always evaluates first,
    the rule goes there too.
    """
    for tables in _firewalls():
        rules = _rules(tables)
        chains = [_CHAIN, *([_USERS_CHAIN] if ["-N", _USERS_CHAIN] in rules else [])]
        for chain in chains:
            rule = [
                "-i",
                bridge,
                "!",
                "-o",
                bridge,
                "-m",
                "comment",
                "--comment",
                _comment(run),
                "-j",
                "REJECT",
            ]
            current = [words[2:] for words in rules if words[:2] == ["-A", chain]]
            positions = [number for number, words in enumerate(current, 1) if _comment(run) in words]
            if positions == [1]:
                continue
            _call([tables, "-w", "-I", chain, *rule])
            for position in reversed(positions):
                _call([tables, "-w", "-D", chain, str(position + 1)])


def blackhole(subnet: str) -> None:
    """Drop packets to a subnet that no other route serves; a bridge's route has a lower metric and wins."""
    _call(["ip", "route", "replace", "blackhole", subnet, *_ours()])


def in_use() -> list[Range]:
    """Return the ranges that this machine's routes and resolvers use, without default and lab routes."""
    return [*_routes(), *resolvers()]


def free_ranges(run: str, others: Iterable[Range] = ()) -> list[Range]:
    """Return the /24 ranges that neither this machine nor `others` use, in an order specific to the run."""
    taken = [*in_use(), *others]
    start = int(hashlib.sha256(run.encode()).hexdigest(), 16)
    found = []
    for pool in POOLS:
        subnets = list(pool.subnets(new_prefix=24))
        found += [subnets[(start + step) % len(subnets)] for step in range(len(subnets))]
    return [one for one in found if not any(one.overlaps(other) for other in taken)]


def engines_bridge() -> str | None:
    """Create a bridge for the lab's own engine if the machine has Docker's `docker0`, else return None.

    An engine with `--bridge=none` deletes the interface docker0 at its start, even another engine's
    (Docker's source: daemon/daemon_unix.go, removeDefaultBridgeInterface). Raises LabError if no range is
    free.
    """
    if not has_interface(_DOCKERS):
        return None
    name = bridge_name(ENGINE)
    if not has_interface(name):
        subnet = next(iter(free_ranges(ENGINE)), None)
        if subnet is None:
            used = ", ".join(map(str, POOLS))
            raise LabError(f"no free range of 256 addresses for a bridge: this machine uses all of {used}")
        reject(name, ENGINE)
        _call(["ip", "link", "add", name, "type", "bridge"])
        _call(["ip", "address", "add", f"{subnet[1]}/{subnet.prefixlen}", "dev", name])
    return name


def has_interface(name: str) -> bool:
    """Return whether this network namespace has the interface. (/sys may show another namespace's.)"""
    return name in [known for _, known in socket.if_nameindex()]


def leads_outside(bridge: str) -> list[str]:
    """Return the interfaces through which packets could leave: all but loopback, the bridge and its ports."""
    links = json.loads(_call(["ip", "-json", "link", "show"]).stdout)
    within = [link["ifname"] for link in links if bridge in (link["ifname"], link.get("master"))]
    return [name for link in links if (name := link["ifname"]) != "lo" and name not in within]


def remove_rules(run: str | None = None, keep: Collection[str] = ()) -> None:
    """Delete this lab's rules, identified by their comment: one run's, or those of all runs not in `keep`."""
    if shutil.which("iptables", path=_SBIN) is None:
        return
    spared = {_comment(each) for each in keep}
    for tables in _firewalls():
        for words in _rules(tables):
            mine = [word for word in words if word.startswith(_comment("")) and word not in spared]
            if words[0] == "-A" and mine and run in (None, mine[0].removeprefix(_comment(""))):
                _call([tables, "-w", "-D", *words[1:]])


def remove_routes(only: Iterable[str] | None = None) -> None:
    """Delete the lab's routes: all of them, or those for the given ranges."""
    for row in json.loads(_call(["ip", "-json", "-4", "route", "show", *_ours()[:2]]).stdout or "[]"):
        if row.get("metric") == int(_ours()[-1]) and (only is None or row["dst"] in only):
            _call(["ip", "route", "del", "blackhole", row["dst"], *_ours()])


def sweep(keep: Collection[str] = ()) -> None:
    """Remove every bridge, rule and route of this lab that no run in `keep` needs.

    Raises LabError if there is a bridge to remove and this process is not root.
    """
    spared = {bridge_name(run) for run in keep}
    for _, name in socket.if_nameindex():
        if name.startswith(f"{_PREFIX}{scope():04x}") and name not in spared:
            require_root(f"remove the bridge {name}")
            _call(["ip", "link", "delete", name])
    if os.geteuid() != 0:
        return
    remove_rules(keep=keep)
    if not keep:
        remove_routes()


def _ours() -> list[str]:
    return ["proto", str(ROUTE_PROTOCOL), "metric", str(_LAST_RESORT + scope())]


def _comment(run: str) -> str:
    return f"{LABEL}={scope():04x}/{run}"


def _rules(tables: str) -> list[list[str]]:
    """Return every rule and chain of the filter table, split into the arguments that create it."""
    return [
        [word.strip('"') for word in rule.split()] for rule in _call([tables, "-w", "-S"]).stdout.splitlines()
    ]


def _firewalls() -> list[str]:
    """Return the iptables commands that work on this machine. Raises LabError if IPv4's is missing."""
    if shutil.which("iptables", path=_SBIN) is None:
        raise LabError("iptables is missing: install it (apt-get install iptables)")
    six = shutil.which("ip6tables", path=_SBIN)
    works = six is not None and _call([six, "-w", "-S", "FORWARD"], check=False).returncode == 0
    return ["iptables", "ip6tables"] if works else ["iptables"]


def _routes() -> list[Range]:
    """Return the ranges in this machine's routing tables, without default and lab routes."""
    rows = json.loads(_call(["ip", "-json", "-4", "route", "show", "table", "all"]).stdout or "[]")
    foreign = [row for row in rows if row.get("protocol") != str(ROUTE_PROTOCOL)]
    found = [
        Range(row["dst"], strict=False) for row in foreign if row.get("dst") not in (None, "default", "all")
    ]
    return [span for span in found if span.prefixlen]


def resolvers() -> list[Range]:
    """Return the addresses of this machine's DNS resolvers, as ranges of one address."""
    lines = [
        line.split()
        for file in map(Path, _RESOLVER_FILES)
        if file.exists()
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    named = [
        words[1] for words in lines if len(words) > 1 and words[0] == "nameserver" and ":" not in words[1]
    ]
    return [Range(address) for address in named]


def _call(command: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    program = shutil.which(command[0], path=_SBIN)
    if program is None:
        package = "iproute2" if command[0] == "ip" else "iptables"
        raise LabError(f"{command[0]} is missing: install it (apt-get install {package})")
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise LabError(f"{' '.join(command)} failed ({done.returncode}): {done.stderr.strip()}")
    return done
