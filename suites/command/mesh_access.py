"""Reach the cluster of `istio-conformance mesh`: its kubeconfig, its clients, and what its errors mean."""

import argparse
import json
import math
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fixtures.clients.api_server import ApiError
from fixtures.clients.kube import Kube
from fixtures.clients.kubectl import Kubectl
from fixtures.clusters.base import KUBECONFIG
from fixtures.clusters.kubeconfig import minified
from lab import scratch
from reports.redaction import redact

_UNAUTHORIZED = 401


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
    text = minified(program, chosen.kubeconfig, chosen.context, environment=environment, timeout=seconds)
    with scratch.folder("mesh") as folder:
        own = folder / KUBECONFIG
        own.touch(mode=0o600)
        own.write_text(text, encoding="utf-8")
        try:
            kube = Kube(own, timeout=seconds, proxies=True)
        except ApiError as error:
            raise Environment(f"the kubeconfig cannot be used: {error.message}") from error
        kubectl = Kubectl(program=program, kubeconfig=own, environment=environment, timeout=seconds)
        kubernetes = _version(kube)
        context = chosen.context or kubectl.read("config", "current-context").strip()
        yield Access(kube=kube, kubectl=kubectl, kubernetes=kubernetes, context=context)


def explained(error: ApiError, context: str) -> Exception:
    """Return an error of the API server with what to do about it."""
    where = f"context {context}" if context else "the current context"
    if error.status == _UNAUTHORIZED:
        return Environment(
            f"the API server refuses the credentials of {where}; they may have expired: log in again, and "
            f"try `kubectl auth whoami` ({error})"
        )
    if not error.status:
        return Environment(
            f"the API server of {where} does not answer: check the address, VPN and proxy, and try "
            f"`kubectl version` ({error})"
        )
    return Environment(f"the API server of {where} refuses a request: {error}")


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
