"""Before anything is changed."""

import allure
import pytest

from fixtures.checks.upgrade import check_none
from fixtures.stages import Observed
from fixtures.upgrade.preflight import Obstacle, describe

pytestmark = pytest.mark.upgrade


@allure.title("Nothing stands against the upgrade ({strategy})")
def test_nothing_stands_against_the_upgrade(
    strategy: str, preflight: list[Obstacle], observed: Observed
) -> None:
    """analyze, precheck, what the new version takes away, room for all at once, the revision's name."""
    observed(describe(preflight))
    stops = [str(each) for each in preflight if each.weight == "stops"]
    check_none(stops, "things to mend before the upgrade")
