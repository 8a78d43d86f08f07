"""Run pytest inside a test, with the stages plugin and fixtures that print what they create."""

from collections.abc import Sequence

import pytest

from fixtures import stages

CONFTEST = """
import pytest

@pytest.fixture(scope="session")
def cluster(): print("made cluster")

@pytest.fixture(scope="session")
def istio(cluster): print("made istio")

@pytest.fixture(scope="session")
def app(cluster): print("made app")

@pytest.fixture(scope="session")
def gateway(app, istio): print("made gateway")
"""


class Inner:
    """A folder with tests, run by pytest with the stages plugin."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        pytester.makeini("[pytest]\nmarkers =\n  stage(name)\n")
        pytester.syspathinsert()
        self.conftest("")

    def conftest(self, more: str) -> None:
        self.pytester.makeconftest(CONFTEST + more)

    def tests(self, *tests: str) -> None:
        """Write a file of tests in this order, given as "stage(arguments)" or "stage(arguments): body"."""
        lines = ["import pytest"]
        for number, test in enumerate(tests, 1):
            head, _, body = test.partition(": ")
            stage, _, arguments = head.partition("(")
            mark = [f"@pytest.mark.stage({stage!r})"] if stage else []
            lines += [*mark, f"def test_{number}({arguments or ')'}: {body or 'pass'}"]
        self.pytester.makepyfile("\n".join(lines))

    def run(self, *options: str) -> pytest.RunResult:
        return self.pytester.runpytest_inprocess("-p", "fixtures.plugins.stages", "-rs", *options)

    def order(self, *options: str) -> list[str]:
        """Return the tests that ran, each followed by the fixtures created for it."""
        result = self.run("-v", "-s", *options)
        result.assert_outcomes(passed=result.parseoutcomes().get("passed", 0))
        words = [line.replace("::", " ").split() for line in result.outlines]
        return [word for line in words for word in line if _is_event(word, line)]


def _is_event(word: str, line: Sequence[str]) -> bool:
    made = "made" in line and word in stages.STAGE_INDEX_OF_FIXTURE
    return made or (word.startswith("test_") and "." not in word)
