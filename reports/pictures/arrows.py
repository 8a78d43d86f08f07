"""Draws a graph's arrows. Colour, dashes and a label show the share of mutual TLS; labels don't overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reports.pictures.canvas import (
    BLUE,
    FAINT,
    MARGIN,
    ORANGE,
    SMALL,
    VERMILLION,
    Canvas,
    Place,
    width_of,
)
from reports.pictures.scene import Edge

#: Minimum distance of two nodes for an arrow with its labels.
GAP = 58.0
#: Vertical distance of the lanes below the nodes, for arrows that don't lead to the next column.
LANE = 36.0
#: Width that such arrows need beside the outermost nodes.
TURN = 40.0
_LABEL, _HEAD, _FIRST_TURN, _NEXT_TURN, _TURNS = 12.0, 9.0, 12.0, 5.0, 5
#: Candidate positions of a label as fractions of the arrow's length, the best first.
_STANDS = (0.5, 0.35, 0.65, 0.22, 0.78)
_THOUSANDS, _THOUSAND = 100_000, 1000
_ALL = 100
Box = tuple[float, float, float, float]


@dataclass(slots=True)
class Arrows:
    """The arrows of one graph. Draws lines at once, and labels after all lines."""

    canvas: Canvas
    lanes: int = 0
    _words: list[tuple[Edge, list[Place]]] = field(default_factory=list)

    def straight(self, edge: Edge, start: Place, end: Place) -> None:
        """Draw an arrow to a node in the next column."""
        self._line(edge, [start], end)
        across, down = end[0] - _HEAD - start[0], end[1] - start[1]
        stands = [(start[0] + part * across, start[1] + part * down) for part in _STANDS]
        self._words.append((edge, stands))

    def around(self, edge: Edge, start: Place, end: Place, foot: float) -> None:
        """Draw an arrow to any other node, in a lane below all nodes; `foot` is their lower edge."""
        turn = _FIRST_TURN + _NEXT_TURN * (self.lanes % _TURNS)
        self.lanes += 1
        lane = foot + self.lanes * LANE - 8
        out, back = start[0] + turn, end[0] - turn
        self._line(edge, [start, (out, start[1]), (out, lane), (back, lane), (back, end[1])], end)
        self._words.append((edge, [(out + part * (back - out), lane) for part in _STANDS]))

    def words(self) -> None:
        """Label each line with its requests above and mutual TLS below; omit a label that would overlap."""
        taken: list[Box] = []
        for edge, stands in self._words:
            count = edge.requests
            number = str(count) if count < _THOUSANDS else f"{count // _THOUSAND}k"
            word = _style(edge.mutual_tls)[3]
            half = max(width_of(number, _LABEL, bold=True), width_of(word, _LABEL)) / 2
            for x, y in stands:
                box = (x - half, y - 6 - _LABEL, x + half, y + 6 + _LABEL)
                if not any(_overlap(box, other) for other in taken):
                    taken.append(box)
                    above, below = (x, y - 6), (x, y + 4 + _LABEL)
                    self.canvas.text(above, number, size=_LABEL, anchor="middle", bold=True, halo=True)
                    self.canvas.text(below, word, size=_LABEL, anchor="middle", halo=True)
                    break

    def _line(self, edge: Edge, places: Sequence[Place], end: Place) -> None:
        colour, dash, wide, _ = _style(edge.mutual_tls)
        x, y = end
        steps = "L".join(f"{x:.1f} {y:.1f}" for x, y in [*places, (x - _HEAD + 1, y)])
        tip = f"{edge.source} → {edge.target}: {edge.in_words()}"
        self.canvas.path(f"M{steps}", stroke=colour, wide=wide, dash=dash, tip=tip)
        head = f"M{x:.1f} {y:.1f}L{x - _HEAD:.1f} {y - 5:.1f}L{x - _HEAD:.1f} {y + 5:.1f}Z"
        self.canvas.path(head, fill=colour)


def legend(canvas: Canvas, foot: float) -> None:
    """Draw the meaning of the line styles in one row."""
    x = float(MARGIN)
    shares = {
        "all over mutual TLS": 100.0,
        "all in plain text": 0.0,
        "some of each": 50.0,
        "not reported": None,
    }
    for words, mutual_tls in shares.items():
        colour, dash, wide, _ = _style(mutual_tls)
        canvas.line((x, foot - 5), (x + 34, foot - 5), stroke=colour, dash=dash, wide=wide)
        x += 42
        x += canvas.text((x, foot), words, size=SMALL) + 20
    canvas.text((x, foot), "on a line: requests", size=SMALL, fill=FAINT)


def _style(mutual_tls: float | None) -> tuple[str, str, float, str]:
    """Return an edge's colour, dashes, line width and label."""
    if mutual_tls is None:
        return FAINT, "2 4", 2, "TLS ?"
    if mutual_tls == 0:
        return ORANGE, "8 4", 2, "plain"
    if mutual_tls == _ALL:
        return BLUE, "", 3, "mTLS"
    return VERMILLION, "12 3 3 3", 2, f"{mutual_tls:.0f}%"


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
