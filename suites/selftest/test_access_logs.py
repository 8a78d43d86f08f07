"""A marked request is looked for until the sidecar has logged it, because Envoy writes its log late."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from fixtures.clients.http import Outcome
from fixtures.workloads.access_logs import MarkedRequest, NewestLogged


@dataclass
class Sent:
    """A request with this status; its entry appears when the sidecar writes its log."""

    number: int
    outcome: Outcome
    log: list[int]

    def at_sidecar(self) -> int:
        """Return the request's number if the log has it."""
        assert self.number in self.log, "not logged"
        return self.number


def made(status: int | None) -> Outcome:
    """Return the outcome of a request."""
    kind = cast("Any", "status" if status else "reset")
    return Outcome(method="GET", url="http://app/", kind=kind, elapsed=0.1, status=status)


@dataclass
class Proxy:
    """Answers requests with the statuses, the last one for all others; `log` is what it has written."""

    statuses: list[int | None]
    sent: int = 0
    log: list[int] = field(default_factory=list)

    def send(self) -> Any:
        """Send the next request."""
        status = self.statuses[min(self.sent, len(self.statuses) - 1)]
        self.sent += 1
        return Sent(self.sent, made(status), self.log)


def newest(proxy: Proxy) -> NewestLogged:
    """The requests of a proxy."""
    return NewestLogged(cast("Callable[[], MarkedRequest]", proxy.send))


def test_request_is_looked_for_until_it_is_logged() -> None:
    """While the entry is missing, no other request is sent."""
    proxy = Proxy([200])
    requests = newest(proxy)
    for _ in range(3):
        with pytest.raises(AssertionError, match="not logged"):
            requests.at_sidecar()
    proxy.log.append(1)
    assert requests.at_sidecar() == cast("Any", 1)
    assert proxy.sent == 1


def test_next_request_is_sent_after_an_entry() -> None:
    """An entry may show the old configuration, so the next call looks for a newer one."""
    proxy = Proxy([200], log=[1, 2])
    requests = newest(proxy)
    assert [requests.at_sidecar(), requests.at_sidecar()] == cast("Any", [1, 2])


@pytest.mark.parametrize("status", [503, None], ids=["503", "reset"])
def test_request_that_reached_no_sidecar_is_replaced(status: int | None) -> None:
    """A request that the gateway could not pass on is in no log, so it is not waited for."""
    proxy = Proxy([status, 200], log=[2])
    requests = newest(proxy)
    with pytest.raises(AssertionError, match=r"status 503|reset"):
        requests.at_sidecar()
    assert requests.at_sidecar() == cast("Any", 2)
