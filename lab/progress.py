"""Shows a build's current step and remaining time, as a live line on a terminal and as plain lines in CI.

The estimate uses the durations that earlier builds recorded on this machine. A step without a record
counts with a default that was measured on two cores.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TextIO

from lab import environment
from reports.durations import in_words
from reports.redaction import redact

#: Seconds between two lines about the same step when the output is not a terminal.
LINE_INTERVAL = 15.0


def readable(seconds: float) -> str:
    """Format an estimate or a build's duration: ``75`` gives ``1 min 15 s``, ``0.4`` gives ``0 s``."""
    return in_words(seconds, decimals=0)


@dataclass
class Progress:
    """Reports the steps of one build. `times` is the file that records each step's seconds."""

    times: Path
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    total: float = 0.0
    done: float = 0.0
    _recorded: dict[str, float] = field(default_factory=dict)
    _last_line: float = 0.0
    _lock: Lock = field(default_factory=Lock)
    #: Each step's processor-seconds, without those of the container engine.
    processor_seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            loaded = json.loads(self.times.read_text())
            self._recorded = {str(name): float(value) for name, value in loaded.items()}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            # The file only serves the estimate of the time left.
            self._recorded = {}

    def expect(self, steps: dict[str, float]) -> None:
        """Declare the coming steps, each with its default seconds for a machine without a record."""
        self.total = sum(self._recorded.get(name, guess) for name, guess in steps.items())
        for name, guess in steps.items():
            self._recorded.setdefault(name, guess)

    def say(self, text: str) -> None:
        """Print one line."""
        with self._lock:
            clear = "\r\x1b[K" if self.stream.isatty() else ""
            print(f"{clear}[lab] {redact(text)}", file=self.stream, flush=True)

    @contextmanager
    def step(self, name: str, what: str) -> Iterator[Callable[[str, float], None]]:
        """Time one step. Yields a callback that takes a detail and the completed fraction (0 to 1)."""
        begun, used = time.monotonic(), environment.processor_seconds()
        expected = self._recorded.get(name, 0.0)
        self.say(f"{what} (about {readable(expected)}; whole build: {self._left()} left)")

        def update(detail: str, fraction: float) -> None:
            now = time.monotonic()
            interval = 0.2 if self.stream.isatty() else LINE_INTERVAL
            with self._lock:
                if now - self._last_line < interval:
                    return
                self._last_line = now
            elapsed = now - begun
            left = elapsed * (1 - fraction) / fraction if fraction > 0.1 else max(0.0, expected - elapsed)
            times = f"{readable(elapsed)} so far, about {readable(left)} left"
            line = f"[lab] {what}: {redact(detail)}, {fraction:.0%}, {times}"
            with self._lock:
                if self.stream.isatty():
                    print(f"\r\x1b[K{line}", end="", file=self.stream, flush=True)
                else:
                    print(line, file=self.stream, flush=True)

        yield update
        took, used = time.monotonic() - begun, environment.processor_seconds() - used
        with self._lock:
            self.done += expected
            self.processor_seconds[name] = used
            self._recorded[name] = took
        self.say(f"{what}: done in {readable(took)}, with {used:,.0f} processor-seconds")
        self._save()

    def say_total(self) -> None:
        """Print the processor-seconds of all steps, the largest first."""
        largest = sorted(self.processor_seconds.items(), key=lambda item: -item[1])
        each = ", ".join(f"{name} {used:,.0f}" for name, used in largest)
        total = sum(self.processor_seconds.values())
        self.say(f"{total:,.0f} processor-seconds in all, without the container engine's: {each}")

    def _left(self) -> str:
        return readable(max(0.0, self.total - self.done))

    def _save(self) -> None:
        self.times.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.times.with_suffix(".new")
        fresh.write_text(
            json.dumps({name: round(value, 1) for name, value in sorted(self._recorded.items())})
        )
        fresh.replace(self.times)
