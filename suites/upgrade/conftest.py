"""What the upgrade's tests look at."""

from collections.abc import Callable

import pytest

from fixtures.upgrade.probe import Observation
from fixtures.upgrade.release import UpgradeVersion
from fixtures.upgrade.run import Moment, Run

Seen = Callable[[Moment], Observation]


@pytest.fixture
def seen(upgrade_run: Run) -> Seen:
    """The mesh as it was seen at a moment; skips a moment that the run did not come to."""

    def at(moment: Moment) -> Observation:
        if moment not in upgrade_run.seen:
            why = upgrade_run.death or "the way back is left out with --mesh-retries"
            pytest.skip(f"not reached: {moment}: {why}")
        return upgrade_run.seen[moment]

    return at


@pytest.fixture
def release_at(upgrade_run: Run) -> Callable[[Moment], UpgradeVersion]:
    """The release whose proxies there must be at a moment."""
    acting = upgrade_run.acting
    return lambda moment: acting.new if moment == "after" else acting.old
