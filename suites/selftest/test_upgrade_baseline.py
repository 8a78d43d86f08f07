"""The baselines that the phases of an upgrade are compared with."""

import pytest

from fixtures.settings import upgrade_holds
from fixtures.upgrade.baseline import is_rehearsal, rehearsals_of

GATEWAY = ["rehearsal-gateway"]
ALL = ["rehearsal-control-plane", "rehearsal-gateway", "rehearsal-workloads"]


@pytest.mark.parametrize(
    ("phase", "same"),
    [
        ("gateway", GATEWAY),
        ("rollback-gateway", GATEWAY),
        ("again", ALL),
        ("clean-up", ["rehearsal-control-plane"]),
        ("before", []),
        ("after-rollback", []),
    ],
)
def test_phase_is_compared_with_the_baseline_of_the_same_restarts(phase: str, same: list[str]) -> None:
    assert rehearsals_of(phase) == same


def test_each_baseline_phase_has_a_stated_minimum() -> None:
    held = upgrade_holds("quick", "canary")
    assert sorted(name for name in held if is_rehearsal(name)) == ALL
