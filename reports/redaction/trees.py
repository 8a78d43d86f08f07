"""The gate for what is no plain text: trees of JSON, and bytes that may be text."""

from typing import Any

from reports.redaction.gate import redact
from reports.redaction.names import sensitive
from reports.redaction.scan import MARK

#: What files of binary formats begin with; all others are text.
_BINARY = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"PK\x03\x04", b"\x1f\x8b", b"%PDF")


def redact_tree(value: Any) -> Any:
    """A copy of parsed JSON with every string redacted, and the value of each secret name removed."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redact_tree(each) for each in value]
    if isinstance(value, dict):
        copy = {name: MARK if _secret(name, each) else redact_tree(each) for name, each in value.items()}
        if isinstance(copy.get("value"), str) and sensitive(str(copy.get("name"))):
            copy["value"] = MARK
        return copy
    return value


def redact_body(body: bytes) -> bytes:
    """The bytes redacted as text; a binary format as it is."""
    if body.startswith(_BINARY) or b"\0" in body[:1000]:
        return body
    return redact(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _secret(name: object, value: object) -> bool:
    return isinstance(value, str) and bool(value) and sensitive(str(name))
