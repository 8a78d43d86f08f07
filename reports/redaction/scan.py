"""Where a value ends: in quotes of any level of escaping, in brackets, or in the lines below its key."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MARK = "[redacted]"
Span = tuple[int, int]
#: Lines and characters that a quoted value may have beyond the line of its key.
_QUOTED_LINES, _QUOTED_CHARACTERS = 60, 20_000
_OBJECT_CHARACTERS = 100_000
_QUOTE_HERE = re.compile(r"\\*+[\"']")
_QUOTE_RUN = re.compile(r"(?<!\\)\\*+[\"']")
_BRACKET = re.compile(r"[\[\](){}]|(?<!\\)\\*+[\"']")
_CLOSING = {"{": "}", "[": "]", "(": ")"}
#: What programs put before each line: pytest, diff, curl, kubectl logs --prefix, a log.
PREFIX = re.compile(
    r"(?:E(?=[ \t])|[+>|<*#](?=[ \t\-\w\"'/{])|-(?=[A-Za-z0-9/+]{40})|\[[^\]\n]{1,120}\](?=[ \t])"
    r"|\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-][\d:]+)?(?=[ \t])"
    # The container runtime, klog, compose, syslog.
    r"|[ \t]std(?:out|err) [FP](?=[ \t])|[IWEF]\d{4} [\d:.]+ +\d+ [\w./-]{1,100}:\d+\](?=[ \t])"
    r"|[\w.-]{1,60}+[ \t]{0,60}+\|(?=[ \t])|[A-Z][a-z]{2} [ \d]\d [\d:]{8} [\w.-]{1,60} "
    r"[\w.()/-]{1,60}(?:\[\d+\])?:(?=[ \t]))*+"
)
_LEADING = re.compile(r"[ \t]*+")


@dataclass
class Budget:
    """Characters that may still be looked at to find the ends of objects, so that no text costs a square."""

    left: int

    def spend(self, characters: int) -> bool:
        """False when the budget is used up."""
        self.left -= characters
        return self.left > 0


def quote_at(text: str, at: int) -> tuple[int, str] | None:
    """The number of backslashes and the quote that stand here, or None."""
    found = _QUOTE_HERE.match(text, at)
    return (found.end() - at - 1, found.group()[-1]) if found else None


def quote_before(text: str, at: int) -> tuple[int, str] | None:
    """The same of a quote that ends here."""
    if not at or text[at - 1] not in "\"'":
        return None
    begun = at - 1
    while begun and text[begun - 1] == "\\" and at - begun < 16:
        begun -= 1
    return at - 1 - begun, text[at - 1]


def quoted_end(text: str, at: int, backslashes: int, quote: str) -> int:
    """Where the content that begins at `at` ends: the closing quote, or the end of the line without one.

    A quote of a string that was escaped n times has 2**n - 1 backslashes; one inside it has more.
    """
    modulus = 2 * (backslashes + 1)
    limit = min(len(text), at + _QUOTED_CHARACTERS)
    while (found := _QUOTE_RUN.search(text, at, limit)) is not None:
        run = found.end() - found.start() - 1
        if run < backslashes or (found.group()[-1] == quote and run % modulus == backslashes):
            if quote == "'" and not run and text.startswith("'", found.end()):
                at = found.end() + 1
                continue
            return found.start() + max(0, run - backslashes)
        at = found.end()
    return -1


def bounded_quoted_end(text: str, at: int, backslashes: int, quote: str) -> int:
    """As above; where there is no closing quote near enough, the end of the line."""
    end = quoted_end(text, at, backslashes, quote)
    if end < 0 or text.count("\n", at, end) > _QUOTED_LINES:
        return line_end(text, at)
    return end


def line_end(text: str, at: int) -> int:
    """The position of the line's newline, or of the text's end."""
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if end > at and text[end - 1] == "\r" else end


def balanced_end(text: str, at: int, budget: Budget) -> int:
    """The position after the bracket that closes the one at `at`, or -1."""
    stack: list[str] = []
    place, limit = at, min(len(text), at + _OBJECT_CHARACTERS)
    while (found := _BRACKET.search(text, place, limit)) is not None:
        mark, place = found.group(), found.end()
        if not budget.spend(place - found.start() + 8):
            return -1
        if mark in _CLOSING:
            stack.append(_CLOSING[mark])
        elif stack and mark == stack[-1]:
            stack.pop()
            if not stack:
                return place
        elif mark[-1] in "\"'" and (mark[-1] == '"' or text[found.start() - 1] in "{[(,: "):
            end = quoted_end(text, place, len(mark) - 1, mark[-1])
            place = place if end < 0 else end + len(mark)
            budget.spend(max(0, end - found.end()) if end >= 0 else 2000)
    return -1


def opening_before(text: str, at: int, budget: Budget) -> int:
    """The position of the brace that opens the object around `at`, or -1; braces in strings count too."""
    depth, floor = 0, max(0, at - _OBJECT_CHARACTERS)
    while at > floor:
        brace = max(text.rfind("{", floor, at), text.rfind("}", floor, at))
        if brace < 0 or not budget.spend(at - brace + 64):
            return -1
        if text[brace] == "}":
            depth += 1
        elif not depth:
            return brace
        else:
            depth -= 1
        at = brace
    return -1


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a text: its ends, its prefix, and the column of its first character after that."""

    start: int
    end: int
    content: int

    @property
    def indent(self) -> int:
        return self.content - self.start

    @property
    def blank(self) -> bool:
        return self.content >= self.end


