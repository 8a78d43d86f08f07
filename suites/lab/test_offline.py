"""After one build nothing is downloaded: a run passes in a network namespace that has only loopback."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lab.paths import PROJECT

pytestmark = pytest.mark.lab

#: The engine, the cluster and the suite all start and stop inside the namespace.
RUN = """
set -eu
ip link set lo up
[ -z "$(ip route)" ]
status=0
"$PYTHON" -m pytest suites/article --alluredir="$RESULTS" -p no:cacheprovider || status=$?
"$PYTHON" -m lab clean
exit $status
"""


def test_complete_run_needs_no_network(tmp_path: Path) -> None:
    """With the lab built, every stage passes where no packet can leave and no name can be resolved."""
    results = tmp_path / "results"
    # Not below pytest's folder: the paths of the engine's sockets may have at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="ilab-") as state:
        own = {"PYTHON": sys.executable, "RESULTS": str(results), "ISTIO_LAB_STATE": f"{state}/state"}
        environment = {name: value for name, value in os.environ.items() if name != "DOCKER_HOST"} | own
        command = ["unshare", "--net", "bash", "-c", RUN]
        ran = subprocess.run(
            command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
        )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert list(results.glob("*-result.json"))
