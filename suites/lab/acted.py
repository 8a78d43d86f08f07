"""A pytest plugin under which no test and no fixture of a suite runs: what the tests come to is acted.

`ACTED` in the environment says what the first test does; all others pass. It is for the exit codes of the
command, which would otherwise need a broken mesh, a broken machine and an upgrade that goes wrong.
"""

import os
from collections.abc import Callable, Collection, Mapping

import pytest

from fixtures import distributions
from fixtures.distributions.base import SourceOptions
from fixtures.waits import ConditionNotMet, NotReady

_MESH = ConditionNotMet("the app is served", elapsed=1.0, tries=3, last="503")
_MACHINE = NotReady("the node is Ready", elapsed=1.0, tries=3, last="NotReady")


def _raise(error: BaseException) -> None:
    raise error


#: What the first test does, by the value of ACTED.
ACTS: Mapping[str, Callable[[], None]] = {
    "pass": lambda: None,
    "mesh": lambda: _raise(_MESH),
    "environment": lambda: _raise(_MACHINE),
    "interrupt": lambda: _raise(KeyboardInterrupt()),
    "skip": lambda: pytest.skip("the distribution has no such system"),
}


class _Nowhere:
    """A distribution that builds nothing."""

    name = "lab"

    def __init__(self, options: SourceOptions) -> None:
        self._lab = _LAB(options)

    def prepare(self, _: Collection[str], report: Callable[[str], None]) -> None:
        report("nothing is built")

    def __getattr__(self, name: str) -> object:
        return getattr(self._lab, name)


_LAB = distributions.DISTRIBUTIONS["lab"]
_acted: list[str] = []


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let --distribution lab build nothing."""
    distributions.DISTRIBUTIONS["lab"] = _Nowhere  # type: ignore[index]
    if os.environ["ACTED"] == "internal-error":
        config.pluginmanager.register(_Broken())


class _Broken:
    def pytest_runtest_logstart(self) -> None:
        """An error of a plugin, which pytest calls an internal one."""
        raise RuntimeError("acted")


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest) -> object:
    """Give nothing, in place of the fixture's value."""
    fixturedef.cached_result = (None, fixturedef.cache_key(request), None)  # type: ignore[arg-type]
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool:
    """Act, in place of the test."""
    if not _acted:
        _acted.append(pyfuncitem.name)
        ACTS[os.environ["ACTED"]]()
    return True
