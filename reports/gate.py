"""The quality gate: a run must leave a result for each test that it was expected to run.

Without it, a run that lost tests looks as green as a complete one. Allure 3.18 has such a rule,
minTestsCount, but its command `quality-gate` needs Node 22, and Debian has an older one. The number
is the one that the page shows: skipped tests and those that were not reached have a result too.
"""

import json
from pathlib import Path

from reports.errors import ReportError


def too_few(results: Path, tests: int) -> str:
    """Return why the results are not those of at least this many tests, or "" if they are.

    Several results of one test count once. Raises ReportError for a result that can't be read.
    """
    found = len({_identity(each) for each in results.glob("*-result.json")})
    return "" if found >= tests else f"{found} of {tests} expected tests have a result"


def _identity(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["historyId"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReportError(f"{path} is not the result of a test ({error}): repeat the run") from error
