"""What a picture of the mesh is made from: the mesh as it was observed at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

#: The code under which an answer that never came is counted, as Envoy counts it.
NO_ANSWER = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneNode:
    """A workload, or whoever asks from outside; what was not observed is None."""

    name: str
    namespace: str = ""
    kind: Literal["outside", "gateway", "workload"] = "workload"
    #: Whether its pods have a proxy beside the app.
    sidecar: bool | None = None
    #: Whether all its pods are Ready.
    ready: bool | None = None

    @property
    def key(self) -> str:
        """By which edges name it: name and namespace."""
        return f"{self.name}.{self.namespace}" if self.namespace else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Requests from one node to another, by their keys."""

    source: str
    target: str
    #: How many, by the response code that each was answered with.
    answers: Mapping[str, int]
    #: Percent of them over mutual TLS; None where nobody reports it.
    mutual_tls: float | None = None

    @property
    def requests(self) -> int:
        """All of them."""
        return sum(self.answers.values())

    def in_words(self) -> str:
        """How many requests had which answer, and how they went: "20 x 200, all over mutual TLS"."""
        told = [
            f"{count} x {'no answer' if code == NO_ANSWER else code}"
            for code, count in sorted(self.answers.items())
        ]
        return ", ".join([*(told or ["no request"]), self._transport()])

    def _transport(self) -> str:
        if self.mutual_tls is None:
            return "mutual TLS: nobody reports it"
        if self.mutual_tls in {0, 100}:
            return "all over mutual TLS" if self.mutual_tls else "all in plain text"
        return f"{self.mutual_tls:.0f}% over mutual TLS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Nodes, and the requests that were seen between them."""

    nodes: tuple[SceneNode, ...] = ()
    edges: tuple[Edge, ...] = ()
    #: What else was seen, a sentence each.
    notes: tuple[str, ...] = ()
    #: Why there is nothing to draw, if there is nothing.
    missing: str = ""
