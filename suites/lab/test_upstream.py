"""The distribution `upstream` climbs the article from mirrors that hold the lab's own parts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.paths import PROJECT
from lab.sources import versions_of
from suites.lab import mirrors
from suites.lab.mirrors import Mirrors

pytestmark = [pytest.mark.lab, pytest.mark.full]

#: The run's cluster; the lab's network has its name too, so that `lab clean` finds the node after a kill.
NAME = "istio-conformance-mirrored"


@pytest.fixture(scope="module")
def mirrored() -> Iterator[Mirrors]:
    """A release server and a registry with everything that a run needs, and a node image of kind's shape."""
    with mirrors.serve(NAME, versions_of("istio")[-1]) as served:
        yield served


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    """A folder for --manifests with the lab's install values, because its Envoy lacks Istio's own filters."""
    values = tmp_path / "overlay" / "upstream" / "istio-values.yaml"
    values.parent.mkdir(parents=True)
    values.write_text((PROJECT / "manifests" / "lab" / "istio-values.yaml").read_text(encoding="utf-8"))
    return tmp_path / "overlay"


@pytest.fixture
def environment(mirrored: Mirrors, tmp_path: Path) -> dict[str, str]:
    """The environment of a run that knows the lab's engine and has an empty cache of its own."""
    engine = mirrored.engine.environment()
    return {
        **os.environ,
        **{name: engine[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG", "PATH")},
        "ISTIO_CONFORMANCE_CACHE": str(tmp_path / "cache"),
        "NO_PROXY": "*",
    }


def test_upstream_climbs_the_article_from_mirrors(
    mirrored: Mirrors, overlay: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """With a release mirror, registry mirrors and a node of kind's shape, every stage passes."""
    command = [sys.executable, "-m", "pytest", "suites/article", "-p", "no:cacheprovider", "-rs"]
    ran = subprocess.run(
        [*command, f"--cluster-name={NAME}", *mirrored.options(overlay)],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    output = ran.stdout + ran.stderr
    (tmp_path / "output.txt").write_text(output)
    assert ran.returncode == 0, output[-6000:]
    pilot = f"istio/pilot:{mirrored.istio}"
    assert f"image docker.io/{pilot} from {mirrored.registry}/{pilot}" in output
