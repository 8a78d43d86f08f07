"""Streams that pass everything through the gate, for commands and for pytest's terminal."""

import os
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TextIO, cast

from reports.redaction.gate import redact
from reports.redaction.known import remember_environment

_OPEN = re.compile(r"-{4,5}[ ]?BEGIN [A-Z0-9 ]*PRIVATE[A-Z0-9 ]*-{4,5}|-{5}BEGIN PGP MESSAGE-{5}")
_CLOSED = re.compile(r"-{4,5}[ ]?END [A-Z0-9 ]*-{4,5}")
_BODY = re.compile(r"[^\n]{0,120}?[A-Za-z0-9+/=]{1,76}[\"',\\]*\s*$|\s*$|[A-Za-z-]+: .*$")


class RedactingStream:
    """A text stream that redacts whole lines; the rest of a line waits for its end or for `flush`.

    A private key whose lines are written one by one is followed from its first line to its last.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._pending = ""
        self._key = ""

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
        if self._key:
            # With the first line of the key before it, the text is the body of a block without an end.
            clean = redact(f"{self._key}\n{text}")
            open_still = not _CLOSED.search(text) and all(_BODY.match(line) for line in text.splitlines())
            self._key = self._key if open_still else ""
        else:
            clean = redact(text)
        begun = [*_OPEN.finditer(text)]
        if begun and not _CLOSED.search(text, begun[-1].end()):
            self._key = begun[-1].group()
        return clean if clean.endswith("\n") or not text.endswith("\n") else f"{clean}\n"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


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
