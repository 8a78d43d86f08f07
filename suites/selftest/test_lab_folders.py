"""The lab's folders: marked on creation, refused if foreign, removed without foreign files or mounts."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import clean, engine, firewall, folders, runs, scratch
from lab.errors import LabError
from lab.folders import MARK, cache_place, state_place


@pytest.fixture
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with files, below which both of the lab's folders can be placed."""
    (tmp_path / "thesis.txt").write_text("years of work")
    # Otherwise the clean-up would find what a killed run left in this machine's folder.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
    monkeypatch.setenv("ISTIO_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ISTIO_LAB_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engine, "survey", lambda **_: iter(()))
    return tmp_path


def contents(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_new_folder_is_created_with_a_mark_and_removed_completely(home: Path) -> None:
    place = state_place()
    assert place.claim() == home / "state"
    (home / "state" / "runs" / "mine").mkdir(parents=True)
    (home / "state" / "data").mkdir()
    place.remove(pytest.fail)
    assert contents(home) == {"thesis.txt"}


def test_users_empty_folder_is_used_and_stays(home: Path) -> None:
    (home / "cache").mkdir()
    cache_place().claim()
    (home / "cache" / "locks").mkdir()
    cache_place().remove(pytest.fail)
    assert contents(home) == {"thesis.txt", "cache"}


@pytest.mark.parametrize("variable", ["ISTIO_LAB_CACHE", "ISTIO_LAB_STATE"])
@pytest.mark.parametrize("use", ["claim", "remove", "clean"])
def test_folder_with_the_users_files_is_refused_and_unchanged(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, use: str
) -> None:
    users = home / "users"
    # Names that the lab also uses prove nothing without the mark.
    for name in ("data", "runs", "node", "documents"):
        (users / name).mkdir(parents=True)
        (users / name / "mine").write_text("mine")
    monkeypatch.setenv(variable, str(users))
    before = contents(home)
    place = cache_place() if variable == "ISTIO_LAB_CACHE" else state_place()
    uses: dict[str, Callable[[], object]] = {
        "claim": place.claim,
        "remove": lambda: place.remove(print),
        "clean": lambda: clean.clean(print, built=True),
    }
    with pytest.raises(LabError, match=f"{variable}={users}"):
        uses[use]()
    assert contents(home) == before


def test_foreign_file_in_the_labs_folder_is_refused_at_its_next_use(home: Path) -> None:
    state_place().claim()
    (home / "state" / "notes.txt").write_text("mine")
    with pytest.raises(
        LabError, match=r"contains files that are not the lab's \(notes\.txt\); set ISTIO_LAB_STATE to"
    ):
        state_place().claim()


def test_foreign_file_in_the_labs_folder_survives_its_removal(home: Path) -> None:
    state_place().claim()
    for name in ("runs", "photos"):
        (home / "state" / name).mkdir()
    said: list[str] = []
    state_place().remove(said.append)
    assert contents(home) == {"thesis.txt", "state", "state/photos"}
    assert said == [f"left in {home / 'state'}, because the lab did not create it: photos"]


@pytest.mark.parametrize("name", ["data", "runs"])
def test_users_link_with_a_name_of_the_labs_is_refused(home: Path, name: str) -> None:
    state_place().claim()
    (home / "elsewhere").mkdir()
    (home / "elsewhere" / "mine").write_text("mine")
    (home / "state" / name).symlink_to(home / "elsewhere")
    with pytest.raises(LabError, match="contains files that are not the lab's"):
        state_place().check()
    state_place().remove(print)
    assert (home / "elsewhere" / "mine").read_text() == "mine"


def test_folder_with_a_similar_name_is_not_the_cache(home: Path) -> None:
    cache_place().claim()
    for name in ("node/0123456789abcdef", "core", "photos/2026"):
        (home / "cache" / name).mkdir(parents=True)
    assert cache_place().foreign() == ["core", "photos"]


def test_folder_that_contains_a_mount_is_not_removed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state_place().claim()
    (home / "state" / "runs" / "disk").mkdir(parents=True)
    monkeypatch.setattr(folders, "mounts_below", lambda folder: [folder / "runs" / "disk"])
    with pytest.raises(LabError, match=r"disk is a mount that the lab did not create, .*unmount it"):
        state_place().remove(print)
    assert (home / "state" / "runs" / "disk").is_dir()


@pytest.mark.parametrize("place", ["relative/folder", "~/lab"])
def test_relative_path_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv("ISTIO_LAB_STATE", place)
    with pytest.raises(LabError, match="is a relative path; set ISTIO_LAB_STATE to an absolute path"):
        state_place().check()


def test_same_folder_for_cache_and_state_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTIO_LAB_STATE", str(home / "cache"))
    with pytest.raises(LabError, match="contains the lab's state folder"):
        folders.check()


def test_folder_that_contains_the_other_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTIO_LAB_STATE", str(home / "cache" / "state"))
    with pytest.raises(LabError, match="contains the lab's state folder"):
        folders.check()


def test_file_in_place_of_a_folder_is_refused(home: Path) -> None:
    (home / "state").write_text("a file")
    with pytest.raises(LabError, match="is not a folder"):
        state_place().check()


def test_mark_of_the_other_kind_does_not_count(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache_place().claim()
    monkeypatch.setenv("ISTIO_LAB_STATE", str(home / "cache"))
    monkeypatch.setenv("ISTIO_LAB_CACHE", str(home / "other"))
    with pytest.raises(LabError, match="is the lab's cache folder already"):
        state_place().check()


def test_truncated_mark_does_not_count(home: Path) -> None:
    (home / "state" / "runs").mkdir(parents=True)
    (home / "state" / MARK).write_text('{"kind": "sta')
    with pytest.raises(LabError, match="is not empty and not the lab's"):
        state_place().check()


def test_default_folder_of_an_earlier_version_is_adopted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions without marks created the same default folder; it contains only the lab's own files."""
    monkeypatch.delenv("ISTIO_LAB_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    usual = home / "istio-conformance-lab"
    (usual / "node" / "0123456789abcdef").mkdir(parents=True)
    assert json.loads((cache_place().claim() / MARK).read_text()) == {"kind": "cache", "made": True}
    (usual / "letters").mkdir()
    with pytest.raises(LabError, match="letters"):
        cache_place().check()


@pytest.mark.parametrize("name", ["jürgen", "a b", "a\\b", "a\nb", "a\x0bb", "a\u2028b", "日本"])
def test_mount_point_with_unusual_characters_is_found(name: str) -> None:
    escaped = b"".join(
        b"\\%03o" % each if each in b" \t\n\\" else bytes([each]) for each in os.fsencode(name)
    )
    line = b"36 35 98:0 / /home/%s rw,noatime master:1 - ext4 /dev/root rw\n" % escaped
    assert folders.mount_points(line * 2) == [Path("/home", name)] * 2


def test_mount_below_a_linked_folder_is_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "real" / "node" / "disk").mkdir(parents=True)
    (home / "link").symlink_to(home / "real")
    monkeypatch.setattr(folders, "_mounts", lambda: [home / "real" / "node" / "disk"])
    with pytest.raises(LabError, match="is a mount that the lab did not create"):
        folders.remove_tree(home / "link" / "node")
    assert folders.mounts_below(home / "link") == [home / "real" / "node" / "disk"]
    assert (home / "real" / "node" / "disk").exists()


def test_mark_that_a_killed_process_left_half_written_is_ignored(home: Path) -> None:
    (home / "cache").mkdir()
    (home / "cache" / f"{MARK}.0123abcd.new").write_text("{")
    cache_place().claim()
    cache_place().remove(pytest.fail)
    assert contents(home) == {"thesis.txt", "cache"}


@pytest.mark.parametrize("mark", ["[" * 100_000, "[]", "3", "\x00"])
def test_unreadable_mark_is_no_mark(home: Path, mark: str) -> None:
    (home / "cache" / "node").mkdir(parents=True)
    (home / "cache" / MARK).write_text(mark)
    with pytest.raises(LabError):
        cache_place().claim()


def test_impossible_folder_is_refused_with_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").touch()
    (home / "loop").symlink_to(home / "loop")
    for path in (home / "file" / "cache", home / "loop", home / ("x" * 300), Path("/proc/lab")):
        monkeypatch.setenv("ISTIO_LAB_CACHE", str(path))
        with pytest.raises(LabError, match=r"set ISTIO_LAB_CACHE|can't be resolved"):
            cache_place().claim()


def test_engine_that_does_not_run_keeps_what_others_have_in_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_place().claim()
    (home / "state" / "data" / "volumes" / "users-database").mkdir(parents=True)
    (home / "state" / "owners").mkdir()
    (home / "state" / "owners" / "0123abcd").write_text(str(home))
    stopped: list[object] = []
    monkeypatch.setattr(engine, "stop_own", stopped.append)
    monkeypatch.setattr(firewall, "sweep", lambda **_: None)
    said: list[str] = []
    clean.clean(said.append)
    assert "checkout 0123abcd, volume users-database" in said[-1]
    assert not stopped


def test_folder_of_another_checkouts_run_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state_place().claim()
    for name, owner in (("theirs", "0123abcd"), ("unknown", "?")):
        (home / "state" / "runs" / name).mkdir(parents=True)
        (home / "state" / "runs" / name / "owner").write_text(owner)
    monkeypatch.setattr(engine, "stop_own", lambda _: pytest.fail("the engine was stopped"))
    monkeypatch.setattr(firewall, "sweep", lambda **_: None)
    clean.clean(lambda _: None)
    assert {"state/runs/theirs/owner", "state/runs/unknown/owner"} <= contents(home)


@pytest.mark.parametrize("taken", ["link", "file", "folder"])
def test_run_does_not_take_a_path_that_is_not_its_own(home: Path, taken: str) -> None:
    state_place().claim()
    place = home / "state" / "runs" / "mine"
    place.parent.mkdir()
    (home / "documents").mkdir(mode=0o755)
    if taken == "link":
        place.symlink_to(home / "documents")
    elif taken == "file":
        place.write_text("mine")
    else:
        place.mkdir()
        (place / "letter").touch()
    with pytest.raises(LabError, match="is not a folder of this checkout"):
        runs.claim("mine")
    assert not list((home / "documents").iterdir())


def test_only_marked_temporary_folders_are_removed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    (home / "istio-lab-4194399-backup").mkdir()
    (home / "istio-lab-4194399-backup" / "thesis.txt").touch()
    (home / "istio-lab-4194399-report.tar.gz").touch()
    left = home / "istio-lab-4194399-apt-abc"
    left.mkdir()
    (left / scratch.MARK).touch()
    with scratch.folder("mine") as used:
        used.parent.rename(home / "istio-lab-4194398-elsewhere")
        assert scratch.remove_leftovers() == [left]
        (home / "istio-lab-4194398-elsewhere").rename(used.parent)
    assert contents(home) == {
        "thesis.txt",
        "istio-lab-4194399-backup",
        "istio-lab-4194399-backup/thesis.txt",
        "istio-lab-4194399-report.tar.gz",
    }
