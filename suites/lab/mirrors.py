"""A machine of an ordinary user without the outside: an engine at the usual socket, and mirrors to pull from.

`python -m suites.lab.mirrors FOLDER` runs in a network namespace that has only loopback, as root. It starts
the engine and both mirrors at the gateway of a network that the lab made and guards, runs each command of
FOLDER/steps.json as a user without rights, and writes what came out to FOLDER/results.json.
"""

import contextlib
import functools
import http.server
import ipaddress
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import engine, network, published
from lab.firewall import POOLS

#: The ranges of pods and services in manifests/kind/upstream.yaml, and those of the lab's networks.
PODS, SERVICES = "10.244.0.0/16", "10.96.0.0/16"
#: Where every client looks for an engine, and the group that may use it there. No account has these numbers.
SOCKET, GROUP, USER = Path("/var/run/docker.sock"), 54322, 54321
#: The run's cluster. The lab's network has its name too, so that `lab clean` finds the node after a kill.
NAME = "mirrored"
#: In a step's command, stand for the options that name the mirrors, and for the one that names the network.
MIRRORS, NETWORK = "@mirrors", "@network"
_HOSTS = ("github.com", "api.github.com", "dl.k8s.io")


@dataclass(frozen=True, slots=True)
class Site:
    """What the mirrors serve, and how the user's commands run; paths are absolute."""

    releases: str
    registry: str
    arguments: list[str]
    environment: dict[str, str]
    checkout: str
    steps: dict[str, list[str]]


def main(folder: Path) -> None:
    """Run the steps of a folder in order, and write their exit codes and outputs."""
    site = Site(**json.loads((folder / "steps.json").read_text(encoding="utf-8")))
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    results = {}
    with _engine() as running, _network(running) as net:
        gateway = str(ipaddress.ip_network(net.subnet)[1])
        with _files(Path(site.releases), gateway) as files, _registry(site, gateway, folder) as registry:
            options = {MIRRORS: _options(files, registry), NETWORK: [f"--docker-network={net.name}"]}
            for name, command in site.steps.items():
                results[name] = _step(site, command, options, folder / f"{name}.log")
                (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")


def _options(files: str, registry: str) -> list[str]:
    """Return the options of a run that pulls and downloads everything from the mirrors."""
    releases = [f"--release-mirror={host}=http://{files}" for host in _HOSTS]
    registries = [
        f"--registry-mirror={host}=http://{registry}{'/' + prefix.rstrip('/') if prefix else ''}"
        for host, prefix in published.PREFIXES.items()
    ]
    return [*releases, *registries]


def _step(
    site: Site, command: Sequence[str], options: Mapping[str, list[str]], log: Path
) -> dict[str, object]:
    """Run one command as the user, with its output in a file, and return its exit code and its output."""
    words = [word for each in command for word in options.get(each, [each])]
    who = [
        f"--reuid={USER}",
        f"--regid={USER}",
        f"--groups={GROUP}",
        "--inh-caps=-all",
        "--bounding-set=-all",
    ]
    with log.open("w", encoding="utf-8") as out:
        ran = subprocess.run(
            ["setpriv", *who, "--no-new-privs", *words], cwd=site.checkout, env=site.environment,
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    return {"status": ran.returncode, "output": log.read_text(encoding="utf-8")}


@contextlib.contextmanager
def _engine() -> Iterator[engine.Engine]:
    """Start an engine at the usual socket, which pulls without TLS from the lab's own networks."""
    plain = [f"--insecure-registry={each}" for each in POOLS]
    # Not below a longer path: those of the engine's sockets may have at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="ilab-") as state:
        os.environ["ISTIO_LAB_STATE"] = f"{state}/state"
        os.environ.pop("DOCKER_HOST", None)
        try:
            yield engine.start_own(print, [f"--host=unix://{SOCKET}", f"--group={GROUP}", *plain])
        finally:
            engine.stop_own(print)
            SOCKET.unlink(missing_ok=True)


@contextlib.contextmanager
def _network(running: engine.Engine) -> Iterator[network.Network]:
    made = network.create_network(running, NAME)
    try:
        # The rules must be there before the first node is.
        network.guard(running, made, PODS, SERVICES)
        yield made
    finally:
        network.remove_network(running, made)


@contextlib.contextmanager
def _files(folder: Path, address: str) -> Iterator[str]:
    """Serve a folder by HTTP and yield HOST:PORT."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Write nothing."""

    server = http.server.ThreadingHTTPServer((address, 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"{address}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def _registry(site: Site, address: str, folder: Path) -> Iterator[str]:
    """Serve the images by a registry and yield HOST:PORT."""
    with socket.create_server((address, 0)) as chosen:
        place = f"{address}:{chosen.getsockname()[1]}"
    blobs = folder / "blobs"
    blobs.mkdir(exist_ok=True)
    command = [site.registry, place, str(blobs), *site.arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout
            assert running.stdout.readline() == "ready\n"
            yield place
        finally:
            running.terminate()


def run(folder: Path, site: Site) -> Mapping[str, dict[str, str | int]]:
    """Run the steps of a site in a network namespace of their own; return status and output of each."""
    (folder / "steps.json").write_text(json.dumps(asdict(site)), encoding="utf-8")
    subprocess.run(
        ["unshare", "--net", "--", sys.executable, "-m", "suites.lab.mirrors", str(folder)], check=True
    )
    found: dict[str, dict[str, str | int]] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
