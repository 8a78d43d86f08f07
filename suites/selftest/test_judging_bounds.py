"""What a number of observations proves: upper bounds of a proportion, and ratios of latencies."""

import math
import random

import pytest

from fixtures.traffic.percentiles import percentile
from fixtures.upgrade.judging.bounds import Ratio, Sample, paired_ratio, ratio, upper_bound


@pytest.mark.parametrize("of", [1, 100, 3_000, 30_000])
def test_zero_of_many_has_the_bound_of_the_exact_formula(of: int) -> None:
    assert upper_bound(0, of) == pytest.approx(1 - 0.05 ** (1 / of))


def test_each_mode_has_the_bound_it_promises() -> None:
    assert upper_bound(0, 3_000) < 0.001
    assert upper_bound(0, 30_000) < 0.0001


@pytest.mark.parametrize(("count", "of"), [(1, 10), (3, 100), (7, 40), (39, 40)])
def test_at_the_bound_so_few_occur_in_one_of_twenty_trials(count: int, of: int) -> None:
    share = upper_bound(count, of)
    few = sum(math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(count + 1))
    assert few == pytest.approx(0.05)


def test_known_bound_is_reproduced() -> None:
    assert upper_bound(1, 10) == pytest.approx(0.394163, abs=1e-6)


@pytest.mark.parametrize(("count", "of"), [(0, 0), (5, 5)])
def test_all_failures_or_no_observation_has_bound_one(count: int, of: int) -> None:
    assert upper_bound(count, of) == 1


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 5), (51, 6), (99, 10), (100, 10)])
def test_percentile_is_a_measured_value(percent: float, value: float) -> None:
    assert percentile(range(1, 11), percent) == value


def latencies(seed: int, count: int = 2000, *, added: float = 0.0, burst: float = 0.0) -> list[float]:
    """Latencies around eight milliseconds with a tail, and a burst in which every tenth one is slow."""
    random.seed(seed)
    plain = [random.lognormvariate(math.log(0.008), 0.4) + added for _ in range(count)]
    return [
        each + burst if count * 4 < number * 10 < count * 5 else each for number, each in enumerate(plain)
    ]


def compared(*sides: list[float], percent: float) -> Ratio:
    found = ratio([sides[0]], [sides[1]], percent)
    assert found is not None
    return found


@pytest.mark.parametrize("percent", [50, 99])
def test_five_milliseconds_more_are_distinguished_from_noise(percent: float) -> None:
    assert compared(latencies(1), latencies(2, added=0.005), percent=percent).value > 1.10
    assert compared(latencies(1), latencies(2, added=0.005), percent=50).low > 1.10


@pytest.mark.parametrize("percent", [50, 99])
def test_equal_distributions_are_never_reported_as_slower(percent: float) -> None:
    for seed in range(0, 40, 2):
        assert compared(latencies(seed), latencies(seed + 1), percent=percent).low < 1.10


def test_one_burst_widens_the_interval_and_proves_nothing() -> None:
    found = compared(latencies(1), latencies(2, burst=0.2), percent=99)
    assert found.value > 5
    assert found.low < 1.10


def test_bursts_in_two_fifths_of_a_phase_prove_nothing_and_in_three_do() -> None:
    """Nothing but bursts makes the percentile slower: two may be the machine, three are the phase."""
    quiet = latencies(1)
    size = len(quiet) // 5

    def bursts(*parts: int) -> list[float]:
        return [
            each * (20 if place // size in parts and place % size < size // 5 else 1)
            for place, each in enumerate(quiet)
        ]

    two, three = ratio([quiet], [bursts(1, 3)], 99), ratio([quiet], [bursts(0, 1, 3)], 99)
    assert two
    assert three
    assert two.value > 5
    assert two.low < 1.25
    assert three.low > 1.25


def test_streams_of_different_speed_have_equal_weight() -> None:
    fast, slow = latencies(1), latencies(2, added=0.1)
    found = ratio([fast, slow], [[4 * each for each in fast], slow], 50)
    assert found is not None
    assert found.value == pytest.approx(2)
    assert found.low > 1.5


def test_too_few_values_are_not_compared() -> None:
    assert ratio([latencies(1)], [latencies(2, 150)], 99) is None
    assert ratio([], [latencies(2)], 99) is None


def test_meaningless_interval_is_not_shown_in_figures() -> None:
    assert Ratio(1, 2, 1.5, 2.5).spread() == "between 1.50 and 2.50"
    assert Ratio(1, 2, 0.001, 2_000).spread() == "uncertain by more than a factor of 100"


def side_by_side(new: float, count: int = 1200, burst: float = 0.0) -> list[Sample]:
    """Answers of 120 s, every third of them old; a burst slows both sides, `new` is the new side's factor."""
    made = []
    for number, seconds in enumerate(latencies(7, count, burst=burst)):
        old = number % 3 == 0
        made.append(Sample(number * 120 / count, seconds if old else seconds * new, old))
    return made


def test_half_as_slow_again_is_shown_side_by_side_despite_a_burst() -> None:
    found = paired_ratio([side_by_side(1.5, burst=0.05)], 50)
    assert found is not None
    assert found.value == pytest.approx(1.5, rel=0.1)
    assert found.low > 1.25


def test_equal_proxies_are_shown_to_be_within_the_limit_side_by_side() -> None:
    found = paired_ratio([side_by_side(1.0), side_by_side(1.0)], 50)
    assert found is not None
    assert found.high < 1.25
    assert found.low < 1 < found.high


def test_twice_the_99th_percentile_is_shown_side_by_side_with_enough_answers() -> None:
    found = paired_ratio([side_by_side(2.0, 9000)], 99)
    assert found is not None
    assert found.low > 1.25
    same = paired_ratio([side_by_side(1.0, 9000)], 99)
    assert same is not None
    assert same.low < 1.25


@pytest.mark.parametrize(("count", "percent"), [(290, 50), (2900, 99), (0, 50)])
def test_too_few_answers_of_one_side_are_not_compared(count: int, percent: float) -> None:
    assert paired_ratio([side_by_side(1.0, count)] if count else [], percent) is None


def test_stream_whose_connections_lead_to_one_side_is_left_out() -> None:
    one_sided = [Sample(each.start, 1.0, old=False) for each in side_by_side(1.0)]
    assert paired_ratio([side_by_side(1.5), one_sided], 50) == paired_ratio([side_by_side(1.5)], 50)
    assert paired_ratio([one_sided], 50) is None
