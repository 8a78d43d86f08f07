"""Text without terminal colours and Markdown's bold, for rules that look at a name and its value."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator

from reports.redaction.scan import Span

_BLANKS = dict.fromkeys(map(ord, "\u00a0\u2007\u202f\u3000"), " ")
_SPECIAL = re.compile(r"\x1b\[|\*\*|[\u00a0\u2007\u200b\u202f\u3000]")
_STYLE = re.compile(r"(?:\x1b\[[0-9;:?]{0,30}[A-Za-z]|\*\*|\u200b)++")


def spans(text: str, rules: Callable[[str], list[Span]]) -> Iterator[Span]:
    """What the rules find in the text without its styles, as places in the text with them."""
    if not _SPECIAL.search(text):
        return
    parts, begins, places = [], [], []
    done = length = 0
    for start, end in [*(found.span() for found in _STYLE.finditer(text)), (len(text), len(text))]:
        if start > done:
            begins.append(length)
            places.append(done)
            parts.append(text[done:start])
            length += start - done
        done = end
    plain = "".join(parts).translate(_BLANKS)
    for start, end in rules(plain):
        if end > start:
            yield _place(start, begins, places), _place(end - 1, begins, places) + 1


def _place(at: int, begins: list[int], places: list[int]) -> int:
    part = bisect_right(begins, at) - 1
    return places[part] + at - begins[part]
