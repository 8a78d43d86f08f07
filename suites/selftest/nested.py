"""Run pytest with chosen plugins of the project in a process of its own, and keep its output."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_pytest(folder: Path, plugins: Sequence[str], *options: str, **variables: str) -> Path:
    """Run the folder's tests and return the folder, with `results` of Allure and the text `output` in it."""
    chosen = [word for name in plugins for word in ("-p", f"fixtures.plugins.{name}")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:pytest-kind", *chosen, "--alluredir=results", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    (folder / "output").write_text(done.stdout + done.stderr)
    return folder
