"""An upgrade second by second: its phases, the requests, how fast they were, each failure, what was held."""

from __future__ import annotations

from collections.abc import Sequence

from reports.pictures.canvas import FAINT, HEADING, MARGIN, SMALL, WIDTH, Canvas, sentence
from reports.pictures.panels import COLOURS, draw_failures, draw_held, draw_latencies, draw_rates
from reports.pictures.scales import Scale, clock
from reports.pictures.series import Band, Failures, Lifeline, Point, bins, failures
from reports.pictures.sheet import LEFT, RIGHT, Sheet

__all__ = ["Band", "Lifeline", "Point", "timeline"]

TITLE = "The upgrade, second by second"


def timeline(
    phases: Sequence[Band], points: Sequence[Point], *, held: Sequence[Lifeline] = (), title: str = TITLE
) -> str:
    """The picture as SVG, of bounded size however many points there are.

    A failure is a point that is not ok, whatever its outcome. Where there are more of them than can be told
    apart, some are left out, and their number is told.
    """
    if not phases and not points and not held:
        return sentence(title, "Nothing was recorded: no phase was begun and no request was sent.")
    begun, ended = _span(phases, points, held)
    failed, curves = failures(points), bins(points, begun, ended)
    canvas = Canvas(title)
    canvas.text((MARGIN, 34), title, size=HEADING, bold=True, room=WIDTH - 2 * MARGIN)
    told = _in_words(len(points), failed, held, ended - begun)
    canvas.text((MARGIN, 58), told, size=SMALL, fill=FAINT, room=WIDTH - 2 * MARGIN)
    colours = dict(zip(curves, COLOURS * len(curves), strict=False))
    _legend(canvas, colours, 84)
    sheet = Sheet(canvas, Scale(begun, ended, LEFT, RIGHT), phases, foot=98)
    sheet.bands()
    draw_rates(sheet, curves, colours)
    draw_latencies(sheet, curves, colours)
    draw_failures(sheet, failed, colours)
    draw_held(sheet, held)
    sheet.axis()
    sheet.table()
    return canvas.finish(sheet.foot + MARGIN)


def _span(phases: Sequence[Band], points: Sequence[Point], held: Sequence[Lifeline]) -> tuple[float, float]:
    begun = [phase.begun for phase in phases] + [each.begun for each in held]
    ended = [phase.ended for phase in phases] + [each.ended for each in held if each.ended is not None]
    if points:
        begun.append(min(point.start for point in points))
        ended.append(max(point.start for point in points))
    first = min(begun)
    return first, max([*ended, first + 1])


def _in_words(points: int, failed: Failures, held: Sequence[Lifeline], seconds: float) -> str:
    count = sum(failed.counted.values())
    if not points:
        told = f"No request was sent in {clock(seconds)}"
    else:
        sent = f"{points:,} {'request' if points == 1 else 'requests'}"
        told = f"{sent} in {clock(seconds)}: {f'{count:,}' if count else 'none'} failed"
    if failed.left_out:
        told += f", {failed.left_out:,} of them without a mark of their own"
    if held:
        broke = sum(each.broke for each in held)
        told += f"; of {len(held)} held connections {broke or 'none'} ended before it"
    return told


def _legend(canvas: Canvas, colours: dict[str, str], foot: float) -> None:
    x = float(MARGIN)
    for towards, colour in colours.items():
        canvas.rect((x, foot - 11), (12, 12), fill=colour)
        x += 18 + canvas.text((x + 18, foot), towards, size=SMALL, room=140) + 16
    for words, wide in (("p50, and requests a second", 2.5), ("p99", 1.0)):
        canvas.line((x, foot - 5), (x + 26, foot - 5), stroke=FAINT, wide=wide)
        x += 32 + canvas.text((x + 32, foot), words, size=SMALL) + 16
    canvas.text((x, foot), "a mark: one failure", size=SMALL, fill=FAINT, room=WIDTH - x - 10)
