"""Starts and ends the lab's own engine: one containerd and one dockerd, with all their files in one folder.

The folder in their command lines identifies the processes. A stored pid would not: after a kill it may belong
to another process.
"""

import contextlib
import ctypes
import hashlib
import os
import re
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.firewall import POOLS
from lab.folders import mounts_below
from lab.paths import state_root

#: Seconds to wait for a daemon's READY message, and for its end after a signal.
_READY = 60.0
_ENDING = 20.0

#: Paths in the engine's folder where it mounts: storage drivers' layers, containers' shared memory, network
#: namespaces and the root file systems of containerd's tasks. Observed with Docker 20.10 and 28.
_ENGINES_MOUNT = re.compile(
    r"data/overlay2(/[^/]+/merged)?|data/(fuse-overlayfs|btrfs|zfs|vfs|aufs|devicemapper)(/.+)?"
    r"|data/containers/[^/]+/mounts/[^/]+|exec/netns/[^/]+|data/plugins/[^/]+/.+"
    r"|containerd-run/io\.containerd\.[^/]+/[^/]+/[^/]+/rootfs|containerd/io\.containerd\.snapshotter\..+"
)

_LONGEST_SOCKET = 107
_MNT_DETACH = 2


@dataclass(frozen=True, slots=True)
class Place:
    """The paths of the lab's own engine, all in one folder."""

    root: Path

    @property
    def socket(self) -> Path:
        """The engine's API socket."""
        return self.root / "run" / "docker.sock"

    @property
    def containerd_socket(self) -> Path:
        """containerd's API socket."""
        return self.root / "run" / "containerd.sock"

    @property
    def runtime(self) -> Path:
        """The bounded runtime, on machines that need it."""
        return self.root / "bin" / "runc-bounded"

    @property
    def log(self) -> Path:
        """dockerd's output since its last start."""
        return self.root / "log" / "dockerd.log"

    @property
    def containerd_log(self) -> Path:
        """containerd's output since its last start."""
        return self.root / "log" / "containerd.log"

    @property
    def cgroup(self) -> str:
        """The parent cgroup of all of this engine's containers, named after the folder."""
        return "istio-lab-" + hashlib.sha256(str(self.root).encode()).hexdigest()[:8]


def place() -> Place:
    """Return the paths of the lab's own engine. Raises LabError if a socket's path would be too long."""
    found = Place(state_root().resolve())
    if len(str(found.containerd_socket)) + len(".ttrpc") > _LONGEST_SOCKET:
        raise LabError(
            f"ISTIO_LAB_STATE={found.root} is too long for a Unix socket's path: choose a shorter one"
        )
    return found


def running(where: Place) -> list[int]:
    """Return the pids of this engine's dockerd and containerd, in the order in which to end them."""
    marks = (("dockerd", f"--data-root={where.root}/data"), ("containerd", f"--root={where.root}/containerd"))
    return [pid for name, mark in marks for pid in _pids() if _is(pid, name, mark)]


def start(where: Place, *, bounded: bool, bridge: str | None, options: Sequence[str] = ()) -> None:
    """Start containerd and dockerd detached, and return when both have reported that they are ready.

    `bridge` is the interface of the engine's default network, or None for an engine without one; `options`
    are further options for dockerd. Needs root. Raises LabError with the log's last lines if a daemon ends
    or does not report within 60 s.
    """
    for folder in ("run", "bin", "log", "data", "containerd", "exec", "containerd-run", "config"):
        (where.root / folder).mkdir(parents=True, exist_ok=True)
    (where.root / "run" / "docker.pid").unlink(missing_ok=True)
    config = where.root / "config" / "containerd.toml"
    config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n', encoding="ascii")
    (where.root / "config" / "daemon.json").write_text("{}\n", encoding="ascii")
    _spawn(
        [
            "containerd",
            f"--config={config}",
            f"--root={where.root}/containerd",
            f"--state={where.root}/containerd-run",
            f"--address={where.containerd_socket}",
        ],
        where.containerd_log,
    )
    runtime = ["--add-runtime", f"bounded={where.runtime}", "--default-runtime=bounded"] if bounded else []
    # The engine changes no forwarding and no firewall rules, so that it can't disturb another engine.
    # docker-proxy serves published ports and needs neither.
    _spawn(
        [
            "dockerd",
            f"--host=unix://{where.socket}",
            f"--data-root={where.root}/data",
            f"--exec-root={where.root}/exec",
            f"--pidfile={where.root}/run/docker.pid",
            f"--config-file={where.root}/config/daemon.json",
            f"--containerd={where.containerd_socket}",
            f"--cgroup-parent=/{where.cgroup}",
            "--exec-opt=native.cgroupdriver=cgroupfs",
            f"--bridge={bridge or 'none'}",
            "--iptables=false",
            "--ip-forward=false",
            "--ip-masq=false",
            "--ip6tables=false",
            "--dns=127.0.0.1",
            "--log-opt=max-size=20m",
            "--shutdown-timeout=5",
            *runtime,
            *options,
        ],
        where.log,
    )


