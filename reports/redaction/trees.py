"""The gate for what is no plain text: trees of JSON or Python values, and bytes that may be text."""

import codecs
import re
from collections.abc import Mapping
from itertools import islice, takewhile
from typing import Any

from reports.redaction.fields import harmless
from reports.redaction.gate import redact, spans
from reports.redaction.kubernetes import is_type_of_secret
from reports.redaction.names import JWK, Strength, sensitive, strength
from reports.redaction.scan import MARK, applied

#: What files of binary formats begin with; they are no valid UTF-8 text beyond that.
_BINARY = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"PK\x03\x04", b"\x1f\x8b", b"%PDF", b"BM")
_CONTROL = re.compile(r"[\x01-\x07\x0e-\x1a\x1c-\x1f]")
_WIDE = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: More pieces between NULs are looked at as lines of one text.
_PIECES = 2000
_USER = re.compile(r"-u|--user|--proxy-user")
_USER_INFO = re.compile(r"(?!\d+:\d+$)[^:/\s]{1,100}:\S+")
_FLAG = re.compile(r"--?(?P<name>[A-Za-z][\w.-]*)")
#: Members of an object that say the name of its value, and those that hold it.
_NAMES = ("name", "key", "field", "header", "headername", "option", "setting", "parameterkey", "path")
_VALUES = re.compile(
    r"values?|rawvalue|stringvalue|bytesvalue|parametervalue|default(?:value)?|content|plaintext"
    r"|(?:string|exact|prefix|suffix|contains|saferegex)_?match|exact|prefix|suffix|regex",
    re.IGNORECASE,
)
_REFERENCES = frozenset(
    {
        "sdsconfig",
        "ttl",
        "secretkeyref",
        "configmapkeyref",
        "secretname",
        "valuefrom",
        "fieldref",
        "secretref",
    }
)
#: A list of one such name and one word is a pair.
_PAIRED = (Strength.STRONG, Strength.HEADER)
#: Numbers below are counts and flags rather than secrets.
_LEAST = 1000


def redact_tree(value: Any) -> Any:
    """A copy of parsed JSON with every string redacted, and the value of each secret name removed."""
    return _clean(value, listed=False)


def redact_body(body: bytes) -> bytes:
    """The bytes redacted as text, also in UTF-16 or between NULs; an image or archive as it is."""
    if encoding := _wide_encoding(body):
        try:
            return redact(body.decode(encoding)).encode(encoding)
        except UnicodeError:
            pass  # It only looked like that.
    if body.startswith(_BINARY) and not _is_text(body):
        return body
    text = body.decode("utf-8", "surrogateescape")
    return _without_nul(text).encode("utf-8", "surrogateescape")


def _wide_encoding(body: bytes) -> str:
    for mark, encoding in _WIDE:
        if body.startswith(mark):
            return encoding
    head = body[:200]
    half = len(head) // 2
    if half < 2 or len(body) % 2:
        return ""
    zeros = head[1::2].count(0), head[::2].count(0)
    if zeros[0] > half * 0.8 and zeros[1] < half * 0.2:
        return "utf-16-le"
    return "utf-16-be" if zeros[1] > half * 0.8 and zeros[0] < half * 0.2 else ""


def _is_text(body: bytes) -> bool:
    try:
        return not _CONTROL.search(body.decode(), 4)
    except UnicodeDecodeError:
        return False


def _without_nul(text: str) -> str:
    """The text redacted; what stands between NULs is a list of words, as in `/proc/1/cmdline`."""
    if "\0" not in text:
        return redact(text)
    if text.count("\0") <= _PIECES:
        return "\0".join(_clean(text.split("\0"), listed=False))
    lines = text.replace("\0", "\n")
    clean = redact(lines)
    return text if clean == lines else clean


