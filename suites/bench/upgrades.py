"""Time whole upgrades, and count false alarms in A/A runs with the same version twice."""

import os
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fixtures.upgrade.request import STRATEGIES
from lab.errors import LabError
from lab.progress import readable
from reports.redaction import redact
from suites.bench.timed import COMMAND, timed

#: The goal in seconds for both strategies with their rollbacks, in quick mode.
QUICK_GOAL = 6 * 60.0

_VERDICT = re.compile(r"^verdict: (?P<word>[a-z ]+) \(exit \d+\)", re.MULTILINE)
_MISSED = re.compile(r"^ +MISSED +(?P<budget>\S+)", re.MULTILINE)
_STREAM = re.compile(r"^ +\S+ .+? (?P<sent>[\d,]+) sent, (?P<failed>[\d,]+) failed,", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Ran:
    """One upgrade run: wall-clock seconds, the verdict's word, the missed budgets, the request counts."""

    seconds: float
    word: str
    missed: tuple[str, ...]
    sent: int
    failed: int

    def describe(self) -> str:
        """Return the run on one line."""
        missed = f", MISSED: {', '.join(self.missed)}" if self.missed else ""
        return (
            f"{readable(self.seconds)}, {self.word}, {self.failed} of {self.sent:,} requests failed{missed}"
        )


def parsed(seconds: float, text: str) -> Ran:
    """Parse the output of a run; LabError with the end of the output if it has no verdict."""
    verdict = _VERDICT.search(text)
    if verdict is None:
        raise LabError(f"an upgrade ended without a verdict:\n{redact(text)[-2000:]}")
    streams = [(found["sent"], found["failed"]) for found in _STREAM.finditer(text)]
    return Ran(
        seconds,
        verdict["word"],
        tuple(found["budget"] for found in _MISSED.finditer(text)),
        sum(int(sent.replace(",", "")) for sent, _ in streams),
        sum(int(failed.replace(",", "")) for _, failed in streams),
    )


def upgrade(runs: int, folder: Path, options: Sequence[str]) -> None:
    """Upgrade from the older version to the newer one with both strategies, `runs` times."""
    ran = [_run(f"upgrade {number}", folder, *options) for number in range(1, runs + 1)]
    safe = sum(each.word == "safe" for each in ran)
    median = statistics.median(each.seconds for each in ran)
    print(f"upgrade, quick, both strategies   median {readable(median)}; goal {readable(QUICK_GOAL)}")
    print(f"verdict safe                      {safe} of {runs} runs")


def same(version: str, runs: int, folder: Path, options: Sequence[str]) -> None:
    """Upgrade a version to itself with alternating strategies; every missed budget is a false alarm."""
    ran = []
    for number in range(1, runs + 1):
        strategy = STRATEGIES[(number - 1) % len(STRATEGIES)]
        ran.append(
            _run(
                f"{version} twice {number}, {strategy}",
                folder,
                f"--from={version}",
                f"--to={version}",
                f"--strategy={strategy}",
                *options,
            )
        )
    alarms = sum(bool(each.missed) or each.word == "unsafe" for each in ran)
    unproven = sum(each.word == "not enough evidence" for each in ran)
    print(f"false alarms                      {alarms} of {runs} runs; goal 0")
    print(f"not enough evidence               {unproven} of {runs} runs")


def _run(title: str, folder: Path, *arguments: str) -> Ran:
    log = folder / f"{title.replace(' ', '-')}.log"
    # The exit code only repeats the verdict, which is parsed from the output.
    seconds, _ = timed([*COMMAND, "upgrade", *arguments], os.environ, log)
    ran = parsed(seconds, log.read_text(errors="replace"))
    print(f"{title}: {ran.describe()}", flush=True)
    return ran
