"""Secrets whose name is beside them: `name` and `value` of one object, and the data of a Secret."""

import re
from collections.abc import Iterator

from reports.redaction import scan
from reports.redaction.fields import value_span
from reports.redaction.names import Strength, strength
from reports.redaction.scan import Budget, Span

_NAME = re.compile(
    r"(?<![\w.-])(?:name|key|header|headerName|header_name|Name|Key|field|option|setting|[pP]arameter(?:Key|Name))(?P<close>\\*[\"']?)"
    r"[ \t]*+[:=][ \t]*+(?P<quote>\\*[\"']?)(?:request\.headers\[)?(?P<name>[\w.-]{2,100})"
)
_VALUE = re.compile(
    r"(?<![\w.-])(?:values?|Values?|[pP]arameterValue|raw_?[vV]alue|stringValue|string_value|bytesValue|notValues|(?:string|exact|prefix"
    r"|suffix|contains|safe_regex)_?[mM]atch|exact|prefix|suffix|contains|regex|default(?:_?[vV]alue)?|content"
    r"|simple|plainText)(?P<close>\\*[\"']?)[ \t]*+(?P<sep>[:=])"
)
#: An operation of a JSON patch on the data of a Secret, or on a field with a secret name.
_PATCH = re.compile(
    r"(?<![\w.-])path(?P<close>\\*[\"']?)[ \t]*+[:=][ \t]*+\\*[\"']?"
    r"/(?:(?:data|stringData)(?=[/\"'\\\s])"
    r"|(?:[\w.~-]+/)*+(?P<name>[\w.~-]+))(?P<rest>/[^\s\"']*)?"
)
_BETWEEN = re.compile(r"\\*[\"']?\]?\s*+[,;]?\s*+\\*[\"']?")
_REVERSED = re.compile(
    r"\b[vV]alue=\\*[\"'](?P<value>[^\"'\n]{1,2000})\\*[\"'],?[ \t]*(?:name"
    r"|key)=\\*[\"'](?P<name>[\w.-]{2,100})"
)
_KIND = re.compile(
    r"(?<![\w.-])kind(?P<close>\\*[\"']?)[ \t]*+:[ \t]*+\\*[\"']?Secret(?:List)?\\*[\"']?(?=[\s,}]|$)"
)
_DATA = re.compile(r"(?<![\w.-])(?:data|stringData)(?P<close>\\*[\"']?)[ \t]*+(?P<sep>:)")
#: Lines that one item of a list is looked at on either side of its name.
_LINES = 200


def spans(text: str, budget: Budget) -> Iterator[Span]:
    """Where such values are."""
    yield from _named(text, _NAME, budget)
    if "path" in text:
        yield from _named(text, _PATCH, budget)
    for found in _REVERSED.finditer(text):
        if strength(found["name"]) is not Strength.NONE:
            yield found.span("value")
    yield from _secrets(text, budget)


def _named(text: str, names: "re.Pattern[str]", budget: Budget) -> Iterator[Span]:
    done = 0
    for found in names.finditer(text):
        if strength(found["name"] or "token") is Strength.NONE:
            continue
        yield from _beside(text, found, _VALUE, budget)
        if found.start() >= done and (span := _next(text, found, budget)):
            yield span
            done = span[1]


def _secrets(text: str, budget: Budget) -> Iterator[Span]:
    done = 0
    for found in _KIND.finditer(text):
        if found.start() < done:
            continue
        if found.group().rstrip("\\\"'").endswith("List"):
            yield from _values(text, (0, len(text)), _DATA, budget)
            return
        yield from _beside(text, found, _DATA, budget)
        done = (
            _mapping(text, found.start(), 0)[1]
            if text[found.start() - 1 : found.start()] in {"", "\n"}
            else 0
        )


def _next(text: str, found: "re.Match[str]", budget: Budget) -> Span | None:
    """The value right behind its name, whatever is around both: a call, a sentence, a message of protobuf."""
    gap = _BETWEEN.match(text, found.end())
    value = _VALUE.match(text, gap.end()) if gap else None
    return value_span(text, value, Strength.STRONG, budget) if value else None


def _beside(text: str, found: "re.Match[str]", wanted: "re.Pattern[str]", budget: Budget) -> Iterator[Span]:
    """Values of the object in braces around the key, or of the lines of its YAML mapping."""
    line = scan.line_at(text, found.start())
    dashes = text[line.content : found.start()].rstrip("\\\"'")
    if not dashes.strip("- "):
        around = _mapping(text, found.start(), line.indent + len(dashes))
        yield from _values(text, around, wanted, budget, column=line.indent + len(dashes))
        if not found["close"]:
            return
    opened = scan.opening_before(text, found.start(), budget)
    if opened < 0:
        if budget.left <= 0:
            yield from _values(text, (found.start(), min(len(text), found.end() + 2000)), wanted, budget)
        return
    end = scan.balanced_end(text, opened, budget)
    yield from _values(
        text, (opened, end if end > 0 else min(len(text), found.end() + 20_000)), wanted, budget
    )


def _mapping(text: str, key: int, column: int) -> Span:
    """The lines of the YAML mapping whose keys begin at this column."""
    line = scan.line_at(text, key)
    start, end = line.start, line.end
    if line.indent == column:
        for count, above in enumerate(scan.lines_before(text, key)):
            first = text[above.content : above.content + 2]
            outside = above.indent < column and not above.blank
            if count > _LINES or (outside and (first != "- " or above.indent + 2 > column)):
                break
            if text.startswith("---", above.content) and above.indent == 0:
                break
            start = above.start
            if outside or (first == "- " and above.indent + 2 == column):
                break
    for count, following in enumerate(scan.lines_after(text, key)):
        document = text.startswith("---", following.content) and following.indent == 0
        if count > _LINES or document or (following.indent < column and not following.blank):
            break
        end = following.end
    return start, end


def _values(
    text: str, around: Span, wanted: "re.Pattern[str]", budget: Budget, column: int | None = None
) -> Iterator[Span]:
    done = around[0]
    for found in wanted.finditer(text, *around):
        if not budget.spend(found.end() - found.start() + 16):
            yield around
            return
        if found.start() < done or not _beneath(text, around[0], found.start(), column, budget):
            continue
        span = value_span(text, found, Strength.STRONG, budget)
        if span:
            yield span
            done = span[1]


def _beneath(text: str, start: int, at: int, column: int | None, budget: Budget) -> bool:
    """Whether the key belongs to the object that begins at `start`, and to none inside it."""
    if column is not None:
        line = scan.line_at(text, at)
        between = text[line.content : at].rstrip("\\\"'")
        return not between.strip("- ") and line.indent + len(between) == column
    if text[start : start + 1] != "{":
        return True
    budget.spend((at - start) // 16)
    return text.count("{", start + 1, at) <= text.count("}", start + 1, at)
