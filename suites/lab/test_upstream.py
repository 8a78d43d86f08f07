"""The distribution `upstream` on the machine of an ordinary user, from mirrors that hold the lab's parts."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from lab.sources import versions_of
from suites.lab import mirrors, users_machine
from suites.lab.mirrors import MIRRORS, NAME, NETWORK, Site
from suites.lab.users_machine import STAND_INS

pytestmark = [pytest.mark.lab, pytest.mark.full]

OLD, ISTIO = versions_of("istio")[-2:]
COMMAND = [users_machine.PYTHON, "-m", "suites.command"]
#: As in `make test`: pods are refused while istiod is replaced (docs/findings.md), and latency needs quiet.
BUDGETS = [
    *("--budget=missed-injections=20", "--budget=refused-injections=30"),
    *(f"--exempt={name}" for name in ("latency-p50", "latency-p99", "lag", "load", "silence", "requests")),
]
#: Ends a run by a KILL as soon as its node has started, removes what it left, and lists what is still there.
KILLED = """
begin=$(date +%s)
setsid "$@" --cluster-name=killed >killed.log 2>&1 &
run=$!
read -r _ < <(timeout 300 docker events --since "$begin" --filter event=start \\
  --filter container=killed-control-plane --format started)
disown "$run"
kill -KILL -- "-$run"
docker ps --all --quiet | wc --lines
/usr/bin/python3 -m suites.command clean
docker ps --all --quiet
docker network ls --quiet --filter label=io.istio-conformance.run
"""

Results = Mapping[str, dict[str, str | int]]


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Path, Site]]:
    """A folder with everything that the mirrors serve, and with the user's checkout and home."""
    with users_machine.made() as (folder, made):
        yield folder, replace(made, steps=steps(users_machine.kubernetes_version()))


def steps(kubernetes: str) -> dict[str, list[str]]:
    """Return the user's commands by name, in the order in which they run."""
    node = f"--kubernetes-version={kubernetes}"
    newest = f"--istio-version={ISTIO.rpartition('.')[0]}"
    run = [*COMMAND, "run", newest, node, *STAND_INS["run"]]
    return {
        "images": [*COMMAND, "images", newest, node, MIRRORS],
        "run": [*run, f"--cluster-name={NAME}", MIRRORS, NETWORK],
        "killed": ["/bin/bash", "-euc", KILLED, "killed", *run, MIRRORS],
        "upgrade": [
            *COMMAND, "upgrade", f"--from={OLD}", f"--to={ISTIO}", "--strategy=in-place", node,
            *BUDGETS, *STAND_INS["upgrade"], f"--cluster-name={NAME}", MIRRORS, NETWORK,
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def results(site: tuple[Path, Site]) -> Results:
    """What each of the user's commands returned, by name."""
    return mirrors.run(*site)


def test_images_name_their_mirror(results: Results) -> None:
    """`images` lists a file and an image with the mirror that each comes from."""
    listed = results["images"]
    assert listed["status"] == 0, listed["output"]
    assert f"docker.io/istio/pilot:{ISTIO} from " in str(listed["output"])


def test_every_stage_passes_for_an_ordinary_user(results: Results) -> None:
    """Without root and without the outside, `auto` is `upstream`, and the whole article passes."""
    ran = results["run"]
    assert ran["status"] == 0, str(ran["output"])[-8000:]
    assert "distribution upstream, because a Docker engine answers" in str(ran["output"])


def test_killed_run_leaves_nothing_after_a_clean(results: Results) -> None:
    """A run that gets a KILL when its node has started: `clean` removes node, network and folder."""
    killed = results["killed"]
    assert killed["status"] == 0, killed["output"]
    lines = str(killed["output"]).splitlines()
    assert lines == ["1", "[clean] removed killed, its node and its network"]


def test_upgrade_of_published_versions_is_judged(results: Results) -> None:
    """An upgrade from mirrors is safe: it completes there and back, and no request fails."""
    ran = results["upgrade"]
    assert ran["status"] == 0, str(ran["output"])[-8000:]
    assert f"Istio {OLD} to {ISTIO}" in str(ran["output"])
