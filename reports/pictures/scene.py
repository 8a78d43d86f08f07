"""The data of a picture of the mesh: the mesh as observed at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

#: The response code under which Envoy counts a request without a response.
NO_ANSWER = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneNode:
    """A workload, a gateway or a client outside the mesh. None means that a property was not observed."""

    name: str
    namespace: str = ""
    kind: Literal["outside", "gateway", "workload"] = "workload"
    #: Whether its pods have a sidecar proxy.
    sidecar: bool | None = None
    #: Whether all its pods are Ready.
    ready: bool | None = None

    @property
    def key(self) -> str:
        """The node's identifier in edges: name and namespace."""
        return f"{self.name}.{self.namespace}" if self.namespace else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Requests from one node to another, by their keys."""

    source: str
    target: str
    #: Number of requests by response code.
    answers: Mapping[str, int]
    #: Percentage of requests over mutual TLS; None if no proxy reports it.
    mutual_tls: float | None = None

    @property
    def requests(self) -> int:
        """Total number of requests."""
        return sum(self.answers.values())

    def in_words(self) -> str:
        """Describe the responses and the transport: "20 x 200, all over mutual TLS"."""
        counts = [
            f"{count} x {'no answer' if code == NO_ANSWER else code}"
            for code, count in sorted(self.answers.items())
        ]
        return ", ".join([*(counts or ["no request"]), self._transport()])

    def _transport(self) -> str:
        if self.mutual_tls is None:
            return "mutual TLS not reported"
        if self.mutual_tls in {0, 100}:
            return "all over mutual TLS" if self.mutual_tls else "all in plain text"
        return f"{self.mutual_tls:.0f}% over mutual TLS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Nodes and the requests observed between them."""

    nodes: tuple[SceneNode, ...] = ()
    edges: tuple[Edge, ...] = ()
    #: Further observations, one sentence each.
    notes: tuple[str, ...] = ()
    #: Why the scene was not observed, or "".
    missing: str = ""
