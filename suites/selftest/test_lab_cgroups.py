"""Frozen control groups of a container are found and thawed, and no others."""

from pathlib import Path

from lab.cgroups import thaw

NODE, OTHER = "a" * 64, "b" * 64


def group(root: Path, container: str, name: str, state: str) -> Path:
    file = root / "engine" / container / "pod" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{state}\n")
    return file


def test_frozen_groups_of_both_versions_are_thawed(tmp_path: Path) -> None:
    first = group(tmp_path, NODE, "freezer.state", "FROZEN")
    second = group(tmp_path, f"docker-{NODE}.scope", "cgroup.freeze", "1")
    assert thaw(NODE, tmp_path) == 2
    assert (first.read_text(), second.read_text()) == ("THAWED", "0")


def test_running_groups_and_other_containers_are_left_alone(tmp_path: Path) -> None:
    running = group(tmp_path, NODE, "freezer.state", "THAWED")
    foreign = group(tmp_path, OTHER, "freezer.state", "FROZEN")
    assert thaw(NODE, tmp_path) == 0
    assert (running.read_text(), foreign.read_text()) == ("THAWED\n", "FROZEN\n")
