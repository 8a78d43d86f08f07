"""Computes a timeline's data from single requests: rates, latencies and a bounded number of failures."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

#: Seconds per point of a curve.
BIN = 1.0
#: Maximum number of failures to draw, one mark each.
MOST_MARKS = 400
#: Maximum number of outcomes with their own row. The rarer ones share one more row.
MOST_OUTCOMES = 8
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Band:
    """A phase of the upgrade; its start and end are in seconds since the epoch."""

    name: str
    title: str
    begun: float
    ended: float


@dataclass(frozen=True, slots=True)
class Point:
    """A request: its start in seconds since the epoch, and its duration in seconds."""

    start: float
    seconds: float
    #: Whether the outcome is the expected one.
    ok: bool
    #: Name of its stream. The first word is the direction: "north-south get new".
    stream: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Pod:
    """A created pod that did not get its sidecar at once: when, since the epoch, and what came of it."""

    start: float
    #: Such as "no sidecar".
    outcome: str
    why: str


@dataclass(frozen=True, slots=True)
class Lifeline:
    """A long-lived connection, which should stay open throughout the upgrade."""

    name: str
    #: Seconds since the epoch. `ended` is None while it is open.
    begun: float
    ended: float | None
    #: "open", or how it ended.
    end: str

    @property
    def broke(self) -> bool:
        """Whether it ended early."""
        return self.ended is not None and self.end != "open"


@dataclass(frozen=True, slots=True)
class Bin:
    """The requests of one direction in one second. The last bin may differ in length."""

    middle: float
    #: Requests per second.
    rate: float
    #: Latencies of the successful requests in seconds; None if there are none.
    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Failures:
    """The number of failures by outcome, the most frequent first, and the failures to draw."""

    counted: Mapping[str, int]
    drawn: Mapping[str, Sequence[Point]]

    @property
    def left_out(self) -> int:
        """Number of failures that are not drawn."""
        return sum(self.counted.values()) - sum(map(len, self.drawn.values()))


def direction(stream: str) -> str:
    """Return the direction of a stream: the first word of its name."""
    return stream.split(" ", 1)[0]


def bins(points: Iterable[Point], begun: float, ended: float) -> dict[str, list[Bin]]:
    """Return each direction's requests between two times, second by second."""
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
    """Count the failed requests by outcome and select those to draw, an even sample if there are too many."""
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
    """Return the percentile of sorted values by the nearest-rank method; `part` is a fraction."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def _bin(begun: float, ended: float, sent: int, took: list[float]) -> Bin:
    took.sort()
    long = max(ended - begun, 1e-3)
    p50, p99 = (percentile(took, part) if took else None for part in (0.5, 0.99))
    return Bin((begun + ended) / 2, sent / long, p50, p99)


def _shares(counted: Mapping[str, int], most: int) -> dict[str, int]:
    """Divide `most` marks among the outcomes; rare ones get all they need, frequent ones share the rest."""
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
