"""Parses an SVG of reports/pictures into texts, boxes, tooltips and overlaps, as laid out by a browser."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from xml.etree import ElementTree as ET

from reports.pictures.canvas import width_of

_SVG = "{http://www.w3.org/2000/svg}"
#: How far a line of text reaches above and below its baseline, as fractions of the font size.
_ABOVE, _BELOW = 0.8, 0.22


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text, its tooltip, and its bounding box: left, top, right, bottom."""

    text: str
    tip: str
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A parsed picture; ET.ParseError if it is not well-formed."""

    root: ET.Element

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, equal to those of the viewBox."""
        width, height = float(self.root.attrib["width"]), float(self.root.attrib["height"])
        assert self.root.attrib["viewBox"] == f"0 0 {width:g} {height:g}"
        return width, height

    @property
    def words(self) -> list[Words]:
        """Every line of text."""
        return [_words(each) for each in self.root.iter(f"{_SVG}text")]

    @property
    def text(self) -> str:
        """All lines of text, joined by newlines, without tooltips."""
        return "\n".join(each.text for each in self.words)

    @property
    def tips(self) -> list[str]:
        """The tooltip of each shape in drawing order, without the picture's own."""
        shapes = [*self.root.iter(f"{_SVG}rect"), *self.root.iter(f"{_SVG}path")]
        return [tip for each in shapes if (tip := each.findtext(f"{_SVG}title"))]

    def marks(self, tip: str) -> int:
        """The number of shapes whose tooltip contains these words."""
        return sum(tip in each for each in self.tips)

    def collisions(self) -> list[tuple[str, str]]:
        """The pairs of lines whose boxes overlap; a line outside the picture is paired with "the edge"."""
        width, height = self.size
        met = [(a.text, b.text) for a, b in combinations(self.words, 2) if _meet(a.box, b.box)]
        outside = [
            each.text
            for each in self.words
            if each.box[0] < 0 or each.box[1] < 0 or each.box[2] > width or each.box[3] > height
        ]
        return met + [(text, "the edge") for text in outside]


def drawing(svg: str) -> Drawing:
    """Parse the picture and assert that it fetches nothing: no script, style sheet or foreign URL."""
    assert svg.count("http") == 1
    assert not {"script", "style", "image", "use"} & {
        each.tag.removeprefix(_SVG) for each in ET.fromstring(svg).iter()
    }
    return Drawing(ET.fromstring(svg))


def _words(element: ET.Element) -> Words:
    text, size = element.text or "", float(element.attrib["font-size"])
    x, y = float(element.attrib["x"]), float(element.attrib["y"])
    wide = width_of(text, size, bold=element.get("font-weight") == "bold")
    left = x - {"start": 0, "middle": wide / 2, "end": wide}[element.attrib["text-anchor"]]
    box = (left, y - _ABOVE * size, left + wide, y + _BELOW * size)
    return Words(text, element.findtext(f"{_SVG}title", ""), box)


def _meet(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
