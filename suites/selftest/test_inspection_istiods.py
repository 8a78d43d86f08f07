"""Which proxies are out of sync: those that leave an update unanswered for as long as they are watched."""

from typing import Any

import pytest

from fixtures.inspection import istiods

CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"


def rows(sent: str, acked: str, error: str = "") -> Any:
    state = {"sent": sent, "acked": acked, **({"lastError": error} if error else {})}
    return [{"cluster_id": "Kubernetes", "proxy": "app.test", "resources": {CLUSTER: state}}]


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What istiod reports, one after the other; the last one repeats."""
    given: list[Any] = []
    monkeypatch.setattr(istiods, "_rows", lambda *_: given.pop(0) if len(given) > 1 else given[0])
    monkeypatch.setattr(istiods, "WATCHED", 0.2)
    return given


@pytest.mark.parametrize(
    ("given", "stale"),
    [
        ([rows("1", "1")], []),
        ([rows("2", "1"), rows("2", "2")], []),
        ([rows("2", "1")], ["Cluster"]),
        ([rows("1", "")], ["Cluster"]),
        # A proxy that is sent another update at once is busy, not stuck.
        ([rows("2", "1"), rows("3", "2")], []),
        # A rejected update is another check's.
        ([rows("2", "1", "no such filter")], []),
    ],
)
def test_proxy_that_leaves_an_update_unanswered_is_stale(
    reports: list[Any], given: list[Any], stale: list[str]
) -> None:
    """Only an update that stays unanswered makes a proxy stale, and the kind of the update is named."""
    reports.extend(given)
    (found,) = istiods._settled(0, 1.0)
    assert found["stale"] == stale
