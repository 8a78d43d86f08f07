"""`make` empties only virtual environments that it created."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "venv"
MARKER = ".istio-conformance-venv"
#: A python3 whose `-m venv` writes the files of an environment, with a pip that records its calls.
PYTHON = """#!/bin/bash
[ "$1" = -m ] || exit 0
[ "$3" != --clear ] || { shift; rm -rf "$3"; }
mkdir -p "$3/bin"
[ -z "${BREAK:-}" ] || exit 1
echo new > "$3/pyvenv.cfg"
printf '#!/bin/bash\\necho "$@" >> "%s/pip.log"\\n' "$3" > "$3/bin/pip"
chmod +x "$3/bin/pip"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the script and a stand-in for python3."""
    for name in (".ci", "bin"):
        (tmp_path / name).mkdir()
    shutil.copy(SCRIPT, tmp_path / ".ci" / "venv")
    (tmp_path / "bin" / "python3").write_text(PYTHON)
    (tmp_path / "bin" / "python3").chmod(0o755)
    return tmp_path


def create(checkout: Path, folder: str, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / ".ci" / "venv"), folder],
        cwd=checkout,
        env={"PATH": f"{checkout / 'bin'}:{os.environ['PATH']}", "HOME": str(checkout), **extra},
        capture_output=True,
        text=True,
        check=False,
    )


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("old")


@pytest.mark.parametrize("files", [(), ("pyvenv.cfg",), (".ready",), (MARKER,)], ids=str)
@pytest.mark.parametrize("folder", ["documents", ".venv"])
def test_folder_of_the_user_is_refused(checkout: Path, folder: str, files: tuple[str, ...]) -> None:
    fill(checkout / folder, "thesis.txt", *files)
    done = create(checkout, folder)
    assert done.returncode != 0
    assert f"{folder} exists, and .ci/venv did not create it" in done.stderr
    assert (checkout / folder / "thesis.txt").read_text() == "old"


def test_file_is_refused(checkout: Path) -> None:
    fill(checkout, "notes")
    assert "notes exists" in create(checkout, "notes").stderr
    assert (checkout / "notes").read_text() == "old"


@pytest.mark.parametrize("files", [(".ready",), (MARKER,)], ids=["earlier version", "marker"])
@pytest.mark.parametrize("folder", ["mine", ".venv"])
def test_damaged_environment_is_created_again(checkout: Path, folder: str, files: tuple[str, ...]) -> None:
    fill(checkout / folder, "pyvenv.cfg", "bin/python", *files)
    if MARKER in files:
        (checkout / folder / MARKER).write_text("created\n")
    assert create(checkout, folder).returncode == 0
    assert not (checkout / folder / "bin" / "python").exists()
    assert (checkout / folder / "pyvenv.cfg").read_text() == "new\n"
    assert "--editable" in (checkout / folder / "pip.log").read_text()


@pytest.mark.parametrize("exists", [True, False], ids=["empty", "absent"])
def test_interrupted_creation_can_be_repeated(checkout: Path, exists: bool) -> None:
    if exists:
        (checkout / "mine").mkdir()
    assert create(checkout, "mine", BREAK="1").returncode != 0
    fill(checkout / "mine", "lib/old")
    assert create(checkout, "mine").returncode == 0
    assert not (checkout / "mine" / "lib").exists()


def test_environment_of_the_user_in_the_default_folder_is_reused_and_never_emptied(checkout: Path) -> None:
    fill(checkout / ".venv", "pyvenv.cfg", "thesis.txt", "bin/pip")
    (checkout / ".venv" / "bin" / "pip").write_text("#!/bin/sh\n")
    (checkout / ".venv" / "bin" / "pip").chmod(0o755)
    (checkout / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (checkout / ".venv" / "bin" / "python").chmod(0o755)
    for _ in range(2):
        assert create(checkout, ".venv").returncode == 0
        # make creates this file after the script.
        (checkout / ".venv" / ".ready").touch()
        assert (checkout / ".venv" / "thesis.txt").read_text() == "old"
