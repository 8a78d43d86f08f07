"""One Docker network for each run, and a guard that lets nothing of it leave the machine."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from lab import firewall, freezer
from lab.engine import PROOF, Engine
from lab.errors import LabError
from lab.firewall import Range
from lab.host import Report, require_root
from lab.paths import LABEL

#: The lab's networks are cut from these, one of 256 addresses each.
_POOLS = tuple(Range(pool) for pool in ("10.213.0.0/16", "172.29.0.0/16", "192.168.128.0/17"))

#: Free ranges tried before giving up; a second one is needed only where two runs choose at the same moment.
_TRIED = 8

_PREFIX = "istio-lab-"


@dataclass(frozen=True, slots=True)
class Network:
    """A run's Docker network: its name, its addresses ("10.213.4.0/24") and its bridge on this machine."""

    name: str
    subnet: str
    bridge: str


def create_network(engine: Engine, run: str) -> Network:
    """Make the run's network, on addresses that no route, resolver or other network of this machine uses.

    Its packets are kept on the machine from the start. What was left under the run's name is removed first.
    Raises LabError without root or where nothing is free.
    """
    require_root("make a network that nothing leaves")
    name, bridge = _PREFIX + run, firewall.bridge_name(run)
    remove_network(engine, Network(name, "", bridge))
    taken = [*firewall.in_use(), *_docker_ranges(engine)]
    free = [one for one in _candidates(run) if not any(one.overlaps(other) for other in taken)]
    firewall.reject(bridge, run)
    for subnet in free[:_TRIED]:
        options = [f"--subnet={subnet}", f"--label={LABEL}={run}"]
        options += ["--driver=bridge", f"--opt=com.docker.network.bridge.name={bridge}"]
        made = engine.docker("network", "create", *options, name, check=False)
        if made.returncode == 0:
            return Network(name, str(subnet), bridge)
        if "overlap" not in made.stderr:
            raise LabError(f"the engine made no network: {made.stderr.strip()}")
    tried = ", ".join(map(str, _POOLS))
    raise LabError(f"no free range of 256 addresses for the lab's network: this machine uses all of {tried}")


def find_network(engine: Engine, run: str) -> Network:
    """The network that an earlier run of this name left, as it is; LabError if there is none."""
    name = _PREFIX + run
    shown = engine.docker("network", "inspect", name, check=False)
    if shown.returncode:
        raise LabError(f"the network {name} is gone: {shown.stderr.strip()}")
    config = json.loads(shown.stdout)[0]["IPAM"]["Config"][0]
    return Network(name, config["Subnet"], firewall.bridge_name(run))


def guard(engine: Engine, network: Network, pod_subnet: str, service_subnet: str) -> tuple[str, ...]:
    """Keep the network's, pods' and services' packets on this machine; returns what was left out and why.

    A reject rule stops what the bridge would forward to anywhere else; a blackhole route stops what this
    machine would send to a range of the lab's that nothing serves. A range that a route or a resolver of this
    machine uses gets no such route. Raises LabError without root, or if the engine's networks are elsewhere.
    """
    require_root("keep the lab's packets on this machine (firewall rule, blackhole routes)")
    if not firewall.has_interface(network.bridge):
        raise LabError(
            f"the engine at {engine.host} keeps its networks elsewhere (in a virtual machine?): "
            "its packets can't be kept from the outside here; run the suite where the engine runs"
        )
    firewall.reject(network.bridge, network.name.removeprefix(_PREFIX))
    firewall.blackhole(network.subnet)
    left_out = []
    taken = firewall.in_use()
    for name, subnet in (("pods", pod_subnet), ("services", service_subnet)):
        if other := next((one for one in taken if one.overlaps(Range(subnet))), None):
            left_out.append(f"no blackhole route for the {name}' range {subnet}: this machine uses {other}")
        else:
            firewall.blackhole(subnet)
    return tuple(left_out)


def remove_network(engine: Engine, network: Network) -> None:
    """Remove the network with every container on it, and its guard; idempotent.

    Routes for the pod and service ranges stay while another of the lab's networks is there: they share them.
    """
    _remove_docker(engine, network.name)
    firewall.remove_rules(network.name.removeprefix(_PREFIX))
    if not _labelled(engine):
        firewall.remove_routes()
    elif network.subnet:
        firewall.remove_routes([network.subnet])


def remove_all(engine: Engine | None, report: Report) -> None:
    """Remove every network of the lab, with containers, bridges, rules and routes; idempotent.

    ``engine`` is None if none is running: what it left on the machine is removed all the same.
    """
    if engine is not None:
        for name in _labelled(engine):
            report(f"removing the network {name} and the containers on it")
            _remove_docker(engine, name)
        engine.docker("image", "prune", "--all", "--force", f"--filter=label={PROOF}")
    firewall.sweep()


def _candidates(run: str) -> Iterator[Range]:
    """Every range of the pools once, each run beginning at another."""
    start = int(hashlib.sha256(run.encode()).hexdigest(), 16)
    for pool in _POOLS:
        subnets = list(pool.subnets(new_prefix=24))
        yield from (subnets[(start + step) % len(subnets)] for step in range(len(subnets)))


def _docker_ranges(engine: Engine) -> list[Range]:
    names = engine.docker("network", "ls", "-q").stdout.split()
    shown = json.loads(engine.docker("network", "inspect", *names).stdout) if names else []
    subnets = [config.get("Subnet", "") for one in shown for config in one["IPAM"]["Config"] or []]
    return [Range(subnet) for subnet in subnets if "." in subnet]


def _labelled(engine: Engine) -> list[str]:
    return engine.docker("network", "ls", f"--filter=label={LABEL}", "--format={{.Name}}").stdout.split()


def _on(engine: Engine, network: str) -> list[str]:
    """The containers on a network, by their whole ids."""
    return engine.docker("ps", "-aq", "--no-trunc", f"--filter=network={network}").stdout.split()


def _remove_docker(engine: Engine, name: str) -> None:
    if name not in engine.docker("network", "ls", "--format={{.Name}}").stdout.split():
        return
    if containers := _on(engine, name):
        engine.docker("rm", "-f", "-v", *containers, check=False, timeout=120)
    if left := _on(engine, name):
        for container in left:
            freezer.thaw(container)
        engine.docker("rm", "-f", "-v", *left, timeout=120)
    engine.docker("network", "rm", name)
