"""Creates one Docker network per run and keeps its packets on this machine."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from lab import cgroups, firewall
from lab.engine import PROOF, Engine
from lab.errors import LabError
from lab.firewall import Range
from lab.host import Report, require_root
from lab.paths import LABEL, OWNER_LABEL, owner, scope

#: Free ranges to try before giving up. Only two runs that choose at the same moment need a second one.
_TRIED = 8

_PREFIX = "istio-lab-"

#: kind's label on each node's container; its value is the cluster's name.
KIND_LABEL = "io.x-k8s.kind.cluster"


@dataclass(frozen=True, slots=True)
class Network:
    """A run's Docker network: its name, its subnet ("10.213.4.0/24") and its bridge on this machine."""

    name: str
    subnet: str
    bridge: str


def name_of(run: str) -> str:
    """The name of a run's network."""
    return _PREFIX + run


def create_network(engine: Engine, run: str) -> Network:
    """Create the run's network on a subnet that no route, resolver or other network of this machine uses.

    A firewall rule keeps its packets on the machine from the start. Removes an earlier network of this
    checkout with the run's name first. Raises LabError without root, if no subnet is free, and if somebody
    else's network has the name.
    """
    require_root("create a network that no packet leaves")
    name, bridge = _PREFIX + run, firewall.bridge_name(run)
    _refuse_others(engine, name)
    remove_network(engine, Network(name, "", bridge))
    free = firewall.free_ranges(run, _docker_ranges(engine))
    firewall.reject(bridge, run)
    for subnet in free[:_TRIED]:
        options = [f"--subnet={subnet}", f"--label={LABEL}={run}", f"--label={OWNER_LABEL}={owner()}"]
        options += ["--driver=bridge", f"--opt=com.docker.network.bridge.name={bridge}"]
        made = engine.docker("network", "create", *options, name, check=False)
        if made.returncode == 0:
            return Network(name, str(subnet), bridge)
        if "overlap" not in made.stderr:
            raise LabError(f"the engine failed to create the network {name}: {made.stderr.strip()}")
    tried = ", ".join(map(str, firewall.POOLS))
    raise LabError(f"no free range of 256 addresses for the lab's network: this machine uses all of {tried}")


def find_network(engine: Engine, run: str) -> Network:
    """Return the existing network of an earlier run of this name. Raises LabError if there is none."""
    name = _PREFIX + run
    shown = engine.docker("network", "inspect", name, check=False)
    if shown.returncode:
        raise LabError(f"the network {name} is gone: {shown.stderr.strip()}")
    config = json.loads(shown.stdout)[0]["IPAM"]["Config"][0]
    return Network(name, config["Subnet"], firewall.bridge_name(run))


