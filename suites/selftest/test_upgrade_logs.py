"""Logs that outlive their pods."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures import waits
from fixtures.clients.background import Background, background
from fixtures.clients.command import Completed
from fixtures.upgrade.logs import SCRIPT, contents, logs_in

NAME = "upgrade_web_uid@app@0"


def test_prefix_of_the_container_runtime_is_removed() -> None:
    lines = ["2026-01-01T00:00:01.1Z stdout F one\n", "2026-01-01T00:00:01.2Z stderr F two words\n"]
    assert [*contents(iter(lines))] == ["one", "two words"]


def test_split_line_is_joined() -> None:
    lines = ["t stdout P begins \n", "t stdout F and ends\n", "t stdout F \n"]
    assert [*contents(iter(lines))] == ["begins and ends", ""]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    log = tmp_path / "pods" / "upgrade_web_uid" / "app" / "0.log"
    log.parent.mkdir(parents=True)
    log.write_text("one\n")
    return log


@pytest.fixture
def running_log_keeper(tmp_path: Path, log: Path) -> Iterator[Background]:
    """Run the script on a folder of this machine."""
    places = (str(tmp_path / "kept"), str(tmp_path / "pods"), "upgrade")
    with background(["bash", str(SCRIPT), *places], environment={"PATH": "/usr/bin:/bin"}) as running:
        yield running


def test_log_survives_its_pod(tmp_path: Path, log: Path, running_log_keeper: Background) -> None:
    def said() -> None:
        assert f"{NAME} 4" in running_log_keeper.printed()

    waits.eventually(said, "the log is kept", 5)
    with log.open("a") as more:
        more.write("two\n")
        shutil.rmtree(log.parents[1])
        more.write("three\n")
    assert (tmp_path / "kept" / NAME).read_text() == "one\ntwo\nthree\n"


def test_rotated_log_is_kept_completely(tmp_path: Path, log: Path, running_log_keeper: Background) -> None:
    def kept(what: str) -> None:
        assert what in running_log_keeper.printed()

    waits.eventually(lambda: kept(f"{NAME} 4"), "the first file is kept", 5)
    with log.open("w") as first:
        first.write("t stdout F one\nt stdout P two, ")
    log.rename(log.with_name("0.log.20260101-000000"))
    log.write_text("t stdout F cut\n")
    waits.eventually(lambda: kept(f"{NAME}.1 15"), "the second file is kept", 5)
    log.with_name("0.log.20260101-000000").unlink()
    (found,) = logs_in(tmp_path / "kept")
    assert (found.pod, found.container) == ("web", "app")
    assert [*found.lines()] == ["one", "two, cut"]


def test_log_keeper_stops_on_request(tmp_path: Path, running_log_keeper: Background) -> None:
    def ended() -> Completed:
        assert (tmp_path / "kept").is_dir()
        (tmp_path / "kept" / "stop").touch()
        done = running_log_keeper.ended()
        assert done
        return done

    assert waits.eventually(ended, "the script ends", 5).status == 0
