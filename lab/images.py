"""Writes container images without a builder, as archives that `docker load` and `ctr images import` read.

The format is that of the "Docker image specification v1.2": manifest.json, a config per image and layers as
tar files. Every file in a layer has time 0 and owner root, so that the same inputs give the same image.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from lab import rootfs
from lab.cache import digest
from lab.sources import Image

SEARCH_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: Names of the iptables commands; the multi-call binary selects its function by the name it is called by.
IPTABLES_NFT = (
    "iptables",
    "iptables-save",
    "iptables-restore",
    "ip6tables",
    "ip6tables-save",
    "ip6tables-restore",
)
XTABLES_PLUGINS = "/usr/lib/x86_64-linux-gnu/xtables"


class Layer:
    """Writes one layer as a tar: takes absolute paths, adds parent folders and makes members reproducible."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._tar = tarfile.TarFile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT)
        self._known: set[str] = set()

    def close(self) -> None:
        self._tar.close()

    def _member(self, path: str) -> tarfile.TarInfo | None:
        name = path.strip("/")
        if not name or name in self._known:
            return None
        parent = name.rpartition("/")[0]
        if parent:
            self.folder(parent)
        self._known.add(name)
        return tarfile.TarInfo(name)

    def folder(self, path: str, mode: int = 0o755) -> None:
        if member := self._member(path):
            member.type, member.mode = tarfile.DIRTYPE, mode
            self._tar.addfile(member)

    def link(self, path: str, target: str) -> None:
        if member := self._member(path):
            member.type, member.linkname = tarfile.SYMTYPE, target
            self._tar.addfile(member)

    def text(self, path: str, content: str, mode: int = 0o644) -> None:
        if member := self._member(path):
            data = content.encode()
            member.size, member.mode = len(data), mode
            self._tar.addfile(member, io.BytesIO(data))

    def file(self, path: str, source: Path, mode: int | None = None) -> None:
        """Add a file; a symbolic link is added as a link."""
        if source.is_symlink():
            self.link(path, str(source.readlink()))
        elif member := self._member(path):
            stat = source.stat()
            member.size, member.mode = stat.st_size, mode if mode is not None else stat.st_mode & 0o7777
            with source.open("rb") as content:
                self._tar.addfile(member, content)

    def tree(self, path: str, source: Path, mode: int | None = None) -> None:
        """Add a folder with all its contents."""
        self.folder(path)
        for found in sorted(source.rglob("*")):
            inside = f"{path}/{found.relative_to(source)}"
            if found.is_dir() and not found.is_symlink():
                self.folder(inside, found.stat().st_mode & 0o7777)
            elif found.is_symlink() or found.is_file():
                self.file(inside, found, mode)


@contextmanager
def layer(path: Path) -> Iterator[Layer]:
    """Yield a layer that is written to `path`."""
    with path.open("wb") as stream:
        writing = Layer(stream)
        yield writing
        writing.close()


@dataclass
class Archive:
    """Writes an archive of images: add images, then close it."""

    path: Path
    _manifest: list[dict[str, Any]] = field(default_factory=list)
    _layers: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._tar = tarfile.TarFile.open(self.path, "w")

    def add(self, name: str, layers: list[Path], config: Mapping[str, Any]) -> None:
        """Add one image with these layers (tar files, lowest first) and this container configuration."""
        diff_ids, members = [], []
        for tarball in layers:
            with tarball.open("rb") as stream:
                diff_id = hashlib.file_digest(stream, "sha256").hexdigest()
            diff_ids.append(f"sha256:{diff_id}")
            members.append(f"{diff_id}/layer.tar")
            if diff_id not in self._layers:
                self._layers.add(diff_id)
                self._tar.add(tarball, members[-1])
        described = {
            "architecture": "amd64",
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": dict(config),
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }
        data = json.dumps(described, sort_keys=True).encode()
        member = tarfile.TarInfo(f"{digest(data)}.json")
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))
        self._manifest.append({"Config": member.name, "RepoTags": [name], "Layers": members})

    def close(self) -> None:
        data = json.dumps(self._manifest).encode()
        member = tarfile.TarInfo("manifest.json")
        member.size = len(data)
        self._tar.addfile(member, io.BytesIO(data))
        self._tar.close()


