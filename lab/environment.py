"""Selects the environment variables that the lab passes on to the programs that it starts.

A full environment holds tokens, passwords and proxy URLs with credentials. kind passes a proxy on to every
node, from where it would reach the control plane's manifests and the report.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_NEEDED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")

#: Variables that the package registries' clients read: proxies, certificates and their own settings. Sources:
#: the clients' manuals (`go help environment`, pip's "Configuration", npm's "config", apt.conf(5),
#: curl(1)).
_OF_CLIENTS = (
    *(
        name
        for stem in ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
        for name in (stem, stem.upper())
    ),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("GIT_SSL_CAINFO", "NETRC", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "APT_CONFIG"),
    *("GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE", "GOAUTH"),
    *("GOROOT", "GOPATH", "GOMODCACHE", "GOCACHE", "GOENV"),
)
_PREFIXES_OF_CLIENTS = ("PIP_", "npm_config_", "NPM_CONFIG_")


def needed() -> dict[str, str]:
    """Return the variables that any program needs: paths, user name, language and time zone."""
    return {name: os.environ[name] for name in _NEEDED if name in os.environ}


def for_registries() -> dict[str, str]:
    """Return `needed` plus the registry clients' settings, such as proxies and certificates."""
    prefixed = {name: value for name, value in os.environ.items() if name.startswith(_PREFIXES_OF_CLIENTS)}
    return needed() | {name: os.environ[name] for name in _OF_CLIENTS if name in os.environ} | prefixed


def end_children() -> None:
    """Kill every running child process; what `ending_with_us` wrapped ends with all that it started."""
    for listed in Path("/proc/self/task").glob("*/children"):
        for pid in listed.read_text(encoding="ascii").split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def ending_with_us(command: Sequence[str]) -> list[str]:
    """Wrap the command so that it is killed when this process dies, even by a kill -9.

    For root it gets a PID namespace of its own, so that all that it started is killed with it: mmdebstrap
    answers SIGTERM by waiting until its own children have finished, and a killed `go build` leaves its
    compilers. Returns the command unchanged on a machine without util-linux's setpriv and unshare.
    """
    setpriv, unshare = shutil.which("setpriv"), shutil.which("unshare")
    if setpriv is None or unshare is None:
        return list(command)
    own_namespace = [unshare, "--pid", "--mount-proc", "--kill-child", "--"] if os.geteuid() == 0 else []
    return [setpriv, "--pdeathsig", "KILL", "--", *own_namespace, *command]


_of_this_thread = threading.local()


def processor_seconds() -> float:
    """Return the processor time of this thread and of the programs that it has waited for with `wait`."""
    return time.thread_time() + getattr(_of_this_thread, "programs", 0.0)


def wait(running: subprocess.Popen[Any]) -> int:
    """Wait for a program that ends with us, add its time to `processor_seconds`, and return its exit code."""
    _, status, used = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    _of_this_thread.programs = getattr(_of_this_thread, "programs", 0.0) + used.ru_utime + used.ru_stime
    return running.returncode


def run(
    command: Sequence[str], *, env: Mapping[str, str], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program that ends with us, and add its time to `processor_seconds`. Return its output as text."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as error:
        running = subprocess.Popen(ending_with_us(command), env=env, cwd=cwd, stdout=out, stderr=error)
        try:
            status = wait(running)
        except BaseException:
            running.kill()
            running.wait()
            raise
        out.seek(0)
        error.seek(0)
        return subprocess.CompletedProcess(command, status, out.read(), error.read())
