"""The traffic stays within its budgets while the upgrade replaces the mesh."""

import allure
import pytest

from fixtures.checks.upgrade import check_met, check_none
from fixtures.stages import Observed
from fixtures.upgrade import summary
from fixtures.upgrade.explanation import explanation
from fixtures.upgrade.judging.budgets import BUDGETS
from fixtures.upgrade.judging.judgement import Judgement
from fixtures.upgrade.request import Upgrade

pytestmark = pytest.mark.upgrade


@pytest.mark.parametrize("budget", [each.name for each in BUDGETS])
@allure.title("{budget} stays within its budget ({strategy})")
def test_budget_is_met(strategy: str, budget: str, judged: Judgement, observed: Observed) -> None:
    """Reports the measured value of one budget, its limit, and the bound that the numbers support."""
    (mine,) = (each for each in judged.verdict.results if each.budget.name == budget)
    (line,) = summary.budget_lines([mine])
    observed(line)
    if mine.met is None:
        pytest.skip(f"not measured: {mine.note}")
    check_met(mine.met, **explanation(mine, judged))


@allure.title("The mesh retries no request ({strategy})")
def test_mesh_retries_no_request(
    strategy: str, judged: Judgement, upgrade: Upgrade, observed: Observed
) -> None:
    """Retries are off on the measured routes; with --mesh-retries they are counted and reported."""
    observed(f"the mesh retried {judged.account.total.retried} of {judged.account.total.sent:,} requests")
    if not upgrade.mesh_retries:
        check_none([each.describe() for each in judged.account.retried], "requests that the mesh retried")


@allure.title("Old sidecars work with the new control plane ({strategy})")
def test_old_sidecars_work_with_the_new_control_plane(strategy: str, judged: Judgement) -> None:
    """In the phase control-plane only the control plane is new, and no request may fail."""
    counts = judged.account.of_phase("control-plane")
    if judged.run.failure and not counts.sent:
        pytest.skip(f"not reached: {judged.run.failure}")
    assert counts.sent, "no request was sent in phase control-plane"
    failed = [each.describe() for each in judged.account.failed if each.phase == "control-plane"]
    check_none(failed, f"failed requests to old sidecars, of {counts.sent}")
