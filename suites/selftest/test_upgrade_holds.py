"""How long the phases of an upgrade are held."""

import pytest

from fixtures.settings import upgrade_holds
from fixtures.traffic.streams import RATE
from fixtures.upgrade.baseline import is_rehearsal
from fixtures.upgrade.judging.evidence_gaps import GATE

#: Seconds for which Envoy drains a listener, and a pod's termination grace period.
DRAIN, GRACE = 45, 30
STRATEGIES = ("in-place", "canary")
#: Phases that only a canary has.
CANARY_ONLY = {"again", "clean-up"}


def phases(mode: str, strategy: str) -> dict[str, float]:
    held = upgrade_holds(mode, strategy)
    return {name: held[name] for name in held if strategy == "canary" or name not in CANARY_ONLY}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_gate_mode_is_long_enough_for_its_requests_and_within_its_promise(strategy: str) -> None:
    held = phases("gate", strategy)
    seconds = sum(held.values())
    # Requests of the baseline count for no budget.
    assert GATE.requests / RATE <= sum(held[name] for name in held if not is_rehearsal(name))
    assert seconds <= 16 * 60


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_gate_mode_phases_outlast_drain_and_grace_periods(strategy: str) -> None:
    held = phases("gate", strategy)
    changes = [name for name in held if "gateway" in name or "workloads" in name]
    changes = [name for name in changes if not is_rehearsal(name)]
    assert len(changes) == 4
    assert all(held[name] >= DRAIN + GRACE for name in changes)


@pytest.mark.parametrize("mode", ["quick", "gate"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rollback_phases_are_held_as_long_as_forward_phases(mode: str, strategy: str) -> None:
    held = upgrade_holds(mode, strategy)
    for name in ("control-plane", "gateway", "workloads"):
        assert held[f"rollback-{name}"] == held[name]
