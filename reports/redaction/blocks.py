r"""Private keys and PGP messages in armour, whole or with either end cut off.

A block may stand in lines with a prefix (pytest's `E   `, a diff's `+`, `kubectl logs --prefix`), or in one
line with `\n`, `\\n` or `%0A` in place of its newlines. Certificates and public keys stay readable.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator

from reports.redaction.scan import PREFIX, Span

_SPACE = r"(?: |\+|%20|_|\\u0020)"
_MARKER = re.compile(
    rf"(?:-{{4,5}}|(?:%2D|\\u002d){{4,5}})[ +]?(?P<which>BEGIN|END){_SPACE}"
    rf"(?P<label>[A-Za-z0-9]{{1,20}}(?:{_SPACE}[A-Za-z0-9]{{1,20}}){{0,5}})[ +]?(?:-{{4,5}}|(?:%2D"
    rf"|\\u002d){{4,5}})"
)
_BEGUN = re.compile(rf"-{{4,5}}[ +]?BEGIN(?:{_SPACE}[A-Z0-9]{{0,20}}){{0,5}}(?=[\s\\]|$)")
_SECRET = re.compile(r"PRIVATE|PGP.?MESSAGE|ENCRYPTED|STATIC.?KEY|SECRET", re.IGNORECASE)
_PUTTY = re.compile(
    r"^[^\n]{0,200}?(?P<name>Private-Lines|Private-MAC|Private-Hash):[ \t]*(?P<value>\w+)", re.MULTILINE
)
#: The whole body is within this many characters of its first line, where it has an end.
_LONGEST = 100_000
_BREAK = re.compile(
    r"\r?\n|(?<!\\)\\++(?:r\\++n|[nr])|%0[Dd]%0[Aa]|%0[Aa]|<br ?/?>|&#10;|[ \t]+(?=[A-Za-z0-9+/=_-]{16,}"
    r"|-----)"
)
_BODY = re.compile(r"[ \t]*+[A-Za-z0-9+/_=-]*+[\"',;\\)\]}]*+[ \t]*+")
_ARMOUR = re.compile(
    r"[ \t]*+(?:Proc-Type|DEK-Info|Version|Comment|Charset|Hash|MessageID|Subject|x-[\w-]+):[ \t]?[^\n\\]*+"
)
_FULL = re.compile(
    r"[A-Za-z0-9+/]{48}|[A-Za-z0-9+/]{60}|[A-Za-z0-9+/]{64}|[A-Za-z0-9+/]{70}|[A-Za-z0-9+/]{76}"
)
_DIGEST = re.compile(r"[0-9a-f]+|[0-9A-F]+|[a-z/]+|[A-Z]+|[a-zA-Z]+")
#: One string literal or member `log` a line, as pytest and Docker show them.
_LITERAL = re.compile(
    r"[\"'](?P<word>[A-Za-z0-9+/]{40,76}={0,2}(?=(?:\\+[rn]){0,2}[\"'])|[A-Za-z0-9+/]{1,76}={0,2}(?=(?:\\+[rn]){1,2}[\"']))"
)
#: Fewer lines of a width other than PEM's are no key.
_NARROW, _NARROW_LINES = 60, 3
_LAST = re.compile(r"[A-Za-z0-9+/]{1,76}={0,2}")
_BARE_ESCAPED = re.compile(
    r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{20,}+\\++n(?:[A-Za-z0-9+/]{64}(?:[A-Za-z0-9+/]{12})?\\++n)++[A-Za-z0-9+/]*+={0,2}"
)
_LONG = re.compile(r"[A-Za-z0-9+/]{48}")


def spans(text: str) -> Iterator[Span]:
    """Where such blocks are."""
    markers = list(_MARKER.finditer(text)) if "BEGIN" in text or "END" in text else []
    harmless: list[Span] = []
    before = 0
    for place, marker in enumerate(markers):
        following = markers[place + 1] if place + 1 < len(markers) else None
        limit = following.start() if following else len(text)
        if not _SECRET.search(marker["label"]):
            if marker["which"] == "BEGIN":
                harmless.append((marker.start(), limit))
            elif not (place and markers[place - 1]["which"] == "BEGIN"):
                harmless.append((_backward(text, before, marker.start()), marker.end()))
        elif marker["which"] == "BEGIN":
            whole = following and following["which"] == "END" and limit - marker.end() < _LONGEST
            yield marker.start(), limit if whole else _forward(text, marker, limit)
        else:
            yield _backward(text, before, marker.start()), marker.end()
        before = marker.end()
    if "BEGIN" in text:
        yield from (found.span() for found in _BEGUN.finditer(text) if _SECRET.search(found.group()))
    if "Private-" in text:
        yield from _putty(text)
    yield from _bare(text, harmless)


def _forward(text: str, marker: "re.Match[str]", limit: int) -> int:
    """The end of the lines below a first line that look like its body."""
    at = end = marker.end()
    while at < limit:
        found = _BREAK.search(text, at, min(limit, at + 2000))
        piece_end = found.start() if found else min(limit, at + 2000)
        content = _content(text, at, piece_end)
        if not (_BODY.fullmatch(text, content, piece_end) or _ARMOUR.fullmatch(text, content, piece_end)):
            word = re.compile(r"[A-Za-z0-9+/=_-]{40,}").match(text, content, piece_end)
            return word.end() if word else end
        end = piece_end if text[content:piece_end].strip() else end
        if not found:
            return end
        at = found.end()
    return end


def _backward(text: str, floor: int, at: int) -> int:
    """The beginning of the lines above a last line that look like its body."""
    floor = max(floor, at - 20_000)
    pieces = [floor]
    pieces += [found.end() for found in _BREAK.finditer(text, floor, at)]
    ends = [found.start() for found in _BREAK.finditer(text, floor, at)] + [at]
    begun = at
    for start, end in zip(reversed(pieces), reversed(ends), strict=True):
        content = _content(text, start, end)
        if _BODY.fullmatch(text, content, end) or _ARMOUR.fullmatch(text, content, end):
            begun = content if text[content:end].strip() else begun
            continue
        word = re.search(r"[A-Za-z0-9+/=_-]{16,}\Z", text[max(content, end - 200) : end])
        return end - len(word.group()) if word and begun >= end else begun
    return begun


def _content(text: str, start: int, end: int) -> int:
    # One character more, because a prefix ends before a blank.
    prefix = PREFIX.match(text, start, end + 1)
    at = min(prefix.end(), end) if prefix else start
    while at < end and text[at] in " \t":
        at += 1
    return at


def _putty(text: str) -> Iterator[Span]:
    at = 0
    for found in _PUTTY.finditer(text):
        if found.start() < at - 1:
            continue
        if found["name"] != "Private-Lines":
            yield found.span("value")
            continue
        start = at = text.find("\n", found.end()) + 1
        while at and (end := text.find("\n", at)) != 0:
            end = len(text) if end < 0 else end
            if not text[at:end].strip() or not _BODY.fullmatch(text, _content(text, at, end), end):
                break
            at = end + 1
            if at > len(text):
                break
        if start:
            yield start, min(len(text), max(start, at - 1))


def _bare(text: str, harmless: list[Span]) -> Iterator[Span]:
    """Two or more full lines of base64 that belong to no certificate: a key that lost both ends."""
    if not _LONG.search(text):
        return
    run: list[Span] = []
    skip = iter([*harmless, (2 * len(text) + 2, 2 * len(text) + 2)])
    area = next(skip)
    at = 0
    for raw in text.split("\n"):
        end = at + len(raw)
        while at >= area[1]:
            area = next(skip)
        content, stop, word = _body_word(text, at, end) if run or len(raw) >= 48 else (at, end, "")
        outside = not area[0] <= at < area[1]
        full = outside and _FULL.fullmatch(word) and not _DIGEST.fullmatch(word)
        if full or (len(run) > 1 and outside and word and _LAST.fullmatch(word)):
            run.append((content, stop))
        if not full:
            yield from _run(run)
            run = []
        at = end + 1
    yield from _run(run)
    starts = [each[0] for each in harmless]
    for found in _BARE_ESCAPED.finditer(text):
        place = bisect_right(starts, found.start()) - 1
        if place < 0 or harmless[place][1] <= found.start():
            yield found.span()


def _body_word(text: str, at: int, end: int) -> tuple[int, int, str]:
    """What a line has that may be one of a key's body, and where."""
    content = _content(text, at, end)
    word = text[content:end].strip().strip("\"',;|")
    if (not _LAST.fullmatch(word)) and (literal := _LITERAL.search(text, content, end)):
        return *literal.span("word"), literal["word"]
    return content, end, word


def _run(lines: list[Span]) -> Iterator[Span]:
    if len(lines) > 1 and (lines[0][1] - lines[0][0] > _NARROW or len(lines) >= _NARROW_LINES):
        yield from lines
