"""Draws shapes and text on an SVG, cuts text to the available width, and defines the pictures' colours."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal
from xml.etree import ElementTree as ET

from reports.xml_text import allowed

Anchor = Literal["start", "middle", "end"]
Place = tuple[float, float]

#: Width of a picture in its units. Allure's page shows it at 0.84 of its size, a separate tab in full size.
WIDTH = 1000
#: Font sizes in the picture's units.
HEADING, TEXT, SMALL = 18, 14, 13
MARGIN = 20

# Colours that colour-blind readers can distinguish: M. Okabe and K. Ito, https://jfly.uni-koeln.de/color/.
BLUE, SKY, GREEN, ORANGE = "#0072b2", "#56b4e9", "#009e73", "#e69f00"
VERMILLION, PURPLE, BLACK = "#d55e00", "#cc79a7", "#000000"
PAPER, SHADE, RULE, FAINT, INK = "#ffffff", "#f1f4f7", "#d5dbe1", "#5c6770", "#1d2329"

_FONT = "Verdana, 'DejaVu Sans', Arial, sans-serif"
# Widths as fractions of the font size, for Verdana and DejaVu Sans, the widest of the possible fonts.
_WIDTHS = (
    (0.30, "ijlIJ'"),
    (0.36, " .,:;|/\\-"),
    (0.42, "frt!()[]`"),
    (0.56, 'csz?_*"^'),
    (0.62, "aekvxyEFLPTY{}"),
    (0.65, "bdghnopquS$0123456789"),
    (0.70, "ABCKRVXZ"),
    (0.82, "DGHNOQUw&+<=>~#"),
)
_WIDTH_OF = {letter: width for width, letters in _WIDTHS for letter in letters}
# Width of unlisted characters (m, M, W, %, @ and other scripts), and the factor for bold ones.
_WIDEST, _BOLD = 1.0, 1.15


class Canvas:
    """One picture. Later shapes cover earlier ones. Places are (x, y) from its top left corner."""

    def __init__(self, title: str, width: float = WIDTH) -> None:
        self.width = width
        self._root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img"})
        self._root.set("font-family", _FONT)
        ET.SubElement(self._root, "title").text = allowed(title)
        self._paper = self._add("rect", width=width, fill=PAPER)

    def text(
        self,
        at: Place,
        words: str,
        *,
        size: float = TEXT,
        anchor: Anchor = "start",
        fill: str = INK,
        bold: bool = False,
        room: float | None = None,
        halo: bool = False,
    ) -> float:
        """Draw one line of text with its baseline at this place, and return its width.

        Text wider than `room` is cut, and its tooltip shows the full text. A halo keeps it readable on lines.
        """
        whole = " ".join(allowed(words).split())
        shown = whole if room is None else cut(whole, size, room, bold=bold)
        weight = {"font_weight": "bold"} if bold else {}
        made = self._add("text", at, font_size=size, text_anchor=anchor, fill=fill, **weight)
        made.text = shown
        if halo:
            made.attrib |= {"stroke": PAPER, "stroke-width": "4", "paint-order": "stroke"}
        if shown != whole:
            ET.SubElement(made, "title").text = whole
        return width_of(shown, size, bold=bold)

    def rect(
        self,
        at: Place,
        size: Place,
        *,
        fill: str = "none",
        opacity: float = 1,
        stroke: str = "none",
        dash: str = "",
        round_by: float = 0,
        tip: str = "",
    ) -> None:
        """Draw a rectangle from its top left corner; `opacity` applies to its fill, `tip` is its tooltip."""
        made = self._add("rect", at, width=size[0], height=size[1], fill=fill)
        if opacity != 1:
            made.set("fill-opacity", f"{opacity:g}")
        if stroke != "none":
            made.set("stroke", stroke)
        if dash:
            made.set("stroke-dasharray", dash)
        if round_by:
            made.set("rx", _number(round_by))
        _tip(made, tip)

    def line(self, start: Place, end: Place, *, stroke: str = RULE, wide: float = 1, dash: str = "") -> None:
        """Draw a straight line; `dash` has SVG's format, such as "6 4"."""
        self.path(f"M{_place(start)}L{_place(end)}", stroke=stroke, wide=wide, dash=dash)

    def path(
        self,
        steps: str,
        *,
        stroke: str = "none",
        wide: float = 1,
        dash: str = "",
        fill: str = "none",
        tip: str = "",
        at: Place = (0, 0),
        scale: float = 1,
        round_ends: bool = False,
    ) -> None:
        """Draw an outline in SVG's path syntax, moved to `at` and scaled."""
        made = self._add("path", d=steps, fill=fill)
        if stroke != "none":
            made.attrib |= {"stroke": stroke, "stroke-width": f"{wide:g}", "stroke-linejoin": "round"}
        if dash:
            made.set("stroke-dasharray", dash)
        if round_ends:
            made.set("stroke-linecap", "round")
        if at != (0, 0):
            made.set("transform", f"translate({_place(at)}) scale({scale:g})")
        _tip(made, tip)

    def curve(self, places: Iterable[Place | None], *, stroke: str, wide: float, dash: str = "") -> None:
        """Draw a line through these places. None breaks it; a single place between breaks becomes a dot."""
        pieces: list[list[Place]] = [[]]
        for place in places:
            if place is None:
                pieces.append([])
            else:
                pieces[-1].append(place)
        doubled = [piece * 2 if len(piece) == 1 else piece for piece in pieces if piece]
        if doubled:
            steps = "".join("M" + "L".join(map(_place, piece)) for piece in doubled)
            self.path(steps, stroke=stroke, wide=wide, dash=dash, round_ends=True)

    def finish(self, height: float) -> str:
        """Set the picture's height and return its SVG text."""
        self._paper.set("height", _number(height))
        self._root.set("viewBox", f"0 0 {_number(self.width)} {_number(height)}")
        self._root.set("width", _number(self.width))
        self._root.set("height", _number(height))
        return ET.tostring(self._root, encoding="unicode")

    def _add(self, tag: str, at: Place | None = None, **attributes: str | float) -> ET.Element:
        made = ET.SubElement(self._root, tag)
        if at is not None:
            made.set("x", _number(at[0]))
            made.set("y", _number(at[1]))
        for name, value in attributes.items():
            written = value if isinstance(value, str) else _number(value)
            made.set(name.replace("_", "-"), written)
        return made


