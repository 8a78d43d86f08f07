"""Maps values to coordinates, on a linear axis, or a logarithmic one for values that lie far apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: Ratio of the largest value to the median from which an axis is logarithmic.
FAR_APART = 20.0
_ROUND = (1.0, 2.0, 5.0)
_MINUTE, _HOUR = 60, 3600
_TIMES = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from `least` to `most`, which have the coordinates `low` and `high`."""

    least: float
    most: float
    low: float
    high: float
    by_powers: bool = False

    def place(self, value: float) -> float:
        """Return the coordinate of a value. A value outside the axis gets the nearest end."""
        inside = min(max(value, self.least), self.most)
        if self.by_powers:
            inside, least, most = math.log10(inside), math.log10(self.least), math.log10(self.most)
        else:
            least, most = self.least, self.most
        return self.low + (self.high - self.low) * ((inside - least) / (most - least) if most > least else 0)

    def ticks(self, number: int) -> list[float]:
        """Return the values of the axis's ticks: about `number` of them, or every power of ten."""
        if self.by_powers:
            first, last = round(math.log10(self.least)), round(math.log10(self.most))
            return [10.0**power for power in range(first, last + 1)]
        return ticks(self.most, number)


def latencies(values: Sequence[float], low: float, high: float) -> Scale:
    """Return an axis for these seconds: linear from 0, or logarithmic if the largest dwarfs the median."""
    usual, most = sorted(values)[len(values) // 2], max(values)
    if most < FAR_APART * usual:
        return Scale(0, most * 1.05 or 1.0, low, high)
    least = min(value for value in values if value > 0)
    return Scale(
        10.0 ** math.floor(math.log10(least)), 10.0 ** math.ceil(math.log10(most)), low, high, by_powers=True
    )


def ticks(most: float, number: int) -> list[float]:
    """Return 0 and at most `number` round values up to `most`, spaced by 1, 2 or 5 times a power of ten."""
    if most <= 0:
        return [0.0]
    power = 10.0 ** math.floor(math.log10(most / number))
    step = next(power * each for each in (*_ROUND, 10.0, 20.0) if most / (power * each) <= number)
    return [step * each for each in range(int(most / step) + 1)]


def time_ticks(seconds: float, number: int) -> list[float]:
    """Return tick values in seconds for a time axis, like `ticks`, spaced by round numbers of a clock."""
    step = float(next((each for each in _TIMES if seconds / each <= number), _TIMES[-1]))
    while seconds / step > number:
        step *= 2
    return [step * each for each in range(int(seconds / step) + 1)]


def clock(seconds: float) -> str:
    """Format seconds as minutes and seconds, with hours if necessary: "0:05", "12:40", "1:00:00"."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, _HOUR)
    minutes, left = divmod(rest, _MINUTE)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def lasting(seconds: float) -> str:
    """Format a short duration: "2.5 ms", "40 ms", "1.5 s". Does not round fractions of a millisecond to 0."""
    if seconds >= 1:
        return f"{seconds:.3g} s"
    return f"{seconds * 1000:.3g} ms"
