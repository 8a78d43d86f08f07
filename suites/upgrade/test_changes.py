"""What the new version does otherwise, so that nobody is surprised by it."""

import allure
import pytest

from fixtures.stages import Observed
from fixtures.upgrade.changes import Changes
from fixtures.upgrade.request import Upgrade

pytestmark = pytest.mark.upgrade


@allure.title("What the new version does otherwise is known ({strategy})")
def test_what_changes_is_known(strategy: str, upgrade: Upgrade, changed: Changes, observed: Observed) -> None:
    """By the ledgers kept of both versions: two of the same version are the same, two others are not."""
    allure.attach(changed.html(), "what changes", allure.attachment_type.HTML)
    allure.attach(changed.noted or "no release notes", "release notes", allure.attachment_type.TEXT)
    observed(changed.headline)
    assert bool(changed.found.changes) != upgrade.same, changed.text()
