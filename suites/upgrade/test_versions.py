"""The upgrade completes, every proxy reports the expected version, and no uninstalled revision remains."""

from collections.abc import Callable

import allure
import pytest

from fixtures.checks.upgrade import (
    check_none,
    check_nothing_of_revision,
    check_objects_unchanged,
    check_one_version,
    check_proxy_versions,
)
from fixtures.stages import Observed
from fixtures.upgrade.release import UpgradeVersion
from fixtures.upgrade.run import Moment, ObservationAt, Run, UpgradeInterrupted

pytestmark = pytest.mark.upgrade

MOMENTS: list[Moment] = ["before", "after", "after-rollback"]


@allure.title("The upgrade and its rollback complete ({strategy})")
def test_upgrade_and_rollback_complete(strategy: str, upgrade_run: Run) -> None:
    """Every step of every phase succeeds."""
    if upgrade_run.failure and upgrade_run.failure.external:
        raise UpgradeInterrupted(str(upgrade_run.failure))
    check_none([str(upgrade_run.failure)] if upgrade_run.failure else [], "failed upgrades")


@pytest.mark.parametrize("moment", MOMENTS)
@allure.title("Every proxy runs the expected version, {moment} ({strategy})")
def test_every_proxy_runs_the_expected_version(
    strategy: str,
    moment: Moment,
    observation_at: ObservationAt,
    release_at: Callable[[Moment], UpgradeVersion],
    observed: Observed,
) -> None:
    """Queries the proxy of every pod, because istiod does not list proxies that can't connect."""
    proxies = observation_at(moment).proxies
    release = release_at(moment)
    check_proxy_versions({pod: each.istio for pod, each in proxies.items()}, release.version)
    envoy = check_one_version({pod: each.envoy for pod, each in proxies.items()})
    assert envoy == (release.envoy or envoy), f"the proxies run Envoy {envoy}, not {release.envoy}"
    observed(f"{moment}: {len(proxies)} proxies run {release.version} with Envoy {envoy}")


@pytest.mark.parametrize("moment", MOMENTS[1:])
@allure.title("The applied objects are unchanged, {moment} ({strategy})")
def test_applied_objects_are_unchanged(strategy: str, moment: Moment, observation_at: ObservationAt) -> None:
    """Compares digests of the specs of all Istio resources and of the app's objects."""
    check_objects_unchanged(observation_at("before").objects, observation_at(moment).objects)


@allure.title("No resource of an uninstalled revision remains ({strategy})")
def test_no_resource_of_an_uninstalled_revision_remains(strategy: str, upgrade_run: Run) -> None:
    """Checks the new revision after the rollback and the old one after the clean-up."""
    if strategy == "in-place":
        pytest.skip("an in-place upgrade has one control plane without a revision and uninstalls nothing")
    if not upgrade_run.leftovers:
        pytest.skip(f"not reached: {upgrade_run.failure or '--mesh-retries leaves out the rollback'}")
    for revision, left in upgrade_run.leftovers.items():
        check_nothing_of_revision(left, revision)
