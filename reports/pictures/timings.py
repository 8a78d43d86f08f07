"""Draws how long each stage took, as consecutive bars on a time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports.durations import in_words
from reports.pictures.canvas import (
    BLACK,
    FAINT,
    GREEN,
    HEADING,
    INK,
    MARGIN,
    ORANGE,
    PURPLE,
    RULE,
    SHADE,
    SMALL,
    VERMILLION,
    WIDTH,
    Canvas,
    sentence,
)
from reports.pictures.scales import ticks
from reports.summary import StageRecord, Verdict

TITLE = "How long each stage took"
#: Colour and label of each verdict; the label makes the colour redundant.
VERDICTS: Mapping[Verdict, tuple[str, str]] = {
    "passed": (GREEN, "passed"),
    "skipped": (ORANGE, "skipped"),
    "not reached": (FAINT, "not reached"),
    "product": (VERMILLION, "FAIL: mesh"),
    "environment": (PURPLE, "ENV: broke"),
    "suite": (BLACK, "ERR: suite"),
}
_FAILED = ("product", "environment", "suite")
_PARTS = ("set-up", "tests", "clean-up")
# Fill opacities that distinguish the parts of a bar of any colour: pale, full, outline only.
_OPACITIES = (0.4, 1.0, 0.0)
_BARS, _COLUMNS, _VERDICT = (250.0, 616.0), (696.0, 772.0, 848.0), 880.0
_TOP, _ROW, _BAR, _LEAST = 112, 26, 14, 1.5
_TICKS = 7
#: Seconds below which a part is omitted, because it would read 0.0 s.
_WORTH = 0.05


def timings(stages: Sequence[StageRecord], *, seconds: float | None = None) -> str:
    """Return the chart as SVG. `seconds` is the whole run's duration, including time outside the stages."""
    if not stages:
        return sentence(
            TITLE, "No stage began: the run ended before its first test, or no test was selected."
        )
    spent = sum(stage.seconds for stage in stages)
    canvas = Canvas(TITLE)
    canvas.text((MARGIN, 34), TITLE, size=HEADING, bold=True)
    canvas.text((MARGIN, 58), _in_words(stages, seconds), size=SMALL, fill=FAINT, room=WIDTH - 2 * MARGIN)
    _legend(canvas, stages)
    foot = _TOP + _ROW * len(stages)
    _axis(canvas, spent, foot)
    begun = 0.0
    for number, stage in enumerate(stages):
        _row(canvas, stage, number, begun, spent)
        begun += stage.seconds
    canvas.text((_BARS[0], foot + 40), "seconds, stages one after the other", size=SMALL, fill=FAINT)
    return canvas.finish(foot + 54)


def _in_words(stages: Sequence[StageRecord], seconds: float | None) -> str:
    parts = [sum(_seconds(stage)[part] for stage in stages) for part in range(len(_PARTS))]
    shown = ", ".join(
        f"{in_words(part)} {name}" for part, name in zip(parts, _PARTS, strict=True) if part >= _WORTH
    )
    count = f"{len(stages)} {'stage' if len(stages) == 1 else 'stages'}"
    spent = sum(parts)
    words = f"{count}, {in_words(spent)}" + (f": {shown}" if shown else "")
    if seconds is not None and seconds - spent >= _WORTH:
        words += f"; {in_words(seconds - spent)} outside the stages"
    return words


def _seconds(stage: StageRecord) -> tuple[float, float, float]:
    return (stage.set_up, max(0.0, stage.seconds - stage.set_up - stage.clean_up), stage.clean_up)


def _legend(canvas: Canvas, stages: Sequence[StageRecord]) -> None:
    x = float(MARGIN)
    shown = {stage.verdict for stage in stages}
    swatches = [(VERDICTS[each][0], VERDICTS[each][1], _OPACITIES[1]) for each in VERDICTS if each in shown]
    swatches += [(INK, name, opacity) for name, opacity in zip(_PARTS, _OPACITIES, strict=True)]
    for colour, words, opacity in swatches:
        canvas.rect((x, 73), (12, 12), fill=colour, opacity=opacity, stroke=colour)
        x += 18
        x += canvas.text((x, 84), words, size=SMALL) + 16
    for name, right in zip(_PARTS, _COLUMNS, strict=True):
        canvas.text((right, 106), name, size=SMALL, anchor="end", fill=FAINT)


def _axis(canvas: Canvas, spent: float, foot: float) -> None:
    for second in ticks(spent, _TICKS):
        x = _place(second, spent)
        canvas.line((x, _TOP), (x, foot + 4))
        canvas.text((x, foot + 20), f"{second:g}", size=SMALL, anchor="middle", fill=FAINT)


def _row(canvas: Canvas, stage: StageRecord, number: int, begun: float, spent: float) -> None:
    top = _TOP + _ROW * number
    colour, words = VERDICTS[stage.verdict]
    if number % 2 == 0:
        canvas.rect((MARGIN / 2, top), (WIDTH - MARGIN, _ROW), fill=SHADE, opacity=0.6)
    foot = top + 18
    canvas.text((_BARS[0] - 10, foot), stage.title, anchor="end", room=_BARS[0] - 10 - MARGIN)
    for name, opacity, seconds, right in zip(_PARTS, _OPACITIES, _seconds(stage), _COLUMNS, strict=True):
        if seconds < _WORTH:
            continue
        left = _place(begun, spent)
        wide = max(_LEAST, _place(begun + seconds, spent) - left)
        canvas.rect(
            (left, top + (_ROW - _BAR) / 2),
            (wide, _BAR),
            fill=colour,
            stroke=colour,
            tip=f"{stage.title}, {name}: {in_words(seconds)}",
            opacity=opacity,
        )
        canvas.text((right, foot), in_words(seconds), size=SMALL, anchor="end")
        begun += seconds
    if stage.seconds < _WORTH:
        x = _place(begun, spent)
        canvas.line((x, top + 4), (x, top + _ROW - 4), stroke=RULE, wide=2)
    canvas.rect((_VERDICT - 18, top + 8), (10, 10), fill=colour)
    canvas.text(
        (_VERDICT, foot), words, size=SMALL, bold=stage.verdict in _FAILED, room=WIDTH - _VERDICT - 10
    )


def _place(seconds: float, spent: float) -> float:
    left, right = _BARS
    return left + (right - left) * (seconds / spent if spent else 0)
