"""The lab's description of each Istio, and its consistency with manifests and suite; needs no build."""

from pathlib import Path

import pytest
import yaml

from fixtures.settings import MANIFESTS, REQUEST_METRICS
from lab import proxies
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
    assert all("grafana" in release.lacks for release in releases)
    assert not any(REQUEST_METRICS in release.lacks for release in releases)


def test_envoy_without_the_logger_states_what_it_lacks(tmp_path: Path) -> None:
    (lacking,) = {
        release.lacks[REQUEST_METRICS] for release in releases_of(plan(tmp_path), "1.36.4").values()
    }
    assert "stats access logger, which 1.36.4 lacks" in lacking


def test_unknown_istio_lists_the_known_ones() -> None:
    with pytest.raises(LabError, match=r"no Istio 9\.9\.9; it has 1\.28\.2, 1\.29\.1"):
        describe("9.9.9")


def test_only_capable_proxies_are_configured_to_count() -> None:
    """Envoy rejects a whole listener because of an unknown logger."""
    (resource,) = yaml.safe_load_all((MANIFESTS / "lab" / "request-metrics.yaml").read_text())
    patches = resource["spec"]["configPatches"]
    counting = [patch for patch in patches if "envoy.access_loggers.stats" in yaml.safe_dump(patch["patch"])]
    assert len(counting) == 3
    for patch in counting:
        assert patch["match"]["proxy"] == {"metadata": {proxies.COUNTS_REQUESTS: "true"}}
    assert not any("proxy" in patch["match"] for patch in patches if patch not in counting)


def test_lab_and_suite_use_the_same_name_for_a_missing_capability() -> None:
    assert proxies.REQUEST_METRICS == REQUEST_METRICS
