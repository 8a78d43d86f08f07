"""Which proxies run, by what each says of itself, and what is left of the versions that went."""

from collections.abc import Callable

import allure
import pytest

from fixtures.checks.upgrade import (
    check_none,
    check_nothing_of_revision,
    check_objects_unchanged,
    check_proxy_versions,
)
from fixtures.stages import Observed
from fixtures.upgrade.release import UpgradeVersion
from fixtures.upgrade.run import EndedFromOutside, Moment, Run
from suites.upgrade.conftest import Seen

pytestmark = pytest.mark.upgrade

MOMENTS: list[Moment] = ["before", "after", "after-rollback"]


@allure.title("The upgrade comes to its end ({strategy})")
def test_the_upgrade_comes_to_its_end(strategy: str, upgrade_run: Run) -> None:
    """Every step of every phase was done, the way back too."""
    if upgrade_run.death and upgrade_run.death.from_outside:
        raise EndedFromOutside(str(upgrade_run.death))
    check_none([str(upgrade_run.death)] if upgrade_run.death else [], "deaths")


@pytest.mark.parametrize("moment", MOMENTS)
@allure.title("Every pod's proxy is of the version that it must be {moment} ({strategy})")
def test_every_proxy_is_of_its_version(
    strategy: str,
    moment: Moment,
    seen: Seen,
    release_at: Callable[[Moment], UpgradeVersion],
    observed: Observed,
) -> None:
    """Pods are enumerated and each proxy is asked: istiod's list leaves out what can't connect."""
    proxies = seen(moment).proxies
    release = release_at(moment)
    check_proxy_versions({pod: each.istio for pod, each in proxies.items()}, release.version)
    check_proxy_versions({pod: each.envoy for pod, each in proxies.items()}, release.envoy)
    observed(f"{moment}: {len(proxies)} proxies of {release.version} with Envoy {release.envoy}")


@pytest.mark.parametrize("moment", MOMENTS[1:])
@allure.title("What is applied is as it was before, {moment} ({strategy})")
def test_objects_are_unchanged(strategy: str, moment: Moment, seen: Seen) -> None:
    """The spec of every Istio resource and of the app's objects, by digest."""
    check_objects_unchanged(seen("before").objects, seen(moment).objects)


@allure.title("Nothing of an uninstalled revision is left ({strategy})")
def test_nothing_of_a_revision_is_left(strategy: str, upgrade_run: Run) -> None:
    """The new revision after the rollback, the old one after the clean-up."""
    if strategy == "in-place":
        pytest.skip("in place there is one control plane without a revision: nothing is uninstalled")
    if not upgrade_run.left:
        pytest.skip(f"not reached: {upgrade_run.death or 'the way back is left out with --mesh-retries'}")
    for revision, left in upgrade_run.left.items():
        check_nothing_of_revision(left, revision)
