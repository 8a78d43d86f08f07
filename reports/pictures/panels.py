"""Draws the panels of a timeline: request rates, latencies, failures and long-lived connections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from reports.pictures.canvas import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MARGIN,
    ORANGE,
    PURPLE,
    RULE,
    SMALL,
    VERMILLION,
    WIDTH,
    Canvas,
)
from reports.pictures.marks import SHAPES, mark
from reports.pictures.scales import Scale, clock, lasting, latencies, ticks
from reports.pictures.series import MOST_MARKS, Bin, Failures, Lifeline, Pod, Point, direction
from reports.pictures.sheet import LEFT, RIGHT, Sheet

#: Colours of the directions, in their order.
COLOURS = (BLUE, ORANGE, PURPLE, GREEN)
#: Maximum number of long-lived connections to draw.
MOST_CONNECTIONS = 16
_RATE_HIGH, _LATENCY_HIGH, _ROW, _TICKS = 110.0, 140.0, 26.0, 4
_RATE, _P50, _P99 = 2.0, 2.5, 1.0
_BESIDE = RIGHT + 10
# Outcomes with the same shape in every picture. Other outcomes get the remaining shapes.
_SHAPES = {"reset": 2, "refused": 3, "empty reply": 4, "timeout": 5, "dns": 6, "wrongly allowed": 7, "tls": 8}

Curves = Mapping[str, Sequence[Bin]]
Colours = Mapping[str, str]


def draw_rates(sheet: Sheet, curves: Curves, colours: Colours) -> None:
    """Draw the requests sent per second."""
    top = sheet.panel("requests sent per second", _RATE_HIGH)
    most = max((each.rate for curve in curves.values() for each in curve), default=0.0)
    if not most:
        _nothing(sheet, top, "no request was sent")
        return
    scale = Scale(0, most * 1.1, sheet.foot, top)
    _levels(sheet.canvas, scale, [(value, f"{value:g}") for value in ticks(scale.most, _TICKS)])
    for towards, curve in curves.items():
        places = [(sheet.time.place(each.middle), scale.place(each.rate)) for each in curve]
        # All directions may have the same rate. Dashes let the earlier ones show through.
        dash = "" if towards == next(iter(curves)) else "10 8"
        sheet.canvas.curve(places, stroke=colours[towards], wide=_RATE, dash=dash)


def draw_latencies(sheet: Sheet, curves: Curves, colours: Colours) -> None:
    """Draw the median and the 99th percentile of each second's latencies."""
    top = sheet.panel("latency of successful requests", _LATENCY_HIGH)
    every = [each for curve in curves.values() for each in curve]
    known = [value for each in every for value in (each.p50, each.p99) if value is not None]
    if not known:
        _nothing(sheet, top, "no request succeeded")
        return
    scale = latencies(known, sheet.foot, top)
    _levels(sheet.canvas, scale, [(value, lasting(value)) for value in scale.ticks(_TICKS)])
    if scale.by_powers:
        sheet.canvas.text((_BESIDE, top + 12), "log scale", size=SMALL, fill=FAINT, room=_room())
    for towards, curve in curves.items():
        for wide, values in ((_P99, [each.p99 for each in curve]), (_P50, [each.p50 for each in curve])):
            places = [
                None if value is None else (sheet.time.place(each.middle), scale.place(value))
                for each, value in zip(curve, values, strict=True)
            ]
            sheet.canvas.curve(places, stroke=colours[towards], wide=wide)


def draw_failures(sheet: Sheet, failed: Failures, colours: Colours) -> None:
    """Draw a row per outcome with a mark per failure; shape shows the outcome, colour the direction."""
    top = sheet.panel("failed requests, by outcome", _ROW * max(1, len(failed.counted)))
    if not failed.counted:
        _nothing(sheet, top, "no request failed" if colours else "no request was sent")
    shapes = _shapes(failed.counted)
    for row, (outcome, count) in enumerate(failed.counted.items()):
        middle = top + _ROW * (row + 0.5)
        mark(sheet.canvas, (MARGIN + 6, middle), shapes[outcome], INK)
        sheet.canvas.text((MARGIN + 18, middle + 5), outcome, size=SMALL, room=LEFT - MARGIN - 26)
        drawn = failed.drawn[outcome]
        for number, point in enumerate(drawn):
            at = (sheet.time.place(point.start), middle + _shift(number, drawn, sheet.time))
            mark(sheet.canvas, at, shapes[outcome], colours[direction(point.stream)], _tip(point, sheet))
        shown = f"{count:,}" if len(drawn) == count else f"{len(drawn):,} of {count:,}"
        sheet.canvas.text((_BESIDE, middle + 5), shown, size=SMALL, room=_room())


