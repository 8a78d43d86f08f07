"""Removes everything that this checkout created, even after a kill -9; keeps the cache by default."""

import re
from collections.abc import Callable

from lab import cache, daemon, engine, firewall, folders, network, node, runs, scratch
from lab.paths import LABEL, OWNER_LABEL, owner

Say = Callable[[str], None]

#: The name that an engine generates for an unnamed volume.
_ANONYMOUS = re.compile(r"[0-9a-f]{64}")


def clean(say: Say, *, built: bool = False) -> None:
    """Remove clusters, networks, images and the lab's engine; with `built`, remove the cache too.

    Removes only what this checkout created. A run in progress keeps its cluster. The lab's own engine stays
    while such a run needs it or it holds anything that this checkout did not create. An engine that the lab
    did not start keeps running. Raises LabError and removes nothing if a folder named by the environment is
    not the lab's.
    """
    _check_folders()
    busy = sorted(runs.busy())
    for run in busy:
        say(f"kept cluster {run}: a run is using it")
    others: list[str] = []
    running = [found for found, refusal in engine.survey() if found is not None and refusal is None]
    for each in running:
        remove_leftovers(each, say)
        for image in node.remove_tags(each):
            say(f"removed node image {image}")
        if each.own:
            others += _of_others(each)
    if not any(each.own for each in running):
        others += _of_others_on_disk()
    others += [f"run {folder.name}" for folder in runs.known() if not runs.is_removable(folder)]
    # Sweep even without an engine: a killed engine leaves bridges and rules on the machine.
    remaining = {run for each in running for run in network.runs_of_this_lab(each)}
    firewall.sweep(keep=remaining | ({firewall.ENGINE} if any(each.own for each in running) else set()))
    if needed := sorted({*busy, *others, *(["a build"] if _is_building() else [])}):
        say(f"kept the lab's own engine: it may still be in use by {', '.join(needed)}")
    else:
        engine.stop_own(say)
    _remove_half_made(say)
    if built:
        folders.cache_place().remove(say)
        say("removed the cache")


def _check_folders() -> None:
    folders.check()
    where = daemon.place()
    if foreign := daemon.foreign_mounts(where):
        raise folders.not_ours(foreign[0], where.root)


def _of_others_on_disk() -> list[str]:
    """Return what others may have in the lab's own engine, which does not run and so can't be asked.

    These are the other checkouts that have started it and still exist, and the named volumes.
    """
    where = daemon.place()
    if not (where.root / "data").is_dir():
        return []
    volumes = [path.name for path in sorted((where.root / "data" / "volumes").glob("*")) if path.is_dir()]
    named = [f"volume {name}" for name in volumes if not _ANONYMOUS.fullmatch(name)]
    return [*(f"checkout {digits}" for digits in cache.other_checkouts(where.root)), *named]


def _of_others(running: engine.Engine) -> list[str]:
    """Return the names of an engine's networks, containers and volumes that this checkout did not create."""
    label_of_owner = f'{{{{.Label "{OWNER_LABEL}"}}}}'
    images = running.docker("image", "ls", "--format={{.Repository}}:{{.Tag}}").stdout.splitlines()
    foreign = [f"image {image}" for image in images if not node.is_of_the_lab(image)]
    listings = (
        ("network", "ls", "--filter=type=custom", f"--format={{{{.Name}}}}\t{label_of_owner}"),
        ("ps", "--all", f"--format={{{{.Names}}}}\t{label_of_owner}"),
        ("volume", "ls", f"--format={{{{.Name}}}}\t{label_of_owner}"),
    )
    lines = [line for listing in listings for line in running.docker(*listing).stdout.splitlines()]
    named = [name for name, label in (line.split("\t") for line in lines) if label != owner()]
    return [*foreign, *(name for name in named if not _ANONYMOUS.fullmatch(name))]


def remove_leftovers(running: engine.Engine, say: Say) -> None:
    """Remove this checkout's networks with their kind nodes, and containers that a build left.

    Raises LabError if the engine fails to remove one.
    """
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
        # The folder of a kept cluster records the cluster, which is gone by now.
        if folder.name not in busy and runs.is_removable(folder):
            runs.remove(folder)


def _is_building() -> bool:
    """Return whether any process is building a cache entry now."""
    locks = (folders.cache_place().path / "locks").glob("*")
    return any(cache.is_locked(lock) for lock in locks if not lock.name.startswith(cache.USE))


def _remove_half_made(say: Say) -> None:
    """Remove what killed processes left behind: temporary folders, partial cache entries and imports."""
    removed = scratch.remove_leftovers()
    place = folders.cache_place()
    if place.is_ours():
        removed += cache.remove_parts(place.path)
    for path in removed:
        say(f"removed {path}, left by a killed run")
