"""Builds of Go modules: patched copies, downloads ahead of the build, and errors of the compiler."""

import threading
from pathlib import Path

import pytest

from lab import build, programs
from lab.errors import LabError
from lab.programs import changed_modules
from lab.sources import Source

PATCH = '[[patch]]\nmodule="m.io/x"\npaths=["a/b.go"]\ntheirs="Old"\nours="New"\n'


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module in a cache, in place of the path that Go would print."""
    (tmp_path / "cache" / "a").mkdir(parents=True)
    (tmp_path / "cache" / "a" / "b.go").write_text("var x Old // Old\n")
    (tmp_path / "work").mkdir()
    monkeypatch.setattr(programs, "_directory", lambda _source, _module: tmp_path / "cache")
    return tmp_path


def source(folder: Path, text: str) -> Source:
    (folder / "source.toml").write_text(f'title="x"\n{text}')
    (folder / "go.mod").write_text("module lab/x\n")
    (folder / "go.sum").write_text("m.io/x v1.0.0 h1:x\n")
    return Source(folder)


def test_source_without_patches_uses_modules_unchanged(module: Path) -> None:
    assert changed_modules(source(module, ""), module / "work") == []


def test_patched_module_is_a_copy_with_the_replacements(module: Path) -> None:
    flags = changed_modules(source(module, PATCH), module / "work")
    assert flags == [f"-modfile={module}/work/go.mod"]
    assert (module / "work" / "0" / "a" / "b.go").read_text() == "var x New // New\n"
    assert f"replace m.io/x => {module}/work/0" in (module / "work" / "go.mod").read_text()
    assert (module / "work" / "go.sum").exists()
    assert "Old" in (module / "cache" / "a" / "b.go").read_text()


def test_patch_for_missing_words_is_reported(module: Path) -> None:
    gone = PATCH.replace("Old", "Older")
    with pytest.raises(LabError, match=r"m\.io/x/a/b\.go no longer contains 'Older'"):
        changed_modules(source(module, gone), module / "work")


def test_patch_applies_to_every_named_file(module: Path) -> None:
    (module / "cache" / "c.go").write_text("Old")
    changed_modules(source(module, PATCH.replace('"a/b.go"', '"a/b.go", "c.go"')), module / "work")
    assert (module / "work" / "0" / "a" / "b.go").read_text() == "var x New // New\n"
    assert (module / "work" / "0" / "c.go").read_text() == "New"


def test_failed_build_shows_the_compilers_errors_and_not_the_packages(tmp_path: Path) -> None:
    printed = "fmt\n# m.io/x\nx.go:1:2: undefined: y\n" + "strings\n" * 40
    command = ["sh", "-c", "printf '%s' \"$1\" >&2; exit 1", "sh", printed]
    with pytest.raises(LabError, match=r"# m\.io/x\nx\.go:1:2: undefined: y\n\Z"):
        programs._run_build(command, source(tmp_path, ""), 50, tmp_path, lambda *_: None)


def test_downloads_end_when_the_build_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, downloaded = threading.Event(), []

    def download(one: Source, _work: Path) -> None:
        downloaded.append(one)
        stopped.set()

    monkeypatch.setattr(programs, "download", download)
    build._download([source(tmp_path, ""), source(tmp_path, "")], stopped)
    assert len(downloaded) == 1


def test_failed_download_is_left_to_the_sources_own_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def download(one: Source, _work: Path) -> None:
        begun.append(one)
        raise LabError("refused")

    monkeypatch.setattr(programs, "download", download)
    build._download([source(tmp_path, ""), source(tmp_path, "")], threading.Event())
    assert len(begun) == 2
