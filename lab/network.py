"""One Docker network for each run, and a guard that lets nothing of it leave the machine.

Everything made here can be found again after a kill: networks by the label, firewall rules by their comment, routes by
their protocol number.
"""

import hashlib
import ipaddress
import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.engine import Engine
from lab.errors import LabError
from lab.host import Report, require_root
from lab.paths import LABEL

Range = ipaddress.IPv4Network

#: Routing protocol number of the lab's routes; nothing in iproute2's rt_protos uses it.
ROUTE_PROTOCOL = 173

#: The lab's networks are cut from these, one of 256 addresses each; the ranges that home routers, Docker and kind
#: start with come last.
_POOLS = tuple(ipaddress.IPv4Network(pool) for pool in ("10.213.0.0/16", "172.29.0.0/16", "192.168.128.0/17"))

_RESOLVER_FILES = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")
_SBIN = "/usr/sbin:/sbin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Network:
    """A run's Docker network: its name, its addresses ("10.213.4.0/24") and its bridge on this machine."""

    name: str
    subnet: str
    bridge: str


def create_network(engine: Engine, run: str) -> Network:
    """Make the run's network, on addresses that no route, resolver or other network of this machine uses.

    Made again under the same run's name, the left-over is removed first. Raises LabError if nothing is free.
    """
    network = Network(f"istio-lab-{run}", "", _bridge(run))
    remove_network(engine, network)
    taken = [*_routes(), *_resolvers(), *_docker_subnets(engine)]
    start = int(hashlib.sha256(run.encode()).hexdigest(), 16)
    free = [subnet for subnet in _candidates(start) if not any(subnet.overlaps(other) for other in taken)]
    for subnet in free[:8]:
        # Another run may take the same addresses at the same moment: the engine refuses the second, the next is tried.
        made = engine.docker(
            "network", "create", "--driver=bridge", f"--subnet={subnet}", f"--label={LABEL}={run}",
            f"--opt=com.docker.network.bridge.name={network.bridge}", network.name, check=False,
        )  # fmt: skip
        if made.returncode == 0:
            return Network(network.name, str(subnet), network.bridge)
        if "overlap" not in made.stderr:
            raise LabError(f"the engine made no network: {made.stderr.strip()}")
    raise LabError("no free range of 256 addresses for the lab's network: all of " + ", ".join(map(str, _POOLS))
                   + " collide with routes or networks of this machine")


def guard(engine: Engine, network: Network, pod_subnet: str, service_subnet: str) -> tuple[str, ...]:
    """Keep the network's, pods' and services' packets on this machine; returns what was left out and why.

    A reject rule stops what the bridge would forward to anywhere else; a blackhole route stops what this machine
    would send to a range of the lab's that nothing serves. A range that a route or a resolver of this machine uses gets
    no such route. Raises LabError without root, or if the engine's networks are not this machine's.
    """
    require_root("keep the lab's packets on this machine (firewall rule, blackhole routes)")
    if not Path("/sys/class/net", network.bridge).exists():
        raise LabError(f"the engine at {engine.host} keeps its networks elsewhere (a virtual machine?): "
                       "its packets cannot be kept from the outside from here")
    run = network.name.removeprefix("istio-lab-")
    for tables in _firewalls():
        rule = ["FORWARD", "-i", network.bridge, "!", "-o", network.bridge, *_comment(run), "-j", "REJECT"]
        if _call([tables, "-w", "-C", *rule], check=False).returncode:
            _call([tables, "-w", "-I", *rule])
    left_out = []
    taken = [*_routes(), *_resolvers()]
    for name, subnet in (("network", network.subnet), ("pod", pod_subnet), ("service", service_subnet)):
        span = Range(subnet)
        if name != "network" and (other := next((one for one in taken if one.overlaps(span)), None)):
            left_out.append(f"no blackhole route for the {name} range {subnet}: this machine uses {other}")
            continue
        _call(["ip", "route", "replace", "blackhole", subnet, "proto", str(ROUTE_PROTOCOL), "metric", "4000000000"])
    return tuple(left_out)


def remove_network(engine: Engine, network: Network) -> None:
    """Remove the network with every container on it, and its guard; idempotent.

    The routes for the pod and service ranges stay while another of the lab's networks is there: they share them.
    """
    _remove_docker(engine, network.name)
    _remove_rules(network.name.removeprefix("istio-lab-"))
    if network.subnet:
        _remove_routes([network.subnet])
    if not _listed(engine, f"label={LABEL}"):
        _remove_routes()


