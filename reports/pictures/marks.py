"""Draws marks that are distinguishable by shape alone, for readers who can't distinguish their colours."""

from __future__ import annotations

from reports.pictures.canvas import Canvas, Place

#: Outlines of the shapes around (0, 0), in units of half a mark's size. Open outlines are drawn as strokes.
_OUTLINES = (
    "M-0.85 -0.85H0.85V0.85H-0.85Z",
    "M0 -1.1L1 0.8H-1Z",
    "M-1 -1L1 1M-1 1L1 -1",
    "M0 -1.2L1.2 0L0 1.2L-1.2 0Z",
    "M0 1.1L1 -0.8H-1Z",
    "M-1.2 0H1.2M0 -1.2V1.2",
    "M-1 0A1 1 0 1 1 1 0A1 1 0 1 1 -1 0Z",
    "M-1.1 -0.4H-0.4V-1.1H0.4V-0.4H1.1V0.4H0.4V1.1H-0.4V0.4H-1.1Z",
    "M-1.1 -1L0 0L-1.1 1ZM1.1 -1L0 0L1.1 1Z",
)
SHAPES = len(_OUTLINES)
#: Half of a mark's size.
HALF = 5.0


def mark(canvas: Canvas, at: Place, shape: int, colour: str, tip: str = "") -> None:
    """Draw one mark centred at this place. `shape` counts from 0 and wraps around after the last."""
    outline = _OUTLINES[shape % SHAPES]
    closed = "Z" in outline
    canvas.path(
        outline,
        fill=colour if closed else "none",
        stroke="none" if closed else colour,
        wide=0.45,
        tip=tip,
        at=at,
        scale=HALF,
    )
