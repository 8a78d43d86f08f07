"""Reads the lab's sources: one folder per program, or per group of programs that share dependencies.

A folder holds `source.toml`, which declares what to build and which images to make of it, and pinned
dependencies: `go.mod` and `go.sum`, or a hashed `requirements.txt`. To add a version or a program, add a
folder; no code lists the folders by name.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from packaging.version import Version

from lab.cache import tree_digest
from lab.errors import LabError
from lab.paths import SOURCES


@dataclass(frozen=True)
class Image:
    """One container image: where its files come from and how its program starts."""

    name: str
    programs: Mapping[str, str]
    files: Mapping[str, str]
    debian: tuple[str, ...]
    folders: tuple[str, ...]
    links: Mapping[str, str]
    entrypoint: tuple[str, ...]
    user: str
    environment: Mapping[str, str]
    iptables: bool


@dataclass(frozen=True)
class Patch:
    """A text replacement in files of a Go module, from `theirs` to `ours`."""

    module: str
    paths: tuple[str, ...]
    theirs: str
    ours: str


@dataclass(frozen=True)
class Source:
    """One folder of lab/sources, as declared by its source.toml."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def declared(self) -> dict[str, Any]:
        return tomllib.loads((self.folder / "source.toml").read_text())

    @property
    def title(self) -> str:
        return str(self.declared["title"])

    @property
    def versions(self) -> dict[str, str]:
        return dict(self.declared.get("versions", {}))

    @property
    def files(self) -> dict[str, tuple[str, str]]:
        """Files to copy from modules: name in the lab to (Go module, path in the module)."""
        return {name: (module, path) for name, (module, path) in self.declared.get("files", {}).items()}

    @property
    def patches(self) -> list[Patch]:
        return [Patch(**raw | {"paths": tuple(raw["paths"])}) for raw in self.declared.get("patch", [])]

    @property
    def tools(self) -> dict[str, list[str]]:
        """Programs that run on the host, grouped as `cluster` or `istio`."""
        return dict(self.declared.get("tools", {}))

    @property
    def is_optional(self) -> bool:
        """Whether the folder is of an Istio and nothing else: a lab without this Istio needs none of it."""
        return set(self.versions) == {"istio"}

    @property
    def is_on_demand(self) -> bool:
        """Whether the folder is built when a run first needs it, and never with the lab."""
        return bool(self.declared.get("on_demand", False))

    @property
    def node_programs(self) -> list[str]:
        return list(self.declared.get("node", {}).get("programs", []))

    @property
    def images(self) -> list[Image]:
        return [
            Image(
                name=raw["name"],
                programs=raw.get("programs", {}),
                files=raw.get("files", {}),
                debian=tuple(raw.get("debian", ())),
                folders=tuple(raw.get("folders", ())),
                links=raw.get("links", {}),
                entrypoint=tuple(raw.get("entrypoint", ())),
                user=raw.get("user", ""),
                environment=raw.get("environment", {}),
                iptables=bool(raw.get("iptables", False)),
            )
            for raw in self.declared.get("image", [])
        ]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all files in the folder."""
        return tree_digest(self.folder)


def all_sources(root: Path = SOURCES) -> dict[str, Source]:
    """Return every source of a lab's build by folder name. Raises LabError for an invalid source.toml."""
    return {name: source for name, source in _read(root).items() if not source.is_on_demand}


def on_demand(name: str, root: Path = SOURCES) -> Source:
    """Return a source that is built when a run first needs it. Raises LabError for an invalid source.toml."""
    return _read(root)[name]


def _read(root: Path) -> dict[str, Source]:
    found = {}
    for declared in sorted(root.glob("*/source.toml")):
        source = Source(declared.parent)
        try:
            _ = source.title, source.images, source.patches
        except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
            raise LabError(
                f"{declared} is not a source of the lab: {error!r}. See lab/sources/core for an example."
            ) from error
        found[source.name] = source
    return found


def versions_of(part: str, sources: Iterable[Source] | None = None) -> list[str]:
    """Return the versions of `istio` or `envoy` in these sources (default: all of the lab's), newest last."""
    known = all_sources().values() if sources is None else sources
    versions = {source.versions[part] for source in known if part in source.versions}
    return sorted(versions, key=Version)
