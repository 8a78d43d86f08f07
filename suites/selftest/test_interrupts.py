"""An interrupt ends a run with exit code 2, wherever it arrives."""

from textwrap import dedent

import pytest

#: A frame whose instructions belong to no line: code 15 of CPython's location table (Objects/locations.md).
WITHOUT_LINES = """
    def interrupted():
        raise KeyboardInterrupt

    units = len(interrupted.__code__.co_code) // 2
    table = b"".join(bytes([0xF8 | min(8, units - at) - 1]) for at in range(0, units, 8))
    interrupted.__code__ = interrupted.__code__.replace(co_linetable=table)

    def test_interrupted():
        interrupted()
"""


def test_interrupt_at_an_instruction_without_a_line_ends_the_run_as_interrupted(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(dedent(WITHOUT_LINES))
    ended = pytester.runpytest_subprocess("-p", "fixtures.plugins.signals")
    assert ended.ret is pytest.ExitCode.INTERRUPTED
    ended.stdout.fnmatch_lines(["*KeyboardInterrupt*"])
