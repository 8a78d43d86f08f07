"""What the traffic was answered with while everything was replaced below it."""

import allure
import pytest

from fixtures.checks.upgrade import check_met, check_none
from fixtures.stages import Observed
from fixtures.upgrade import summary
from fixtures.upgrade.judging.budgets import BUDGETS
from fixtures.upgrade.judging.judgement import Judgement
from fixtures.upgrade.request import Upgrade

pytestmark = pytest.mark.upgrade


@pytest.mark.parametrize("budget", [each.name for each in BUDGETS])
@allure.title("{budget} stays within its budget ({strategy})")
def test_the_budget_is_met(strategy: str, budget: str, judged: Judgement, observed: Observed) -> None:
    """Each budget by itself: what was counted or measured, its limit, and what the numbers prove."""
    (mine,) = (each for each in judged.verdict.judged if each.budget.name == budget)
    (line,) = summary.budget_lines([mine])
    observed(line)
    if mine.met is None:
        pytest.skip(f"not measured: {mine.note}")
    check_met([] if mine.met else [line, *summary.failure_lines(judged, summary.SHOWN)])


@allure.title("The mesh sends no request twice by itself ({strategy})")
def test_nothing_is_retried_by_the_mesh(
    strategy: str, judged: Judgement, upgrade: Upgrade, observed: Observed
) -> None:
    """Retries are off on the measured routes; with --mesh-retries they are counted and told."""
    observed(
        f"{judged.account.total.retried} of {judged.account.total.sent:,} requests were retried by the mesh"
    )
    if not upgrade.mesh_retries:
        check_none([each.describe() for each in judged.account.retried], "requests that the mesh retried")


@allure.title("Old sidecars are served beside the new control plane ({strategy})")
def test_old_sidecars_are_served(strategy: str, judged: Judgement) -> None:
    """In the phase in which only the control plane is new, every request is answered as it should be."""
    counts = judged.account.of_phase("control-plane")
    if judged.run.death and not counts.sent:
        pytest.skip(f"not reached: {judged.run.death}")
    assert counts.sent, "no request was sent in the phase control-plane"
    failed = [each.describe() for each in judged.account.failed if each.phase == "control-plane"]
    check_none(failed, f"of {counts.sent} requests to old sidecars failed")
