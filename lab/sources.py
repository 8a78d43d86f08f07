"""The lab's sources: one folder for each program, or for those that gain by sharing one.

A folder holds `source.toml` (what is built and what becomes of it) beside the pins of its
packages: `go.mod` and `go.sum`, or a hashed `requirements.txt`. One more version or program
is one more folder; nothing else knows their names.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lab.cache import tree_digest
from lab.errors import LabError
from lab.paths import SOURCES


@dataclass(frozen=True)
class Image:
    """One container image: where its files come from, and how its program is started."""

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
    """Words in one file of a Go module that are built otherwise than they are published."""

    module: str
    path: str
    theirs: str
    ours: str


@dataclass(frozen=True)
class Source:
    """One folder below lab/sources, as its source.toml declares it."""

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
        """Name in the lab to (Go module, path inside it)."""
        return {name: (module, path) for name, (module, path) in self.declared.get("files", {}).items()}

    @property
    def patches(self) -> list[Patch]:
        return [Patch(**raw) for raw in self.declared.get("patch", [])]

    @property
    def tools(self) -> dict[str, list[str]]:
        """Programs that the machine itself runs, by what they belong to: `cluster` or `istio`."""
        return dict(self.declared.get("tools", {}))

    @property
    def node_programs(self) -> list[str]:
        return list(self.declared.get("node", {}).get("programs", []))

    @property
    def lacks(self) -> dict[str, str]:
        """What the lab can't have with this source where it could with others, each with the reason."""
        return dict(self.declared.get("lacks", {}))

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
        """SHA-256 of everything committed in the folder."""
        return tree_digest(self.folder)


def all_sources(root: Path = SOURCES) -> dict[str, Source]:
    """Every source folder by name; LabError for a folder that can't be read as one."""
    found = {}
    for declared in sorted(root.glob("*/source.toml")):
        source = Source(declared.parent)
        try:
            _ = source.title, source.images, source.patches
        except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
            raise LabError(
                f"{declared} is not a source of the lab: {error!r}. See lab/sources/core for one."
            ) from error
        found[source.name] = source
    return found


def versions_of(part: str, sources: Iterable[Source] | None = None) -> list[str]:
    """The versions of `istio` or `envoy` in these sources, or in the lab's own; newest last."""
    known = all_sources().values() if sources is None else sources
    versions = {source.versions[part] for source in known if part in source.versions}
    return sorted(versions, key=lambda text: [int(number) for number in text.split(".")])
