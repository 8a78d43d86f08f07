"""An address that leads to an API server until it is closed, as one that goes away in the middle of a run."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Thread
from urllib.parse import urlsplit

_CHUNK = 65_536


@dataclass
class Forwarder:
    """A listener on loopback; `close` also ends what it forwards."""

    target: tuple[str, int]
    listener: socket.socket
    sockets: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address for a kubeconfig."""
        return f"https://127.0.0.1:{self.listener.getsockname()[1]}"

    def close(self) -> None:
        """Accept nothing more, and cut every connection."""
        for each in (self.listener, *self.sockets):
            # A socket that its peer has closed cannot be shut down.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def serve(self) -> None:
        """Forward each connection until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.target)
                self.sockets += [client, server]
                for pair in ((client, server), (server, client)):
                    Thread(target=_pump, args=pair, daemon=True).start()


@contextlib.contextmanager
def forwarder(server: str) -> Iterator[Forwarder]:
    """Yield an address that leads to the API server at this URL."""
    url = urlsplit(server)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Forwarder((url.hostname or "", url.port or 443), listener)
        Thread(target=made.serve, daemon=True).start()
        yield made
        made.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
