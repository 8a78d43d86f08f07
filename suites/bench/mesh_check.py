"""Time `mesh check` on a mesh of hundreds of differing proxies, served by a local API server."""

import os
import resource
import tempfile
from pathlib import Path

from suites.bench.large_mesh import LargeMesh
from suites.bench.timed import COMMAND, timed
from suites.selftest.fake_api_server import fake_api_server
from suites.selftest.mesh_server import REVIEW, kubectl_for, serve

#: The goal, in seconds, for 500 proxies on two cores.
GOAL, PROXIES = 90.0, 500
#: The exit codes of a check that looked: no error, or some.
_CHECKED = (0, 1)


def check(runs: int, proxies: int = PROXIES) -> None:
    """Print the time of the command and the memory that it needed, for each run."""
    large = LargeMesh(proxies)
    kinds = large.mesh.objects.kinds.values()
    count = sum(len(each) for each in kinds if not isinstance(each, Exception))
    print(f"{len(large.rows)} proxies, {count} objects, served from this process", flush=True)
    with tempfile.TemporaryDirectory() as folder, fake_api_server(Path(folder)) as server:
        serve(server, large.mesh)
        server.answers[REVIEW].clear()
        server.on(REVIEW, {"status": {"allowed": True}})
        server.on("GET /debug/syncz", large.rows)  # type: ignore[arg-type]
        kubectl = kubectl_for(server, Path(folder), forwards=True)
        options = [f"--kubeconfig={server.kubeconfig}", f"--kubectl={kubectl}", "--next=1.31"]
        for number in range(1, runs + 1):
            log = Path(folder) / "log"
            took, status = timed([*COMMAND, "mesh", "check", *options], os.environ, log)
            last = log.read_text().rstrip().splitlines()[-1]
            if status not in _CHECKED:
                raise RuntimeError(last)
            used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(
                f"run {number}: {took:.1f} s, goal {GOAL:.0f} s, at most {used:.0f} MiB; {last}", flush=True
            )
