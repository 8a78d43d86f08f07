"""Breaks one thing on a cluster and restores it; the data is in breaks.yaml, the program is kubectl."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fixtures.clients.command import CommandFailed
from fixtures.clients.kubectl import Kubectl
from fixtures.waits import eventually

HERE = Path(__file__).parent
#: Seconds within which a resource must be restored.
PUT_BACK = 20
#: Metadata that the API server sets itself.
OWN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")

Step = Mapping[str, Any]
Command = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One break: the expected cause, the words it must contain, the steps, and the steps that undo them."""

    cause: str
    words: str
    steps: Sequence[Step]
    undo: Sequence[Step] = ()

    def __str__(self) -> str:
        return f"{self.cause}: {self.words}"

    def targets(self) -> list[Command]:
        """What the steps patch, delete or apply, as kubectl's arguments for resource and namespace."""
        return list(dict.fromkeys(target for step in self.steps for target in _targets(step)))


def breaks() -> tuple[list[Break], list[Break]]:
    """The breaks that must show a cause, and those that must show a circumstance."""
    groups = yaml.safe_load((HERE / "breaks.yaml").read_text(encoding="utf-8"))
    read = {name: [Break(**each) for each in group] for name, group in groups.items()}
    circumstances = read.pop("circumstances")
    return [each for group in read.values() for each in group], circumstances


@contextmanager
def broken(trial: Break, kubectl: Kubectl, folder: Path) -> Iterator[None]:
    """Apply the break, and restore everything at the end. CommandFailed if kubectl fails."""
    before = {target: _read(kubectl, target) for target in trial.targets()}
    try:
        for step in trial.steps:
            kubectl.read(*_command(step))
        yield
    finally:
        for step in trial.undo:
            kubectl.read(*_command(step))
        for target, resource in before.items():
            _put_back(kubectl, target, resource, folder / "before.json")


def _command(step: Step) -> Command:
    if "patch" in step:
        kind = f"--type={step.get('type', 'merge')}"
        return ("patch", *step["patch"].split(), kind, "--patch", json.dumps(step["by"]))
    if "delete" in step:
        return ("delete", *step["delete"].split())
    if "apply" in step:
        return ("apply", "--filename", str(_file(step)))
    return tuple(step["run"].split())


def _targets(step: Step) -> Iterator[Command]:
    if "apply" in step:
        metadata = (resource := yaml.safe_load(_file(step).read_text(encoding="utf-8")))["metadata"]
        yield (f"{resource['kind']}/{metadata['name']}", "-n", metadata["namespace"])
    for verb in ("patch", "delete"):
        if verb in step:
            yield tuple(step[verb].split())


def _file(step: Step) -> Path:
    return HERE / "broken" / f"{step['apply']}.yaml"


def _read(kubectl: Kubectl, target: Command) -> Any:
    found = kubectl.read("get", *target, "--ignore-not-found", "--output=json")
    return json.loads(found) if found else None


def _put_back(kubectl: Kubectl, target: Command, resource: Any, file: Path) -> None:
    if resource is None:
        kubectl.read("delete", *target, "--ignore-not-found")
        return
    metadata = {name: value for name, value in resource["metadata"].items() if name not in OWN}
    file.write_text(json.dumps({**resource, "metadata": metadata}), encoding="utf-8")
    # A controller may write in between, and the API server then rejects the replacement: retry.
    eventually(
        lambda: kubectl.read("replace" if _read(kubectl, target) else "create", "--filename", str(file)),
        f"{' '.join(target)} is restored",
        PUT_BACK,
        retry_on=(CommandFailed,),
    )