def remove_all(engine: Engine | None, report: Report) -> None:
    """Remove every network of the lab, with containers, bridges, rules and routes; ``engine`` None if it is gone."""
    for name in _listed(engine, f"label={LABEL}") if engine else []:
        report(f"removing the network {name} and the containers on it")
        _remove_docker(engine, name)
    for interface in Path("/sys/class/net").glob("istiolab*"):
        require_root(f"remove the bridge {interface.name}")
        _call(["ip", "link", "delete", interface.name])
    _remove_rules(None)
    _remove_routes()


def _bridge(run: str) -> str:
    return "istiolab" + hashlib.sha256(run.encode()).hexdigest()[:7]


def _candidates(start: int) -> Iterator[Range]:
    for pool in _POOLS:
        subnets = list(pool.subnets(new_prefix=24))
        yield from (subnets[(start + step) % len(subnets)] for step in range(len(subnets)))


def _routes() -> list[Range]:
    """What this machine's routing tables name, but for the default routes and the lab's own."""
    rows = json.loads(_call(["ip", "-json", "-4", "route", "show", "table", "all"]).stdout or "[]")
    foreign = [row for row in rows if row.get("protocol") != str(ROUTE_PROTOCOL)]
    found = [Range(row["dst"], strict=False) for row in foreign if row.get("dst") not in (None, "default", "all")]
    return [span for span in found if span.prefixlen]


def _resolvers() -> list[Range]:
    lines = [line.split() for file in map(Path, _RESOLVER_FILES) if file.exists()
             for line in file.read_text(encoding="utf-8").splitlines()]
    named = [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver" and ":" not in words[1]]
    return [Range(address) for address in named]


def _docker_subnets(engine: Engine) -> list[Range]:
    names = engine.docker("network", "ls", "-q").stdout.split()
    if not names:
        return []
    shown = json.loads(engine.docker("network", "inspect", *names).stdout)
    subnets = [config["Subnet"] for one in shown for config in one["IPAM"]["Config"] or [] if "Subnet" in config]
    return [Range(subnet) for subnet in subnets if ":" not in subnet]


def _listed(engine: Engine, *filters: str) -> list[str]:
    chosen = [f"--filter={one}" for one in filters]
    return engine.docker("network", "ls", *chosen, "--format", "{{.Name}}").stdout.split()


def _remove_docker(engine: Engine, name: str) -> None:
    if name not in _listed(engine, f"name={name}"):
        return
    containers = engine.docker("ps", "-aq", f"--filter=network={name}").stdout.split()
    if containers:
        engine.docker("rm", "-f", "-v", *containers, timeout=120)
    engine.docker("network", "rm", name)


def _comment(run: str) -> list[str]:
    return ["-m", "comment", "--comment", f"{LABEL}={run}"]


def _firewalls() -> list[str]:
    """The firewall programs that this machine has and whose kernel side works; IPv4's must."""
    if shutil.which("iptables", path=_SBIN) is None:
        raise LabError("iptables is missing: install it (apt-get install iptables)")
    six = shutil.which("ip6tables", path=_SBIN)
    works = six is not None and _call([six, "-w", "-S", "FORWARD"], check=False).returncode == 0
    return ["iptables", "ip6tables"] if works else ["iptables"]


def _remove_rules(run: str | None) -> None:
    """Delete the rules that carry the lab's comment, of one run or of all."""
    if shutil.which("iptables", path=_SBIN) is None:
        return
    for tables in _firewalls():
        for rule in _call([tables, "-w", "-S", "FORWARD"]).stdout.splitlines():
            words = [word.strip('"') for word in rule.split()]
            if any(word == f"{LABEL}={run}" or (run is None and word.startswith(f"{LABEL}=")) for word in words):
                _call([tables, "-w", "-D", *words[1:]])


def _remove_routes(only: Iterable[str] | None = None) -> None:
    ours = json.loads(_call(["ip", "-json", "-4", "route", "show", "proto", str(ROUTE_PROTOCOL)]).stdout or "[]")
    for row in ours:
        if only is None or row["dst"] in only:
            _call(["ip", "route", "del", "blackhole", row["dst"], "proto", str(ROUTE_PROTOCOL)])


def _call(command: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    program = shutil.which(command[0], path=_SBIN)
    if program is None:
        raise LabError(f"{command[0]} is missing: install it (apt-get install {command[0].replace('ip', 'iproute2')})")
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise LabError(f"{' '.join(command)} failed ({done.returncode}): {done.stderr.strip()}")
    return done
