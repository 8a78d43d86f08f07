"""The lab's description of each Istio, without a build."""

from pathlib import Path

import pytest

from lab.build import plan
from lab.description import describe, releases_of
from lab.errors import LabError
from lab.sources import versions_of


def test_each_istio_has_its_own_programs_and_files(tmp_path: Path) -> None:
    releases = releases_of(plan(tmp_path))
    assert list(releases) == versions_of("istio")
    for kind in ("istioctl", "dashboards", "release_notes"):
        assert len({getattr(release, kind) for release in releases.values()}) == len(releases)


def test_each_istio_has_the_envoy_of_its_own_release_line(tmp_path: Path) -> None:
    releases = releases_of(plan(tmp_path)).values()
    assert {release.proxy_image for release in releases} == {"proxyv2"}
    assert sorted(release.envoy_version for release in releases) == versions_of("envoy")


def test_named_envoy_applies_to_every_istio(tmp_path: Path) -> None:
    newest = versions_of("envoy")[-1]
    releases = releases_of(plan(tmp_path), newest).values()
    assert {release.envoy_version for release in releases} == {newest}


def test_unknown_istio_lists_the_known_ones() -> None:
    with pytest.raises(LabError, match=r"no Istio 9\.9\.9; it has 1\.30\.4, 1\.31\.0"):
        describe("9.9.9")
