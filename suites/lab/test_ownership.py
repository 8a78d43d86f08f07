"""Cleanup keeps what this checkout did not create: foreign clusters, containers, images, mounts."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import engine, network, runs
from lab.paths import LABEL, OWNER_LABEL, PROJECT, owner
from suites.lab.leftovers import left_on_machine

pytestmark = pytest.mark.lab

RUN = "istio-conformance-owned"


def lab(*arguments: str, checkout: Path = PROJECT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a lab command as this checkout or another one."""
    command = [sys.executable, "-m", "lab", *arguments]
    given = {**os.environ, **environment}
    return subprocess.run(command, cwd=checkout, env=given, capture_output=True, text=True, check=False)


def inventory(of: engine.Engine) -> dict[str, set[str]]:
    """Everything in an engine: containers, networks, volumes, and images with their names."""
    listings = {
        "containers": ("ps", "--all", "--no-trunc", "--format={{.ID}} {{.Names}} {{.State}}"),
        "networks": ("network", "ls", "--no-trunc", "--format={{.ID}} {{.Name}}"),
        "volumes": ("volume", "ls", "--format={{.Name}}"),
        "images": ("images", "--all", "--no-trunc", "--format={{.ID}} {{.Repository}}:{{.Tag}}"),
    }
    return {name: set(of.docker(*command).stdout.splitlines()) for name, command in listings.items()}


@pytest.fixture(scope="module")
def other_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second checkout of the project."""
    folder = tmp_path_factory.mktemp("other")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (PROJECT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, folder / name)
    return folder


@pytest.fixture
def mine(own_engine: engine.Engine, image: str) -> Iterator[network.Network]:
    """A network of a run of this checkout, with a container of that run."""
    made = network.create_network(own_engine, RUN)
    network.guard(own_engine, made, "10.244.0.0/16", "10.96.0.0/16")
    labels = (f"--label={LABEL}={RUN}", f"--label={OWNER_LABEL}={owner()}")
    options = ("--detach", "--name=mine", f"--network={made.name}", *labels)
    own_engine.docker("run", *options, image, "/bin/sleep", "600")
    yield made
    network.remove_network(own_engine, made)


@pytest.fixture
def users_container(own_engine: engine.Engine, image: str) -> Iterator[str]:
    """A user's container without a label, on a network of its own."""
    own_engine.docker("network", "create", "users")
    own_engine.docker("run", "--detach", "--name=users", "--network=users", image, "/bin/sleep", "600")
    yield "users"
    own_engine.docker("rm", "--force", "users")
    own_engine.docker("network", "rm", "users")


def test_clean_by_another_checkout_keeps_the_cluster_and_its_rules(
    own_engine: engine.Engine, mine: network.Network, other_checkout: Path
) -> None:
    """A clean by another checkout with the same state folder keeps container, network, rules and engine."""
    before, guarded = inventory(own_engine), left_on_machine()
    cleaned = lab("clean", checkout=other_checkout)
    assert cleaned.returncode == 0, cleaned.stderr
    kept = re.search("kept the lab's own engine: it may still be in use by (.*)", cleaned.stderr)
    assert kept, cleaned.stderr
    assert mine.name in kept[1].split(", ")
    assert inventory(own_engine) == before
    assert left_on_machine() == guarded


def test_cluster_name_of_another_checkout_is_refused(
    own_engine: engine.Engine, mine: network.Network, other_checkout: Path
) -> None:
    """Another checkout is refused a cluster name of this one, and the cluster keeps running."""
    script = f"from lab import engine, network; network.create_network(engine.find(), {RUN!r})"
    command = [sys.executable, "-c", script]
    refused = subprocess.run(command, cwd=other_checkout, capture_output=True, text=True, check=False)
    assert (
        f"the engine already has the network {mine.name} and this checkout did not make it" in refused.stderr
    )
    assert own_engine.docker("inspect", "--format={{.State.Status}}", "mine").stdout.strip() == "running"


