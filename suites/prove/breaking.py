"""Break one thing on a cluster and restore it: by kubectl, or by commands in the network of the app's pod."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fixtures.clients.command import CommandFailed
from fixtures.clients.kubectl import Kubectl
from fixtures.waits import eventually

#: The resources that steps apply.
BROKEN = Path(__file__).parent / "broken"
#: Seconds within which a resource must be restored.
PUT_BACK = 20
#: Metadata that the API server sets itself.
OWN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")


class NothingChanged(ValueError):
    """A step would change nothing, so its fault breaks nothing."""


Step = Mapping[str, Any]
Command = tuple[str, ...]
#: Runs a command in the network namespace of the app's pod.
InPodNetwork = Callable[..., object]


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
        """What the steps patch, delete, change or apply, as kubectl's arguments (name, namespace)."""
        return list(dict.fromkeys(target for step in self.steps for target in _targets(step)))


@contextmanager
def broken(
    trial: Break, kubectl: Kubectl, folder: Path, in_pod_network: InPodNetwork | None = None
) -> Iterator[None]:
    """Apply the break, and restore everything at the end. CommandFailed if a command fails."""
    before = {target: _read(kubectl, target) for target in trial.targets()}
    try:
        for step in trial.steps:
            perform(step, kubectl, folder, in_pod_network)
        yield
    finally:
        for step in trial.undo:
            perform(step, kubectl, folder, in_pod_network)
        for target, resource in before.items():
            _put_back(kubectl, target, resource, folder / "before.json")


def perform(step: Step, kubectl: Kubectl, folder: Path, in_pod_network: InPodNetwork | None = None) -> None:
    """Perform one step; CommandFailed if its command fails, NothingChanged if it changes nothing."""
    if "network" in step:
        if in_pod_network is None:
            raise ValueError(f"no pod's network is known for {step}")
        in_pod_network(*step["network"].split())
    elif "change" in step:
        file = folder / "changed.json"
        file.write_text(_changed(kubectl.read("get", *step["change"].split(), "--output=json"), step))
        kubectl.read("replace", "--filename", str(file))
    else:
        kubectl.read(*_command(step))


def _changed(resource: str, step: Step) -> str:
    """Return a resource as JSON with one text replaced by another."""
    text = json.dumps(json.loads(resource))
    if step["old"] not in text:
        raise NothingChanged(f"{step['change']} does not contain {step['old']}")
    return text.replace(step["old"], step["new"])


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
        for resource in yaml.safe_load_all(_file(step).read_text(encoding="utf-8")):
            metadata = resource["metadata"]
            place = ("-n", metadata["namespace"]) if "namespace" in metadata else ()
            yield (f"{resource['kind']}/{metadata['name']}", *place)
    for verb in ("patch", "delete", "change"):
        if verb in step:
            yield tuple(step[verb].split())


def _file(step: Step) -> Path:
    return BROKEN / f"{step['apply']}.yaml"


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
