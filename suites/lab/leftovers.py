"""What a run or a lab has left in an engine and on the machine."""

import subprocess

from lab import engine, firewall, paths
from lab.paths import LABEL


def left_of(running: engine.Engine, run: str) -> list[str]:
    """Containers and networks of a run that are still there."""
    containers = running.docker("ps", "--all", "--format={{.Names}}").stdout.split()
    networks = running.docker("network", "ls", "--format={{.Name}}").stdout.split()
    return [name for name in (*containers, *networks) if run in name]


def left_on_machine(*, with_engine: bool = False) -> str:
    """This lab's firewall rules, routes and bridges on the machine, as its own tools list them.

    The bridge that an engine of the lab's own has beside docker0 is left out unless requested.
    """
    commands = (["iptables-save"], ["ip", "route"], ["ip", "-brief", "link"])
    listed = [_output(*command) for command in commands]
    scope = paths.scope()
    marks = (f"={scope:04x}/", str(4_000_000_000 + scope), f"ilab{scope:04x}")
    of_engine = (f"{LABEL}={scope:04x}/{firewall.ENGINE}", firewall.bridge_name(firewall.ENGINE))
    lines = [
        line
        for text in listed
        for line in text.splitlines()
        if with_engine or not any(mark in line for mark in of_engine)
    ]
    return "\n".join(line for line in lines if any(mark in line for mark in marks))


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
