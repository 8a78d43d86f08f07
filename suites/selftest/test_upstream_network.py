"""The Docker network of an upstream run: its own, or one of the user's."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from filelock import FileLock

from fixtures.clients.command import Completed
from fixtures.distributions.base import Unavailable
from fixtures.distributions.upstream import leftovers
from fixtures.distributions.upstream.borrowed_network import BorrowedNetwork
from fixtures.distributions.upstream.engine import DockerEngine

NODE = "0123abcd"


@dataclass(frozen=True, slots=True)
class Engine(DockerEngine):
    """An engine with one network, `company`, and these nodes of the cluster `tonight`."""

    present: list[str] = field(default_factory=list)

    def run(self, *arguments: str, timeout: float = 1.0) -> Completed:
        """Answer as docker does."""
        status, out = 0, ""
        if arguments[:2] == ("network", "inspect"):
            status = int(arguments[-1] != "company")
        elif arguments[0] == "ps" and arguments[-1].endswith("cluster=tonight"):
            out = "\n".join(self.present)
        elif arguments[0] == "rm":
            self.present.clear()
        elif arguments[:2] == ("network", "ls"):
            out = "of-another-user"
        return Completed(("docker", *arguments), status, out, "", 0.0)


@pytest.fixture
def borrowed(tmp_path: Path) -> BorrowedNetwork:
    """The run `tonight` on the user's network."""
    return BorrowedNetwork(Engine(), "company", "tonight", tmp_path)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The folders of a run on a kind cluster, `tonight`, and of one on a cluster of the user's."""
    for name, files in (("tonight", ("kind.yaml", "kubeconfig")), ("theirs", ("kubeconfig",))):
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).touch()
    return tmp_path


def test_network_that_does_not_exist_is_refused() -> None:
    """A mistyped --docker-network is an error that names it."""
    Engine().require_network("company")
    with pytest.raises(Unavailable, match="--docker-network compny: the engine has no such network"):
        Engine().require_network("compny")


def test_node_of_the_run_is_removed(borrowed: BorrowedNetwork) -> None:
    """The node that was made after the record is the run's own, also after a kill."""
    borrowed.claim()
    borrowed.engine.present.append(NODE)  # type: ignore[attr-defined]
    borrowed.claim()
    assert borrowed.engine.nodes("company", "tonight") == []


def test_node_of_another_tool_is_refused_and_stays(borrowed: BorrowedNetwork) -> None:
    """A kind cluster of the same name, which the user made, is neither used nor removed."""
    borrowed.engine.present.append(NODE)  # type: ignore[attr-defined]
    with pytest.raises(Unavailable, match="named tonight that this project did not create"):
        borrowed.claim()
    borrowed.remove_node()
    assert borrowed.engine.nodes("company", "tonight") == [NODE]


def test_clean_removes_the_node_and_folder_of_a_killed_run(runs: Path) -> None:
    """After a kill, the node on the user's network and the run's folder can be removed."""
    engine = Engine()
    BorrowedNetwork(engine, "company", "tonight", runs / "tonight").claim()
    engine.present.append(NODE)
    leftovers.remove(engine, runs, print)
    assert not engine.present
    assert not (runs / "tonight").exists()


def test_clean_spares_a_run_in_progress(runs: Path) -> None:
    """A run holds the lock of its folder; its cluster stays."""
    said: list[str] = []
    with FileLock(runs / "tonight" / "lock"):
        leftovers.remove(Engine(), runs, said.append)
    assert "kept tonight: a run is using it" in said
    assert (runs / "tonight" / "kind.yaml").exists()


def test_clean_spares_what_others_made(runs: Path) -> None:
    """A cluster of the user's and the network of another user's run are named, and stay."""
    said: list[str] = []
    leftovers.remove(Engine(), runs, said.append)
    assert (runs / "theirs" / "kubeconfig").exists()
    assert any("of-another-user" in line and "kept" in line for line in said)
