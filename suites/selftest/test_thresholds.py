"""The successes that end a wait, which depend on the weights of the route."""

from typing import Any

import pytest

from fixtures.declaration import declared_in
from fixtures.declaration.route import smallest_share
from fixtures.manifests import Manifests
from fixtures.settings import Thresholds
from suites.lab.test_cases import HERE


@pytest.mark.parametrize(
    ("weights", "share"),
    [([None], 1.0), ([100], 1.0), ([50, 50], 0.5), ([90, 10], 0.1), ([100, 0], 1.0), ([3, 1, 0], 0.25)],
    ids=str,
)
def test_smallest_share_is_that_of_the_smallest_weight_above_0(
    weights: list[int | None], share: float
) -> None:
    route: list[dict[str, Any]] = [{} if each is None else {"weight": each} for each in weights]
    assert smallest_share(route) == share


@pytest.mark.parametrize(("share", "enough"), [(1.0, 3), (0.9, 3), (0.5, 7), (0.1, 44), (0.01, 44)])
def test_wait_reaches_the_smallest_destination(share: float, enough: int) -> None:
    found = Thresholds().for_share(share).successes_in_a_row
    assert found == enough
    assert share < 0.1 or (1 - share) ** found <= 0.01


def test_weights_of_the_route_are_declared() -> None:
    weighted = declared_in(Manifests.checked(HERE / "cases" / "weighted"))
    assert weighted.smallest_share == 0.5
    assert declared_in(Manifests()).smallest_share == 1.0
