"""Finds a running Docker engine that can run a privileged container, or starts the lab's own."""

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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import daemon, environment, firewall, folders, packages, runtime, scratch
from lab.cache import record_checkout
from lab.errors import LabError
from lab.host import Report, check_room, require_root
from lab.paths import LABEL, OWNER_LABEL, owner
from reports.redaction import redact

#: Debian packages for the lab's own engine. The last two are for lab.network's firewall rules and routes.
PACKAGES = ("docker.io", "iptables", "iproute2")

#: GiB of disk and memory that an engine without images needs; a build needs more.
_ROOM = (2.0, 1.0)

#: Label of the image and container that test an engine, for finding those that a killed test leaves.
PROOF = f"{LABEL}=proof"
#: Repository of the image that such a container runs; a killed process leaves it.
PROOF_IMAGE = "istio-lab-proof"

_DEFAULT_HOST = "unix:///var/run/docker.sock"
#: Seconds to wait for an engine's answer.
_ANSWER = 15.0

#: ELF machine number and machine code of a program that exits with 0: enough to test that containers start.
_EXIT = {
    "x86_64": (62, bytes.fromhex("31ffb83c0000000f05")),
    "aarch64": (183, bytes.fromhex("000080d2a80b80d2010000d4")),
}


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine: its address, whether it is the lab's own, its version and the client to use."""

    host: str
    own: bool
    version: str
    client: Path

    def environment(self) -> dict[str, str]:
        """Return a complete environment in which `docker` is this client and uses only this engine.

        It inherits only the variables that `lab.environment` selects. It excludes the user's Docker
        configuration, because the client passes proxies from there, with their passwords, to every container.
        """
        inherited = environment.needed()
        return {
            **inherited,
            "PATH": f"{self.client.parent}:{inherited.get('PATH', '')}:/usr/sbin:/sbin",
            "DOCKER_HOST": self.host,
            # Only the lab's own engine has the folder. Without a configuration file the client uses defaults.
            "DOCKER_CONFIG": str(daemon.place().root / "config"),
        }

    def docker(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run has it
        check: bool = True,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run the client. Raises LabError if it fails or takes more than ``timeout`` seconds."""
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
                f"docker {' '.join(args)} failed ({done.returncode}): {redact(done.stderr).strip()[-2000:]}"
            )
        return done


#: The engines that have run a privileged container for this process; a second proof would take half a second.
_proven: set[Engine] = set()


def find() -> Engine | None:
    """Return the running engine to use, tested with a privileged container, or None if there is none.

    The order is ``DOCKER_HOST``, the lab's own, the client's current context, the default socket.
    """
    return next((engine for engine, refusal in survey() if engine is not None and refusal is None), None)


def survey(*, prove: bool = True) -> Iterator[tuple[Engine | None, str | None]]:
    """Yield every candidate engine with the reason why it is unusable, or None if it is usable.

    With ``prove=False``, runs no container: an engine that answers counts as usable.
    """
    for host in _hosts():
        engine, refusal = _answering(host)
        if engine is not None:
            refusal = elsewhere(engine) or (_refusal(engine) if prove and engine not in _proven else None)
            if prove and refusal is None:
                _proven.add(engine)
        yield engine, refusal


def elsewhere(engine: Engine) -> str | None:
    """Return a reason if the engine runs in another network namespace than this process, else None.

    A process in another network namespace reaches the engine's socket by its path, but not the clusters.
    Also returns None if the engine's process can't be inspected: a proxy, another user or PID namespace.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ANSWER)
            connection.connect(engine.host.removeprefix("unix://"))
            peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        namespaces = [
            Path(f"/proc/{pid}/ns/net").readlink() for pid in (struct.unpack("3i", peer)[0], "self")
        ]
    except OSError:
        return None
    if namespaces[0] == namespaces[1]:
        return None
    return f"the engine at {engine.host} runs in another network namespace, so its clusters are unreachable"


def ensure(report: Report) -> Engine:
    """Find an engine or start the lab's own. Raises LabError, which says what to do, if neither works."""
    found = find() or start_own(report)
    if found.own:
        record_checkout(folders.state_place().claim())
    return found


