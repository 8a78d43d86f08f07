"""A Docker engine that can run a privileged container: one that is there, else one of the lab's own."""

import contextlib
import fcntl
import io
import json
import os
import platform
import shutil
import signal
import socket
import struct
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab import daemon, environment, firewall, folders, packages, runtime, scratch
from lab.errors import LabError
from lab.host import Report, check_room, require_root
from lab.paths import LABEL, OWNER_LABEL, owner

#: Debian's packages for an engine of the lab's own; the firewall rules of lab.network need the last two.
PACKAGES = ("docker.io", "iptables", "iproute2")

#: Disk and memory that an engine without an image needs, GiB; a build asks for more.
_ROOM = (2.0, 1.0)

#: Label of the image and container that prove an engine; a killed proof leaves them.
PROOF = f"{LABEL}=proof"

_DEFAULT_HOST = "unix:///var/run/docker.sock"
#: Seconds within which an engine that works has answered.
_ANSWER = 15.0

#: Machine code of a program that ends with 0 at once: enough to prove that a container can start.
_EXIT = {
    "x86_64": (62, bytes.fromhex("31ffb83c0000000f05")),
    "aarch64": (183, bytes.fromhex("000080d2a80b80d2010000d4")),
}


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine: where it answers, whether it is the lab's own, its version, and the client to use."""

    host: str
    own: bool
    version: str
    client: Path

    def environment(self) -> dict[str, str]:
        """A whole environment in which `docker` is this client and talks to this engine alone.

        Nothing else of the caller's is in it, see `lab.environment`. Neither is the user's Docker
        configuration: the client hands the proxies that it names on to each container, passwords included.
        """
        inherited = environment.needed()
        return {
            **inherited,
            "PATH": f"{self.client.parent}:{inherited.get('PATH', '')}:/usr/sbin:/sbin",
            "DOCKER_HOST": self.host,
            # Without a file in it the client takes its defaults; only the lab's own engine has the folder.
            "DOCKER_CONFIG": str(daemon.place().root / "config"),
        }

    def docker(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run has it
        check: bool = True,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run the client; LabError with its last words if it fails or takes more than ``timeout`` seconds."""
        try:
            done = subprocess.run(
                [str(self.client), *args],
                input=input,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
                env=self.environment(),
                stdin=None if input is not None else subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired as late:
            raise LabError(f"docker {' '.join(args)} took more than {timeout} s on {self.host}") from late
        if check and done.returncode:
            raise LabError(
                f"docker {' '.join(args)} failed ({done.returncode}): {done.stderr.strip()[-2000:]}"
            )
        return done


def find() -> Engine | None:
    """The running engine to use, proven by running a privileged container; None if there is none.

    Asked in this order: ``DOCKER_HOST``, the lab's own, the client's current context, the default socket.
    """
    return next((engine for engine, refusal in survey() if engine is not None and refusal is None), None)


def survey(*, prove: bool = True) -> Iterator[tuple[Engine | None, str | None]]:
    """Every engine that may be used, each with the reason why it cannot be (None if it can).

    With ``prove=False`` nothing is run on it: an engine that answers counts.
    """
    for host in _hosts():
        engine, refusal = _answering(host)
        if engine is not None:
            refusal = elsewhere(engine) or (_refusal(engine) if prove else None)
        yield engine, refusal


def elsewhere(engine: Engine) -> str | None:
    """Why the engine's networks are out of reach: it runs in another network namespace. None if it does not.

    A socket is found by its path, also from a network namespace of one's own, and its clusters then are not.
    None too where the engine's process can't be looked at: a proxy, another user, another PID namespace.
    """
    try:
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(_ANSWER)
            asked.connect(engine.host.removeprefix("unix://"))
            peer = asked.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        namespaces = [
            Path(f"/proc/{pid}/ns/net").readlink() for pid in (struct.unpack("3i", peer)[0], "self")
        ]
    except OSError:
        return None
    if namespaces[0] == namespaces[1]:
        return None
    return f"the engine at {engine.host} runs in another network namespace: its clusters are out of reach"


def ensure(report: Report) -> Engine:
    """Find an engine or start the lab's own; LabError says what to do where neither is possible."""
    return find() or start_own(report)


def start_own(report: Report) -> Engine:
    """Start the lab's own engine, which outlives the caller, installing Debian's docker.io for it if need be.

    One that runs and works is taken as it is; one that hangs, or was killed, is ended and started again with
    its images. Callers at the same time wait for one another. Raises LabError saying what to do.
    """
    require_root("start a Docker engine of the lab's own (no running engine can run a privileged container)")
    where = daemon.place()
    check_room(*_ROOM, (where.root,))
    folders.state_place().claim()
    with _locked(where):
        engine, _ = _answering(f"unix://{where.socket}")
        if engine and (away := elsewhere(engine)):
            raise LabError(f"{away}: run `make clean` there, or set ISTIO_LAB_STATE to a folder of its own")
        if engine and _refusal(engine) is None:
            return engine
        if shutil.which("dockerd", path=_sbin()) is None:
            packages.ensure(PACKAGES, report)
        version = _installed_version()
        bounded = runtime.is_needed(version)
        if bounded:
            runtime.install(where.runtime, report)
        daemon.end(where)
        daemon.sweep(where)
        _put_client(where)
        report(
            f"starting the lab's own Docker engine {version}{' with the bounded runtime' if bounded else ''}"
        )
        daemon.start(where, bounded=bounded, bridge=firewall.engines_bridge())
        engine, refusal = _answering(f"unix://{where.socket}")
        refusal = _refusal(engine) if engine else refusal
        if engine is None or refusal:
            tail = daemon.log_tail(where.log)
            daemon.end(where)
            raise LabError(f"the lab's own engine can't run a privileged container: {refusal}\n{tail}")
        return engine


def stop_own(report: Report) -> None:
    """End the lab's own engine and remove all that it holds; does nothing where there is none.

    LabError, with nothing ended, for a state folder that the lab did not make, and for one with somebody
    else's mount in it.
    """
    where, folder = daemon.place(), folders.state_place()
    if not where.root.exists() or folder.is_empty():
        return
    folder.claim()
    require_root("end the lab's own Docker engine")
    with _locked(where):
        if foreign := daemon.foreign_mounts(where):
            raise folders.not_ours(foreign[0], folder.path)
        report(f"ending the lab's own Docker engine and removing {where.root}")
        daemon.end(where, signal.SIGKILL)
        daemon.sweep(where)
        folder.remove(report)
        firewall.sweep()


def _hosts() -> Iterator[str]:
    """Candidates in order, each once."""
    own = f"unix://{daemon.place().socket}"
    named = [os.environ.get("DOCKER_HOST", ""), own, _context_host(), _DEFAULT_HOST]
    yield from dict.fromkeys(host for host in named if host)


def _context_host() -> str:
    client = shutil.which("docker")
    if client is None or os.environ.get("DOCKER_HOST"):
        return ""
    command = [client, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _answering(host: str) -> tuple[Engine | None, str | None]:
    """The engine at ``host``, or why there is none to use; another machine's ports would not be local."""
    if not host.startswith("unix://"):
        return None, f"the engine at {host.partition(':')[0]}:// is not on this machine"
    where = daemon.place()
    own = host == f"unix://{where.socket}"
    if not Path(host.removeprefix("unix://")).exists():
        return None, f"nothing listens at {host}"
    refusal = "no docker client is installed"
    for client in _clients(own=own, where=where):
        engine = Engine(host, own, "", client)
        try:
            answer = engine.docker("version", "--format", "{{.Server.Version}}", timeout=_ANSWER)
        except LabError as error:
            refusal = str(error)
            continue
        return Engine(host, own, answer.stdout.strip(), client), None
    return None, refusal


def _clients(*, own: bool, where: daemon.Place) -> list[Path]:
    """Clients to try in order: the newest ones refuse engines as old as Debian's."""
    found = [where.root / "bin" / "docker"] if own else []
    found += [Path(path) for path in (shutil.which("docker"), "/usr/bin/docker") if path]
    return [path for path in dict.fromkeys(found) if path.exists()]


def _refusal(engine: Engine) -> str | None:
    """Why the engine cannot run a privileged container, None if it can: one made here is run on it."""
    name = f"istio-lab-proof:{os.getpid()}"
    try:
        with scratch.folder("proof") as made:
            archive = made / "proof.tar"
            archive.write_bytes(_proof_archive())
            marks = [f"LABEL {PROOF}", f"LABEL {OWNER_LABEL}={owner()}"]
            changes = [word for mark in ('ENTRYPOINT ["/exit"]', *marks) for word in ("-c", mark)]
            engine.docker("import", *changes, str(archive), name)
        labels = [f"--label={PROOF}", f"--label={OWNER_LABEL}={owner()}"]
        engine.docker("run", "--rm", "--privileged", "--network=none", *labels, name, timeout=60)
    except LabError as error:
        return str(error)
    finally:
        with contextlib.suppress(LabError):
            engine.docker("rmi", name, check=False, timeout=_ANSWER)
    return None


def proof_program() -> bytes:
    """A whole ELF program for this machine that ends with 0; LabError on a kind of machine not known here."""
    if platform.machine() not in _EXIT:
        raise LabError(f"the lab does not know machines of the kind {platform.machine()}")
    number, code = _EXIT[platform.machine()]
    base, header = 0x400000, 64 + 56
    magic = b"\x7fELF\x02\x01\x01"
    elf = struct.pack("<16sHHIQQQI6H", magic, 2, number, 1, base + header, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    size = header + len(code)
    return elf + struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000) + code


def _proof_archive() -> bytes:
    elf = proof_program()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("exit")
        entry.size, entry.mode = len(elf), 0o755
        tar.addfile(entry, io.BytesIO(elf))
    return archive.getvalue()


def _installed_version() -> str:
    program = shutil.which("dockerd", path=_sbin())
    if program is None:
        raise LabError(
            "dockerd is missing although docker.io is installed: reinstall it (apt-get install docker.io)"
        )
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return said.split("version", 1)[1].strip().split(",")[0]


def _put_client(where: daemon.Place) -> None:
    """Make `docker` in the own engine's folder the client that came with it."""
    client = next(path for path in _clients(own=False, where=where)[::-1])
    link = where.root / "bin" / "docker"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(client)
    (where.root / "config").mkdir(exist_ok=True)
    (where.root / "config" / "config.json").write_text(json.dumps({}), encoding="ascii")


@contextlib.contextmanager
def _locked(where: daemon.Place) -> Iterator[None]:
    """One caller at a time; the lock is on the folder above, so that nothing of it is left by `stop_own`."""
    where.root.parent.mkdir(parents=True, exist_ok=True)
    above = os.open(where.root.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(above, fcntl.LOCK_EX)
        yield
    finally:
        os.close(above)


def _sbin() -> str:
    return os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
