"""Finds and removes what this checkout made, also after a kill -9; the cache stays unless asked for."""

from collections.abc import Callable

from lab import cache, daemon, engine, folders, network, node, runs, scratch
from lab.paths import LABEL, OWNER_LABEL, owner

Say = Callable[[str], None]


def clean(say: Say, *, built: bool = False) -> None:
    """Remove clusters, networks, images and the lab's engine; then, with `built`, what was built.

    Only what this checkout made is removed. A run that goes on keeps its cluster, and the lab's own engine
    stays while such a run or another checkout's cluster needs it. An engine that was there before keeps
    running. LabError, with nothing removed, where a folder that the environment names is not the lab's.
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
            others += [name for name, whose in network.networks(each).items() if whose != owner()]
    if not running:
        network.remove_all(None, say)
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
