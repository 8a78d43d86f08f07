"""Behaviour changes between the versions match the recorded baselines."""

import allure
import pytest

from fixtures.stages import Observed
from fixtures.upgrade.changes import Changes

pytestmark = pytest.mark.upgrade


@allure.title("Behaviour changes match the recorded baselines ({strategy})")
def test_behaviour_changes_match_the_recorded_baselines(
    strategy: str, changed: Changes, observed: Observed
) -> None:
    """The recorded ledgers of the two versions differ. They are of profile default, without other values."""
    allure.attach(changed.html(), "behaviour changes", allure.attachment_type.HTML)
    allure.attach(
        changed.release_notes_text or "no release notes", "release notes", allure.attachment_type.TEXT
    )
    observed(changed.headline)
    assert changed.found.changes, changed.text()
