"""Draws an upgrade second by second: phases, requests, latencies, failures and long-lived connections."""

from __future__ import annotations

from collections.abc import Sequence

from reports.durations import in_words
from reports.pictures.canvas import FAINT, HEADING, MARGIN, SMALL, WIDTH, Canvas, sentence
from reports.pictures.panels import (
    COLOURS,
    draw_connections,
    draw_failures,
    draw_latencies,
    draw_pods,
    draw_rates,
)
from reports.pictures.scales import Scale
from reports.pictures.series import Band, Failures, Lifeline, Pod, Point, bins, failures
from reports.pictures.sheet import LEFT, RIGHT, Sheet

__all__ = ["Band", "Lifeline", "Pod", "Point", "timeline"]

#: The outcome of a pod that got no sidecar, however often it was created.
NO_SIDECAR = "no sidecar"
TITLE = "The upgrade, second by second"


def timeline(
    phases: Sequence[Band],
    points: Sequence[Point],
    *,
    held: Sequence[Lifeline] = (),
    pods: Sequence[Pod] = (),
    title: str = TITLE,
) -> str:
    """Return the timeline as SVG, of bounded size for any number of points.

    `held` are the long-lived connections, `pods` those that did not get their sidecar at once. A failure is a
    point that is not ok, whatever its outcome. If there are too many failures to draw, the picture omits some
    and says how many.
    """
    if not phases and not points and not held:
        return sentence(title, "Nothing was recorded: no phase began and no request was sent.")
    begun, ended = _span(phases, points, held)
    failed, curves = failures(points), bins(points, begun, ended)
    canvas = Canvas(title)
    canvas.text((MARGIN, 34), title, size=HEADING, bold=True, room=WIDTH - 2 * MARGIN)
    summary = _in_words(len(points), failed, held, ended - begun)
    if missed := sum(each.outcome == NO_SIDECAR for each in pods):
        summary += f"; {missed} {'pod' if missed == 1 else 'pods'} got no sidecar"
    canvas.text((MARGIN, 58), summary, size=SMALL, fill=FAINT, room=WIDTH - 2 * MARGIN)
    colours = dict(zip(curves, COLOURS * len(curves), strict=False))
    _legend(canvas, colours, 84)
    sheet = Sheet(canvas, Scale(begun, ended, LEFT, RIGHT), phases, foot=98)
    sheet.bands()
    draw_rates(sheet, curves, colours)
    draw_latencies(sheet, curves, colours)
    draw_failures(sheet, failed, colours)
    draw_pods(sheet, pods)
    draw_connections(sheet, held)
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
        text = f"No request was sent in {in_words(seconds)}"
    else:
        sent = f"{points:,} {'request' if points == 1 else 'requests'}"
        text = f"{sent} in {in_words(seconds)}: {f'{count:,}' if count else 'none'} failed"
    if failed.left_out:
        text += f", {failed.left_out:,} of them not drawn"
    if held:
        broke = sum(each.broke for each in held)
        text += f"; {broke or 'none'} of {len(held)} long-lived connections ended early"
    return text


def _legend(canvas: Canvas, colours: dict[str, str], foot: float) -> None:
    x = float(MARGIN)
    for towards, colour in colours.items():
        canvas.rect((x, foot - 11), (12, 12), fill=colour)
        x += 18 + canvas.text((x + 18, foot), towards, size=SMALL, room=140) + 16
    for words, wide in (("p50, and requests per second", 2.5), ("p99", 1.0)):
        canvas.line((x, foot - 5), (x + 26, foot - 5), stroke=FAINT, wide=wide)
        x += 32 + canvas.text((x + 32, foot), words, size=SMALL) + 16
    canvas.text((x, foot), "a mark: one failure", size=SMALL, fill=FAINT, room=WIDTH - x - 10)
