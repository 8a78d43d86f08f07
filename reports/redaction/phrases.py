"""Secrets beside their name in the output of programs: Envoy, protobuf's text format, pytest, kubectl."""

import re
from collections.abc import Iterator

from reports.redaction.names import Strength, strength
from reports.redaction.scan import Span

#: Envoy's debug log writes each header on a line: 'cookie', 'sid=1'.
_HEADER = re.compile(
    r"^[^\n']{0,200}'(?P<name>[\w-]{2,60})',[ \t]*'(?P<value>[^\n]{1,8000}?)'(?=\\n|,?[ \t]*$)", re.MULTILINE
)
_MESSAGE = re.compile(
    r"(?<![\w.-])(?P<name>[\w.-]{2,60})\s{0,20}(?::\s{0,20})?\{\s{0,200}(?:inline_?(?:string|bytes)|inlineString"
    r"|inlineBytes|value):\s{0,20}\\*[\"'](?P<value>[^\"'\n]+)"
)
_CALL = re.compile(
    r"\b(?:(?:HTTP)?(?:Basic|Digest|Proxy|Ntlm)Auth\(|auth\\*[\"']?\s{0,9}[:=]\s{0,9}[\[(])\s{0,99}"
    r"[bu]?\\*[\"'][^\"'\n]{0,200}[\"'],\s{0,99}[bu]?\\*[\"'](?P<value>[^\"'\n]+)"
    r"|\bauth: {0,9}\[[^\[\]\"',\n]{1,200}, {0,9}(?P<plain>[^\[\]\"',\n]{1,2000})\]"
    r"|\bCookie\([^()\n]{0,300}?\bvalue=\\*[\"'](?P<cookie>[^\"'\n]+)"
    r"|<Cookie [^\s=<>]{1,100}=(?P<jar>[^\s<>]+) for "
    r"|\bbase64url\.bearer\.authorization\.k8s\.io\.(?P<protocol>[\w-]+)"
)
_WHERE = re.compile(
    r"\b(?:where|and)[ \t]{1,9}(?P<quoted>'[^'\n]{1,2000}'|\"[^\"\n]{1,2000}\") = "
    r"(?:<[^<>\n]{1,200}>\.|os\.environ\[[\"']|getattr\([\w.]{1,100}, [\"'])?(?P<name>[A-Za-z_][\w.]{0,200})"
)
_REVERSED = re.compile(r"(?<![\w.-])[vV]alue:(?P<value>[^\s\[\]{}]{1,2000}) [nN]ame:(?P<name>[\w.-]{2,100})")
#: Go prints a variable of a container without the names of its fields.
_VARIABLE = re.compile(r"\{(?P<name>[A-Z][A-Z0-9_]{2,80}) (?P<value>\S{1,2000}) (?:nil|<nil>)\}")
_DESCRIBED = re.compile(r"^(?P<name>[\w.-]{2,100}):\r?\n----\r?\n", re.MULTILINE)
_DESCRIBED_END = re.compile(r"\r?\n\r?\n(?=[\w.-]{1,250}:\r?\n----|\r?\n?[A-Z]\w+(?::|\r?\n====))")
_OPENSSL = re.compile(
    r"\b(?:privateExponent|prime\d|exponent\d|coefficient\d?|priv):[ \t]*\r?\n"
    r"(?P<value>(?:[^\n:]{0,80}?[ \t](?:[0-9a-fA-F]{2}(?::|(?![0-9a-fA-F])))++[ \t]*(?:\r?\n|\Z))++)"
)
_CERTIFICATE_KEY = re.compile(r"(?i:certificate[ -]key)\b[^\n]{0,40}\s{1,40}(?P<value>[0-9a-f]{64})\b")
#: How far above its explanation pytest shows an assertion; how long a value of a ConfigMap is.
_ABOVE, _LONGEST = 1000, 20_000


def spans(text: str) -> Iterator[Span]:
    """Where they are."""
    yield from _headers(text)
    for expression in (_MESSAGE, _REVERSED, _VARIABLE):
        for found in expression.finditer(text):
            if strength(found["name"]) is not Strength.NONE:
                yield found.span("value")
    for found in _CALL.finditer(text):
        yield found.span(found.lastgroup or 0)
    for expression in (_OPENSSL, _CERTIFICATE_KEY):
        for found in expression.finditer(text):
            yield found.start("value"), found.end("value") - found["value"].endswith("\n")
    yield from _described(text)
    yield from _explained(text)


def _headers(text: str) -> Iterator[Span]:
    for found in _HEADER.finditer(text) if "', '" in text else ():
        kind = strength(found["name"])
        if kind is Strength.HEADER or (kind is not Strength.NONE and found["name"][:2] in {"x-", "X-"}):
            yield found.span("value")


def _described(text: str) -> Iterator[Span]:
    """Values of a ConfigMap as `kubectl describe` shows them."""
    done = 0
    for found in _DESCRIBED.finditer(text) if "\n----" in text else ():
        if found.start() >= done and strength(found["name"]) is not Strength.NONE:
            ends = _DESCRIBED_END.search(text, found.end(), found.end() + _LONGEST)
            done = ends.start() if ends else min(len(text.rstrip()), found.end() + _LONGEST)
            yield found.end(), done


def _explained(text: str) -> Iterator[Span]:
    """What pytest says a secret attribute is, here and in the assertion above."""
    for found in _WHERE.finditer(text):
        quoted = found["quoted"]
        if len(quoted) < 6 or strength(found["name"].rpartition(".")[2]) is Strength.NONE:
            continue
        start, end = found.span("quoted")
        yield start + 1, end - 1
        at = max(0, start - _ABOVE)
        while (at := text.find(quoted, at, start)) >= 0:
            yield at + 1, at + len(quoted) - 1
            at += len(quoted)