def end(where: Place, sign: signal.Signals = signal.SIGTERM) -> None:
    """End this engine's daemons and every process left in its cgroup. Idempotent.

    With SIGKILL the engine does not stop its containers in order, which is faster if its data goes too.
    """
    for pid in running(where):
        end_process(pid, sign)
    for pid in _shims(where):
        end_process(pid, signal.SIGKILL)
    for pid in members(where):
        end_process(pid, signal.SIGKILL)


def sweep(where: Place) -> None:
    """Unmount the engine's mounts and remove its cgroups and sockets. Idempotent.

    Call it only after the daemons have ended. Other mounts in the engine's folder stay.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for mounted in reversed(_mounts(where)):
        if libc.umount2(os.fsencode(mounted), _MNT_DETACH):
            raise LabError(f"cannot unmount {mounted}: {os.strerror(ctypes.get_errno())}")
    for folder in _cgroups(where):
        for inner in sorted(folder.rglob("*/"), reverse=True):
            inner.rmdir()
        folder.rmdir()
    for container in (where.root / "data" / "containers").glob("*"):
        # containerd's shims listen on sockets with these names outside its folders; a kill leaves them.
        name = hashlib.sha256(f"{where.containerd_socket}/moby/{container.name}".encode()).hexdigest()
        Path("/run/containerd/s", name).unlink(missing_ok=True)


def log_tail(log: Path, lines: int = 12) -> str:
    """Return the last lines of a daemon's log, for an error message."""
    with contextlib.suppress(FileNotFoundError):
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    return "(no log)"


def _spawn(command: Sequence[str], log: Path) -> None:
    """Start a daemon in its own session and wait for its READY message in systemd's protocol."""
    program = shutil.which(command[0], path=_path())
    if program is None:
        raise LabError(f"{command[0]} is not installed")
    notify = log.parent.parent / "run" / f"{command[0]}.notify"
    notify.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener, log.open("wb") as out:
        listener.bind(str(notify))
        environment = {"PATH": _path(), "NOTIFY_SOCKET": str(notify), "HOME": "/root", "LC_ALL": "C.UTF-8"}
        # The unreachable proxy makes the engine fail a pull at once, without a DNS or registry request. A
        # registry on one of the lab's own networks is this machine.
        environment |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
        environment |= {"NO_PROXY": ",".join(map(str, POOLS))}
        process = subprocess.Popen(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
        ready = _ready(listener, process.pid)
        notify.unlink(missing_ok=True)
        if not ready:
            process.kill()
            process.wait()
            raise LabError(f"{command[0]} did not start; the last lines of {log}:\n{log_tail(log)}")
        # The daemon outlives this command by design. Without a return code, Popen would warn at exit.
        process.returncode = 0


def _ready(listener: socket.socket, pid: int) -> bool:
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        poll.register(pidfd, select.POLLIN)
        events = dict(poll.poll(_READY * 1000))
        return listener.fileno() in events and b"READY=1" in listener.recv(4096)
    finally:
        os.close(pidfd)


def end_process(pid: int, sign: signal.Signals) -> None:
    """Signal one process and wait for its end; send SIGKILL if it does not end within 20 s."""
    with contextlib.suppress(ProcessLookupError):
        pidfd = os.pidfd_open(pid)
        try:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            signal.pidfd_send_signal(pidfd, sign)
            if not poll.poll(_ENDING * 1000):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                poll.poll(_ENDING * 1000)
        finally:
            os.close(pidfd)


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _arguments(pid: int) -> list[str]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    return []


def _is(pid: int, name: str, mark: str) -> bool:
    arguments = _arguments(pid)
    return bool(arguments) and Path(arguments[0]).name == name and mark in arguments


def _shims(where: Place) -> list[int]:
    return [
        pid
        for pid in _pids()
        if (words := _arguments(pid))
        and "containerd-shim" in words[0]
        and str(where.containerd_socket) in words
    ]


def members(where: Place) -> list[int]:
    """Return the pids of all processes in this engine's containers."""
    lists = [file for folder in _cgroups(where) for file in folder.rglob("cgroup.procs")]
    return sorted({int(pid) for file in lists for pid in file.read_text().split()})


def _cgroups(where: Place) -> list[Path]:
    root = Path("/sys/fs/cgroup")
    return [*root.glob(where.cgroup), *root.glob(f"*/{where.cgroup}")]


def foreign_mounts(where: Place) -> list[Path]:
    """Return the mount points in the engine's folder that an engine does not create."""
    return [point for point in mounts_below(where.root) if point not in _mounts(where)]


def _mounts(where: Place) -> list[Path]:
    """Return the mount points that an engine creates in its folder, in the order of creation."""
    return [
        point
        for point in mounts_below(where.root)
        if _ENGINES_MOUNT.fullmatch(str(point.relative_to(where.root)))
        # The engine bind-mounts its data folder on itself; a disk that the user mounted is another device.
        or (point == where.root / "data" and point.stat().st_dev == where.root.stat().st_dev)
    ]


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
