"""The part of the caller's environment that the lab's programs get: named variables, nothing else.

A whole environment holds tokens, passwords and proxies with credentials. kind hands a proxy on to every node,
and from there it reaches the control plane's manifests and the report.
"""

import contextlib
import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

_NEEDED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")

#: What the clients of the package registries read: proxies, certificates, and their own settings. Sources:
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
    """The variables that any program needs: paths, the user's name, language, time zone."""
    return {name: os.environ[name] for name in _NEEDED if name in os.environ}


def for_registries() -> dict[str, str]:
    """The same with the settings of the package registries' clients, proxies and certificates among them."""
    prefixed = {name: value for name, value in os.environ.items() if name.startswith(_PREFIXES_OF_CLIENTS)}
    return needed() | {name: os.environ[name] for name in _OF_CLIENTS if name in os.environ} | prefixed


def end_children() -> None:
    """Send SIGTERM to every program that this process has started and that still runs."""
    for listed in Path("/proc/self/task").glob("*/children"):
        for pid in listed.read_text(encoding="ascii").split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGTERM)


def ending_with_us(command: Sequence[str]) -> list[str]:
    """The command, ended by SIGTERM when this process dies, so that a kill -9 leaves no build running.

    Unchanged on a machine without util-linux's setpriv.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--", *command] if setpriv else list(command)
