"""Ownership of an engine's resources: names of the node image, networks, and the order of firewall rules."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import cast

import pytest

from lab import build, engine, firewall, network, node
from lab.cache import Entry, digest
from lab.errors import LabError
from lab.paths import owner
from lab.progress import Progress

KEY = digest("node")[:16]


class Images:
    """An engine with images, and containers created from some of their names."""

    host = "unix:///selftest.sock"

    def __init__(self, *tags: str, used: tuple[str, ...] = ()) -> None:
        self.tags = [f"{node.REPOSITORY}:{tag}" for tag in tags]
        self.used = [f"{node.REPOSITORY}:{tag}" for tag in used]

    def docker(self, *command: str, check: bool = True) -> CompletedProcess[str]:
        status, told = 0, ""
        if command[:2] == ("image", "inspect"):
            status = int(command[-1] not in self.tags)
        elif command[0] == "images":
            told = "\n".join(self.tags)
        elif command[0] == "ps":
            told = "\n".join(self.used)
        elif command[0] == "tag":
            assert command[1] in self.tags
            self.tags.append(command[2])
        elif command[:2] == ("image", "rm"):
            self.tags.remove(command[2])
        return CompletedProcess(command, status, told, "")

    def load(self) -> None:
        self.tags.append(f"{node.REPOSITORY}:{KEY}")

    def left(self) -> list[str]:
        return [tag.rpartition(":")[2] for tag in self.tags]


def loaded(images: Images, load: Callable[[], None]) -> None:
    node.load(Entry(Path("/nowhere"), "node", digest("node")), cast("engine.Engine", images), load)


def test_image_is_loaded_only_under_this_checkouts_name() -> None:
    images = Images("users-own")
    loaded(images, images.load)
    assert images.left() == ["users-own", f"{KEY}-{owner()}"]


def test_image_loaded_by_another_checkout_gets_another_name() -> None:
    images = Images(f"{KEY}-0000-other")
    loaded(images, pytest.fail)
    assert images.left() == [f"{KEY}-0000-other", f"{KEY}-{owner()}"]


def test_names_of_other_owners_of_the_user_and_in_use_stay() -> None:
    mine, used = f"{KEY}-{owner()}", f"fedcba9876543210-{owner()}"
    images = Images(mine, used, f"{KEY}-0000-other", KEY, "users-own", used=(used,))
    assert node.remove_tags(cast("engine.Engine", images)) == [f"{node.REPOSITORY}:{mine}"]
    assert images.left() == [used, f"{KEY}-0000-other", KEY, "users-own"]


def test_names_of_kept_builds_stay() -> None:
    mine = f"{KEY}-{owner()}"
    images = Images(mine)
    assert node.remove_tags(cast("engine.Engine", images), keep=lambda key: key == KEY) == []


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> build.Plan:
    """A built lab whose node image was damaged afterwards."""
    wanted = build.plan(tmp_path)
    for entry in (wanted.node, *wanted.programs.values()):
        entry.make(lambda folder: _made(folder, wanted), print)
    assert wanted.built()
    (wanted.node.path / build.NODE_ARCHIVE).write_text("torn")

    def rebuild(wanted: build.Plan, progress: Progress) -> None:
        wanted.node.make(lambda folder: _made(folder, wanted), print)

    monkeypatch.setattr(build, "_build_missing", rebuild)
    return wanted


def _made(folder: Path, wanted: build.Plan) -> None:
    names = [name for source in wanted.sources for group in source.tools.values() for name in group]
    for name in (build.NODE_ARCHIVE, *names):
        (folder / name).write_text("whole")


def test_damaged_node_image_counts_as_not_built(damaged: build.Plan) -> None:
    assert not damaged.built()


def test_node_image_found_damaged_on_loading_is_rebuilt(
    damaged: build.Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "load", lambda _entry, _engine, load_archive: load_archive())
    build._load(damaged, cast("engine.Engine", Images()), Progress(damaged.root / "times.json"))
    assert damaged.node.damage() is None


def test_network_of_another_checkout_is_neither_reused_nor_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    class Networks:
        def docker(self, *command: str, **_options: object) -> CompletedProcess[str]:
            asked.append(command)
            told = "istio-lab-run\t0000-other\n" if command[:2] == ("network", "ls") else ""
            return CompletedProcess(command, 0, told, "")

    monkeypatch.setattr(network, "require_root", lambda _: None)
    with pytest.raises(LabError, match="this checkout did not make it: choose another cluster name"):
        network.create_network(cast("engine.Engine", Networks()), "run")
    network.remove_network(cast("engine.Engine", Networks()), network.Network("istio-lab-run", "", ""))
    assert {command[:2] for command in asked} == {("network", "ls")}


#: Rules that an engine inserts before the lab's while the network is created.
ENGINES_FIRST = """-P FORWARD DROP
-N DOCKER-USER
-A FORWARD -j DOCKER-USER
-A FORWARD -i ilabX ! -o ilabX -j ACCEPT
-A FORWARD -i ilabX ! -o ilabX -m comment --comment "{comment}" -j REJECT
-A DOCKER-USER -j RETURN
"""


def test_reject_rules_precede_the_engines_accept_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[list[str]] = []
    comment = firewall._comment("run")

    def call(command: list[str], *, check: bool = True) -> CompletedProcess[str]:
        calls.append(command[2:])
        return CompletedProcess(command, 0, ENGINES_FIRST.format(comment=comment), "")

    monkeypatch.setattr(firewall, "_call", call)
    monkeypatch.setattr(firewall, "_firewalls", lambda: ["iptables"])
    firewall.reject("ilabX", "run")
    assert [words[:2] for words in calls] == [
        ["-S"], ["-I", "FORWARD"], ["-D", "FORWARD"], ["-I", "DOCKER-USER"]
    ]  # fmt: skip
    # The rule that was third is fourth by now.
    assert calls[2] == ["-D", "FORWARD", "4"]


def test_only_the_labs_images_may_go_with_its_engine() -> None:
    names = (
        f"{node.REPOSITORY}:{KEY}-{owner()}",
        "istio-lab-proof:123",
        "<none>:<none>",
        "users/app:1",
        "probe:1",
    )
    assert [node.is_of_the_lab(name) for name in names] == [True, True, True, False, False]
