"""Preflight: the upgrade has no obstacles, checked before anything changes."""

import allure
import pytest

from fixtures.checks.upgrade import check_none
from fixtures.stages import Observed
from fixtures.upgrade.preflight import Obstacle, describe

pytestmark = pytest.mark.upgrade


@allure.title("The preflight checks find no obstacle to the upgrade ({strategy})")
def test_preflight_finds_no_obstacle(strategy: str, preflight: list[Obstacle], observed: Observed) -> None:
    """Covers analyze, precheck, CRDs, refused objects, capacity, revision, ownership, pinned proxies."""
    observed(describe(preflight))
    blocking = [str(each) for each in preflight if each.severity == "blocks"]
    check_none(blocking, "obstacles to fix before the upgrade")
