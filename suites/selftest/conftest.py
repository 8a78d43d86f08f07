"""Fixtures of several selftests."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures.declaration import Declaration, declared_in
from fixtures.manifests import Manifests
from suites.selftest.overlays import ARTICLE, Declare, Files


@pytest.fixture(autouse=True)
def without_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the lab the distribution of every selftest that names none, whatever this machine has."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("fixtures.distributions.auto.answering_engine", lambda _: None)


@pytest.fixture
def files() -> Files:
    """The article's resources, to be changed by a test."""
    return copy.deepcopy(ARTICLE)


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    """A function that writes files into an overlay and returns what it declares."""

    def written(files: Mapping[str, Sequence[Any]]) -> Declaration:
        for name, resources in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(yaml.safe_dump_all(resources))
        return declared_in(Manifests.checked(tmp_path))

    return written
