"""Cookies that stand without the name of their header: known by the attributes of RFC 6265 that follow."""

import re
from collections.abc import Iterator

from reports.redaction.scan import Span

_ATTRIBUTE = re.compile(
    r";[ \t]*(?:path=|domain=|expires=|max-age=|samesite=|secure\b|httponly\b)", re.IGNORECASE
)
_PAIR = re.compile(r"(?:[\w-]+:[ \t]*)?(?P<name>[\w!#$%&*+.^`|~-]{1,60})=(?P<value>\S+)")
_ATTRIBUTES = frozenset({"path", "domain", "expires", "max-age", "samesite"})
#: What stands before a cookie, and how long one is at most.
_BEFORE, _LONGEST = " \t\n;,\"'", 4096


def spans(text: str) -> Iterator[Span]:
    """Where the values of such cookies are."""
    done = 0
    for found in _ATTRIBUTE.finditer(text):
        least = max(done, found.start() - _LONGEST)
        start = max(text.rfind(each, least, found.start()) for each in _BEFORE) + 1
        pair = _PAIR.fullmatch(text, max(start, least), found.start())
        if pair and pair["name"].lower() not in _ATTRIBUTES:
            yield pair.span("value")
        done = found.start()
