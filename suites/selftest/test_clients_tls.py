"""TLS handshakes with real certificates: which servers are trusted, and the reason if one is not."""

import os
import shutil
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from fixtures.clients import curl
from fixtures.clients.command import run
from fixtures.clients.http import request
from fixtures.clients.tls import Handshake, foreign_certificate, handshake
from suites.selftest.test_outcome import Peer, served_by

NAME = "istiod.istio-system.svc"
OURS, OTHERS = trustme.CA(), trustme.CA()


def authorities_of(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode("ascii")


def presents_certificate(client_authority: trustme.CA | None = None) -> Peer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # With TLS 1.3 a client ends its handshake before the server has verified the certificate.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    OURS.issue_cert(NAME).configure_cert(context)
    if client_authority:
        context.verify_mode = ssl.CERT_REQUIRED
        client_authority.configure_trust(context)

    def peer(connection: socket.socket) -> None:
        # A client that does not trust the certificate aborts the handshake.
        with suppress(OSError):
            context.wrap_socket(connection, server_side=True).close()

    return peer


def handshake_with(peer: Peer, authorities: str, name: str = NAME) -> Handshake:
    with served_by(peer) as place:
        port = int(place.rpartition(":")[2])
        return handshake("127.0.0.1", port, server_name=name, authorities=authorities, timeout=5)


def test_server_with_a_certificate_from_the_ca_is_trusted() -> None:
    assert handshake_with(presents_certificate(), authorities_of(OURS)).kind == "trusted"


def test_server_with_a_certificate_from_another_ca_is_not_trusted() -> None:
    seen = handshake_with(presents_certificate(), authorities_of(OTHERS))
    assert seen.kind == "tls"
    assert "unable to get local issuer certificate" in seen.cause


def test_server_with_another_name_is_not_trusted() -> None:
    seen = handshake_with(presents_certificate(), authorities_of(OURS), "kiali.istio-system.svc")
    assert seen.kind == "tls"
    assert "Hostname mismatch" in seen.cause


@pytest.mark.parametrize(
    ("authority", "kind"), [(OURS, "empty reply"), (OTHERS, "tls")], ids=["ours", "others"]
)
def test_request_with_a_server_name_trusts_the_given_certificate_only(
    authority: trustme.CA, kind: str, tmp_path: Path
) -> None:
    (tmp_path / "authority.pem").write_text(authorities_of(authority))
    with served_by(presents_certificate()) as place:
        port = place.rpartition(":")[2].strip("/")
        seen = request(
            "GET",
            f"https://127.0.0.1:{port}/",
            timeout=5,
            ca_file=str(tmp_path / "authority.pem"),
            server_name=NAME,
        )
    assert seen.kind == kind, seen.describe()


def test_port_without_tls_is_a_tls_failure() -> None:
    plain = handshake_with(lambda connection: connection.sendall(b"220 plain\r\n"), authorities_of(OURS))
    assert plain.kind == "tls"


def test_closed_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    authorities = authorities_of(OURS)
    assert (
        handshake("127.0.0.1", port, server_name=NAME, authorities=authorities, timeout=5).kind == "refused"
    )


@pytest.mark.parametrize("authorities", ["nonsense", ""])
def test_ca_bundle_without_certificates_is_an_error(authorities: str) -> None:
    with pytest.raises(ValueError, match=f"no certificates in PEM: '{authorities}'"):
        handshake("127.0.0.1", 1, server_name=NAME, authorities=authorities, timeout=5)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this machine")
def test_foreign_certificate_is_refused_for_its_authority() -> None:
    """curl sends the certificate: the server names its authority as the reason, not a missing certificate."""
    with served_by(presents_certificate(client_authority=OURS)) as place:
        asked = curl.many(f"https://{place}/", 1, timeout=5)
        without = run(asked, environment=os.environ, timeout=10, check=False)
    with served_by(presents_certificate(client_authority=OURS)) as place:
        asked = curl.with_certificate(curl.many(f"https://{place}/", 1, timeout=5))
        foreign = run(asked, environment=os.environ, timeout=10, stdin=foreign_certificate(), check=False)
    causes = [curl.outcomes(each, 1)[0].cause for each in (without, foreign)]
    assert "unknown ca" in causes[1], causes
    assert "unknown ca" not in causes[0], causes
