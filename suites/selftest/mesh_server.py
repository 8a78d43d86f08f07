"""An API server with a mesh, and a kubectl that knows only its kubeconfig, for the selftests of a check."""

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fixtures.inspection.mesh import Mesh
from fixtures.inspection.objects import CONFIG_MAP, CRD, KINDS
from suites.command import mesh
from suites.selftest.fake_api_server import FakeApiServer, refusal

_CRDS = "apiextensions.k8s.io/v1"
REVIEW = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
#: The scripted kubectl: it prints the kubeconfig, and refuses every context but one.
_KUBECTL = """
import sys
import time
words = sys.argv[1:]
if "port-forward" in words:
    # The debug interface is the fake API server's; nothing serves a certificate.
    if words[-1] != ":15014" or not {forwarding!r}:
        sys.exit("error: no port-forward here")
    print("Forwarding from 127.0.0.1:" + {forwarding!r} + " -> 15014", flush=True)
    time.sleep(60)
if "--context" in words and words[words.index("--context") + 1] != "fake":
    sys.exit("error: cannot locate context")
if "current-context" in words:
    print("fake")
else:
    print(open({kubeconfig!r}).read())
"""


@dataclass
class Command:
    """The command on a fake cluster, with what it printed."""

    server: FakeApiServer
    kubectl: Path
    capsys: pytest.CaptureFixture[str]
    stdout: str = ""
    stderr: str = ""

    def __call__(self, *options: str, kubeconfig: Path | None = None) -> int:
        place = f"--kubeconfig={kubeconfig or self.server.kubeconfig}"
        code = mesh.main(["check", place, f"--kubectl={self.kubectl}", "--request-timeout=2", *options])
        self.stdout, self.stderr = self.capsys.readouterr()
        return code

    def result(self) -> Any:
        return json.loads(self.stdout)


def path_of(kind: str, namespace: str = "") -> str:
    """The path of a kind's list, by the names that the fake server discovers."""
    group = f"{KINDS[kind].api_versions()[0]}" if kind in KINDS else "v1"
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    return f"{root}{f'/namespaces/{namespace}' if namespace else ''}/{kind.lower()}s"


def serve(fake: FakeApiServer, cluster: Mesh, refused: Sequence[str] = ()) -> None:
    """Serve the mesh's objects; the kinds in `refused` are forbidden."""
    fake.kinds = {"v1": [CONFIG_MAP], _CRDS: [CRD], "authorization.k8s.io/v1": ["SelfSubjectAccessReview"]}
    fake.on("GET /version", {"gitVersion": "v1.36.3"})
    fake.on(REVIEW, {"status": {"allowed": False}})
    for kind, each in KINDS.items():
        api_version = each.api_versions()[0]
        fake.kinds[api_version] = [*fake.kinds.get(api_version, ()), kind]
        answer: Any = {"items": _without_kind(cluster.objects.kinds[kind])}
        fake.on(f"GET {path_of(kind)}", refusal(403, "Forbidden", "no") if kind in refused else answer)
    for crd in cluster.objects.all(CRD):
        fake.on(f"GET /apis/{_CRDS}/customresourcedefinitions/{crd['metadata']['name']}", dict(crd))
    settings = {"items": _without_kind(cluster.objects.kinds[CONFIG_MAP])}
    fake.on(f"GET {path_of(CONFIG_MAP, cluster.namespace)}", settings)


def kubectl_for(fake: FakeApiServer, folder: Path, *, forwards: bool = False) -> Path:
    """A program in place of kubectl, which forwards to istiod's debug interface only if it is asked to."""
    port = fake.kubeconfig.read_text().partition("127.0.0.1:")[2].split()[0] if forwards else ""
    script, program = folder / "kubectl.py", folder / "kubectl"
    script.write_text(_KUBECTL.format(kubeconfig=str(fake.kubeconfig), forwarding=port))
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(script))} "$@"\n')
    program.chmod(0o700)
    return program


def _without_kind(objects: Any) -> list[Mapping[str, Any]]:
    """The objects as a list of the API server has them."""
    return [{name: value for name, value in each.items() if name != "kind"} for each in objects]
