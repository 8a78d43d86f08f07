"""TLS handshakes with real certificates: which servers are trusted, and the reason if one is not."""

import os
import shutil
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from fixtures.clients.command import run
from fixtures.clients.http import request
from fixtures.clients.tls import Handshake, handshake
from suites.selftest.test_outcome import Peer, served_by

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl on this machine")
NAME = "istiod.istio-system.svc"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ours.pem and ours.key, which the server presents, and others.pem, which it does not."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("ours", "others"):
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        written = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")]
        subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{NAME}"]
        command = ["openssl", "req", "-x509", *key, *subject, *written]
        run(command, environment=os.environ, timeout=20)
    return folder


def presents_certificate(folder: Path) -> Peer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ours.pem", folder / "ours.key")

    def peer(connection: socket.socket) -> None:
        # A client that does not trust the certificate aborts the handshake.
        with suppress(OSError):
            context.wrap_socket(connection, server_side=True).close()

    return peer


def handshake_with(peer: Peer, authorities: str, name: str = NAME) -> Handshake:
    with served_by(peer) as place:
        port = int(place.rpartition(":")[2])
        return handshake("127.0.0.1", port, server_name=name, authorities=authorities, timeout=5)


def test_server_with_a_certificate_from_the_ca_is_trusted(folder: Path) -> None:
    assert handshake_with(presents_certificate(folder), (folder / "ours.pem").read_text()).kind == "trusted"


def test_server_with_a_certificate_from_another_ca_is_not_trusted(folder: Path) -> None:
    seen = handshake_with(presents_certificate(folder), (folder / "others.pem").read_text())
    assert seen.kind == "tls"
    assert "self-signed certificate" in seen.cause


def test_server_with_another_name_is_not_trusted(folder: Path) -> None:
    seen = handshake_with(
        presents_certificate(folder), (folder / "ours.pem").read_text(), "kiali.istio-system.svc"
    )
    assert seen.kind == "tls"
    assert "Hostname mismatch" in seen.cause


@pytest.mark.parametrize(("given", "kind"), [("ours", "empty reply"), ("others", "tls")])
def test_request_with_a_server_name_trusts_the_given_certificate_only(
    given: str, kind: str, folder: Path
) -> None:
    with served_by(presents_certificate(folder)) as place:
        port = place.rpartition(":")[2].strip("/")
        seen = request(
            "GET",
            f"https://127.0.0.1:{port}/",
            timeout=5,
            ca_file=str(folder / f"{given}.pem"),
            server_name="shop.example",
        )
    assert seen.kind == kind, seen.describe()


def test_port_without_tls_is_a_tls_failure(folder: Path) -> None:
    plain = handshake_with(
        lambda connection: connection.sendall(b"220 plain\r\n"), (folder / "ours.pem").read_text()
    )
    assert plain.kind == "tls"


def test_closed_port_is_refused(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    authorities = (folder / "ours.pem").read_text()
    assert (
        handshake("127.0.0.1", port, server_name=NAME, authorities=authorities, timeout=5).kind == "refused"
    )


@pytest.mark.parametrize("authorities", ["nonsense", ""])
def test_ca_bundle_without_certificates_is_an_error(authorities: str) -> None:
    with pytest.raises(ValueError, match=f"no certificates in PEM: '{authorities}'"):
        handshake("127.0.0.1", 1, server_name=NAME, authorities=authorities, timeout=5)
