"""What the lab checks on the machine before it changes anything, and how it installs Debian packages."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from lab import host, packages
from lab.errors import LabError


class Apt:
    """A stand-in for Debian's package tools; `failing` names the command that fails the first time."""

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.ran: list[list[str]] = []

    def run(self, command: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        self.ran.append(command)
        failed = bool(self.failing) and self.failing in command
        if failed:
            self.failing = ""
        return subprocess.CompletedProcess(command, 100 if failed else 0, "", "")

    def actions(self) -> list[str]:
        known = ("update", "--simulate", "install")
        return [
            next(word for word in known if word in command) for command in self.ran if command[0] == "apt-get"
        ]


@pytest.fixture
def apt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Apt:
    """A Debian machine with root, on which only `there` is installed."""
    made = Apt()
    monkeypatch.setenv("ISTIO_LAB_CACHE", str(tmp_path))
    monkeypatch.setattr(packages, "run", made.run)
    monkeypatch.setattr(packages, "_installed", lambda name: name == "there")
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return made


def test_low_disk_space_shows_the_place_and_how_to_change_it(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"GiB free and the lab needs 1000000\.0 GiB there: .*ISTIO_LAB_CACHE"):
        host.check_room(1e6, 0, [tmp_path / "not" / "yet"])
    assert not (tmp_path / "not").exists()


def test_low_memory_shows_how_much_is_needed(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"the lab needs 1000000\.0 GiB: stop other programs"):
        host.check_room(0, 1e6, [tmp_path])


def test_disk_space_is_checked_where_the_data_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Path] = []

    def free(folder: Path) -> int:
        looked.append(folder)
        return host.GIB

    monkeypatch.setattr(host, "free_disk", free)
    monkeypatch.setenv("ISTIO_LAB_CACHE", "/a")
    monkeypatch.setenv("ISTIO_LAB_STATE", "/b")
    host.check_room(1, 0)
    assert looked == [Path("/a"), Path("/b")]


def test_missing_root_names_the_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="root is needed to move the moon; run the same command again as root"):
        host.require_root("move the moon")


def test_installed_packages_are_left_alone(apt: Apt) -> None:
    packages.ensure(["there"], pytest.fail)
    assert apt.ran == []


def test_missing_packages_are_named_before_they_are_installed(apt: Apt) -> None:
    said: list[str] = []
    packages.ensure(["there", "lacking", "other"], lambda text: said.append(f"{len(apt.ran)} {text}"))
    assert said[0].startswith(
        "0 installing the Debian packages lacking, other from the configured Debian mirror"
    )
    assert apt.actions() == ["--simulate", "install"]
    assert apt.ran[-1][-2:] == ["lacking", "other"]


@pytest.mark.parametrize(
    ("failing", "actions"),
    [("--simulate", ["--simulate", "update", "install"]), ("lacking", ["--simulate", "update", "install"])],
    ids=["unknown to the lists", "any failure of the trial"],
)
def test_package_lists_are_updated_only_if_needed(apt: Apt, failing: str, actions: list[str]) -> None:
    apt.failing = failing
    packages.ensure(["lacking"], lambda _: None)
    assert apt.actions() == actions


def test_imported_packages_need_no_mirror(apt: Apt, tmp_path: Path) -> None:
    (tmp_path / "debs").mkdir()
    for name in ("lacking_1.0_all", "its-library_2.0_all"):
        (tmp_path / "debs" / f"{name}.deb").write_bytes(b"archive")
    said: list[str] = []
    packages.ensure(["lacking"], said.append)
    assert "from the lab's cache" in said[0]
    assert apt.actions() == ["update", "install"]
    for command in apt.ran[-2:]:
        assert "Dir::Etc::sourceparts=-" in command, "a mirror of the machine's is asked"


def test_installation_starts_no_service_and_leaves_nothing() -> None:
    with packages._nothing_started() as options:
        folder = Path(options[1].removeprefix("DPkg::Path=").split(":")[0])
        for starter in ("invoke-rc.d", "deb-systemd-invoke"):
            assert subprocess.run([folder / starter, "docker", "start"], check=False).returncode == 0
    assert not folder.exists()


def test_failed_installation_shows_its_last_lines() -> None:
    with pytest.raises(LabError, match=r"sh -c .* failed \(4\); its last lines:\nno room"):
        packages.run(["sh", "-c", "echo no room; exit 4"])
