"""A marked request in the proxies' access logs, which are written once a second."""

from typing import Any, cast

import pytest

from fixtures.clients.http import Outcome
from fixtures.clients.kube import Kube
from fixtures.workloads.access_logs import MarkedRequest, newest_at_sidecar

POD = {
    "metadata": {"name": "app-1", "namespace": "test"},
    "spec": {"containers": [{"name": "web"}, {"name": "istio-proxy"}]},
}


class Logs:
    """The log of a sidecar that has these marks."""

    def __init__(self, *marks: str) -> None:
        self.text = "\n".join(f'{{"user_agent": "{each}", "path": "/?{each}"}}' for each in marks)

    def logs(self, name: str, namespace: str, container: str) -> str:
        return self.text


def request(mark: str, logs: Logs) -> MarkedRequest:
    return MarkedRequest(
        kube=cast("Kube", logs),
        mark=mark,
        path=f"/?{mark}",
        app_path=f"/?{mark}",
        outcome=cast("Outcome", None),
        gateway=POD,
        pods=[cast("Any", POD)],
        containers=["web"],
    )


@pytest.mark.parametrize(("logged", "newest"), [(("a", "b"), "b"), (("a", "b", "c"), "c"), (("a",), "a")])
def test_newest_request_that_is_logged_is_found(logged: tuple[str, ...], newest: str) -> None:
    logs = Logs(*logged)
    found = newest_at_sidecar([request(mark, logs) for mark in "abc"])
    assert found["user_agent"] == newest


def test_requests_of_which_none_is_logged_fail() -> None:
    with pytest.raises(AssertionError, match="no sidecar has logged any of the last 2 marked requests"):
        newest_at_sidecar([request(mark, Logs()) for mark in "ab"])