def start_own(report: Report, options: Sequence[str] = ()) -> Engine:
    """Start the lab's own engine, which outlives the caller. Installs Debian's docker.io if necessary.

    `options` are further options for dockerd.

    Returns an engine that already runs and works. Restarts one that hangs or was killed; it keeps its images.
    Concurrent callers wait for each other. Raises LabError, which says what to do.
    """
    require_root("start the lab's own Docker engine (no running engine can run a privileged container)")
    where = daemon.place()
    check_room(*_ROOM, (where.root,))
    folders.state_place().claim()
    with _locked(where):
        engine, _ = _answering(f"unix://{where.socket}")
        if engine and (reason := elsewhere(engine)):
            raise LabError(f"{reason}: run `make clean` there, or set ISTIO_LAB_STATE to a separate folder")
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
        daemon.start(where, bounded=bounded, bridge=firewall.engines_bridge(), options=options)
        engine, refusal = _answering(f"unix://{where.socket}")
        refusal = _refusal(engine) if engine else refusal
        if engine is None or refusal:
            tail = daemon.log_tail(where.log)
            daemon.end(where)
            raise LabError(
                f"the lab's own engine can't run a privileged container: {refusal}\n"
                f"the last lines of {where.log}:\n{tail}"
            )
        return engine


def stop_own(report: Report) -> None:
    """Stop the lab's own engine and remove all its data. Does nothing if there is none.

    Raises LabError, and stops nothing, if the lab did not create the state folder or it contains a mount
    that is not the engine's.
    """
    where, folder = daemon.place(), folders.state_place()
    if not where.root.exists() or folder.is_empty():
        return
    folder.claim()
    require_root("stop the lab's own Docker engine")
    with _locked(where):
        if foreign := daemon.foreign_mounts(where):
            raise folders.not_ours(foreign[0], folder.path)
        report(f"stopping the lab's own Docker engine and removing {where.root}")
        daemon.end(where, signal.SIGKILL)
        daemon.sweep(where)
        folder.remove(report)
        firewall.sweep()


def _hosts() -> Iterator[str]:
    """Yield the candidate addresses in order, each once."""
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
    """Return the engine at ``host``, or the reason why it is unusable.

    A remote engine is unusable, because it would publish ports on another machine.
    """
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
    """Return the clients to try, in order; the newest ones refuse engines as old as Debian's."""
    found = [where.root / "bin" / "docker"] if own else []
    found += [Path(path) for path in (shutil.which("docker"), "/usr/bin/docker") if path]
    return [path for path in dict.fromkeys(found) if path.exists()]


def _refusal(engine: Engine) -> str | None:
    """Run a tiny privileged container. Return why that failed, or None if it succeeded."""
    name = f"{PROOF_IMAGE}:{os.getpid()}"
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
    """Return a complete ELF program that exits with 0. Raises LabError on an unsupported architecture."""
    if platform.machine() not in _EXIT:
        raise LabError(f"the lab supports {', '.join(_EXIT)}, but this machine is {platform.machine()}")
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
            "dockerd is missing although docker.io is installed: reinstall it "
            "(apt-get install --reinstall docker.io)"
        )
    output = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return output.split("version", 1)[1].strip().split(",")[0]


def _put_client(where: daemon.Place) -> None:
    """Link `docker` in the engine's folder to the client that was installed with it."""
    client = next(path for path in _clients(own=False, where=where)[::-1])
    link = where.root / "bin" / "docker"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(client)
    (where.root / "config").mkdir(exist_ok=True)
    (where.root / "config" / "config.json").write_text(json.dumps({}), encoding="ascii")


@contextlib.contextmanager
def _locked(where: daemon.Place) -> Iterator[None]:
    """Hold an exclusive lock. It is on the parent folder, so that `stop_own` leaves no lock file behind."""
    where.root.parent.mkdir(parents=True, exist_ok=True)
    above = os.open(where.root.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(above, fcntl.LOCK_EX)
        yield
    finally:
        os.close(above)


def _sbin() -> str:
    return os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
