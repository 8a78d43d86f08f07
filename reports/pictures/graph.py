"""Draws one graph of the mesh: nodes as boxes in columns, with arrows between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.pictures.arrows import GAP, LANE, TURN, Arrows
from reports.pictures.canvas import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    PAPER,
    SHADE,
    SMALL,
    VERMILLION,
    Canvas,
    Place,
    folded,
)
from reports.pictures.scene import Edge, SceneNode

#: A node's maximum and minimum width and its height, and the vertical gap between two nodes.
WIDEST, NARROWEST, HIGH, ROW_GAP = 170.0, 112.0, 106.0, 22.0
_LINE, _LABEL, _NAME_LINES = 17, 12.0, 2
_BADGE_UP, _BADGE = 44, 19


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes by key, edges between them, and the nodes' columns."""

    nodes: Mapping[str, SceneNode]
    edges: Sequence[Edge]
    columns: Sequence[Sequence[str]]

    @property
    def straight(self) -> bool:
        """Whether every edge leads to the next column."""
        depth = self._depth()
        return all(depth[edge.target] == depth[edge.source] + 1 for edge in self.edges)

    @property
    def narrowest(self) -> float:
        """The minimum width of the drawing."""
        return len(self.columns) * (NARROWEST + GAP) - GAP + 2 * self._beside

    def draw(self, canvas: Canvas, at: Place, room: float) -> float:
        """Draw the graph from its top left corner in the width `room`, and return the y of its lower edge."""
        count, inside = len(self.columns), room - 2 * self._beside
        wide = min(WIDEST, (inside - GAP * (count - 1)) / count)
        step = (inside - wide) / (count - 1) if count > 1 else 0
        rows = max(map(len, self.columns))
        corners: dict[str, Place] = {}
        for number, column in enumerate(self.columns):
            top = at[1] + (rows - len(column)) * (HIGH + ROW_GAP) / 2
            for row, key in enumerate(column):
                corners[key] = (at[0] + self._beside + number * step, top + row * (HIGH + ROW_GAP))
        foot = at[1] + rows * (HIGH + ROW_GAP) - ROW_GAP
        lanes = self._arrows(canvas, corners, wide, foot)
        for key, corner in corners.items():
            _box(canvas, self.nodes[key], corner, wide)
        return foot + lanes * LANE

    @property
    def _beside(self) -> float:
        return 2.0 if self.straight else TURN

    def _depth(self) -> dict[str, int]:
        return {key: number for number, column in enumerate(self.columns) for key in column}

    def _arrows(self, canvas: Canvas, corners: Mapping[str, Place], wide: float, foot: float) -> int:
        depth, arrows = self._depth(), Arrows(canvas)
        pairs = {(edge.source, edge.target) for edge in self.edges}
        outgoing, incoming = _ports(pairs, corners), _ports({(b, a) for a, b in pairs}, corners)
        for edge in sorted(self.edges, key=lambda each: (each.source, each.target)):
            start = (corners[edge.source][0] + wide, outgoing[edge.source, edge.target])
            end = (corners[edge.target][0], incoming[edge.target, edge.source])
            if depth[edge.target] == depth[edge.source] + 1:
                arrows.straight(edge, start, end)
            else:
                arrows.around(edge, start, end, foot)
        arrows.words()
        return arrows.lanes


def _ports(pairs: set[tuple[str, str]], corners: Mapping[str, Place]) -> dict[tuple[str, str], float]:
    """Return the y at which each pair's arrow touches its first node, so that no two arrows meet there."""
    others: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for node, other in pairs:
        others[node].append((corners[other][1], other))
    return {
        (node, other): corners[node][1] + HIGH / (len(ends) + 1) * number
        for node, ends in others.items()
        for number, (_, other) in enumerate(sorted(ends), 1)
    }


def _box(canvas: Canvas, node: SceneNode, corner: Place, wide: float) -> None:
    outside = node.kind == "outside"
    canvas.rect(
        corner,
        (wide, HIGH),
        fill=PAPER if outside else SHADE,
        stroke=INK if _proxied(node) else FAINT,
        round_by=HIGH / 2.5 if outside else 6,
        tip=node.key,
        dash="4 3" if outside else "",
    )
    middle, room = corner[0] + wide / 2, wide - 8
    lines: list[tuple[str, float, str]] = [
        (line, SMALL, INK) for line in folded(node.name, SMALL, room, _NAME_LINES)
    ]
    below = node.namespace or ("outside" if outside else "")
    lines += [(below, _LABEL, FAINT)]
    # A client outside the mesh has nothing below its name.
    top = corner[1] + (HIGH - _LINE * len(lines)) / 2 + 13 if outside else corner[1] + 18
    for number, (line, size, fill) in enumerate(lines):
        canvas.text((middle, top + _LINE * number), line, size=size, anchor="middle", fill=fill, room=room)
    if not outside:
        _badge(canvas, node, (corner[0] + 8, corner[1] + HIGH - _BADGE_UP), wide - 16)
        colour, words = _readiness(node.ready)
        canvas.text((middle, corner[1] + HIGH - 8), words, size=_LABEL, anchor="middle", fill=colour)


def _badge(canvas: Canvas, node: SceneNode, corner: Place, wide: float) -> None:
    words = "gateway" if node.kind == "gateway" else _SIDECAR[node.sidecar]
    colour, fill = (PAPER, BLUE) if _proxied(node) else (INK, PAPER)
    dash = "" if _proxied(node) else "3 3"
    stroke = BLUE if _proxied(node) else FAINT
    canvas.rect(corner, (wide, _BADGE), fill=fill, stroke=stroke, round_by=9, dash=dash)
    middle = (corner[0] + wide / 2, corner[1] + 14)
    canvas.text(middle, words, size=_LABEL, anchor="middle", fill=colour, room=wide - 4)


_SIDECAR = {True: "sidecar", False: "no sidecar", None: "sidecar?"}


def _proxied(node: SceneNode) -> bool:
    return bool(node.sidecar) or node.kind == "gateway"


def _readiness(ready: bool | None) -> tuple[str, str]:
    if ready is None:
        return FAINT, "ready?"
    return (GREEN, "● ready") if ready else (VERMILLION, "▲ not ready")
