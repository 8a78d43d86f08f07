"""Finds and removes all that the lab and its runs made, after a kill -9 too; the cache stays unless told."""

import shutil
from collections.abc import Callable

from lab import engine, network
from lab.node import REPOSITORY
from lab.paths import LABEL, cache_root, state_root

Say = Callable[[str], None]


def clean(say: Say, *, cache: bool = False) -> None:
    """Remove clusters, networks, images and the lab's engine; then, with `cache`, what was built.

    An engine that was there before keeps running: only what carries the lab's label is taken from it.
    """
    running = engine.find()
    if running is None:
        network.remove_all(None, say)
    else:
        remove_leftovers(running, say)
        for image in _ids(running, "image", "ls", "--quiet", REPOSITORY):
            running.docker("image", "rm", "--force", image, check=False)
            say(f"removed node image {image}")
    engine.stop_own(say)
    if cache and cache_root().exists():
        shutil.rmtree(cache_root())
        say("removed what was built")


def remove_leftovers(running: engine.Engine, say: Say) -> None:
    """Remove runs' networks, kind's nodes on them, and what a build left; LabError if one stays."""
    network.remove_all(running, say)
    for container in _ids(running, "ps", "--all", "--quiet", "--filter", f"label={LABEL}"):
        running.docker("rm", "--force", "--volumes", container)
        say(f"removed container {container}")
    # A kept cluster's folder says that it is kept; without the cluster that is no longer so.
    shutil.rmtree(state_root() / "runs", ignore_errors=True)


def _ids(running: engine.Engine, *arguments: str) -> list[str]:
    return sorted(set(running.docker(*arguments).stdout.split()))
