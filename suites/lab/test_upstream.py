"""The distribution `upstream` on the machine of an ordinary user, from mirrors that hold the lab's parts."""

import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fixtures.distributions.upstream.published import PUBLISHED
from lab import build, engine, published
from lab.paths import PROJECT
from lab.sources import versions_of
from suites.lab import mirrors
from suites.lab.mirrors import MIRRORS, NAME, Site

pytestmark = [pytest.mark.lab, pytest.mark.full]

ISTIO = versions_of("istio")[-1]
#: Debian's Python. The one of these tests may be in root's home, where no other user gets in.
PYTHON = Path("/usr/bin/python3")
#: The user's commands, in order. The lab's values and EnvoyFilters stand in for what its Envoy lacks.
COMMAND = [str(PYTHON), "-m", "suites.command"]
STAND_INS = [
    "--manifests=overlay",
    *(f"--mesh-manifests=manifests/lab/{name}.yaml" for name in ("application-protocols", "request-metrics")),
]
VERSIONS = [f"--istio-version={ISTIO.rpartition('.')[0]}"]

Results = Mapping[str, dict[str, str | int]]


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Path, Site]]:
    """A folder with everything that the mirrors serve, and with the user's checkout and home."""
    if os.geteuid() != 0 or mirrors.SOCKET.exists():
        pytest.skip(f"needs root, and a machine without an engine at {mirrors.SOCKET}")
    plan = build.build(istio={ISTIO})
    running = engine.ensure(print)
    kubernetes = next(each.versions["kubernetes"] for each in plan.sources if "kubernetes" in each.versions)
    with tempfile.TemporaryDirectory(prefix="ilab-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        tree = published.releases(plan, ISTIO, PUBLISHED["kind"]["version"], folder / "releases")
        images = [
            *published.images(plan, ISTIO, folder),
            published.node_image(plan, running, folder),
        ]
        checkout = users_checkout(folder)
        steps = {
            "images": [*COMMAND, "images", *VERSIONS, f"--kubernetes-version={kubernetes}", MIRRORS],
            "run": [
                *COMMAND, "run", f"--cluster-name={NAME}", *VERSIONS, f"--kubernetes-version={kubernetes}",
                *STAND_INS, MIRRORS,
            ],
        }  # fmt: skip
        program = str(published.registry(folder))
        yield folder, Site(str(tree), program, images, environment(folder), str(checkout), steps)


def users_checkout(folder: Path) -> Path:
    """Copy this checkout's files and packages to where the user reads them, and make the user's home."""
    checkout, home = folder / "checkout", folder / "home"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (PROJECT / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, checkout / name)
    values = checkout / "overlay" / "upstream" / "istio-values.yaml"
    values.parent.mkdir(parents=True)
    shutil.copy2(PROJECT / "manifests" / "lab" / "istio-values.yaml", values)
    shutil.copytree(sysconfig.get_path("purelib"), folder / "packages", symlinks=True)
    home.mkdir()
    subprocess.run(["chown", "--recursive", str(mirrors.USER), str(checkout), str(home)], check=True)
    return checkout


def environment(folder: Path) -> dict[str, str]:
    """The environment of the user: no variable names an engine, a proxy or a cache."""
    return {
        "HOME": f"{folder}/home",
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{folder}/packages",
        "LANG": "C.UTF-8",
    }


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
