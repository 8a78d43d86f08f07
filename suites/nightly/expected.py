"""The number of tests that a cell must leave a result of, as pytest collects them."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from reports.redaction import redact

_PROJECT = Path(__file__).resolve().parents[2]
_SUITES = {"run": "suites/article", "upgrade": "suites/upgrade"}
#: pytest writes 96/105 where it deselects tests, such as those that only another option has.
_COLLECTED = re.compile(r"^(\d+)(?:/\d+)? tests? collected", re.MULTILINE)


@cache
def expected_tests(kind: str, strategy: str) -> int:
    """Return the number of tests of a kind of cell; versions and distribution don't change it.

    Raises ValueError with pytest's output if it can't collect them.
    """
    command = [sys.executable, "-m", "pytest", _SUITES[kind], "--collect-only", "--quiet"]
    options = [
        "-p",
        "no:cacheprovider",
        "--distribution=lab",
        *([f"--strategy={strategy}"] if strategy else []),
    ]
    ran = subprocess.run([*command, *options], cwd=_PROJECT, capture_output=True, text=True, check=False)
    found = _COLLECTED.search(ran.stdout)
    if ran.returncode or not found:
        printed = redact(ran.stdout)[-1000:] + redact(ran.stderr)[-1000:]
        raise ValueError(f"pytest can't collect the tests of {kind}: {printed}")
    return int(found[1])
