"""Break a kept cluster by one fault after the other, and judge the runs of `istio-conformance run` on it.

The faults of all stages share one cluster: each stage must pass first, then each of its faults must fail it,
and pass again once the fault is gone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fixtures.causes.diagnosis import NOTE
from fixtures.checks.pods import container_id
from fixtures.clients.command import CommandFailed
from fixtures.clients.kubectl import Kubectl
from fixtures.clusters.base import KUBECONFIG
from fixtures.clusters.checkpoint import Checkpoint
from fixtures.clusters.kind.cli import node_of
from fixtures.clusters.kind.node import KindNode
from fixtures.distributions.base import Edition
from fixtures.distributions.lab import Lab
from fixtures.manifests import Manifests
from fixtures.plugins.stages import StageOrderError
from fixtures.settings import Timeouts
from fixtures.waits import Unmet
from lab import engine, network, runs
from lab.paths import PROJECT, state_root
from suites.prove.breaking import NothingChanged, broken, perform
from suites.prove.catalogue import Fault

#: A correct condition is met within seconds; a broken one never is.
_SHORTER = ("config_propagation", "metrics_visible", "traces_visible")
_SHORTER_SECONDS = 10
#: The namespace, labels and container of the app in the project's manifests.
_APP = ("test-namespace", "app=test", "web")
#: The end of a run's output that an error shows, in characters.
_SHOWN = 3000
#: The part of a message that a reason quotes, in characters.
_QUOTED = 300


class StageFailed(RuntimeError):
    """A stage failed with nothing broken, so none of its faults can be judged."""


@dataclass(frozen=True, slots=True)
class Ran:
    """The end of one run: its exit code, output, and failed tests with their messages."""

    code: int
    output: str
    failed: dict[str, str]
    #: Whether a test was refused because it needs the cluster as it was before this stage.
    refused: bool = False

    @property
    def passed(self) -> bool:
        """Whether every test passed, apart from those that this stage of the cluster refuses."""
        return not self.failed and self.code in ((0, 1) if self.refused else (0,))

    def causes(self) -> list[str]:
        """Return the first likely cause of each failed test that reports one."""
        noted = (text.partition(NOTE)[2] for text in self.failed.values() if NOTE in text)
        return list(dict.fromkeys(text.splitlines()[0].removeprefix("perhaps ") for text in noted))


@dataclass(frozen=True, slots=True)
class Result:
    """What one fault came to. `reasons` says why it does not count as caught."""

    fault: Fault
    failed: tuple[str, ...]
    cause: str
    seconds: float
    reasons: tuple[str, ...]
    #: Whether the stage passed again, so that the cluster can serve another fault.
    restored: bool = True


class SharedCluster:
    """The cluster that the faults share. The first stage creates it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.exists = False

    def advance(self, stage: str) -> None:
        """Bring the cluster to a stage; StageFailed unless the stage passes."""
        ran = self._run(stage)
        if not ran.passed:
            raise StageFailed(f"stage {stage} failed with nothing broken:\n{ran.output[-_SHOWN:]}")

    def prove(self, fault: Fault) -> Result:
        """Break the cluster, run the fault's stage, restore the cluster, and run the stage again."""
        begun = time.monotonic()
        try:
            return self._judged(fault, begun)
        except (CommandFailed, Unmet, NothingChanged) as error:
            if ended := _interrupt_of(error):
                # Restoring the cluster failed after Ctrl-C, which must still end the command.
                raise ended from error
            reasons = (f"the fault could not be made or removed: {error}",)
            return Result(fault, (), "", time.monotonic() - begun, reasons, restored=False)

    def _judged(self, fault: Fault, begun: float) -> Result:
        kubectl = self._kubectl()
        with tempfile.TemporaryDirectory() as folder:
            with broken(fault.as_break(), kubectl, Path(folder), self._in_pod_network):
                self._repeat(fault)
                ran = self._run(fault.stage, fault.only, shorter=True)
            for step in fault.settle:
                perform(step, kubectl, Path(folder))
        self._repeat(fault)
        again = self._run(fault.stage, fault.only)
        causes = ran.causes()
        expected = [cause for cause in causes if fault.cause and cause.startswith(f"{fault.cause}: ")]
        return Result(
            fault,
            failed=tuple(ran.failed),
            cause=(expected or causes or [""])[0],
            seconds=time.monotonic() - begun,
            reasons=tuple(_reasons(fault, ran, again, cause_reported=bool(expected))),
            restored=again.passed,
        )

    def remove(self) -> None:
        """Remove the cluster, its network and its folder."""
        running = engine.find()
        if running is not None:
            network.remove_network(running, network.Network(network.name_of(self.name), subnet="", bridge=""))
        folder = state_root() / "runs" / self.name
        if folder.exists():
            runs.remove(folder)
        self.exists = False

    def _repeat(self, fault: Fault) -> None:
        """Let the next run call the fixtures of the stage that the fault repeats."""
        if fault.repeats:
            folder = state_root() / "runs" / self.name
            Checkpoint.read(folder).interrupted(fault.repeats).write(folder)

    def _run(self, stage: str, only: Sequence[str] = (), *, shorter: bool = False) -> Ran:
        kept = (
            ("--use-cluster", self.name) if self.exists else ("--keep-cluster", "--cluster-name", self.name)
        )
        times = [word for name in _SHORTER for word in ("--time-out", f"{name}={_SHORTER_SECONDS}")]
        with tempfile.TemporaryDirectory() as folder:
            results = Path(folder) / "results.xml"
            options = [*kept, "--stage", stage, f"--junitxml={results}", f"--alluredir={folder}/allure"]
            options += [*(times if shorter else ()), *(("-k", " or ".join(only)) if only else ())]
            command = [sys.executable, "-m", "suites.command", "run", "--distribution=lab", *options]
            code, output = _command(command)
            failed = _failed(results) if results.exists() else {}
        self.exists = True
        kept_out = {name for name, text in failed.items() if StageOrderError.__name__ in text}
        failed = {name: text for name, text in failed.items() if name not in kept_out}
        return Ran(code, output, failed, refused=bool(kept_out))

    def _kubectl(self) -> Kubectl:
        edition = _edition()
        return Kubectl(
            program=edition.kubectl,
            kubeconfig=state_root() / "runs" / self.name / KUBECONFIG,
            environment=edition.environment,
            timeout=Timeouts().command,
        )

    def _in_pod_network(self, *command: str) -> None:
        """Run a command on the node, in the network of the app's pod."""
        place = ("pods", "--namespace", _APP[0], "--selector", _APP[1])
        pods = json.loads(self._kubectl().read("get", *place, "--output=json"))["items"]
        node = KindNode(
            name=node_of(self.name), environment=_edition().environment, timeout=Timeouts().command
        )
        node.in_network_of(node.pid(container_id(pods[0], _APP[2])), *command)


