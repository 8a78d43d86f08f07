"""What a page is built from in selftests: results, and a stand-in for Allure that writes an empty page."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reports import page


def one_result(parent: Path) -> Path:
    """Make a results folder with one result."""
    folder = parent / "results"
    folder.mkdir()
    (folder / "1-result.json").write_text('{"name": "one"}')
    return folder


def empty_page(
    parent: Path, monkeypatch: pytest.MonkeyPatch, generate: Callable[[page.Allure, list[str]], None]
) -> page.Allure:
    """Return an Allure whose page is there already; `generate` is called in place of its program."""
    folder = parent / "work"
    (folder / "html").mkdir(parents=True)
    (folder / "html" / "index.html").write_text("<!DOCTYPE html>\n<html><body></body></html>\n")
    monkeypatch.setattr(page, "_generate", generate)
    return page.Allure(Path("cli.js"), {}, folder)