def guard(engine: Engine, network: Network, pod_subnet: str, service_subnet: str) -> tuple[str, ...]:
    """Keep the packets of the network, pods and services on this machine.

    Returns a sentence for each blackhole route that was omitted, with the reason.

    A reject rule stops packets that the bridge would forward to another interface. A blackhole route stops
    packets that this machine would send to an unserved address of the lab's ranges. A range that a route or
    resolver of this machine uses gets no blackhole route. Raises LabError without root, or if the engine's
    networks are not on this machine.
    """
    require_root("keep the lab's packets on this machine (firewall rule, blackhole routes)")
    if not firewall.has_interface(network.bridge):
        raise LabError(
            f"the engine at {engine.host} keeps its networks elsewhere, perhaps in a virtual machine, "
            "so this machine can't block their packets; run the suite where the engine runs"
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
    """Remove the network with the run's containers, its firewall rules and its routes. Idempotent.

    Disconnects, but does not remove, a container that neither kind nor the lab created. Keeps the routes for
    the pod and service ranges while another network of this state folder needs them. Does nothing for
    another checkout's network.
    """
    if _owner_of(engine, network.name) not in (None, owner()):
        return
    _remove_docker(engine, network.name)
    firewall.remove_rules(network.name.removeprefix(_PREFIX))
    if not runs_of_this_lab(engine):
        firewall.remove_routes()
    elif network.subnet:
        firewall.remove_routes([network.subnet])


def remove_all(engine: Engine, report: Report, *, keep: Collection[str] = ()) -> None:
    """Remove every network of this checkout like `remove_network`, and leftover proof images. Idempotent.

    ``keep`` names the runs in progress, whose networks stay.
    """
    for name, label in networks(engine).items():
        if label == owner() and name.removeprefix(_PREFIX) not in keep:
            report(f"removing the network {name} and the containers on it")
            remove_network(engine, Network(name, "", ""))
    mine = (f"--filter=label={PROOF}", f"--filter=label={OWNER_LABEL}={owner()}")
    engine.docker("image", "prune", "--all", "--force", *mine)


def runs_of_this_lab(engine: Engine) -> list[str]:
    """Return the runs with a network in the engine that belong to this state folder, of any checkout."""
    found = networks(engine).items()
    return [name.removeprefix(_PREFIX) for name, label in found if label.startswith(f"{scope():04x}-")]


def networks(engine: Engine) -> dict[str, str]:
    """Return the owner label of each lab-made network by the network's name, or "" for one without it."""
    columns = f'{{{{.Name}}}}\t{{{{.Label "{OWNER_LABEL}"}}}}'
    listed = engine.docker("network", "ls", f"--filter=label={LABEL}", f"--format={columns}").stdout
    return dict(line.split("\t") for line in listed.splitlines() if "\t" in line)


def _docker_ranges(engine: Engine) -> list[Range]:
    names = engine.docker("network", "ls", "-q").stdout.split()
    shown = json.loads(engine.docker("network", "inspect", *names).stdout) if names else []
    subnets = [config.get("Subnet", "") for one in shown for config in one["IPAM"]["Config"] or []]
    return [Range(subnet) for subnet in subnets if "." in subnet]


def _owner_of(engine: Engine, name: str) -> str | None:
    """Return a network's owner label, "" if it has none, or None if there is no such network."""
    columns = f'{{{{.Name}}}}\t{{{{.Label "{OWNER_LABEL}"}}}}'
    listed = engine.docker("network", "ls", f"--filter=name={name}", f"--format={columns}").stdout
    found = dict(line.split("\t") for line in listed.splitlines() if "\t" in line)
    return found.get(name)


def _refuse_others(engine: Engine, name: str) -> None:
    if _owner_of(engine, name) not in (None, owner()):
        raise LabError(
            f"the engine already has the network {name} and this checkout did not make it: choose another "
            "cluster name, or run `make clean` in the checkout that created it"
        )


def _on(engine: Engine, network: str, *filters: str) -> list[str]:
    """Return the full ids of the containers on a network."""
    wanted = [f"--filter={one}" for one in (f"network={network}", *filters)]
    return engine.docker("ps", "-aq", "--no-trunc", *wanted).stdout.split()


def _of_the_run(engine: Engine, network: str) -> list[str]:
    """Return the containers on a network that kind or the lab created for the run."""
    run = network.removeprefix(_PREFIX)
    labels = (f"{KIND_LABEL}={run}", LABEL)
    return sorted({container for one in labels for container in _on(engine, network, f"label={one}")})


def _remove_docker(engine: Engine, name: str) -> None:
    if name not in engine.docker("network", "ls", "--format={{.Name}}").stdout.split():
        return
    if containers := _of_the_run(engine, name):
        engine.docker("rm", "-f", "-v", *containers, check=False, timeout=120)
    if left := _of_the_run(engine, name):
        for container in left:
            cgroups.thaw(container)
        engine.docker("rm", "-f", "-v", *left, timeout=120)
    for container in _on(engine, name):
        engine.docker("network", "disconnect", "--force", name, container)
    engine.docker("network", "rm", name)
