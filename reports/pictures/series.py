"""What a timeline draws, computed from single requests: rates, latencies, failures, within bounds."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

#: Seconds that one point of a curve stands for.
BIN = 1.0
#: Failures that are drawn, each as a mark of its own.
MOST_MARKS = 400
#: Kinds of outcome that have a row of their own; the rarer ones share one more.
MOST_OUTCOMES = 8
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Band:
    """A phase: from when to when, in seconds since the epoch."""

    name: str
    title: str
    begun: float
    ended: float


@dataclass(frozen=True, slots=True)
class Point:
    """A request: when it was sent, in seconds since the epoch, and how many it took to its outcome."""

    start: float
    seconds: float
    #: Whether the outcome is the one that was to be.
    ok: bool
    #: Its stream's name, whose first word is the direction: "north-south get new".
    stream: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Lifeline:
    """A connection that was to be held throughout."""

    name: str
    #: Seconds since the epoch; `ended` is None while it is open.
    begun: float
    ended: float | None
    #: "open", or how it ended.
    end: str

    @property
    def broke(self) -> bool:
        """Whether it ended before it was told to."""
        return self.ended is not None and self.end != "open"


@dataclass(frozen=True, slots=True)
class Bin:
    """The requests of one direction that were sent in one second, or in what is left of one."""

    middle: float
    #: Requests a second.
    rate: float
    #: Seconds, of those whose outcome was the right one; None where there was none.
    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Failures:
    """The failures by outcome, the most frequent first, and those of them that are drawn."""

    counted: Mapping[str, int]
    drawn: Mapping[str, Sequence[Point]]

    @property
    def left_out(self) -> int:
        """How many have no mark."""
        return sum(self.counted.values()) - sum(map(len, self.drawn.values()))


def direction(stream: str) -> str:
    """The first word of a stream's name."""
    return stream.split(" ", 1)[0]


def bins(points: Iterable[Point], begun: float, ended: float) -> dict[str, list[Bin]]:
    """For each direction its requests second by second, between two times."""
    number = max(1, math.floor((ended - begun) / BIN))
    edges = [begun + BIN * each for each in range(number)] + [max(ended, begun)]
    sent: dict[str, list[int]] = {}
    took: dict[str, list[list[float]]] = {}
    for point in points:
        towards = direction(point.stream)
        if towards not in sent:
            sent[towards], took[towards] = [0] * number, [[] for _ in range(number)]
        place = min(max(int((point.start - begun) / BIN), 0), number - 1)
        sent[towards][place] += 1
        if point.ok:
            took[towards][place].append(point.seconds)
    return {
        towards: [
            _bin(edges[place], edges[place + 1], sent[towards][place], took[towards][place])
            for place in range(number)
        ]
        for towards in sorted(sent)
    }


def failures(points: Iterable[Point]) -> Failures:
    """Those that are not ok; where they are too many, some of each outcome, evenly picked."""
    every: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        if not point.ok:
            every[point.outcome].append(point)
    frequent = [outcome for outcome, _ in Counter({key: len(of) for key, of in every.items()}).most_common()]
    if len(frequent) > MOST_OUTCOMES + 1:
        for outcome in frequent[MOST_OUTCOMES:]:
            every[OTHERS] += every.pop(outcome)
        frequent = [*frequent[:MOST_OUTCOMES], OTHERS]
    counted = {outcome: len(every[outcome]) for outcome in frequent}
    shares = _shares(counted, MOST_MARKS)
    return Failures(counted, {outcome: _picked(every[outcome], shares[outcome]) for outcome in frequent})


def percentile(ordered: Sequence[float], part: float) -> float:
    """The smallest value that at least this part of the ordered values doesn't exceed: nearest rank."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def _bin(begun: float, ended: float, sent: int, took: list[float]) -> Bin:
    took.sort()
    long = max(ended - begun, 1e-3)
    p50, p99 = (percentile(took, part) if took else None for part in (0.5, 0.99))
    return Bin((begun + ended) / 2, sent / long, p50, p99)


def _shares(counted: Mapping[str, int], most: int) -> dict[str, int]:
    """How many of each may be drawn: the rare ones whole, what they leave goes to the frequent ones."""
    shares, left = {}, most
    for place, (outcome, count) in enumerate(sorted(counted.items(), key=lambda each: each[1])):
        shares[outcome] = min(count, left // (len(counted) - place))
        left -= shares[outcome]
    return shares


def _picked(points: Sequence[Point], number: int) -> list[Point]:
    ordered = sorted(points, key=lambda point: point.start)
    if number >= len(ordered):
        return ordered
    return [ordered[place * (len(ordered) - 1) // max(1, number - 1)] for place in range(number)]
