"""Run the shell steps of a workflow's job in order, as a hosted runner does, in a copy of this checkout.

Actions are not run: of `upload-artifact` only the paths are copied. The step named Install is left out,
because the copy's `.venv` leads to the interpreter of this run.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab.paths import PROJECT
from suites.nightly.matrix import Cell
from suites.selftest import fake_github

_EXPRESSION = re.compile(r"\$\{\{ *([\w.]+) *\}\}")
#: Steps that a test can't run without changing this machine.
LEFT_OUT = ("Install",)


def checkout(folder: Path) -> Path:
    """Copy the tracked files of this checkout to a folder, with a `.venv` that leads to this interpreter."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, target = PROJECT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    install(folder)
    commit(folder)
    return folder


def install(folder: Path) -> None:
    """Make a `.venv` in a checkout that leads to this interpreter, in place of the step named Install."""
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, words in (("python", ""), ("istio-conformance", " -m suites.command")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{words} "$@"\n')
        (programs / name).chmod(0o755)


def commit(folder: Path) -> None:
    """Make a folder a repository with one commit, as a runner's checkout is, so that a run can name it."""
    author = ["-c", "user.name=selftest", "-c", "user.email=selftest@invalid"]
    for words in (
        ["init", "--quiet"],
        ["add", "--all"],
        [*author, "commit", "--quiet", "--message=checkout"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)


@dataclass(frozen=True, slots=True)
class Ran:
    """One step that was run: its name, exit code and output."""

    name: str
    status: int
    output: str


@dataclass
class Job:
    """One job on a runner: its steps, what they wrote, and whether one failed."""

    ran: list[Ran] = field(default_factory=list)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    summary: str = ""
    artifact: str = ""
    failed: bool = False


@dataclass
class Runner:
    """A runner with a checkout and a folder of artifacts. `variables` are the same for all its jobs."""

    checkout: Path
    artifacts: Path
    temporary: Path
    variables: Mapping[str, str]

    def run(self, workflow: str, job: str, context: Mapping[str, Any], **overrides: str) -> Job:
        """Run the job's shell steps until the end; later ones only with `if: always()` once one failed."""
        content = yaml.safe_load((self.checkout / ".github" / "workflows" / f"{workflow}.yml").read_text())
        declared, done = content["jobs"][job], Job()
        scope: dict[str, Any] = {**context, "steps": {}}
        files = self._files(job)
        environment = {**os.environ, **self.variables, **{name: str(each) for name, each in files.items()}}
        environment.pop("GITHUB_TOKEN", None)
        environment |= self._resolved(declared.get("env", {}), scope) | overrides
        for step in declared["steps"]:
            if done.failed and step.get("if") != "always()":
                continue
            if "run" in step and step.get("name") not in LEFT_OUT:
                self._step(step, environment, scope, done)
            elif "upload-artifact" in step.get("uses", ""):
                done.artifact = self._upload(self._resolved(step["with"], scope))
        done.summary = files["GITHUB_STEP_SUMMARY"].read_text()
        return done

    def _step(
        self, step: Mapping[str, Any], environment: dict[str, str], scope: dict[str, Any], job: Job
    ) -> None:
        for name in ("GITHUB_OUTPUT", "GITHUB_ENV"):
            Path(environment[name]).write_text("")
        script = Path(environment["RUNNER_TEMP"]) / "step.sh"
        script.write_text(step["run"])
        # The runner's shell for a step that names none. Source: GitHub's documentation of `shell`.
        done = subprocess.run(
            ["bash", "-e", str(script)],
            cwd=self.checkout,
            env={**environment, **self._resolved(step.get("env", {}), scope)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        job.ran.append(Ran(step.get("name", step["run"]), done.returncode, done.stdout))
        job.failed = job.failed or done.returncode != 0
        if "id" in step:
            written = dict(_assignments(Path(environment["GITHUB_OUTPUT"])))
            job.outputs[step["id"]] = written
            scope["steps"][step["id"]] = {"outputs": written}
        environment.update(_assignments(Path(environment["GITHUB_ENV"])))

    def _upload(self, given: Mapping[str, str]) -> str:
        """Copy the artifact's paths below their least common folder, as the action does."""
        paths = [self.checkout / each for each in given["path"].split() if (self.checkout / each).exists()]
        target = self.artifacts / given["name"]
        for each in paths:
            inside = each.name if len(given["path"].split()) > 1 else ""
            shutil.copytree(each, target / inside, dirs_exist_ok=True)
            shutil.rmtree(each)
        return given["name"]

    def _files(self, job: str) -> dict[str, Path]:
        folder = self.temporary / job
        folder.mkdir(parents=True, exist_ok=True)
        files = {
            f"GITHUB_{name}": folder / name.lower() for name in ("OUTPUT", "ENV", "STEP_SUMMARY", "PATH")
        }
        for each in files.values():
            each.write_text("")
        return {**files, "RUNNER_TEMP": folder}

    def _resolved(self, values: Mapping[str, Any], scope: Mapping[str, Any]) -> dict[str, str]:
        return {
            name: _EXPRESSION.sub(lambda m: _value(m[1], scope), str(text)) for name, text in values.items()
        }


def _value(path: str, scope: Mapping[str, Any]) -> str:
    """Return the value of an expression such as matrix.cell.name; "" if it is unknown, as on a runner."""
    found: Any = scope
    for part in path.split("."):
        found = found.get(part, {}) if isinstance(found, Mapping) else {}
    return str(found) if isinstance(found, str | int) else ""


def write_matrix(folder: Path, cells: Iterable[Cell]) -> None:
    """Replace the matrix of a checkout."""
    entries = [asdict(each) for each in cells]
    (folder / ".github" / "matrix.yaml").write_text(json.dumps({"cells": entries}))


def variables(folder: Path, api: str) -> dict[str, str]:
    """Return the variables of a hosted runner for a checkout and the address of GitHub's API."""
    return {
        "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_API_URL": api, "GITHUB_REPOSITORY": fake_github.NAME,
        "GITHUB_REF_NAME": "main", "GITHUB_SHA": "c" * 40, "GITHUB_RUN_ID": "7", "RUNNER_OS": "Linux",
        "GITHUB_SERVER_URL": "https://github.invalid", "GITHUB_WORKSPACE": str(folder), "PYTEST_ADDOPTS": "",
    }  # fmt: skip


def _assignments(file: Path) -> Iterator[tuple[str, str]]:
    for line in file.read_text().splitlines():
        name, _, value = line.partition("=")
        yield name, value