def _clean(value: Any, *, listed: bool) -> Any:
    """`listed`: the value is in a SecretList, whose items need no kind."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bytes):
        return redact_body(value)
    if isinstance(value, list | tuple):
        words = [_clean(each, listed=listed) for each in value]
        _hide_words([*value], words)
        return words if isinstance(value, list) else tuple(words)
    if isinstance(value, set | frozenset):
        return type(value)(_clean(each, listed=listed) for each in value)
    if isinstance(value, dict):
        return {
            _clean(name, listed=listed): _member(value, name, each, listed=listed)
            for name, each in value.items()
        }
    return value


def _member(around: Mapping[Any, Any], name: Any, value: Any, *, listed: bool) -> Any:
    kind = str(around.get("kind"))
    listed = listed or kind == "SecretList"
    known = listed or kind == "Secret" or is_type_of_secret(str(around.get("type")))
    data = known and name in {"data", "stringData", "string_data"}
    if data or (_VALUES.fullmatch(str(name)) and _is_named_secret(around)):
        return _hidden(value)
    if "kty" in around and name in JWK:
        return _hidden(value)
    says = strength(str(name))
    if says is Strength.NONE or (isinstance(value, dict) and _is_reference(value)):
        return _clean(value, listed=listed)
    if says is not Strength.WEAK or not isinstance(value, dict | list):
        return _hidden(value)
    if isinstance(value, list):
        return [_clean(each, listed=listed) if isinstance(each, dict) else _hidden(each) for each in value]
    return _hidden(value) if name in {"secret", "secrets"} else _clean(value, listed=listed)


def _is_named_secret(around: Mapping[Any, Any]) -> bool:
    for name, value in around.items():
        if str(name).replace("_", "").lower() in _NAMES and isinstance(value, str):
            path = re.match(r"/(?:data|stringData)(?:/|$)", value)
            if path or (not value.startswith("/") and sensitive(value)):
                return True
            if name == "path" and sensitive(value.rpartition("/")[2]):
                return True
    return False


def _is_reference(value: Mapping[Any, Any]) -> bool:
    return any(str(name).replace("_", "").lower() in _REFERENCES for name in value)


def _hidden(value: Any) -> Any:
    """The value with every scalar in it replaced, except what says nothing: null, true, small numbers."""
    if isinstance(value, list | tuple):
        return type(value)([_hidden(each) for each in value])
    if isinstance(value, dict):
        return {_clean(name, listed=False): _hidden(each) for name, each in value.items()}
    if value is None or isinstance(value, bool) or (isinstance(value, str) and harmless(value)):
        return value
    return value if isinstance(value, int | float) and abs(value) < _LEAST else MARK


def _hide_words(words: list[Any], clean: list[Any]) -> None:
    """Hide the arguments of secret options, the value of a pair, and secrets of several lines."""
    for place, word in enumerate(words[:-1]):
        flag = _FLAG.fullmatch(word) if isinstance(word, str) else None
        following = words[place + 1]
        pair = len(words) == 2 and isinstance(word, str) and strength(word) in _PAIRED
        if not isinstance(following, str) or not following:
            continue
        user = flag and _USER.fullmatch(flag.group()) and _USER_INFO.fullmatch(following)
        if (
            user
            or (flag and sensitive(flag["name"]) and not following.startswith("--"))
            or (pair and not sensitive(following))
        ):
            clean[place + 1] = MARK
    if len(words) > 1 and all(isinstance(word, str) for word in words):
        _hide_lines(words, clean)


def _hide_lines(words: list[str], clean: list[Any]) -> None:
    joined = "\n".join(words)
    found = spans(joined)
    at = first = 0
    for place, word in enumerate(words):
        end = at + len(word)
        while first < len(found) and found[first][1] <= at:
            first += 1
        near = takewhile(lambda span: span[0] < end, islice(found, first, None))  # noqa: B023 - used at once
        ours = [(max(start, at) - at, min(stop, end) - at) for start, stop in near]
        if ours and MARK not in clean[place]:
            clean[place] = redact(applied(word, ours))
        at = end + 1
