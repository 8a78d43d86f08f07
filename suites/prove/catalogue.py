"""Read the catalogue of faults in faults/, and compare it with the tests of suites/article."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fixtures.stages import NAMES
from lab.paths import PROJECT
from suites.prove.breaking import Break

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: the stage, the tests that must fail, their likely cause, and the steps of kubectl."""

    name: str
    stage: str
    broken: str
    fails: Sequence[str]
    steps: Sequence[Mapping[str, Any]]
    cause: str = ""
    #: Whether the tests run before the stage's own fixtures, on a cluster at the stage before.
    first: bool = False
    #: The stage whose fixtures run again under the fault and after it, because it changes what they create.
    repeats: str = ""
    undo: Sequence[Mapping[str, Any]] = ()
    #: Steps after everything is restored, which wait until the cluster runs as before.
    settle: Sequence[Mapping[str, Any]] = ()

    def __str__(self) -> str:
        return self.name

    @property
    def reached(self) -> str:
        """The stage that the cluster has passed when the fault is made."""
        place = NAMES.index(self.stage)
        return NAMES[place - 1] if self.first else self.stage

    @property
    def only(self) -> Sequence[str]:
        """The tests to run; empty for all of the stage."""
        return self.fails if self.first else ()

    def as_break(self) -> Break:
        """Return the steps in the form that restores whatever they change."""
        return Break(cause=self.cause, words="", steps=self.steps, undo=self.undo)


def faults() -> list[Fault]:
    """Return the faults in the order of the catalogue, which is that of the stages."""
    files = sorted((HERE / "faults").glob("*.yaml"))
    contents = [yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader) for file in files]
    return [Fault(**each) for content in contents for each in content["faults"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeFault:
    """One fault of an upgrade: the test of suites/lab that makes it, and the promises that must fail."""

    name: str
    broken: str
    test: str
    fails: Sequence[str]


def upgrade_faults() -> list[UpgradeFault]:
    """Return the faults of an upgrade."""
    content = yaml.safe_load((HERE / "upgrade.yaml").read_text(encoding="utf-8"))
    return [UpgradeFault(**each) for each in content["faults"]]


def unbroken() -> dict[str, str]:
    """Return the tests of suites/article that no fault breaks, each with the reason."""
    return _reasons(yaml.safe_load((HERE / "unbroken.yaml").read_text(encoding="utf-8")))


def unbroken_promises() -> dict[str, str]:
    """Return the tests of suites/upgrade that no fault breaks, each with the reason."""
    return _reasons(yaml.safe_load((HERE / "upgrade.yaml").read_text(encoding="utf-8"))["unbroken"])


def article_tests() -> dict[str, str]:
    """Return the name of every test of suites/article, with the name of its stage."""
    found: dict[str, str] = {}
    for module in sorted((PROJECT / "suites" / "article").glob("test_*.py")):
        tree = ast.parse(module.read_text(encoding="utf-8"))
        stages = [
            node.args[0].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and ast.unparse(node.func) == "pytest.mark.stage"
            and isinstance(node.args[0], ast.Constant)
        ]
        found |= {name: str(stages[0]) for name in _tests(tree)}
    return found


def names_of_tests(module: Path) -> list[str]:
    """Return the names of the test functions of a module."""
    return _tests(ast.parse(module.read_text(encoding="utf-8")))


def _tests(tree: ast.Module) -> list[str]:
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [name for name in names if name.startswith("test_")]


def _reasons(content: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {test: reason for reason, tests in content.items() for test in tests}
