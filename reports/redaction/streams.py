"""Streams that pass everything through the gate, for commands and for pytest's terminal."""

import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TextIO, cast

from reports.redaction.gate import redact, spans
from reports.redaction.known import remember_environment
from reports.redaction.names import sensitive
from reports.redaction.scan import Span, applied

_CLOSED = re.compile(r"-{4,5}[ ]?END [A-Z0-9 ]*-{4,5}")
_WORD = re.compile(r"[\w.-]{2,60}")
_SUSPECT = re.compile(r"PRIVATE|PGP MESSAGE|Secret|Opaque|certificate key")
#: Lines and characters that are looked at again before what is written next, and their longest line.
_LINES, _CHARACTERS, _WIDE = 25, 2000, 500
#: Characters of a line without such a name that are kept until its end is written.
_OPEN = 120
#: Stands in that context for the lines of a secret: the rules take it for a line of a key or a block.
_HIDDEN = "redacted"


class RedactingStream:
    """A text stream that redacts whole lines; the rest of a line waits for its end or for `flush`.

    A secret of several lines may be written line by line, and a value after its name: each text is looked at
    behind the lines since the last one with the name of a secret.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._pending = ""
        self._context = ""

    def write(self, text: str) -> int:
        """Take the text; what ends with a newline is passed on."""
        self._pending += text
        end = max(self._pending.rfind("\n"), self._pending.rfind("\r")) + 1
        if end:
            ready, self._pending = self._pending[:end], self._pending[end:]
            self._stream.write(self._clean(ready))
        return len(text)

    def writelines(self, lines: "list[str]") -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Pass on what waits as well."""
        if self._pending:
            waiting, self._pending = self._pending, ""
            self._stream.write(self._clean(waiting))
        self._stream.flush()

    def _clean(self, text: str) -> str:
        context = self._context
        if context:
            before = len(context)
            found = spans(context + text)
            ours = [(max(0, start - before), end - before) for start, end in found if end > before]
            clean = redact(applied(text, ours))
        else:
            found = spans(text) if "\n" in text[:-1] and _suspect(text) else []
            clean = redact(text)
        self._context = _context(context + text, found)
        return clean if clean.endswith("\n") or not text.endswith("\n") else f"{clean}\n"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _context(text: str, found: list[Span]) -> str:
    """The end of the text from a line that may name a secret; a secret in it is cut to its first line."""
    parts, done = [], 0
    for start, end in found:
        inside = text[start:end]
        first, newline, rest = inside.partition("\n")
        if newline:
            last = rest.rpartition("\n")[2]
            kept = "" if _CLOSED.search(inside) else f"{first}\n{last[: len(last) - len(last.lstrip())]}"
            parts += [text[done:start], kept, _HIDDEN]
            done = end
    lines = "".join([*parts, text[done:]])[-_CHARACTERS:].splitlines(keepends=True)[-_LINES:]
    open_line = lines[-1:] if lines and not lines[-1].endswith("\n") else []
    lines = [line for line in lines if len(line) <= _WIDE]
    for place, line in enumerate(lines):
        if _suspect(line):
            return "".join(lines[place:])
    return "".join(open_line)[-_OPEN:]


def _suspect(text: str) -> bool:
    return bool(_SUSPECT.search(text)) or any(sensitive(word.rstrip(".")) for word in _WORD.findall(text))


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Standard output, standard error and the traceback of a crash pass the gate inside this block.

    The secrets of the environment are remembered first.
    """
    remember_environment(os.environ)
    before = sys.stdout, sys.stderr
    out, err = RedactingStream(sys.stdout), RedactingStream(sys.stderr)
    sys.stdout, sys.stderr = cast("TextIO", out), cast("TextIO", err)
    sys.excepthook = _redacted_traceback
    try:
        yield
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def _redacted_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))
