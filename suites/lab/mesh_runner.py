"""`istio-conformance mesh run` as a process of its own, as a user with exactly the documented rights."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from fixtures.clients.kube import Kube
from fixtures.clusters.base import Cluster
from fixtures.mesh_run.marks import KIND, NAMESPACE
from lab.paths import PROJECT
from suites.lab.mesh_users import kubeconfig_of

RIGHTS, USER = PROJECT / "docs" / "rbac" / "run.yaml", "istio-conformance-run"
OPTIONS = PROJECT / "docs" / "rbac" / "run-options.yaml"
IMAGE = "registry.lab/nginx:1.22.1"
#: Seconds within which a run ends.
ENDS = 300
MIDDLE = "pass  Nothing answers before the Gateway"


@dataclass(frozen=True)
class Runner:
    """The command with a kubeconfig."""

    cluster: Cluster
    kubeconfig: Path

    def words(self, command: str, *options: str) -> list[str]:
        """Return the command line."""
        place = [f"--kubeconfig={self.kubeconfig}", f"--kubectl={self.cluster.distribution.kubectl}"]
        image = [f"--image={IMAGE}", "--yes"] if command == "run" else []
        return [sys.executable, "-m", "suites.command", "mesh", command, *place, *image, *options]

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the stages."""
        return self._ended(self.words("run", *options))

    def result(self, *options: str) -> Any:
        """Run the stages, and return their result as JSON."""
        ran = self.run("-o", "json", *options)
        assert ran.stdout, ran.stderr
        return json.loads(ran.stdout)

    def cleanup(self) -> subprocess.CompletedProcess[str]:
        """Remove what a run has left."""
        return self._ended(self.words("cleanup"))

    @contextmanager
    def started(self, *options: str) -> Iterator["subprocess.Popen[str]"]:
        """Start a run, which is waited for at the end."""
        words = self.words("run", *options)
        with subprocess.Popen(
            words, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            yield running

    def ended_by(self, sign: signal.Signals) -> int:
        """Start a run, end it by a signal once its gateway is ready, and return its exit code."""
        with self.started() as running:
            wait_for_line(running, MIDDLE)
            os.kill(running.pid, sign)
            running.communicate(timeout=ENDS)
        return int(running.returncode)

    def _ended(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=ENDS)

    def with_exec_credentials(self, folder: Path) -> "Runner":
        """Return a runner whose kubeconfig gets its token from a program, as those of clouds do."""
        config = yaml.safe_load(self.kubeconfig.read_text(encoding="utf-8"))
        token = config["users"][0]["user"]["token"]
        version = "client.authentication.k8s.io/v1"
        credential = {"apiVersion": version, "kind": "ExecCredential", "status": {"token": token}}
        printed = folder / "credential.json"
        printed.touch(mode=0o600)
        printed.write_text(json.dumps(credential), encoding="utf-8")
        plugin = {"apiVersion": version, "command": "cat", "args": [str(printed)], "interactiveMode": "Never"}
        config["users"][0]["user"] = {"exec": plugin}
        return self._with(config, folder / "exec-kubeconfig")

    def at(self, server: str, folder: Path) -> "Runner":
        """Return a runner whose kubeconfig names another address of the API server."""
        config = yaml.safe_load(self.kubeconfig.read_text(encoding="utf-8"))
        config["clusters"][0]["cluster"]["server"] = server
        return self._with(config, folder / "other-address")

    def _with(self, config: Any, file: Path) -> "Runner":
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        return replace(self, kubeconfig=file)


def runner_of(cluster: Cluster, folder: Path) -> Runner:
    """Return a runner with exactly the rights of docs/rbac/run.yaml."""
    return Runner(cluster, kubeconfig_of(cluster, RIGHTS, USER, folder))


@contextmanager
def more_rights(cluster: Cluster) -> Iterator[None]:
    """Add the rights that options need, for a while."""
    cluster.kubectl.read("apply", "--filename", str(OPTIONS))
    try:
        yield
    finally:
        cluster.kubectl.read("delete", "--filename", str(OPTIONS))


def wait_for_line(running: "subprocess.Popen[str]", begins: str) -> None:
    """Read the run's lines up to one that begins so; AssertionError if it ends before."""
    assert running.stdout
    assert any(line.startswith(begins) for line in running.stdout), "the run ended too early"


def is_there(kube: Kube) -> bool:
    """Whether the run's namespace exists."""
    return NAMESPACE in [each["metadata"]["name"] for each in kube.get_all(KIND)]


def stages_of(result: Any, outcome: str) -> dict[str, str]:
    """Return the text of each stage with this outcome, by its name."""
    return {each["name"]: each["text"] for each in result["stages"] if each["result"] == outcome}


@contextmanager
def applied(cluster: Cluster, folder: Path, *objects: Any) -> Iterator[None]:
    """Apply objects for a while."""
    file = folder / "applied.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))
    cluster.kubectl.read("apply", "--filename", str(file))
    try:
        yield
    finally:
        cluster.kubectl.read("delete", "--ignore-not-found", "--filename", str(file))
