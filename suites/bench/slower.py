"""Emulate a slower machine: limit the nodes of this checkout's lab clusters to a number of cores."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from lab import engine
from lab.errors import LabError
from lab.paths import OWNER_LABEL, owner

#: Seconds between two looks for new nodes. A node is limited long before Istio is installed in it.
_LOOK_EVERY = 1.0
#: Values of Istio's charts, for sidecars and for istioctl's own gateway.
_ONE_CORE = """\
global: {proxy: {resources: {limits: {cpu: 1000m}}}}
gateways: {istio-ingressgateway: {resources: {limits: {cpu: 1000m}}}}
"""


@contextmanager
def limited(cores: float | None, folder: Path) -> Iterator[list[str]]:
    """Give each node of this checkout that appears at most this many cores; None for no limit.

    The control group of the node holds everything that is measured: Kubernetes, Istio, the apps and the
    client in the mesh. The generator outside and the suite itself keep the machine's other cores. Yields
    options for the upgrade: in cgroup v1 no container may have a higher limit than the node, so Istio's own
    limit of two cores for each proxy becomes one. LabError if no engine runs, or if no node was limited.
    """
    if cores is None:
        yield []
        return
    values = folder / "limits-of-proxies.yaml"
    values.write_text(_ONE_CORE, encoding="utf-8")
    running = engine.find()
    if running is None:
        raise LabError("no engine runs; start one with `istio-conformance lab build`")
    over, done = Event(), set[str]()

    def limit() -> None:
        while not over.wait(_LOOK_EVERY):
            for node in _nodes(running) - done:
                running.docker("update", f"--cpus={cores}", node)
                done.add(node)

    with ThreadPoolExecutor(1, "slower") as thread:
        limiting = thread.submit(limit)
        try:
            yield [f"--istio-values={values}"]
        finally:
            over.set()
    limiting.result()
    if not done:
        raise LabError(f"no node was limited to {cores:g} cores")


def _nodes(running: engine.Engine) -> set[str]:
    mine = f"--filter=label={OWNER_LABEL}={owner()}"
    networks = running.docker("network", "ls", mine, "--format={{.Name}}").stdout.split()
    listed = (
        running.docker("ps", f"--filter=network={network}", "--format={{.ID}}").stdout.split()
        for network in networks
    )
    return {node for nodes in listed for node in nodes}