def width_of(words: str, size: float, *, bold: bool = False) -> float:
    """Return the approximate width of a line in the picture's units; errs on the high side."""
    return sum(_WIDTH_OF.get(letter, _WIDEST) for letter in words) * size * (_BOLD if bold else 1)


def cut(words: str, size: float, room: float, *, bold: bool = False) -> str:
    """Return the text, cut with an ellipsis if it is wider than `room`."""
    if width_of(words, size, bold=bold) <= room:
        return words
    shown = words
    while shown and width_of(f"{shown}…", size, bold=bold) > room:
        shown = shown[:-1]
    return f"{shown.rstrip()}…"


def folded(words: str, size: float, room: float, lines: int) -> list[str]:
    """Wrap the text after blanks and hyphens into at most `lines` lines of width `room`, the last one cut."""
    made = [""]
    for piece in re.findall(r"[^\s-]*-+|[^\s-]+\s*|\s+", allowed(words)):
        if width_of((made[-1] + piece).rstrip(), size) <= room or not made[-1] or len(made) == lines:
            made[-1] += piece
        else:
            made.append(piece)
    return [cut(line.strip(), size, room) for line in made]


def sentence(title: str, words: str) -> str:
    """Return a picture that consists of a title and a sentence, for data with nothing to draw."""
    canvas = Canvas(title)
    canvas.text((MARGIN, 36), title, size=HEADING, bold=True, room=WIDTH - 2 * MARGIN)
    lines = folded(words, TEXT, WIDTH - 2 * MARGIN, lines=6)
    for number, line in enumerate(lines):
        canvas.text((MARGIN, 68 + 22 * number), line, fill=FAINT)
    return canvas.finish(84 + 22 * len(lines))


def _tip(made: ET.Element, tip: str) -> None:
    if tip:
        ET.SubElement(made, "title").text = allowed(tip)


def _place(place: Place) -> str:
    return f"{_number(place[0])} {_number(place[1])}"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
