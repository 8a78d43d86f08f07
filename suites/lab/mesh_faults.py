"""The faults of mesh_faults.yaml, and the planting of one on a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import trustme
import yaml

from fixtures.clients.kubectl import Kubectl
from fixtures.inspection.finding import Finding
from suites.prove.breaking import Break, InPodNetwork, Step, broken

#: The faults of a mesh with one control plane.
FILE = Path(__file__).with_suffix(".yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshFault:
    """One fault: the objects and steps that make it, and the check and the object that must name it.

    `object` is the kind and the name of the object, which may end in a wildcard.
    """

    name: str
    finds: str = ""
    object: str = ""
    objects: Sequence[Mapping[str, Any]] = ()
    steps: Sequence[Step] = field(default=())
    undo: Sequence[Step] = field(default=())

    def is_found(self, findings: Sequence[Finding]) -> bool:
        """Whether one of these findings is of the fault's check and object."""
        return any(
            each.check.id == self.finds and fnmatch(str(each.subject), self.object) for each in findings
        )


def faults(group: str = "faults", file: Path = FILE) -> list[MeshFault]:
    """Every fault, in the order of the file; or those of group "valid", which are none."""
    read = yaml.safe_load(file.read_text(encoding="utf-8"))
    return [MeshFault(**each) for each in read[group]]


@contextmanager
def planted(
    fault: MeshFault, kubectl: Kubectl, folder: Path, on_node: InPodNetwork | None = None
) -> Iterator[None]:
    """Make the fault, and remove it at the end. CommandFailed if a command fails.

    `on_node` runs a command in the network of the node, for steps that are not kubectl's.
    """
    file = folder / "objects.json"
    file.touch(mode=0o600)
    file.write_text(_filled(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(fault.objects)})))
    trial = Break(cause=fault.finds, words=fault.object, steps=fault.steps, undo=fault.undo)
    try:
        if fault.objects:
            kubectl.read("apply", "--filename", str(file))
        with broken(trial, kubectl, folder, on_node):
            yield
    finally:
        if fault.objects:
            kubectl.read("delete", "--ignore-not-found", "--now", "--filename", str(file))


def _filled(text: str) -> str:
    """Return JSON with a new certificate, which ends in a day, and its key in their places."""
    if "PRIVATE_KEY" not in text:
        return text
    made = trustme.CA().issue_cert("fault.example", not_after=datetime.now(UTC) + timedelta(days=1))
    parts = {
        "CERTIFICATE": b"".join(each.bytes() for each in made.cert_chain_pems),
        "PRIVATE_KEY": made.private_key_pem.bytes(),
    }
    for name, pem in parts.items():
        text = text.replace(json.dumps(name), json.dumps(pem.decode("ascii")))
    return text
