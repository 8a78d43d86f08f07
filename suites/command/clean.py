"""`istio-conformance clean`: remove what runs of the published Istio left in the Docker engine."""

import argparse
import sys
from collections.abc import Sequence

from fixtures.clients.command import CommandFailed
from fixtures.distributions.base import Unavailable
from fixtures.distributions.upstream import leftovers
from fixtures.distributions.upstream.engine import DockerEngine
from fixtures.distributions.upstream.store import RUNS, usual_folder


def main(arguments: Sequence[str]) -> int:
    """Remove the leftovers and say what was removed. Return 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(
        prog="istio-conformance clean",
        description="Remove the clusters that runs with --distribution upstream kept, and what killed runs "
        "left: nodes, networks and their folders. Runs in progress, downloaded files and everything that the "
        "project did not make stay. `istio-conformance lab clean` does the same for the lab.",
    )
    parser.parse_args(arguments)
    engine, runs = DockerEngine(), usual_folder() / RUNS
    if not any(runs.glob("*")):
        print("[clean] no run of the published Istio left anything")
        return 0
    try:
        engine.check()
        leftovers.remove(engine, runs, lambda line: print(f"[clean] {line}"))
    except (CommandFailed, Unavailable, OSError) as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return 1
    return 0
