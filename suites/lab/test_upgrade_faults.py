"""Faults of an upgrade, of its traffic, of a new version, of what is asked for: each told as what it is."""

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
from fixtures.settings import ISTIO_VERSION, MANIFESTS
from fixtures.upgrade.judging.budgets import BUDGETS
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
IN_PLACE, CANARY = "--strategy=in-place", "--strategy=canary"
#: Streams that have budgets, and fewer second tries than one in a hundred of 20,000 requests bring.
STREAMS, FEWEST_RETRIES = 8, 50
#: Seconds until a run has come to a phase, and until it has ended after a fault.
COMING, ENDING = 240, 300


@contextmanager
def upgrading(output: Path, phase: str, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """An upgrade, once it has come to this phase; ended if it still runs."""
    with output.open("wb") as log:
        command = [*PYTEST, *options]
        with subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log, start_new_session=True) as run:

            def come() -> None:
                assert run.poll() is None, output.read_text()[-3000:]
                assert f"  {phase}: " in output.read_text(), "the phase has not begun"

            try:
                waits.eventually(come, f"the phase {phase} begins", COMING, interval=0.1)
                yield run
            finally:
                if run.poll() is None:
                    os.killpg(run.pid, signal.SIGINT)


def kill(*words: str) -> None:
    """Kill the one program of this run whose command line has all of these words, once it is there."""

    def found() -> int:
        pids = [
            int(each.parent.name) for each in Path("/proc").glob("[0-9]*/cmdline") if matches(each, words)
        ]
        assert len(pids) == 1, f"{len(pids)} programs with {words}"
        return pids[0]

    os.kill(waits.eventually(found, f"there is a program with {words}", 30, interval=0.02), signal.SIGKILL)


def matches(command_line: Path, words: tuple[str, ...]) -> bool:
    """The command line has all of these words, and the folder of this run."""
    try:
        text = command_line.read_text(errors="replace").replace("\0", " ")
    except OSError:
        # It has ended in the meantime.
        return False
    return all(word in text for word in (*words, f"runs/{NAME}/"))


def test_an_upgrade_that_dies_is_named_by_its_phase_and_taken_back(tmp_path: Path) -> None:
    """istioctl is killed as it replaces istiod: not enough evidence, and the old version is back."""
    output = tmp_path / "output"
    with upgrading(output, "control-plane", IN_PLACE) as run:
        kill("istioctl", " upgrade ")
        assert run.wait(ENDING) == 11, output.read_text()[-3000:]
    told = output.read_text()
    assert "failed in phase control-plane; rolled back" in told, told[-6000:]
    assert "  after-rollback: " in told
    assert told.splitlines()[-1].startswith("verdict: not enough evidence (exit 11)")


def test_traffic_that_stops_is_no_evidence(tmp_path: Path) -> None:
    """The generator is killed before anything is changed: the run ends at once, and says so."""
    output = tmp_path / "output"
    with upgrading(output, "before", IN_PLACE) as run:
        kill("fixtures.traffic", "--plan")
        assert run.wait(ENDING) == 11, output.read_text()[-3000:]
    told = output.read_text()
    assert "the north-south generator exited with status -9" in told
    assert "  control-plane: " not in told


def test_the_same_version_twice_misses_no_budget(tmp_path: Path) -> None:
    """An A/A run restarts all that an upgrade restarts: what is missed in it is not the version's."""
    output = tmp_path / "output"
    version = f"--from={ISTIO_VERSION}"
    with upgrading(output, "before", IN_PLACE, version) as run:
        status = run.wait(ENDING)
    assert status in (0, 11), output.read_text()[-3000:]
    assert "MISSED" not in output.read_text()


def test_each_budget_is_missed_by_a_version_that_is_worse(tmp_path: Path) -> None:
    """The new version's sidecars fail, delay, double, let through and break off; one pod gets none."""
    output, overlay = tmp_path / "output", overlaid(tmp_path, "worse-version.yaml")
    (overlay / "probe.yaml").write_text((BROKEN / "probe-without-sidecar.yaml").read_text())
    with upgrading(output, "before", IN_PLACE, f"--manifests={overlay.parent}") as run:
        status = run.wait(ENDING)
    told = output.read_text()
    assert status == 10, told[-3000:]
    met = [each.name for each in BUDGETS if not re.search(rf"MISSED +{each.name} ", told)]
    assert not met, f"not missed: {met}\n{told[-6000:]}"


def test_the_meshs_own_retries_hide_failures_and_are_counted(tmp_path: Path) -> None:
    """The app's sidecars answer with 503 now and then: no request fails, and each second try is counted."""
    output, overlay = tmp_path / "output", overlaid(tmp_path, "failing-sidecars.yaml")
    routes = [*yaml.safe_load_all((MANIFESTS / "upgrade" / ROUTES).read_text())]
    # What Istio retries without being asked leaves out a 503 of the app, which may have served it.
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


def test_a_control_plane_of_the_users_values_that_has_no_second_place_is_refused_at_once(
    tmp_path: Path,
) -> None:
    """With --istio-values istiod asks for a third of the node: there is no room for two, and none is made."""
    output, values = tmp_path / "output", tmp_path / "values.yaml"
    values.write_text("pilot: {resources: {requests: {cpu: 700m}}}\n")
    with output.open("wb") as log:
        command = [*PYTEST, CANARY, f"--istio-values={values}"]
        done = subprocess.run(command, cwd=PROJECT, stdout=log, stderr=log, check=False, timeout=ENDING)
    told = output.read_text()
    # A promise that is not kept: that nothing stands against the upgrade.
    assert done.returncode == 10, told[-6000:]
    assert re.search(r"nothing was changed; fix this first:\s.*needs \d+m CPU more", told, re.DOTALL), told
    assert "  before: " not in told


def overlaid(folder: Path, broken: str) -> Path:
    """Where manifests laid over the project's stand: the policy of the traffic, with one of the broken."""
    files = folder / "manifests" / "upgrade"
    files.mkdir(parents=True)
    line = re.escape(ISTIO_VERSION.rpartition(".")[0])
    policy = (MANIFESTS / "upgrade" / "denied.yaml").read_text()
    more = (BROKEN / broken).read_text().replace("VERSION", line)
    (files / "denied.yaml").write_text(f"{policy}---\n{more}")
    return files