def draw_pods(sheet: Sheet, pods: Sequence[Pod]) -> None:
    """Draw a row per outcome with a mark per pod; nothing if each pod got its sidecar at once."""
    outcomes = Counter(each.outcome for each in pods)
    if not outcomes:
        return
    top = sheet.panel("pods created during the upgrade", _ROW * len(outcomes))
    for row, (outcome, count) in enumerate(sorted(outcomes.items())):
        middle = top + _ROW * (row + 0.5)
        mark(sheet.canvas, (MARGIN + 6, middle), row, INK)
        sheet.canvas.text((MARGIN + 18, middle + 5), outcome, size=SMALL, room=LEFT - MARGIN - 26)
        for each in [one for one in pods if one.outcome == outcome][:MOST_MARKS]:
            tip = f"{clock(each.start - sheet.time.least)}, {outcome}: {each.why}"
            mark(sheet.canvas, (sheet.time.place(each.start), middle), row, VERMILLION, tip)
        sheet.canvas.text((_BESIDE, middle + 5), f"{count:,}", size=SMALL, room=_room())


def draw_connections(sheet: Sheet, connections: Sequence[Lifeline]) -> None:
    """Draw a line per long-lived connection for its lifetime. Broken ones come first."""
    if not connections:
        return
    shown = sorted(connections, key=lambda each: not each.broke)[:MOST_CONNECTIONS]
    omitted = len(connections) - len(shown)
    top = sheet.panel(
        "long-lived connections" + (f" ({omitted} more not drawn)" if omitted else ""), _ROW * len(shown)
    )
    for row, each in enumerate(shown):
        middle = top + _ROW * (row + 0.5)
        sheet.canvas.text((MARGIN, middle + 5), each.name, size=SMALL, room=LEFT - MARGIN - 8)
        start = sheet.time.place(each.begun)
        end = sheet.time.place(sheet.time.most if each.ended is None else each.ended)
        colour = VERMILLION if each.broke else GREEN
        sheet.canvas.line((start, middle), (end, middle), stroke=colour, wide=4)
        state = "open"
        if each.ended is not None and each.broke:
            mark(sheet.canvas, (end, middle), 2, INK)
            state = f"{clock(each.ended - sheet.time.least)} {each.end}"
        sheet.canvas.text((_BESIDE, middle + 5), state, size=SMALL, room=_room())


def _shapes(outcomes: Mapping[str, int]) -> dict[str, int]:
    """Return a different shape for each outcome; there are no more rows than shapes."""
    named = {outcome: _SHAPES[outcome] for outcome in outcomes if outcome in _SHAPES}
    free = (shape for shape in range(SHAPES) if shape not in named.values())
    others = sorted(outcome for outcome in outcomes if outcome not in named)
    return named | dict(zip(others, free, strict=False))


def _shift(number: int, drawn: Sequence[Point], time: Scale) -> float:
    """Return the vertical shift of a mark that would otherwise cover the previous one."""
    if number and time.place(drawn[number].start) - time.place(drawn[number - 1].start) < _CLOSE:
        return _SHIFTS[number % len(_SHIFTS)]
    return 0.0


_CLOSE, _SHIFTS = 8.0, (-5.0, 5.0, 0.0)


def _tip(point: Point, sheet: Sheet) -> str:
    at = clock(point.start - sheet.time.least)
    return f"{at}, {point.stream}: {point.outcome} after {lasting(point.seconds)}"


def _levels(canvas: Canvas, scale: Scale, levels: Sequence[tuple[float, str]]) -> None:
    for value, words in levels:
        y = scale.place(value)
        canvas.line((LEFT, y), (RIGHT, y), stroke=RULE)
        canvas.text((LEFT - 8, y + 5), words, size=SMALL, anchor="end", fill=FAINT)


def _nothing(sheet: Sheet, top: float, words: str) -> None:
    middle = ((LEFT + RIGHT) / 2, (top + sheet.foot) / 2 + 5)
    sheet.canvas.text(middle, words, size=SMALL, anchor="middle", fill=FAINT)


def _room() -> float:
    return WIDTH - _BESIDE - 6
