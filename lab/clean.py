"""Finds and removes what this checkout made, also after a kill -9; the cache stays unless asked for."""

import re
from collections.abc import Callable

from lab import cache, daemon, engine, firewall, folders, network, node, runs, scratch
from lab.paths import LABEL, OWNER_LABEL, owner

Say = Callable[[str], None]

#: The name that an engine gives to a volume that nobody named.
_ANONYMOUS = re.compile(r"[0-9a-f]{64}")


def clean(say: Say, *, built: bool = False) -> None:
    """Remove clusters, networks, images and the lab's engine; then, with `built`, what was built.

    Only what this checkout made is removed. A run that goes on keeps its cluster, and the lab's own engine
    stays while such a run needs it or something is in it that this checkout did not make. An engine that
    was there before keeps running. LabError, with nothing removed, where a folder that the environment
    names is not the lab's.
    """
    _check_folders()
    busy = sorted(runs.busy())
    for run in busy:
        say(f"left: a run is using the cluster {run} now")
    others: list[str] = []
    running = [found for found, refusal in engine.survey() if found is not None and refusal is None]
    for each in running:
        remove_leftovers(each, say)
        for image in node.remove_tags(each):
            say(f"removed node image {image}")
        if each.own:
            others += _of_others(each)
    # Without an engine too: one that was killed has left bridges and rules on the machine.
    kept = {run for each in running for run in network.runs_of_this_lab(each)}
    firewall.sweep(keep=kept | ({firewall.ENGINE} if any(each.own for each in running) else set()))
    if needed := sorted({*busy, *others, *(["a build"] if _is_building() else [])}):
        say(f"left: the lab's own engine, which may be needed by {', '.join(needed)}")
    else:
        engine.stop_own(say)
    _remove_half_made(say)
    if built:
        folders.cache_place().remove(say)
        say("removed what was built")


def _check_folders() -> None:
    folders.check()
    where = daemon.place()
    if foreign := daemon.foreign_mounts(where):
        raise folders.not_ours(foreign[0], where.root)


def _of_others(running: engine.Engine) -> list[str]:
    """Names of what this checkout did not make in an engine: networks, containers and volumes."""
    whose = f'{{{{.Label "{OWNER_LABEL}"}}}}'
    listings = (
        ("network", "ls", "--filter=type=custom", f"--format={{{{.Name}}}}\t{whose}"),
        ("ps", "--all", f"--format={{{{.Names}}}}\t{whose}"),
        ("volume", "ls", f"--format={{{{.Name}}}}\t{whose}"),
    )
    lines = [line for listing in listings for line in running.docker(*listing).stdout.splitlines()]
    named = [name for name, label in (line.split("\t") for line in lines) if label != owner()]
    return [name for name in named if not _ANONYMOUS.fullmatch(name)]


def remove_leftovers(running: engine.Engine, say: Say) -> None:
    """Remove this checkout's networks, kind's nodes on them, and what a build left; LabError if one stays."""
    busy = set(runs.busy())
    network.remove_all(running, say, keep=busy)
    mine = f"--filter=label={OWNER_LABEL}={owner()}"
    columns = f'{{{{.ID}}}}\t{{{{.Label "{LABEL}"}}}}'
    listed = running.docker("ps", "--all", mine, f"--format={columns}").stdout
    for container, run in (line.split("\t") for line in listed.splitlines()):
        if run not in busy and not (run == node.BAKE and _is_building()):
            running.docker("rm", "--force", "--volumes", container)
            say(f"removed container {container}")
    for folder in runs.known():
        # A kept cluster's folder says that it is kept; without the cluster that is no longer so.
        if folder.name not in busy and runs.is_mine(folder):
            runs.remove(folder)


def _is_building() -> bool:
    """Whether a process is making an entry of the cache now."""
    locks = (folders.cache_place().path / "locks").glob("*")
    return any(cache.is_locked(lock) for lock in locks if not lock.name.startswith(cache.USE))


def _remove_half_made(say: Say) -> None:
    """Remove what killed processes left half-made: temporary folders, entries of the cache, imports."""
    gone = scratch.remove_leftovers()
    place = folders.cache_place()
    if place.is_ours():
        gone += cache.remove_parts(place.path)
    for path in gone:
        say(f"removed {path}, which a killed run left")
