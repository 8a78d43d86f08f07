"""Thaws frozen containers that would otherwise block the removal of a node.

A node's runtime briefly freezes each new container. If the node is killed in that moment, the container
stays frozen. Frozen processes ignore signals, and the node's init process waits for them.
"""

from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def thaw(container: str, root: Path = ROOT) -> int:
    """Thaw a container's frozen cgroups and return how many there were. `container` is the full id."""
    thawed = 0
    # cgroup v1, then v2.
    for name, frozen, free in (("freezer.state", "FROZEN", "THAWED"), ("cgroup.freeze", "1", "0")):
        for file in root.rglob(name):
            if any(container in part for part in file.parts) and file.read_text().strip() == frozen:
                file.write_text(free)
                thawed += 1
    return thawed
