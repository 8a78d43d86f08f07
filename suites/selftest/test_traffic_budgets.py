"""Budgets by name, and the verdict on a run."""

import pytest

from fixtures.settings import UnknownName
from fixtures.traffic.budgets import BUDGETS, overridden


def test_a_budget_is_changed_by_its_name_and_the_others_stay() -> None:
    limits = {budget.name: budget.limit for budget in overridden({"failed": 2})}
    assert limits == {budget.name: budget.limit for budget in BUDGETS} | {"failed": 2}


def test_an_unknown_budget_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        UnknownName, match=r"no budget named 'faild' \(did you mean failed\?\); known: failed"
    ):
        overridden({"faild": 2})


def test_a_budget_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="failed must be at least 0 requests, not -1"):
        overridden({"failed": -1})
