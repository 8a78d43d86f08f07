"""One format of a duration, for measured times and for estimates."""

import pytest

from lab.progress import readable
from reports.durations import in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (125.4, "2 min 05 s"),
        (3720, "1 h 02 min 00 s"),
    ],
)
def test_duration_has_one_format(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (59.7, "1 min 00 s"), (75, "1 min 15 s")])
def test_estimate_of_a_build_has_no_decimals(seconds: float, words: str) -> None:
    assert readable(seconds) == words
