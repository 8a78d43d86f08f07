"""Renders a run's summary for the terminal: a line per stage, the counts and the paths of the reports."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from reports.durations import in_words

#: A stage's result, from best to worst. The last three say where the failure lies.
Verdict = Literal["passed", "skipped", "not reached", "product", "environment", "suite"]
_WORDS: Mapping[Verdict, str] = {
    "passed": "pass",
    "skipped": "skip",
    "not reached": " -- ",
    "product": "FAIL",
    "environment": "ENV ",
    "suite": "ERR ",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOutcome:
    """The outcome of one test, and the place of its function: a path below the project, and a line from 1."""

    # pytest must not collect it.
    __test__ = False

    name: str
    result: Literal["passed", "failed", "skipped", "not reached"]
    #: Where a failure lies: product, environment or suite.
    kind: str = ""
    reason: str = ""
    #: What a failed test expects: the first sentences of its docstring.
    expected: str = ""
    #: The command that repeats a failed test's stage.
    reproduce: str = ""
    file: str = ""
    line: int = 0


@dataclass
class StageRecord:
    """The record of one stage: its tests, its duration, its observations and why it failed.

    `seconds` includes `set_up` and `clean_up`, the time that the tests' fixtures took before and after them.
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
    #: Reasons of skipped tests. The stage counts as skipped only if all its tests were.
    skips: list[str] = field(default_factory=list)
    #: The outcome of each test by its name.
    outcomes: dict[str, TestOutcome] = field(default_factory=dict)

    def worsen(self, verdict: Verdict, reason: str) -> None:
        """Set the verdict and its reason if the verdict is worse than the current one."""
        order = list(_WORDS)
        if order.index(verdict) > order.index(self.verdict):
            self.verdict, self.reason = verdict, reason

    def add(self, outcome: TestOutcome) -> None:
        """Record a test's outcome; one that has failed stays failed."""
        known = self.outcomes.get(outcome.name)
        if known is None or known.result != "failed":
            self.outcomes[outcome.name] = outcome

    def skip(self, reason: str) -> None:
        """Record a skipped test."""
        self.skips.append(reason)
        self.seen.append(f"not tested: {reason}")

    def settle(self) -> None:
        """Set the verdict to skipped if all tests were skipped. Call it at the end of the stage."""
        if self.skips and len(self.skips) == self.tests:
            self.worsen("skipped", self.skips[0])


def one_line(text: str, width: int) -> str:
    """Return the text on one line, cut to `width` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else f"{flat[: width - 3]}..."


def lines(
    stages: Sequence[StageRecord], *, seconds: float, places: Mapping[str, str], width: int
) -> Iterator[str]:
    """Yield the stages' lines of at most `width` columns, the counts, then a line per entry of `places`."""
    column = max((len(stage.title) for stage in stages), default=0)
    for stage in stages:
        texts = stage.reason.splitlines() or ["; ".join(stage.seen) or f"{stage.tests} tests"]
        head = f"{_WORDS[stage.verdict]}  {stage.title:{column}}  {in_words(stage.seconds):>7}  "
        for start, text in zip([head] + [" " * len(head)] * len(texts), texts, strict=False):
            yield start + one_line(text, max(20, width - len(head)))
    count = {verdict: sum(stage.verdict == verdict for stage in stages) for verdict in _WORDS}
    totals = ", ".join(f"{number} {_COUNTED[verdict]}" for verdict, number in count.items() if number)
    yield ""
    yield f"{len(stages)} stages in {in_words(seconds)}: {totals}"
    for name, place in places.items():
        yield f"{name}: {place}"


_COUNTED: Mapping[Verdict, str] = {
    "passed": "passed",
    "skipped": "skipped",
    "not reached": "not reached",
    "product": "failed (the mesh did not behave as expected)",
    "environment": "failed (the environment broke before the mesh could be tested)",
    "suite": "failed (an error in the suite itself)",
}
