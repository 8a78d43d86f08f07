"""The machine of an ordinary user before the first run from the mirrors: checkout, home and packages."""

import contextlib
import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.distributions.upstream.published import PUBLISHED
from lab import allure, build, engine, folders, published
from lab.paths import PROJECT
from lab.sources import versions_of
from suites.lab import mirrors
from suites.lab.mirrors import Site

#: Debian's Python. The one of these tests may be in root's home, where no other user gets in.
PYTHON = "/usr/bin/python3"
#: By subcommand, the options that give the lab's values and EnvoyFilters, for what its Envoy lacks.
STAND_INS = {
    kind: ["--manifests=overlay", *(f"--mesh-manifests=manifests/lab/{each}.yaml" for each in names)]
    for kind, names in (
        ("run", ("application-protocols", "request-metrics")),
        ("upgrade", ("application-protocols", "marked-requests")),
    )
}


@contextlib.contextmanager
def made() -> Iterator[tuple[Path, Site]]:
    """A folder with everything that the mirrors serve, and a site without steps; skips where it can't be."""
    if os.geteuid() != 0 or mirrors.SOCKET.exists():
        pytest.skip(f"needs root, and a machine without an engine at {mirrors.SOCKET}")
    plan = build.build()
    with tempfile.TemporaryDirectory(prefix="ilab-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        yield (
            folder,
            Site(
                releases=str(published.releases(plan, PUBLISHED["kind"]["version"], folder / "releases")),
                registry=str(published.program("registry", folder)),
                arguments=[
                    *published.images(plan, folder),
                    published.node_image(plan, engine.ensure(print), folder),
                ],
                environment=_environment(folder),
                checkout=str(_checkout(folder)),
                steps={},
            ),
        )


def kubernetes_version() -> str:
    """Return the version of the node image that the mirrors serve."""
    return versions_of("kubernetes", build.build().sources)[-1]


def home(folder: Path) -> Path:
    """Return the user's home in the folder of `made`."""
    return folder / "home"


def add_allure(folder: Path) -> None:
    """Copy the installed Allure into the user's cache, because no npm registry is among the mirrors."""
    program = allure.install(print)
    usual = home(folder) / ".cache" / "istio-conformance-lab"
    root = folders.Folder(usual, "cache", "ISTIO_LAB_CACHE", usual).claim()
    shutil.copytree(program.parents[2], allure.entry(root).path, symlinks=True)
    _give_to_user(home(folder))


def _checkout(folder: Path) -> Path:
    """Copy this checkout's files and packages to where the user reads them, and make the user's home."""
    checkout = folder / "checkout"
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
    home(folder).mkdir()
    _give_to_user(checkout, home(folder))
    return checkout


def _give_to_user(*places: Path) -> None:
    subprocess.run(["chown", "--recursive", str(mirrors.USER), *map(str, places)], check=True)


def _environment(folder: Path) -> dict[str, str]:
    """The environment of the user: no variable names an engine, a proxy or a cache."""
    return {
        "HOME": str(home(folder)),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{folder}/packages",
        "LANG": "C.UTF-8",
    }
