"""The built lab is exported as one archive and imported where no registry is reachable."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.build import plan
from lab.paths import PROJECT

pytestmark = pytest.mark.lab


def _lab(*arguments: str, cache: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({"ISTIO_LAB_CACHE": str(cache)} if cache else {})}
    command = [sys.executable, "-m", "lab", *arguments]
    return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)


def test_exported_lab_is_intact_after_import(tmp_path: Path) -> None:
    """A lab exported here and imported into another cache has every program and the node image, intact."""
    assert _lab("export", str(tmp_path / "lab.tar")).returncode == 0
    imported = _lab("import", str(tmp_path / "lab.tar"), cache=tmp_path / "cache")
    assert "imported and verified" in imported.stderr, imported.stderr
    assert plan(tmp_path / "cache").built()


def test_truncated_archive_is_refused(tmp_path: Path) -> None:
    """A truncated copy of the archive fails with a clear error, and nothing counts as built."""
    assert _lab("export", str(tmp_path / "lab.tar")).returncode == 0
    with (tmp_path / "lab.tar").open("r+b") as archive:
        archive.truncate(100_000_000)
    imported = _lab("import", str(tmp_path / "lab.tar"), cache=tmp_path / "cache")
    assert imported.returncode == 1
    assert "is not an archive that `istio-conformance lab export` wrote, or is cut short" in imported.stderr
