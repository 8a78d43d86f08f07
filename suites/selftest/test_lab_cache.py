"""The lab's cache: entries appear whole or not at all, one builder at a time, damage is detected."""

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from lab import cache
from lab.cache import OWNERS, USERS, Entry, digest, prune, tree_digest


def _entry(root: Path) -> Entry:
    return Entry(root, "programs", digest("key"))


def _silent(_text: str) -> None:
    return


def _one_file(folder: Path) -> None:
    (folder / "x").write_text("1")


def test_digest_differs_for_parts_with_the_same_concatenation() -> None:
    assert digest("ab", "c") != digest("a", "bc")


def test_tree_digest_depends_on_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    before = tree_digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert tree_digest(tmp_path) != before


def test_intact_entry_is_not_rebuilt(tmp_path: Path) -> None:
    built: list[Path] = []
    for _ in range(2):
        _entry(tmp_path).make(built.append, _silent)
    assert len(built) == 1


def test_corrupt_file_is_named_and_rebuilt(tmp_path: Path) -> None:
    said: list[str] = []
    path = _entry(tmp_path).make(_one_file, _silent)
    (path / "x").write_text("2")
    assert _entry(tmp_path).damage() == "x differs from what was built"
    _entry(tmp_path).make(_one_file, said.append)
    assert _entry(tmp_path).damage() is None
    assert "x differs from what was built" in said[0]


def test_missing_file_counts_as_damage(tmp_path: Path) -> None:
    path = _entry(tmp_path).make(_one_file, _silent)
    (path / "x").unlink()
    assert "x can't be read" in str(_entry(tmp_path).damage())


def test_truncated_manifest_counts_as_not_built(tmp_path: Path) -> None:
    path = _entry(tmp_path).make(_one_file, _silent)
    (path / "manifest.json").write_text('{"key": ')
    assert _entry(tmp_path).damage() == "not built"


def _killed_while_building(root: Path) -> None:
    def build(folder: Path) -> None:
        (folder / "x").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)

    _entry(root).make(build, _silent)


def test_killed_build_leaves_no_entry_and_no_lock(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_killed_while_building, args=(tmp_path,))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    assert _entry(tmp_path).damage() == "not built"
    path = _entry(tmp_path).make(_one_file, _silent)
    assert (path / "x").read_text() == "1"


def _build_counting(root: Path, log: Path) -> None:
    def build(folder: Path) -> None:
        with log.open("a") as stream:
            stream.write("built\n")
        (folder / "x").write_text("1")

    _entry(root).make(build, _silent)


def test_concurrent_builds_build_once_for_both(tmp_path: Path) -> None:
    log, context = tmp_path / "log", multiprocessing.get_context("spawn")
    processes = [context.Process(target=_build_counting, args=(tmp_path, log)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert log.read_text() == "built\n"


def test_old_entries_are_pruned_and_the_newest_stay(tmp_path: Path) -> None:
    for number in range(4):
        path = Entry(tmp_path, "node", digest(str(number))).make(_one_file, _silent)
        os.utime(path / "manifest.json", (number, number))
    gone = prune(tmp_path, "node", keep=2)
    assert {path.name for path in gone} == {digest("0")[:16], digest("1")[:16]}
    assert Entry(tmp_path, "node", digest("3")).damage() is None


def _kept(root: Path, count: int, users: dict[int, Path]) -> list[Entry]:
    """Create intact entries, oldest first; the named ones are used only by the checkout at this path."""
    entries = [Entry(root, "node", digest(str(number))) for number in range(count)]
    (root / OWNERS).mkdir()
    for number, entry in enumerate(entries):
        path = entry.make(_one_file, _silent)
        if number in users:
            (path / USERS).mkdir()
            (path / USERS / f"user{number}").touch()
            (root / OWNERS / f"user{number}").write_text(str(users[number]))
        os.utime(path / "manifest.json", (number, number))
    return entries


def test_entry_used_by_another_checkout_is_not_pruned(tmp_path: Path) -> None:
    entries = _kept(tmp_path, 4, {0: tmp_path})
    assert prune(tmp_path, "node", keep=1) == [entries[2].path, entries[1].path]
    assert entries[0].damage() is None


def test_entry_of_a_deleted_checkout_is_pruned(tmp_path: Path) -> None:
    entries = _kept(tmp_path, 2, {0: tmp_path / "gone"})
    assert prune(tmp_path, "node", keep=1) == [entries[0].path]


def _use_until_released(entry: Entry, told: Connection) -> None:
    entry.use()
    told.send("in use")
    told.recv()


def test_entry_in_use_by_a_run_is_not_pruned(tmp_path: Path) -> None:
    entries = _kept(tmp_path, 2, {})
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    run = context.Process(target=_use_until_released, args=(entries[0], there))
    run.start()
    assert here.recv() == "in use"
    os.utime(entries[0].path / "manifest.json", (0, 0))
    assert prune(tmp_path, "node", keep=1) == []
    here.send("end")
    run.join(30)
    assert prune(tmp_path, "node", keep=1) == [entries[0].path]


def test_damage_is_detected_and_intact_files_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = _entry(tmp_path)
    path = entry.make(_one_file, _silent)
    assert entry.damage_at_a_glance("x") is None
    with monkeypatch.context() as patched:
        patched.setattr(cache, "file_digest", pytest.fail)
        assert entry.damage_at_a_glance("x") is None
    (path / "x").write_text("22")
    assert entry.damage_at_a_glance("x") == "x differs from what was built"
    (path / "x").unlink()
    assert "x can't be read" in str(entry.damage_at_a_glance("x"))


def test_remains_of_a_killed_build_are_removed_and_builds_in_progress_stay(tmp_path: Path) -> None:
    for name in ("programs/0123456789abcdef.part", "node/0123456789abcdef.part", "import-ab.part"):
        (tmp_path / name).mkdir(parents=True)
    with cache.locked(tmp_path / "locks" / "node-0123456789abcdef"):
        gone = cache.remove_parts(tmp_path)
    assert {path.name for path in gone} == {"import-ab.part", "0123456789abcdef.part"}
    assert (tmp_path / "node" / "0123456789abcdef.part").is_dir()
    assert not (tmp_path / "programs").exists()
