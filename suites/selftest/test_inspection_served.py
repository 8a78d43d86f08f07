"""The certificates of gateways: a port-forward that fails, and a gateway that does not answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.inspection import served
from fixtures.inspection.finding import NotReadable
from fixtures.inspection.mesh import Server
from suites.selftest.inspected import healthy

Ask = Callable[..., dict[Server, Any]]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Asks two hosts of one gateway pod; both arguments are errors to raise, or None."""

    def asked(*, forward: OSError | None = None, handshake: OSError | None = None) -> dict[Server, Any]:
        @contextmanager
        def port_forward(*_: Any) -> Iterator[int]:
            if forward:
                raise forward
            yield 1

        def certificate(*_: Any, **__: Any) -> bytes:
            if handshake:
                raise handshake
            return b"certificate"

        place = served._Place("istio-system", "gateway", 8443)
        hosts = [(Server("test", "gateway", 443, name), place) for name in ("a.example", "b.example")]
        monkeypatch.setattr(served, "_servers", lambda _: iter(hosts))
        monkeypatch.setattr(served, "served_certificate", certificate)
        kubectl: Any = SimpleNamespace(port_forward=port_forward, timeout=1)
        return served.ask(kubectl, healthy(), lambda _: None, print)

    return asked


def test_each_host_has_its_certificate(ask: Ask) -> None:
    """One port-forward serves the handshakes of all hosts."""
    assert list(ask().values()) == [b"certificate", b"certificate"]


def test_port_forward_that_cannot_start_ends_with_its_reason(ask: Ask) -> None:
    """Nothing was asked, so no host is said to be without a certificate."""
    found = ask(forward=PermissionError("kubectl"))
    assert all("could not be forwarded: kubectl" in str(each) for each in found.values())


def test_connection_that_ends_has_no_certificate(ask: Ask) -> None:
    """A gateway without the Secret ends the handshake: each host is without one."""
    assert list(ask(handshake=ConnectionResetError()).values()) == [b"", b""]


def test_gateway_that_does_not_answer_is_not_checked(ask: Ask) -> None:
    """A time-out shows no certificate and no lack of one."""
    assert all(isinstance(each, NotReadable) for each in ask(handshake=TimeoutError("late")).values())
