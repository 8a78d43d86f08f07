"""Fixtures of the upgrade tests."""

from collections.abc import Callable

import pytest

from fixtures.upgrade.probe import Observation
from fixtures.upgrade.release import UpgradeVersion
from fixtures.upgrade.run import Moment, ObservationAt, Run


@pytest.fixture
def observation_at(upgrade_run: Run) -> ObservationAt:
    """Return the observation at a moment; skip the test if the run did not reach that moment."""

    def at(moment: Moment) -> Observation:
        if moment not in upgrade_run.observations:
            why = upgrade_run.failure or "--mesh-retries leaves out the rollback"
            pytest.skip(f"not reached: {moment}: {why}")
        return upgrade_run.observations[moment]

    return at


@pytest.fixture
def release_at(upgrade_run: Run) -> Callable[[Moment], UpgradeVersion]:
    """Return the release that the proxies must run at a moment."""
    strategy = upgrade_run.strategy
    return lambda moment: strategy.new if moment == "after" else strategy.old
