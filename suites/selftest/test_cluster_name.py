"""Cluster names: the run lock, and the checks before a run creates or removes a cluster."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.clients.ports import is_free
from fixtures.clusters.checkpoint import FILE, CheckpointUnusable
from fixtures.clusters.kind.cluster import BusyPort, with_ports
from fixtures.clusters.run_lock import NameTaken, NodeSeen, check_usable, locked_folder, refuse_others

IMAGE = "lab/node:1"
OURS = NodeSeen("istio-lab-mine", "running", IMAGE)
FOREIGN = OURS._replace(network="kind")


def test_a_name_is_locked_by_one_run_at_a_time(tmp_path: Path) -> None:
    with (
        locked_folder(tmp_path / "mine"),
        pytest.raises(
            NameTaken, match="another run is using the cluster mine: wait until it ends, or choose"
        ),
        locked_folder(tmp_path / "mine"),
    ):
        pass


def test_another_name_is_not_locked(tmp_path: Path) -> None:
    with locked_folder(tmp_path / "mine"), locked_folder(tmp_path / "yours") as folder:
        assert folder == tmp_path / "yours"


def test_the_folder_of_an_earlier_run_is_reused(tmp_path: Path) -> None:
    with locked_folder(tmp_path / "mine") as left:
        (left / "kubeconfig").touch()
    with locked_folder(tmp_path / "mine") as folder:
        assert (folder / "kubeconfig").exists()


def test_cluster_of_a_killed_run_is_accepted(tmp_path: Path) -> None:
    refuse_others("mine", [OURS], tmp_path, OURS.network)


def test_unused_name_is_accepted(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    refuse_others("mine", [], tmp_path, OURS.network)


def test_a_foreign_cluster_of_the_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NameTaken, match="that this project did not create"):
        refuse_others("mine", [FOREIGN], tmp_path, OURS.network)


def test_kept_cluster_with_the_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    with pytest.raises(NameTaken, match="was kept with --keep-cluster: --use-cluster mine resumes from it"):
        refuse_others("mine", [OURS], tmp_path, OURS.network)


def test_running_node_of_a_kept_cluster_is_accepted() -> None:
    check_usable("mine", [OURS], IMAGE, OURS.network)


def test_a_foreign_cluster_is_not_used() -> None:
    with pytest.raises(NameTaken, match="that this project did not create"):
        check_usable("mine", [FOREIGN], IMAGE, OURS.network)


@pytest.mark.parametrize(
    ("nodes", "state"), [([OURS._replace(state="exited")], "exited"), ([], "gone")], ids=["exited", "gone"]
)
def test_a_node_that_no_longer_runs_is_not_used(nodes: list[NodeSeen], state: str) -> None:
    with pytest.raises(CheckpointUnusable, match=rf"is not running \({state}\): create a new cluster"):
        check_usable("mine", nodes, IMAGE, OURS.network)


def test_a_node_of_another_image_is_not_used() -> None:
    with pytest.raises(
        CheckpointUnusable, match="mine was created from lab/node:1, but the node image is lab/node:2"
    ):
        check_usable("mine", [OURS], "lab/node:2", OURS.network)


@pytest.fixture
def busy_port() -> Iterator[int]:
    """A port of 127.0.0.1 with a listener."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def unused_port() -> int:
    """A port of 127.0.0.1 without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def config(**mapping: object) -> dict[str, object]:
    return {
        "nodes": [{"extraPortMappings": [{"containerPort": 30080, "listenAddress": "127.0.0.1", **mapping}]}]
    }


def host_port(settled: dict[str, object]) -> object:
    nodes = settled["nodes"]
    assert isinstance(nodes, list)
    return nodes[0]["extraPortMappings"][0]["hostPort"]


@pytest.mark.parametrize("given", [{}, {"hostPort": 0}], ids=["none", "0"])
def test_unspecified_port_is_left_to_the_engine(given: dict[str, int]) -> None:
    assert host_port(with_ports(config(**given))) == -1


def test_free_fixed_port_is_kept(unused_port: int) -> None:
    assert host_port(with_ports(config(hostPort=unused_port))) == unused_port


def test_a_fixed_port_that_is_busy_is_refused(busy_port: int) -> None:
    with pytest.raises(BusyPort, match=rf"port {busy_port} of 127\.0\.0\.1 is in use.*remove hostPort"):
        with_ports(config(hostPort=busy_port))


def test_configuration_without_ports_is_unchanged() -> None:
    assert with_ports({"nodes": [{"role": "worker"}]}) == {"nodes": [{"role": "worker"}]}


def test_busy_port_is_not_free(busy_port: int) -> None:
    assert not is_free("127.0.0.1", busy_port)
