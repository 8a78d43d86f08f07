"""Finds and removes all that the lab and its runs made, after a kill -9 too; the cache stays unless told."""

import shutil
from collections.abc import Callable

from lab import engine, network
from lab.errors import LabError
from lab.paths import LABEL, cache_root

Say = Callable[[str], None]


def clean(say: Say, *, cache: bool = False) -> None:
    """Remove clusters, networks, images and the lab's engine; then, with `cache`, what was built.

    An engine that was there before keeps running: only what carries the lab's label is taken from it.
    """
    running = engine.find()
    if running is not None:
        remove_leftovers(running, say)
        for image in _ids(running, "image", "ls", "--quiet", f"{node_repository()}"):
            running.docker("image", "rm", "--force", image, check=False)
            say(f"removed node image {image}")
    engine.stop_own(say)
    if cache and cache_root().exists():
        shutil.rmtree(cache_root())
        say("removed what was built")


def remove_leftovers(running: engine.Engine, say: Say) -> None:
    """Remove labelled networks, and containers that are labelled or on them; LabError where one stays.

    kind's nodes carry no label of ours: they are known by the run's own network, on which nothing else is.
    """
    containers = set(_ids(running, "ps", "--all", "--quiet", "--filter", f"label={LABEL}"))
    for name in _ids(running, "network", "ls", "--quiet", "--filter", f"label={LABEL}"):
        containers |= set(_ids(running, "ps", "--all", "--quiet", "--filter", f"network={name}"))
    for container in sorted(containers):
        removed = running.docker("rm", "--force", "--volumes", container, check=False)
        if removed.returncode:
            raise LabError(f"container {container} can't be removed: {removed.stderr.strip()}")
        say(f"removed container {container}")
    network.remove_all(running, say)


def node_repository() -> str:
    """The repository of the lab's node images in an engine."""
    from lab.node import REPOSITORY

    return REPOSITORY


def _ids(running: engine.Engine, *arguments: str) -> list[str]:
    return sorted(set(running.docker(*arguments).stdout.split()))