def test_clean_keeps_the_cluster_of_a_running_run(own_engine: engine.Engine, mine: network.Network) -> None:
    """While a process holds the run's lock, a clean of the checkout keeps cluster, folder and engine."""
    folder = runs.claim(RUN)
    before = inventory(own_engine)
    with subprocess.Popen(["flock", str(folder / runs.LOCK), "sleep", "600"], start_new_session=True) as run:
        while not list(runs.busy()):
            assert run.poll() is None
        cleaned = lab("clean")
        os.killpg(run.pid, 9)
    assert f"kept cluster {RUN}: a run is using it" in cleaned.stderr
    assert inventory(own_engine) == before
    assert folder.is_dir()


def test_users_container_survives_the_removal_of_its_network(
    own_engine: engine.Engine, mine: network.Network, users_container: str
) -> None:
    """A container without the lab's labels is disconnected from the run's network and keeps running."""
    own_engine.docker("network", "connect", mine.name, users_container)
    network.remove_network(own_engine, mine)
    states = own_engine.docker("ps", "--all", "--format={{.Names}} {{.State}}").stdout.splitlines()
    assert states == ["users running"]
    assert mine.name not in own_engine.docker("network", "ls", "--format={{.Name}}").stdout


def test_users_mount_in_the_state_folder_stops_a_clean(
    own_engine: engine.Engine, image: str, tmp_path: Path
) -> None:
    """A disk mounted by the user keeps its files, and a clean stops nothing until it is unmounted."""
    before = inventory(own_engine)
    (tmp_path / "file").write_text("mine")
    place = runs.folder_of("disk")
    place.mkdir(parents=True)
    subprocess.run(["mount", "--bind", str(tmp_path), str(place)], check=True)
    try:
        cleaned = lab("clean")
        assert cleaned.returncode == 1
        assert f"{place} is a mount that the lab did not create" in cleaned.stderr
        assert (tmp_path / "file").read_text() == "mine"
        assert inventory(own_engine) == before
    finally:
        subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


@pytest.fixture
def their_engine(own_engine: engine.Engine, image: str, tmp_path: Path) -> Iterator[engine.Engine]:
    """The engine as a pre-existing one with the user's resources, used by a lab with another state folder."""
    own_engine.docker("tag", image, "users/image:1")
    own_engine.docker("tag", image, "istio-conformance-lab/node:users-own")
    own_engine.docker("volume", "create", "users")
    own_engine.docker("network", "create", "users")
    options = ("--network=users", "--volume=users:/data", "--label=users=own")
    own_engine.docker("run", "--detach", "--name=users", *options, "users/image:1", "/bin/sleep", "600")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", own_engine.host)
        patch.setenv("ISTIO_LAB_STATE", str(tmp_path / "state"))
        found = engine.find()
        assert found is not None
        assert not found.own
        yield found
    own_engine.docker("rm", "--force", "users")
    own_engine.docker("network", "rm", "users")
    own_engine.docker("volume", "rm", "users")
    own_engine.docker("image", "rm", "users/image:1", "istio-conformance-lab/node:users-own")


def test_clean_keeps_foreign_resources_in_an_existing_engine(
    their_engine: engine.Engine, image: str, other_checkout: Path
) -> None:
    """A clean removes what this checkout added to the engine and keeps what others have there."""
    other = f"{OWNER_LABEL}=0000-other"
    their_engine.docker("network", "create", f"--label={LABEL}=x", f"--label={other}", "istio-lab-x")
    their_engine.docker("tag", image, "istio-conformance-lab/node:0123456789abcdef-0000-other")
    before = inventory(their_engine)
    made = network.create_network(their_engine, RUN)
    network.guard(their_engine, made, "10.244.0.0/16", "10.96.0.0/16")
    their_engine.docker("tag", image, f"istio-conformance-lab/node:0123456789abcdef-{owner()}")
    cleaned = lab("clean")
    assert cleaned.returncode == 0, cleaned.stderr
    after = inventory(their_engine)
    their_engine.docker("network", "rm", "istio-lab-x")
    their_engine.docker("image", "rm", "istio-conformance-lab/node:0123456789abcdef-0000-other")
    assert after == before
    assert left_on_machine() == ""
