"""Faults of an upgrade, its traffic, the new version or the request: each is reported for what it is."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from fixtures import waits
from fixtures.settings import MANIFESTS
from fixtures.upgrade.judging.budgets import BUDGETS
from lab.description import available_istio_versions
from lab.paths import PROJECT

pytestmark = [pytest.mark.lab, pytest.mark.full]

NAME = "istio-conformance-upgrade-fault"
PYTEST = [
    sys.executable,
    "-m",
    "pytest",
    "suites/upgrade",
    "-p",
    "no:cacheprovider",
    f"--cluster-name={NAME}",
]
BROKEN = Path(__file__).parent / "broken"
ROUTES = "routes-with-retries.yaml"
NEWEST = available_istio_versions()[-1]
IN_PLACE, CANARY = "--strategy=in-place", "--strategy=canary"
#: Streams with budgets, and a lower bound for retries if one in a hundred of 20,000 requests fails.
STREAMS, FEWEST_RETRIES = 8, 50
#: Seconds within which a run reaches a phase, and within which it ends after a fault.
COMING, ENDING = 240, 300


@contextmanager
def upgrading(output: Path, phase: str, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """An upgrade that has reached this phase; stopped at the end if it still runs."""
    with output.open("wb") as log:
        command = [*PYTEST, *options]
        with subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log, start_new_session=True) as run:

            def reached() -> None:
                assert run.poll() is None, output.read_text()[-3000:]
                assert f"  {phase}: " in output.read_text(), "the phase has not begun"

            try:
                waits.eventually(reached, f"the phase {phase} begins", COMING, interval=0.1)
                yield run
            finally:
                if run.poll() is None:
                    os.killpg(run.pid, signal.SIGINT)


def kill(*words: str) -> None:
    """Wait for the one process of this run whose command line has all of these words, and kill it."""

    def found() -> int:
        pids = [
            int(each.parent.name) for each in Path("/proc").glob("[0-9]*/cmdline") if matches(each, words)
        ]
        assert len(pids) == 1, f"{len(pids)} processes match {words}"
        return pids[0]

    os.kill(waits.eventually(found, f"there is a program with {words}", 30, interval=0.02), signal.SIGKILL)


def matches(command_line: Path, words: tuple[str, ...]) -> bool:
    """Whether the command line contains all of these words and the folder of this run."""
    try:
        text = command_line.read_text(errors="replace").replace("\0", " ")
    except OSError:
        # The process has ended in the meantime.
        return False
    return all(word in text for word in (*words, f"runs/{NAME}/"))


def test_upgrade_that_dies_names_its_phase_and_is_rolled_back(tmp_path: Path) -> None:
    """When istioctl is killed while it replaces istiod, the run lacks evidence and rolls back."""
    output = tmp_path / "output"
    with upgrading(output, "control-plane", IN_PLACE) as run:
        kill("istioctl", " upgrade ")
        assert run.wait(ENDING) == 11, output.read_text()[-3000:]
    told = output.read_text()
    assert "failed in phase control-plane; rolled back" in told, told[-6000:]
    assert "  after-rollback: " in told
    assert told.splitlines()[-1].startswith("verdict: not enough evidence (exit 11)")


def test_stopped_traffic_is_not_enough_evidence(tmp_path: Path) -> None:
    """When the generator is killed before any change, the run ends at once and reports it."""
    output = tmp_path / "output"
    with upgrading(output, "before", IN_PLACE) as run:
        kill("fixtures.traffic", "--plan")
        assert run.wait(ENDING) == 11, output.read_text()[-3000:]
    told = output.read_text()
    assert "the north-south generator exited with status -9" in told
    assert "  control-plane: " not in told


def test_a_a_run_exceeds_no_budget(tmp_path: Path) -> None:
    """An A/A run, which restarts everything that an upgrade restarts, exceeds no budget."""
    output = tmp_path / "output"
    version = f"--from={NEWEST}"
    with upgrading(output, "before", IN_PLACE, version) as run:
        status = run.wait(ENDING)
    assert status in (0, 11), output.read_text()[-3000:]
    assert "MISSED" not in output.read_text()


def test_worse_version_exceeds_each_budget(tmp_path: Path) -> None:
    """Sidecars that fail, delay, duplicate, allow or cut off requests exceed each budget."""
    output, overlay = tmp_path / "output", overlaid(tmp_path, "worse-version.yaml")
    (overlay / "probe.yaml").write_text((BROKEN / "probe-without-sidecar.yaml").read_text())
    with upgrading(output, "before", IN_PLACE, f"--manifests={overlay.parent}") as run:
        status = run.wait(ENDING)
    told = output.read_text()
    assert status == 10, told[-3000:]
    met = [each.name for each in BUDGETS if not re.search(rf"MISSED +{each.name} ", told)]
    assert not met, f"not exceeded: {met}\n{told[-6000:]}"


def test_mesh_retries_hide_failures_and_are_counted(tmp_path: Path) -> None:
    """When the app's sidecars sometimes respond with 503, no request fails and each retry is counted."""
    output, overlay = tmp_path / "output", overlaid(tmp_path, "failing-sidecars.yaml")
    routes = [*yaml.safe_load_all((MANIFESTS / "upgrade" / ROUTES).read_text())]
    # Istio's default retries exclude a 503 from the app, which may have processed the request.
    for route in (each for spec in routes for each in spec["spec"].get("http", ())):
        route["retries"] = {"attempts": 2, "retryOn": "5xx"}
    (overlay / ROUTES).write_text(yaml.safe_dump_all(routes))
    options = (CANARY, "--mesh-retries", f"--manifests={overlay.parent}")
    with upgrading(output, "before", *options) as run:
        status = run.wait(ENDING)
    told = output.read_text()
    assert status in (0, 11), told[-6000:]
    assert re.search(r"met +failed +0 \(limit 0 requests\)", told), told[-6000:]
    counts = [int(count) for count in re.findall(r"(\d+) retried by the mesh", told)]
    assert len(counts) == STREAMS, told[-6000:]
    assert sum(counts) >= FEWEST_RETRIES, told[-6000:]
    assert "  rollback-" not in told


def test_control_plane_without_room_for_a_second_one_is_refused_at_once(
    tmp_path: Path,
) -> None:
    """If --istio-values request a third of the node, a second istiod does not fit and none is created."""
    output, values = tmp_path / "output", tmp_path / "values.yaml"
    values.write_text("pilot: {resources: {requests: {cpu: 700m}}}\n")
    with output.open("wb") as log:
        command = [*PYTEST, CANARY, f"--istio-values={values}"]
        done = subprocess.run(command, cwd=PROJECT, stdout=log, stderr=log, check=False, timeout=ENDING)
    told = output.read_text()
    # The preflight check is one of the promises, so a failed one makes the upgrade unsafe.
    assert done.returncode == 10, told[-6000:]
    assert re.search(r"nothing was changed; fix this first:\s.*needs \d+m CPU more", told, re.DOTALL), told
    assert "  before: " not in told


def overlaid(folder: Path, broken: str) -> Path:
    """A manifests folder with the traffic's policy and one of the broken resources."""
    files = folder / "manifests" / "upgrade"
    files.mkdir(parents=True)
    line = re.escape(NEWEST.rpartition(".")[0])
    policy = (MANIFESTS / "upgrade" / "denied.yaml").read_text()
    more = (BROKEN / broken).read_text().replace("VERSION", line)
    (files / "denied.yaml").write_text(f"{policy}---\n{more}")
    return files
