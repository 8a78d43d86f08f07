"""Secrets inside base64, hex, percent escapes and escaped strings.

A run is replaced where what it decodes to holds something that the gate removes, or is a private key. Entropy
decides nothing: ids and digests are the evidence, and decode to nothing readable.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote_plus

from reports.redaction.scan import Span

#: The gate, for what was decoded.
Gate = Callable[[str], str]
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}+(?:={0,2})")
_HEX = re.compile(
    r"(?<![0-9A-Za-z])(?:0x)?(?P<run>(?:[0-9a-f]{2}){16,}+|(?:[0-9A-F]{2}){16,}+)(?![0-9A-Za-z])"
)
_PERCENT = re.compile(r"[\w.~!*+-]*+(?:%[0-9A-Fa-f]{2}[\w.~!*+-]*+)++")
_ESCAPED = re.compile(r"(?<!\\)\"(?:[^\"\\\n]|\\[^\n])*+\"|(?<!\\)'(?:[^'\\\n]|\\[^\n])*+'")
_UNREADABLE = re.compile(rb"[^\t\n\r\x20-\x7e\x80-\xff]")
_PYTHON = re.compile(r"\\(?:([\\'\"nrt])|x([0-9a-f]{2})|u([0-9a-f]{4}))")
_NAMED = {"n": "\n", "r": "\r", "t": "\t"}
#: base64 of "PRIVATE KEY" at each of the three alignments, without what depends on its neighbours.
_MARKERS = tuple(
    base64.b64encode(b"\0" * lead + b"PRIVATE KEY").decode()[skip : -4 if (lead + 11) % 3 else None]
    for lead, skip in ((0, 0), (1, 2), (2, 3))
)
#: Object identifiers in DER: password-based encryption of PKCS#8 (schemes of PKCS#5 and PKCS#12).
_ENCRYPTED = (bytes.fromhex("06092a864886f70d01050d"), bytes.fromhex("060a2a864886f70d010c01"))
_KEY_STARTS = (b"openssh-key-v1\0", b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
#: No name fits with a value into fewer characters.
_SHORTEST = 5
#: Longer runs are decoded up to here: a secret in them is found by its beginning.
_LONGEST = 400_000


def spans(text: str, gate: Gate) -> Iterator[Span]:
    """Where runs of base64, hex and percent escapes hold a secret."""
    for found in _BASE64.finditer(text):
        run = found.group()
        after_slash = run.partition("/")[2] if "/" in run[:24] else ""
        candidates = (_base64(each[:_LONGEST]) for each in (run, after_slash) if each)
        if any(marker in run for marker in _MARKERS) or any(_dirty(each, gate) for each in candidates):
            yield found.span()
    for found in _HEX.finditer(text):
        if _dirty(bytes.fromhex(found["run"][:_LONGEST]), gate):
            yield found.span()
    if "%" in text:
        for found in _PERCENT.finditer(text):
            if len(found.group()) > 8 and _changed(unquote_plus(found.group()), gate):
                yield found.span()


def inside_strings(text: str, gate: Gate) -> str:
    """The text with the gate applied to what its escaped strings say, and these escaped again."""
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda found: _string(found.group(), gate), text)


def _string(quoted: str, gate: Gate) -> str:
    if "\\" not in quoted:
        return quoted
    quote, inside = quoted[0], quoted[1:-1]
    try:
        said: str = json.loads(quoted) if quote == '"' else _unescaped(inside)
    except ValueError:
        said = _unescaped(inside)
    clean = gate(said) if len(said) >= _SHORTEST else said
    if clean == said:
        return quoted
    if quote == '"':
        return json.dumps(clean, ensure_ascii=False)
    escaped = clean.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


def _unescaped(inside: str) -> str:
    def plain(found: "re.Match[str]") -> str:
        if found[1]:
            return _NAMED.get(found[1], found[1])
        return chr(int(found[2] or found[3], 16))

    return _PYTHON.sub(plain, inside)


def _base64(run: str) -> bytes:
    run = run.rstrip("=").replace("-", "+").replace("_", "/")
    run = run[: len(run) - 1] if len(run) % 4 == 1 else run
    try:
        return binascii.a2b_base64(run + "=" * (-len(run) % 4))
    except binascii.Error:
        return b""


def _dirty(decoded: bytes, gate: Gate) -> bool:
    """Whether decoded bytes are a private key, or text that the gate changes."""
    if _is_private_key(decoded):
        return True
    if len(decoded) < 8 or _UNREADABLE.search(decoded[:200]):
        return False
    try:
        return _changed(decoded.decode(), gate)
    except UnicodeDecodeError:
        return _changed(decoded.decode("latin-1"), gate) if decoded[:64].isascii() else False


def _changed(said: str, gate: Gate) -> bool:
    return gate(said) != said


def _is_private_key(der: bytes) -> bool:
    """A SEQUENCE that begins with a version (PKCS#1, PKCS#8, SEC 1, PKCS#12), or an encrypted PKCS#8."""
    if der.startswith(_KEY_STARTS) or b"PRIVATE KEY-----" in der[:80]:
        return True
    if len(der) < 16 or der[0] != 0x30:
        return False
    content = 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)
    if content > 6:
        return False
    body = der[content : content + 40]
    versioned = body[:2] == b"\x02\x01" and body[2] in (0, 1, 3) and body[3] in (0x02, 0x04, 0x30)
    return versioned or any(scheme in body for scheme in _ENCRYPTED)
