"""A second lab engine, separate from the one that runs clusters, so that tests can kill it."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.clients.kube import Resource
from fixtures.clusters.base import Cluster
from lab import daemon, engine, network
from lab.paths import LABEL, PROJECT
from suites.lab.mesh_runner import Runner, runner_of

#: Programs of this machine that go into the test image, with the libraries they load.
PROGRAMS = ("/bin/bash", "/bin/cat", "/bin/sleep", "/usr/bin/perl")

# Every run that these tests start is of the lab, unless it names another distribution.
os.environ.setdefault("PYTEST_ADDOPTS", "--distribution=lab")


@pytest.fixture(scope="module")
def own_engine() -> Iterator[engine.Engine]:
    """An engine started below a temporary folder, stopped with everything in it."""
    if os.geteuid() != 0:
        pytest.skip("only root can start the lab's own engine")
    if shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("no dockerd is installed: the lab uses an existing engine")
    # Not pytest's folder: the paths of the engine's sockets may have at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="ilab-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISTIO_LAB_STATE", f"{folder}/state")
        patch.delenv("DOCKER_HOST", raising=False)
        try:
            yield engine.start_own(print)
        finally:
            engine.stop_own(print)


@pytest.fixture(scope="module")
def running(own_engine: engine.Engine) -> engine.Engine:
    """A second engine that contains the lab, so that tests can remove anything in it."""
    subprocess.run([sys.executable, "-m", "lab", "build"], cwd=PROJECT, check=True)
    return own_engine


@pytest.fixture
def where(own_engine: engine.Engine) -> daemon.Place:
    """The folders of the second engine."""
    return daemon.place()


@pytest.fixture(scope="module")
def image(own_engine: engine.Engine) -> str:
    """An image with a few programs of this machine; nothing is pulled or compiled."""
    done = subprocess.run(
        [str(own_engine.client), "import", "-", "probe:1"],
        input=_archive(), env=own_engine.environment(), capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout
    return "probe:1"


@pytest.fixture
def guarded(own_engine: engine.Engine) -> Iterator[network.Network]:
    """A network with its firewall rules and routes in place."""
    made = network.create_network(own_engine, "probe")
    network.guard(own_engine, made, "10.244.0.0/16", "10.96.0.0/16")
    yield made
    network.remove_network(own_engine, made)


@pytest.fixture
def container(own_engine: engine.Engine, image: str, guarded: network.Network) -> str:
    """A privileged container on the guarded network, removed together with it."""
    options = [
        "--detach",
        "--privileged",
        "--name=probe",
        f"--network={guarded.name}",
        f"--label={LABEL}=probe",
    ]
    own_engine.docker("run", *options, image, "/bin/sleep", "600")
    return "probe"


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _archive() -> bytes:
    linked = [_output("ldd", program) for program in PROGRAMS]
    libraries = {word for one in linked for word in one.split() if word.startswith("/")}
    modules = [str(folder) for folder in Path("/usr/lib").glob("*/perl-base")]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", dereference=True) as tar:
        for name in sorted({*PROGRAMS, *libraries, *modules}):
            tar.add(name)
    return packed.getvalue()


@pytest.fixture(scope="module")
def runner(
    cluster: Cluster, injected_app: Resource, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runner]:
    """`mesh run` with exactly the documented rights, on a mesh with another workload in it."""
    runner = runner_of(cluster, tmp_path_factory.mktemp("runner"))
    yield runner
    runner.cleanup()