def line_at(text: str, at: int) -> Line:
    """The line around this position."""
    start = text.rfind("\n", 0, at) + 1
    end = line_end(text, at)
    prefix = PREFIX.match(text, start, end)
    content = _LEADING.match(text, prefix.end() if prefix else start, end)
    return Line(start, end, content.end() if content else start)


def lines_after(text: str, at: int) -> Iterator[Line]:
    """Each line below the one around `at`."""
    while (newline := text.find("\n", at)) >= 0 and newline + 1 <= len(text):
        at = newline + 1
        yield line_at(text, at)


def lines_before(text: str, at: int) -> Iterator[Line]:
    """Each line above the one around `at`, nearest first."""
    start = text.rfind("\n", 0, at) + 1
    while start > 0:
        above = line_at(text, start - 1)
        yield above
        start = above.start


def below(text: str, at: int, column: int, *, items: bool = False) -> int:
    """The end of the lines below the one around `at` that are indented deeper than `column`.

    `items` takes the dashes of a list at the same column along, as YAML does.
    """
    end = line_end(text, at)
    for line in lines_after(text, at):
        if line.blank:
            continue
        same = items and line.indent == column and text.startswith("- ", line.content)
        if line.indent <= column and not same:
            break
        end = line.end
    return end


def applied(text: str, spans: list[Span]) -> str:
    """The text with each span replaced by the mark, overlapping ones by one mark."""
    parts, done = [], 0
    for start, end in merged([_around_marks(text, *span) for span in spans] if MARK in text else spans):
        parts += [text[done:start], MARK]
        done = end
    return "".join([*parts, text[done:]])


def _around_marks(text: str, start: int, end: int) -> Span:
    """The span, with an earlier round's mark that it cuts taken in whole."""
    length = len(MARK)
    if (mark := text.find(MARK, max(0, start - length + 1), start + length - 1)) >= 0:
        start = min(start, mark)
    if (mark := text.find(MARK, max(0, end - length + 1), end + length - 1)) >= 0:
        end = max(end, mark + length)
    return start, end


def merged(spans: list[Span]) -> list[Span]:
    """In order, without overlaps and without empty ones."""
    result: list[Span] = []
    for start, end in sorted(span for span in spans if span[1] > span[0]):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result
