"""Data of Kubernetes Secrets, wherever the kind stands: in YAML, a diff, JSON, a Python or a Go notation.

Both readers take one pass with a stack of open objects, so that the size of the data does not matter. A type
of Secret counts as its kind, for a text that is cut off.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from reports.redaction.scan import PREFIX, Span

_TYPES = (
    r"(?:Opaque|(?:bootstrap\.)?kubernetes\.io/(?:tls|token|dockercfg|dockerconfigjson|basic-auth|ssh-auth"
    r"|service-account-token)|helm\.sh/release\.v1|istio\.io/[\w-]+)"
)
_HINT = re.compile(rf"Secret|{_TYPES}")
_DATA_HINT = re.compile(r"data|stringData|string_data|Data")
_DIFF = re.compile(
    r"^(?:[ +-](?:apiVersion|data|items|kind|metadata|stringData|type):|@@ |diff -|[+-]{3} )", re.MULTILINE
)
#: pytest's comparison of texts: its lines are indented alike, with a sign or without.
_COMPARED = re.compile(
    r"^E[ \t]{1,40}[+-] (?=(?:apiVersion|data|items|kind|metadata|stringData|type):)", re.MULTILINE
)
_LINE = re.compile(r"[ \t]*+(?P<dashes>(?:-[ \t]+)*+)(?P<key>(?:data|stringData|kind|type)(?=:(?:\s|$)))?")
_KIND = re.compile(
    rf"(?:kind:[ \t]+[\"']?Secret(?P<list>List)?|type:[ \t]+[\"']?{_TYPES})[\"']?[ \t]*(?:#|$)"
)
_TOKEN = re.compile(
    r"(?P<open>(?:\bV?1?\.?(?P<model>Secret)(?P<models>List)?)?[{(\[])|(?P<close>[})\]])"
    r"|(?:(?<!\\)\\*+[\"'])?(?<![\w.-])(?P<key>data|stringData|string_data|Data|StringData)\\*[\"']?\s*+[:=]\s*+"
    r"(?:map\[string\](?:\[\]byte|string)|map(?=\[))?(?P<value>[{(\[])"
    r"|(?P<kind>(?:(?<!\\)\\*+[\"'])?(?<![\w.-])(?:[kK]ind\\*[\"']?\s*+[:=]\s*+\\*[\"']?Secret(?P<list>List)?"
    rf"|[tT]ype\\*[\"']?\s*+[:=]\s*+\\*[\"']?{_TYPES})(?![\w./-]))"
    r"|(?<!\\)\"(?:[^\"\\\n]|\\.)*+\"|(?<=[{\[(,:= ])'(?:[^'\\\n]|\\.)*+'"
)


@dataclass(slots=True)
class _Object:
    """An open mapping: its column or its place, where its data is, and where that of objects in it is."""

    at: int
    secret: bool = False
    every: bool = False
    is_data: bool = False
    data: list[Span] = field(default_factory=list)
    inner: list[Span] = field(default_factory=list)


def spans(text: str) -> Iterator[Span]:
    """Where the data of such Secrets is."""
    if _HINT.search(text) and _DATA_HINT.search(text):
        yield from _in_lines(text)
        yield from _in_brackets(text)


def is_type_of_secret(name: str) -> bool:
    """Whether this is the type of a Secret."""
    return re.fullmatch(_TYPES, name) is not None


def _closed(ended: _Object, parent: _Object) -> Iterator[Span]:
    """The data of an object that ends here; another kind's goes to the object around it, maybe a list."""
    if ended.every:
        yield from (*ended.data, *ended.inner)
        return
    if ended.secret:
        yield from ended.data
    else:
        ended.inner += ended.data
    if len(ended.inner) > len(parent.inner):
        ended.inner, parent.inner = parent.inner, ended.inner
    parent.inner += ended.inner


def _in_lines(text: str) -> Iterator[Span]:
    stack = [_Object(-1)]
    data: Span | None = None
    column = 0
    for line in _lines(text):
        if data and line.indent > column and not line.document:
            data = data[0], line.end
            continue
        stack[-1].data += [data] if data else []
        data = None
        yield from _outer(stack, line)
        if line.key in {"data", "stringData"}:
            column = line.indent + line.dashes
            data = line.behind, max(line.behind, line.end)
        elif line.key and (kind := _KIND.match(text, line.behind - len(line.key) - 1, line.end)):
            stack[-1].secret = True
            stack[-1].every |= bool(kind["list"])


def _outer(stack: list[_Object], line: "_Line") -> Iterator[Span]:
    """Close the mappings that a line is not in, and open its own."""
    least = -1 if line.document else line.indent - bool(line.dashes)
    while len(stack) > 1 and stack[-1].at > least:
        ended = stack.pop()
        yield from _closed(ended, stack[-1])
    if line.document:
        yield from _closed(stack[0], _Object(-1))
        stack[0] = _Object(-1)
    elif stack[-1].at < line.indent + line.dashes:
        stack.append(_Object(line.indent + line.dashes))


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that is not blank: the column of its content, and where it ends and what is behind its key."""

    end: int
    indent: int
    dashes: int
    key: str
    behind: int
    document: bool


def _lines(text: str) -> Iterator[_Line]:
    diff = _DIFF.search(text) is not None
    compared = _COMPARED.search(text)
    width = len(compared.group()) if compared else 0
    start = 0
    for raw in [*text.split("\n"), "---"]:
        place, start = start, start + len(raw) + 1
        at = width if width and raw.startswith("E") else _content_at(raw, diff=diff)
        found = _LINE.match(raw, at)
        if not found or not raw[at:].strip():
            continue
        indent = found.start("dashes") - raw.startswith("\ufeff")
        document = raw.startswith("---", at) and found.start("dashes") == at
        behind = place + found.end() + 1
        end = place + len(raw.rstrip("\r"))
        yield _Line(end, indent, len(found["dashes"]), found["key"] or "", behind, document)


def _content_at(line: str, *, diff: bool) -> int:
    """Where the line begins after its prefix, a byte order mark and the sign of a diff."""
    at = int(line.startswith("\ufeff"))
    if diff and line[at : at + 1] in {"+", "-", " "} and not line.startswith("---", at):
        return at + 1
    prefix = PREFIX.match(line, at)
    return prefix.end() if prefix else at


def _in_brackets(text: str) -> Iterator[Span]:
    stack = [_Object(0)]
    for found in _TOKEN.finditer(text):
        if found["key"]:
            stack.append(_Object(found.start("value"), is_data=True))
        elif found["open"]:
            listed = bool(found["models"])
            stack.append(_Object(found.start(), secret=bool(found["model"]), every=listed))
        elif found["close"]:
            yield from _bracket_closed(stack, found.end())
        elif found["kind"]:
            stack[-1].secret = True
            stack[-1].every |= bool(found["list"])
    while len(stack) > 1:
        yield from _bracket_closed(stack, len(text))
    yield from _closed(stack[0], _Object(0))


def _bracket_closed(stack: list[_Object], end: int) -> Iterator[Span]:
    ended = stack.pop() if len(stack) > 1 else stack[0]
    if ended.is_data:
        stack[-1].data.append((ended.at, end))
    elif ended is stack[0]:
        yield from _closed(ended, _Object(0))
        stack[0] = _Object(0)
    else:
        yield from _closed(ended, stack[-1])
