"""The lab's cache: whole or not at all, one builder at a time, damage noticed."""

import multiprocessing
import os
import signal
from pathlib import Path

from lab.cache import Entry, digest, prune, tree_digest


def _entry(root: Path) -> Entry:
    return Entry(root, "programs", digest("key"))


def _silent(_text: str) -> None:
    return


def _one_file(folder: Path) -> None:
    (folder / "x").write_text("1")


def test_digest_tells_apart_parts_that_only_join_alike() -> None:
    assert digest("ab", "c") != digest("a", "bc")


def test_tree_digest_follows_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    before = tree_digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert tree_digest(tmp_path) != before


def test_an_entry_that_is_whole_is_not_built_again(tmp_path: Path) -> None:
    built: list[Path] = []
    for _ in range(2):
        _entry(tmp_path).make(built.append, _silent)
    assert len(built) == 1


def test_a_corrupt_file_is_noticed_named_and_built_again(tmp_path: Path) -> None:
    said: list[str] = []
    path = _entry(tmp_path).make(_one_file, _silent)
    (path / "x").write_text("2")
    assert _entry(tmp_path).damage() == "x is not what was built"
    _entry(tmp_path).make(_one_file, said.append)
    assert _entry(tmp_path).damage() is None
    assert "x is not what was built" in said[0]


def test_a_missing_file_is_damage(tmp_path: Path) -> None:
    path = _entry(tmp_path).make(_one_file, _silent)
    (path / "x").unlink()
    assert "x can't be read" in str(_entry(tmp_path).damage())


def test_a_torn_manifest_counts_as_not_built(tmp_path: Path) -> None:
    path = _entry(tmp_path).make(_one_file, _silent)
    (path / "manifest.json").write_text('{"key": ')
    assert _entry(tmp_path).damage() == "not built"


def _killed_while_building(root: Path) -> None:
    def build(folder: Path) -> None:
        (folder / "x").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)

    _entry(root).make(build, _silent)


def test_a_build_killed_half_way_leaves_nothing_that_counts_and_no_lock(tmp_path: Path) -> None:
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


def test_two_builds_at_once_build_once_and_both_have_it(tmp_path: Path) -> None:
    log, context = tmp_path / "log", multiprocessing.get_context("spawn")
    processes = [context.Process(target=_build_counting, args=(tmp_path, log)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert log.read_text() == "built\n"


def test_old_entries_go_and_the_newest_stay(tmp_path: Path) -> None:
    for number in range(4):
        path = Entry(tmp_path, "node", digest(str(number))).make(_one_file, _silent)
        os.utime(path / "manifest.json", (number, number))
    gone = prune(tmp_path, "node", keep=2)
    assert {path.name for path in gone} == {digest("0")[:16], digest("1")[:16]}
    assert Entry(tmp_path, "node", digest("3")).damage() is None