def compose(
    image: Image, programs: Mapping[str, Path], files: Mapping[str, Path], debian: Path, folder: Path
) -> list[Path]:
    """Write an image's layers into a folder and return them, lowest first.

    The order is Debian's files, other sources' programs, then the image's own, so that images share their
    lower layers. Raises KeyError for a program or file that no source has.
    """
    made: list[Path] = []
    others = [name for name in image.programs if ":" in name]
    if image.debian:
        wanted = [*image.debian, *_foreign(image, programs, debian)]
        with _next(folder, made) as target:
            _compose_debian(image, wanted, debian, target)
    for name in others:
        with _next(folder, made) as target:
            target.file(image.programs[name], programs[name], 0o755)
    with _next(folder, made) as target:
        for name, path in image.programs.items():
            if name not in others:
                target.file(path, programs[name], 0o755)
        for name, path in image.files.items():
            target.file(path, files[name], 0o644)
    return made


def _next(folder: Path, made: list[Path]) -> AbstractContextManager[Layer]:
    made.append(folder / f"layer-{len(made)}.tar")
    return layer(made[-1])


def _compose_debian(image: Image, wanted: list[str], debian: Path, target: Layer) -> None:
    """Write programs of the root file system with their libraries and the files that they expect."""
    for merged in ("bin", "sbin", "lib", "lib64"):
        target.link(merged, f"usr/{merged}")
    for path in sorted(rootfs.with_libraries(debian, wanted)):
        _take(path, debian, target)
    for path in ("/etc/passwd", "/etc/group", "/etc/nsswitch.conf"):
        _take(path, debian, target)
    for path in image.folders:
        target.tree(path, debian / path.lstrip("/"))
    for path, points_to in image.links.items():
        target.link(path, points_to)
    if image.iptables:
        _iptables(debian, target)
    target.folder("tmp", 0o1777)
    target.folder("run")


def _foreign(image: Image, programs: Mapping[str, Path], debian: Path) -> list[str]:
    """Copy dynamically linked programs into the root file system for its loader to list their libraries.

    Returns their paths there.
    """
    copied = []
    for name in image.programs:
        with programs[name].open("rb") as stream:
            if b"/ld-linux-x86-64.so.2" not in stream.read(4096):
                continue
        place = debian / "lab-foreign" / programs[name].name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(programs[name].read_bytes())
        place.chmod(0o755)
        copied.append(f"/lab-foreign/{place.name}")
    return copied


def _take(path: str, debian: Path, target: Layer) -> None:
    """Copy one path of the root file system under its real name, with the symbolic links that lead to it."""
    if path.startswith("/lab-foreign/"):
        return
    for merged in ("/bin/", "/sbin/", "/lib/", "/lib64/"):
        if path.startswith(merged):
            path = "/usr" + path
    found = debian / path.lstrip("/")
    if found.is_symlink():
        points_to = found.readlink()
        target.link(path, str(points_to))
        _take(os.path.normpath(Path(path).parent / points_to), debian, target)
    else:
        target.file(path, found)


def _iptables(debian: Path, target: Layer) -> None:
    for plugin in sorted((debian / XTABLES_PLUGINS.lstrip("/")).glob("*.so")):
        target.file(f"{XTABLES_PLUGINS}/{plugin.name}", plugin)
    for name in IPTABLES_NFT:
        target.link(f"/usr/sbin/{name}", "xtables-nft-multi")
        family, _, action = name.partition("-")
        target.link(f"/usr/sbin/{family}-nft{'-' + action if action else ''}", "xtables-nft-multi")
        target.link(f"/usr/sbin/{family}-legacy{'-' + action if action else ''}", "xtables-legacy-multi")


def configuration(image: Image) -> dict[str, Any]:
    """Return an image's container configuration with the archive format's field names."""
    return {
        "Env": [SEARCH_PATH, *(f"{name}={value}" for name, value in image.environment.items())],
        "Entrypoint": list(image.entrypoint) or None,
        "User": image.user,
        "WorkingDir": "/",
    }
