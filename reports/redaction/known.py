"""Secrets of this process: values that are replaced wherever they stand, whatever they look like."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import yaml

from reports.redaction.names import Strength, strength
from reports.redaction.scan import Span

#: Shorter values are words of every report: `admin`, `true`, `8080`.
SHORTEST = 6
_URL = re.compile(r"://(?P<info>[^\s\"'<>/]*)@")
_PATH = re.compile(r"(?:\.{0,2}/[\w./:~-]*|\d{1,7}|true|false)$")


@dataclass(slots=True)
class _Memory:
    """The remembered values in every form; `version` is another object after each change."""

    values: set[str] = field(default_factory=set)
    version: object = field(default_factory=object)


_memory = _Memory()
_lock = Lock()


def version() -> object:
    """Return an object that stays the same as long as no value is remembered."""
    return _memory.version


def remember(value: str) -> None:
    """Replace this value from now on, also in base64, percent-encoded and escaped; ignore a short one."""
    value = value.strip()
    if len(value) < SHORTEST:
        return
    lines = [line.strip() for line in value.splitlines() if len(line.strip()) >= 16] if "\n" in value else []
    with _lock:
        before = len(_memory.values)
        for each in (value, *lines):
            _memory.values.update(_forms(each))
        if len(_memory.values) != before:
            _memory.version = object()


def remember_environment(environment: Mapping[str, str]) -> None:
    """Remember the values of variables with secret names, and the user info of every URL in a value."""
    for name, value in environment.items():
        if strength(name) is not Strength.NONE and not _PATH.match(value):
            remember(value)
        for found in _URL.finditer(value):
            remember_user_info(found["info"])


def remember_user_info(info: str) -> None:
    """The password of a URL, as it stands there and decoded; the whole where there is no colon."""
    user, colon, password = info.partition(":")
    for each in {password if colon else user, unquote(password if colon else user), info}:
        remember(each)


def remember_documents(text: str) -> None:
    """Remember what YAML documents hold in Secrets and in fields with secret names; ignore other text."""
    try:
        documents = [*yaml.safe_load_all(text)]
    except yaml.YAMLError:
        return
    for document in documents:
        _remember_tree(document, secret=False)


def _remember_tree(value: Any, *, secret: bool) -> None:
    if isinstance(value, Mapping):
        pair = secret or strength(str(value.get("name") or value.get("key"))) is not Strength.NONE
        for name, each in value.items():
            below = value.get("kind") == "Secret" and name in {"data", "stringData"}
            named = strength(str(name)) is not Strength.NONE and not isinstance(each, bool)
            _remember_tree(each, secret=secret or below or named or (pair and name == "value"))
    elif isinstance(value, list):
        for each in value:
            _remember_tree(each, secret=secret)
    elif secret and value is not None:
        remember(str(value))
        remember(_decoded(str(value)))


def _decoded(value: str) -> str:
    try:
        decoded = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return decoded if decoded.isprintable() or "\n" in decoded else ""


def spans(text: str) -> list[Span]:
    """Where remembered values stand."""
    expression = _expression(version())
    return [found.span() for found in expression.finditer(text)] if expression else []


@lru_cache(maxsize=1)
def _expression(_version: object) -> "re.Pattern[str] | None":
    with _lock:
        ordered = sorted(_memory.values, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, ordered))) if ordered else None


def _forms(value: str) -> set[str]:
    forms = {value, quote(value, safe=""), quote_plus(value)}
    forms |= {value.replace("\\", "\\\\").replace('"', '\\"'), value.replace("\n", "\\n")}
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + value.encode()).decode()
        # Only characters that do not depend on what is encoded beside the value.
        skip = (0, 2, 3)[lead]
        fixed = encoded[skip : len(encoded) - (4 if (lead + len(value.encode())) % 3 else 0)]
        forms |= {fixed, fixed.replace("+", "-").replace("/", "_")}
    forms.add(base64.b64encode(value.encode()).decode())
    return {form for form in forms if len(form) >= SHORTEST}
