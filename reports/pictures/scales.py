"""From values to places: a straight axis, or one by powers of ten where values lie far apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: From which ratio of the largest to the usual value on an axis goes by powers of ten.
FAR_APART = 20.0
_ROUND = (1.0, 2.0, 5.0)
_MINUTE, _HOUR = 60, 3600
_TIMES = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `least` to `most`, the places of both, and what is written where on the axis."""

    least: float
    most: float
    low: float
    high: float
    by_powers: bool = False

    def place(self, value: float) -> float:
        """Where the value goes; one outside of the axis goes to its end."""
        inside = min(max(value, self.least), self.most)
        if self.by_powers:
            inside, least, most = math.log10(inside), math.log10(self.least), math.log10(self.most)
        else:
            least, most = self.least, self.most
        return self.low + (self.high - self.low) * ((inside - least) / (most - least) if most > least else 0)

    def ticks(self, number: int) -> list[float]:
        """The values to write at the axis: about so many, or each power of ten."""
        if self.by_powers:
            first, last = round(math.log10(self.least)), round(math.log10(self.most))
            return [10.0**power for power in range(first, last + 1)]
        return ticks(self.most, number)


def latencies(values: Sequence[float], low: float, high: float) -> Scale:
    """An axis for these seconds: from 0, or by powers of ten where the slowest is far from the usual."""
    usual, most = sorted(values)[len(values) // 2], max(values)
    if most < FAR_APART * usual:
        return Scale(0, most * 1.05 or 1.0, low, high)
    least = min(value for value in values if value > 0)
    return Scale(
        10.0 ** math.floor(math.log10(least)), 10.0 ** math.ceil(math.log10(most)), low, high, by_powers=True
    )


def ticks(most: float, number: int) -> list[float]:
    """Round values from 0 to at most `most`, so many or fewer and 0: 1, 2 or 5 times a power of ten apart."""
    if most <= 0:
        return [0.0]
    power = 10.0 ** math.floor(math.log10(most / number))
    step = next(power * each for each in (*_ROUND, 10.0, 20.0) if most / (power * each) <= number)
    return [step * each for each in range(int(most / step) + 1)]


def time_ticks(seconds: float, number: int) -> list[float]:
    """Places of ticks on an axis of time, in seconds, as `ticks` has them: apart by what a clock shows."""
    step = float(next((each for each in _TIMES if seconds / each <= number), _TIMES[-1]))
    while seconds / step > number:
        step *= 2
    return [step * each for each in range(int(seconds / step) + 1)]


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds, or as hours, minutes and seconds: "0:05", "12:40", "1:00:00"."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, _HOUR)
    minutes, left = divmod(rest, _MINUTE)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def lasting(seconds: float) -> str:
    """A short time in words: "2.5 ms", "40 ms", "1.5 s"; a part of a millisecond isn't rounded to 0."""
    if seconds >= 1:
        return f"{seconds:.3g} s"
    return f"{seconds * 1000:.3g} ms"
