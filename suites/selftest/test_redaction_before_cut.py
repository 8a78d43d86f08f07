"""A text is redacted before it is cut: half a secret can no longer be recognized."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixtures import waits
from fixtures.clients.api_server import ApiError
from fixtures.clients.http import Outcome
from fixtures.clients.kube import Kube
from fixtures.upgrade.run import UpgradeFailure
from fixtures.waits import LONGEST
from suites.nightly import results
from suites.selftest.fake_api_server import fake_api_server
from suites.selftest.secret_cases import JWT

HEAD = JWT.partition(".")[0]


def _failure(text: str) -> str:
    return str(UpgradeFailure(phase="gateway", error=text, external=False, rolled_back=True))


def _rollback(text: str) -> str:
    return str(
        UpgradeFailure(phase="gateway", error="", external=False, rolled_back=False, rollback_error=text)
    )


def _cause(text: str) -> str:
    return results._first([{"statusDetails": {"message": f"likely cause: {text}"}}])[1]


def _wait(text: str) -> str:
    def attempt() -> None:
        raise ValueError(text + "x " * LONGEST)

    with pytest.raises(waits.ConditionNotMet) as unmet:
        waits.eventually(attempt, "it works", 0.01, retry_on=(ValueError,))
    return str(unmet.value)


def _page(text: str) -> str:
    return Outcome(
        method="GET", url="http://a/", kind="status", elapsed=0.1, status=200, text=text
    ).describe()


@pytest.mark.parametrize(
    ("shown", "cut"),
    [(_failure, 300), (_rollback, 200), (_cause, 300), (_wait, LONGEST // 2), (_page, 120)],
)
def test_secret_across_the_cut_is_redacted(shown: Callable[[str], str], cut: int) -> None:
    """The secret begins before the place at which the text is cut."""
    given = f"{'x ' * ((cut - 40) // 2)}token {JWT} end"
    assert HEAD in given[:cut]
    text = shown(given)
    assert text.count("x") > 30
    assert HEAD not in text


def test_secret_across_the_cut_of_an_answer_is_redacted(tmp_path: Path) -> None:
    """An answer that is not the API server's, such as a proxy's page, is shown in part."""
    page: Any = f"{'x ' * 230}token {JWT} end"
    assert HEAD in page[:500]
    with fake_api_server(tmp_path) as api:
        api.on("GET /version", (500, page))
        with pytest.raises(ApiError) as refused:
            Kube(api.kubeconfig, timeout=5).read("/version")
    assert "x x" in str(refused.value)
    assert HEAD not in str(refused.value)
