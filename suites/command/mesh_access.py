"""Reach the cluster of `istio-conformance mesh`: its kubeconfig, its clients, and what its errors mean."""

import argparse
import json
import math
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import yaml

from fixtures.clients import checkout
from fixtures.clients.api_server import ApiError
from fixtures.clients.exec_credentials import NoCredentials, with_credentials
from fixtures.clients.kube import Kube
from fixtures.clients.kubectl import Kubectl
from fixtures.clusters.base import KUBECONFIG
from fixtures.clusters.kubeconfig import minified
from fixtures.inspection.document import CheckFacts
from lab import scratch
from reports.redaction import redact

_UNAUTHORIZED = 401
#: Seconds that kubectl has for what it does without the API server, and a credential plugin at least.
_LOCAL = 20.0
#: What happened where the API server gave no answer, by the exception, and what to check.
_NO_ANSWER = (
    (
        ("ReadTimeoutError", "ConnectTimeoutError"),
        "did not answer within {timeout:g} s (--request-timeout)",
        "it hangs, or a firewall or proxy drops the connection; check address and VPN",
    ),
    (
        ("SSLError",),
        "did not complete the TLS handshake",
        "check the kubeconfig's certificate-authority, and whether a proxy ends TLS",
    ),
    (
        ("ProxyError",),
        "cannot be reached through the proxy of the environment or the kubeconfig",
        "check HTTPS_PROXY, NO_PROXY and proxy-url",
    ),
    (
        ("NameResolutionError",),
        "has a name that does not resolve",
        "check the address and VPN",
    ),
    (
        ("ProtocolError", "IncompleteRead", "malformed response"),
        "broke off in the middle of an answer",
        "it may have restarted: check again",
    ),
)


class Refused(RuntimeError):
    """An option that cannot be met; nothing was read from the cluster."""


class Environment(RuntimeError):
    """The cluster, or a program, that cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The clients of a cluster, and what a result says of it."""

    kube: Kube
    kubectl: Kubectl
    kubernetes: str
    context: str


@contextmanager
def opened(chosen: argparse.Namespace) -> Iterator[Access]:
    """Yield the clients of the chosen context, with a kubeconfig of their own that is removed at the end.

    Raises Refused, NotUsable, Environment and ApiError.
    """
    _check_kubeconfig(chosen)
    seconds = chosen.request_timeout
    if not 0 < seconds < math.inf:
        raise Refused(f"--request-timeout must be a number of seconds above 0, not {seconds:g}")
    program, environment = _kubectl(chosen), dict(os.environ)
    # kubectl sends nothing here: a short time-out of requests must not end it.
    local = max(seconds, _LOCAL)
    text = minified(program, chosen.kubeconfig, chosen.context, environment=environment, timeout=local)
    try:
        text = with_credentials(text, _folder(chosen), environment=environment, timeout=local)
    except NoCredentials as error:
        raise Environment(str(error)) from error
    with scratch.folder("mesh") as folder:
        own = folder / KUBECONFIG
        own.touch(mode=0o600)
        own.write_text(text, encoding="utf-8")
        try:
            kube = Kube(own, timeout=seconds, environment=environment)
        except ApiError as error:
            raise Environment(f"the context cannot be used: {error.message}") from error
        kubectl = Kubectl(program=program, kubeconfig=own, environment=environment, timeout=seconds)
        kubernetes = _version(kube)
        context = chosen.context or str(yaml.safe_load(text)["current-context"])
        yield Access(kube=kube, kubectl=kubectl, kubernetes=kubernetes, context=context)


def facts_of(access: Access, arguments: Sequence[str], seconds: float) -> CheckFacts:
    """Return what a result says of the command that made it: its cluster, its time, how to repeat it."""
    return CheckFacts(
        date=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        version=version("istio-conformance"),
        commit=checkout.commit(),
        context=access.context,
        server=access.kube.address,
        kubernetes=access.kubernetes,
        seconds=seconds,
        reproduce=shlex.join(["istio-conformance", "mesh", *arguments]),
    )


def explained(error: ApiError, context: str, timeout: float) -> Exception:
    """Return an error of the API server with what to do about it; `timeout` is that of a request, in s."""
    where = f"context {context}" if context else "the current context"
    if error.status == _UNAUTHORIZED:
        return Environment(
            f"the API server refuses the credentials of {where}; they may have expired: log in again, and "
            f"try `kubectl auth whoami` ({error})"
        )
    if error.status:
        return Environment(f"the API server of {where} refuses a request: {error}")
    known = ((happened, advice) for reasons, happened, advice in _NO_ANSWER if error.reason in reasons)
    happened, advice = next(known, ("does not answer", "check the address, VPN and proxy"))
    happened = happened.format(timeout=timeout)
    return Environment(f"the API server of {where} {happened}: {advice}, and try `kubectl version` ({error})")


def failed(error: Exception, code: int) -> int:
    """Print an error and the verdict that nothing was checked; return the exit code."""
    sys.stderr.write(redact(f"ERROR: {error}\nverdict: not checked (exit {int(code)})\n"))
    return int(code)


def _check_kubeconfig(chosen: argparse.Namespace) -> None:
    if chosen.kubeconfig and not chosen.kubeconfig.is_file():
        raise Refused(f"there is no kubeconfig {chosen.kubeconfig}")
    places = os.environ.get("KUBECONFIG", "").split(os.pathsep) if not chosen.kubeconfig else []
    files = [Path(each) for each in places if each] or [Path.home() / ".kube" / "config"]
    if not chosen.kubeconfig and not any(each.is_file() for each in files):
        names = ", ".join(map(str, files))
        raise Refused(f"there is no kubeconfig: none of {names} exists; name one with --kubeconfig")


def _folder(chosen: argparse.Namespace) -> Path:
    """Return the folder of the kubeconfig that is read, the first of several."""
    files = [each for each in os.environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    file = chosen.kubeconfig or (Path(files[0]) if files else Path.home() / ".kube" / "config")
    return Path(file).resolve().parent


def _kubectl(chosen: argparse.Namespace) -> Path:
    program: Path | None = chosen.kubectl
    if program is None:
        found = shutil.which("kubectl")
        if found is None:
            raise Environment("kubectl is not in PATH: install it, or name it with --kubectl")
        return Path(found)
    if not program.is_file():
        raise Refused(f"there is no kubectl {program}")
    return program


def _version(kube: Kube) -> str:
    """Return the version of Kubernetes; Environment if a login page or the like answers."""
    try:
        return str(json.loads(kube.read("/version"))["gitVersion"])
    except (ValueError, LookupError, TypeError) as error:
        raise Environment(f"{kube.address} is not a Kubernetes API server: it has no version") from error