def _edition() -> Edition:
    source = Lab()
    return source.edition(source.istio_versions()[-1], None, Manifests())


@contextmanager
def shared_cluster(name: str) -> Iterator[SharedCluster]:
    """Yield the cluster that faults share; remove it at the end, also after an interrupt."""
    cluster = SharedCluster(name)
    try:
        yield cluster
    finally:
        cluster.remove()


def _interrupt_of(error: BaseException) -> BaseException | None:
    """Return the KeyboardInterrupt or SystemExit during whose handling the error occurred, if any."""
    found = error.__context__
    while found is not None and not isinstance(found, KeyboardInterrupt | SystemExit):
        found = found.__context__
    return found


def _command(command: Sequence[str]) -> tuple[int, str]:
    """Run a command and return its exit code and output; after an interrupt, let it clean up first."""
    # In its own session, Ctrl-C reaches it only as the SIGTERM below. A second signal would end its cleanup.
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as running:
        try:
            output, _ = running.communicate()
        finally:
            if running.poll() is None:
                running.terminate()
                running.communicate()
    return running.returncode, output


def _failed(results: Path) -> dict[str, str]:
    # The file is written by the run that has just ended.
    cases = ET.parse(results).iter("testcase")  # noqa: S314
    return {
        case.get("name", ""): "\n".join(f"{each.get('message', '')}\n{each.text or ''}" for each in ended)
        for case in cases
        if (ended := [*case.findall("failure"), *case.findall("error")])
    }


def _reasons(fault: Fault, ran: Ran, again: Ran, *, cause_reported: bool) -> Iterator[str]:
    names = {name.partition("[")[0] for name in ran.failed}
    if passed := [test for test in fault.fails if test not in names]:
        yield f"did not fail: {', '.join(passed)}"
    if ran.code != 1:
        yield f"exit code {ran.code}, expected 1"
    if fault.cause and not cause_reported:
        yield f"expected cause: {fault.cause}"
    if not again.passed:
        left = [f"{name} ({text.partition(chr(10))[0][:_QUOTED]})" for name, text in again.failed.items()]
        yield f"the stage fails after the fault is removed: {', '.join(left) or again.output[-_QUOTED:]}"
