"""The summary that is read in ten seconds: stage by stage, what was seen, how long, where the report is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

#: How a stage ended, from the best to the worst; the last three are whose failure it is.
Verdict = Literal["passed", "skipped", "not reached", "product", "environment", "suite"]
_WORDS: Mapping[Verdict, str] = {
    "passed": "pass",
    "skipped": "skip",
    "not reached": " -- ",
    "product": "FAIL",
    "environment": "ENV ",
    "suite": "ERR ",
}


@dataclass
class StageRecord:
    """What one rung did: its tests begun and ended, its seconds, what was seen and why it failed.

    `set_up` and `clean_up` are those of the seconds that its tests' fixtures took before and after them.
    """

    name: str
    title: str
    tests: int = 0
    begun: int = 0
    seconds: float = 0.0
    set_up: float = 0.0
    clean_up: float = 0.0
    verdict: Verdict = "passed"
    seen: list[str] = field(default_factory=list)
    reason: str = ""
    #: Why tests of it were skipped; the stage itself is skipped only where all of them were.
    skips: list[str] = field(default_factory=list)

    def worsen(self, verdict: Verdict, reason: str) -> None:
        """Take over a verdict that is worse than the one so far, with its reason."""
        order = list(_WORDS)
        if order.index(verdict) > order.index(self.verdict):
            self.verdict, self.reason = verdict, reason

    def skip(self, reason: str) -> None:
        """Take down that one of its tests was skipped."""
        self.skips.append(reason)
        self.seen.append(f"not tested: {reason}")

    def settle(self) -> None:
        """At the end: a stage of which nothing but skipped tests ran is skipped."""
        if self.skips and len(self.skips) == self.tests:
            self.worsen("skipped", self.skips[0])


def one_line(text: str, width: int) -> str:
    """The text on one line of at most `width` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else f"{flat[: width - 3]}..."


def lines(
    stages: Sequence[StageRecord], *, seconds: float, places: Mapping[str, str], width: int
) -> Iterator[str]:
    """One line for each stage, one with the count, then each place; `width` columns at most."""
    column = max((len(stage.title) for stage in stages), default=0)
    for stage in stages:
        told = stage.reason.splitlines() or ["; ".join(stage.seen) or f"{stage.tests} tests"]
        head = f"{_WORDS[stage.verdict]}  {stage.title:{column}}  {stage.seconds:5.1f} s  "
        for start, text in zip([head] + [" " * len(head)] * len(told), told, strict=False):
            yield start + one_line(text, max(20, width - len(head)))
    count = {verdict: sum(stage.verdict == verdict for stage in stages) for verdict in _WORDS}
    named = ", ".join(f"{number} {_COUNTED[verdict]}" for verdict, number in count.items() if number)
    yield ""
    yield f"{len(stages)} stages in {seconds:.0f} s: {named}"
    for name, place in places.items():
        yield f"{name}: {place}"


_COUNTED: Mapping[Verdict, str] = {
    "passed": "passed",
    "skipped": "skipped",
    "not reached": "not reached",
    "product": "failed (the mesh did not do what it must)",
    "environment": "failed (the environment broke before the mesh could be asked)",
    "suite": "failed (an error in the suite itself)",
}
