"""The rates that a machine carries with time to spare."""

from collections.abc import Callable

import pytest

from fixtures.traffic.plan import Plan
from fixtures.traffic.records import Record, Result
from fixtures.upgrade.calibration import ALONE_RATE, FACTORS, calibrate
from fixtures.upgrade.judging.judgement import seconds_for
from fixtures.waits import NotReady

ADDRESS = "http://127.0.0.1:1"


def machine(capacity: float, outcome: str = "200") -> Callable[[Plan], Result]:
    """Send by a model: a request takes 2 ms, and 100 ms above `capacity` requests a second."""

    def send(plan: Plan) -> Result:
        rate = sum(each.rate for each in plan.streams)
        seconds = 0.1 if rate > capacity else 0.003 if rate > ALONE_RATE else 0.002
        records = [
            Record(f"{each.name}-{number}", each.name, number / each.rate, seconds, outcome, "new", 0.0)
            for each in plan.streams
            for number in range(int(each.rate * 4))
        ]
        return Result(tuple(records), (), None, 0)

    return send


def test_machine_with_time_to_spare_gets_the_full_rates() -> None:
    rates = calibrate(ADDRESS, machine(1_000))
    assert (rates.factor, rates.carried) == (1.0, True)
    assert str(rates).startswith("100% of the full rates; a request alone takes 2.0 ms, and at 1.5 times")


@pytest.mark.parametrize(("capacity", "factor"), [(300, 0.7), (200, 0.5), (120, 0.35), (100, 0.25)])
def test_slower_machine_gets_the_largest_rates_that_it_carries(capacity: float, factor: float) -> None:
    rates = calibrate(ADDRESS, machine(capacity))
    assert (rates.factor, rates.carried) == (factor, True)
    assert [each.factor for each in rates.attempts] == [each for each in FACTORS if each >= factor]


def test_machine_that_carries_not_even_the_smallest_rates_is_reported() -> None:
    rates = calibrate(ADDRESS, machine(20))
    assert (rates.factor, rates.carried) == (FACTORS[-1], False)


def test_gateway_that_answers_503_is_not_ready() -> None:
    with pytest.raises(NotReady, match="the ingress gateway answers the calibration"):
        calibrate(ADDRESS, machine(1_000, "503"))


def test_phases_last_longer_at_smaller_rates() -> None:
    assert seconds_for("quick", 0.5) == pytest.approx(2 * seconds_for("quick", 1.0))
