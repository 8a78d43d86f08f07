"""Draws a timeline's background: the phases as bands, the panels' frames and one shared time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.durations import in_words
from reports.pictures.canvas import FAINT, INK, MARGIN, RULE, SKY, SMALL, WIDTH, Canvas, width_of
from reports.pictures.scales import Scale, clock, time_ticks
from reports.pictures.series import Band

#: X coordinates at which the time axis starts and ends.
LEFT, RIGHT = 200.0, 868.0
#: Distance between two panels, for the lower one's title.
BETWEEN = 34.0
_BAND, _NUMBER_ROW, _PAD, _TICKS = 24.0, 16.0, 4.0, 9
_COLUMNS, _LINE = 2, 22.0
_PALE, _PALER = 0.22, 0.08


@dataclass(slots=True)
class Sheet:
    """A picture that grows downward, panel by panel; `foot` is its current lower edge."""

    canvas: Canvas
    time: Scale
    phases: Sequence[Band]
    foot: float

    def bands(self) -> None:
        """Draw the phases as a row of bands, each labelled with number and title, or only its number."""
        rows: list[float] = []
        top = self.foot
        for number, phase in enumerate(self.phases, 1):
            left, right = self._ends(phase)
            self._shade(number, left, right, top, _BAND)
            middle, room = (left + right) / 2, right - left - 2 * _PAD
            for words in (f"{number} {phase.title}", f"{number}"):
                if width_of(words, SMALL) <= room:
                    self.canvas.text((middle, top + 17), words, size=SMALL, anchor="middle")
                    break
            else:
                row = self._below(rows, middle, width_of(f"{number}", SMALL))
                foot = top + _BAND + _NUMBER_ROW * (row + 1)
                self.canvas.line((middle, top + _BAND), (middle, foot - 12), stroke=FAINT)
                self.canvas.text((middle, foot - 1), f"{number}", size=SMALL, anchor="middle")
        self.foot = top + _BAND + _NUMBER_ROW * len(rows)

    def panel(self, title: str, high: float) -> float:
        """Draw an empty panel with its title, move `foot` to its lower edge and return its upper edge."""
        top = self.foot + BETWEEN
        self.canvas.text((LEFT, top - 8), title, size=SMALL, bold=True, room=RIGHT - LEFT)
        for number, phase in enumerate(self.phases, 1):
            left, right = self._ends(phase)
            self._shade(number, left, right, top, high)
        self.canvas.rect((LEFT, top), (RIGHT - LEFT, high), stroke=RULE)
        self.foot = top + high
        return top

    def axis(self) -> None:
        """Draw the time axis in minutes and seconds since the first phase began."""
        for second in time_ticks(self.time.most - self.time.least, _TICKS):
            x = self.time.place(self.time.least + second)
            self.canvas.line((x, self.foot), (x, self.foot + 5), stroke=FAINT)
            self.canvas.text((x, self.foot + 20), clock(second), size=SMALL, anchor="middle", fill=FAINT)
        self.canvas.text((LEFT - 30, self.foot + 20), "min:s", size=SMALL, anchor="end", fill=FAINT)
        self.foot += 28

    def table(self) -> None:
        """List the phases with number, title and duration."""
        if not self.phases:
            return
        top = self.foot + 24
        rows = -(-len(self.phases) // _COLUMNS)
        wide = (WIDTH - 2 * MARGIN) / _COLUMNS
        for place, phase in enumerate(self.phases):
            left, foot = MARGIN + wide * (place // rows), top + _LINE * (place % rows)
            self.canvas.text((left + 20, foot), f"{place + 1}", size=SMALL, anchor="end", fill=FAINT)
            self.canvas.text((left + 30, foot), phase.title, size=SMALL, fill=INK, room=wide - 100)
            seconds = in_words(phase.ended - phase.begun)
            self.canvas.text((left + wide - 20, foot), seconds, size=SMALL, anchor="end", fill=FAINT)
        self.foot = top + _LINE * (rows - 1)

    def _ends(self, phase: Band) -> tuple[float, float]:
        return self.time.place(phase.begun), self.time.place(max(phase.begun, phase.ended))

    def _shade(self, number: int, left: float, right: float, top: float, high: float) -> None:
        opacity = _PALE if number % 2 else _PALER
        size = (max(right - left, 0.5), high)
        phase = self.phases[number - 1]
        tip = f"{phase.title}: {in_words(phase.ended - phase.begun)}"
        self.canvas.rect((left, top), size, fill=SKY, opacity=opacity, tip=tip)

    @staticmethod
    def _below(rows: list[float], middle: float, wide: float) -> int:
        """Place a number in the first row with room and return the row; `rows` holds each row's right end."""
        for row, end in enumerate(rows):
            if end + _PAD <= middle - wide / 2:
                rows[row] = middle + wide / 2
                return row
        rows.append(middle + wide / 2)
        return len(rows) - 1
