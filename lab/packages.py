"""Installs missing Debian packages from the configured mirror or the cache, verified by Debian's signatures.

The cache's folder holds the packages, and ``index/<distribution>/`` holds Debian's signed `InRelease` and the
`Packages` lists that it names. apt verifies the signature with the keys of the installing machine, the lists
by the signed hashes, and each package by the lists. Source of the format: the Debian wiki,
"DebianRepository/Format".
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import environment, host, scratch
from lab.cache import file_digest
from lab.errors import LabError
from lab.host import Report
from lab.paths import cache_root

#: Folder in the cache, and the folder of indexes in it.
FOLDER, INDEX = "debs", "index"

#: Programs that maintainer scripts call to start a daemon. Stubs earlier in PATH prevent that.
_STARTERS = ("invoke-rc.d", "deb-systemd-invoke")
_DPKG_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_LISTS = Path("/var/lib/apt/lists")
#: apt's file name of a downloaded list: the URL with slashes replaced by underscores.
_LIST = re.compile(
    r"(?P<site>.+_dists_(?P<dist>[^_]+)_)(?P<component>[^_]+)_(?P<binary>binary-[^_]+)_Packages(\.\w+)?"
)


@dataclass(frozen=True, slots=True)
class _Index:
    """One `Packages` list: its path, its distribution and the packages that it lists."""

    path: Path
    dist: str
    #: Path in the repository and SHA-256 of each package, by file name.
    files: dict[str, tuple[str, str]]


def missing(names: Sequence[str]) -> list[str]:
    """Return the Debian packages that are not installed, in the given order.

    Raises LabError on a system without dpkg.
    """
    if shutil.which("dpkg-query") is None:
        raise LabError(
            "this system has no dpkg, so the lab can't install Debian packages: install the equivalents of "
            f"{', '.join(names)} by hand"
        )
    return [name for name in names if not _installed(name)]


def ensure(names: Sequence[str], report: Report) -> None:
    """Install the missing Debian packages without starting their services. Reports their names first.

    Takes them from the lab's cache (``debs``, filled by an import) if it has them all, else from the
    configured Debian mirror. apt verifies both by Debian's signatures. Raises LabError with apt's last lines
    on failure.
    """
    lacking = missing(names)
    if not lacking:
        return
    host.require_root(f"install the Debian packages {', '.join(lacking)}")
    cached = cache_root() / FOLDER
    from_cache = set(lacking) <= {file.name.partition("_")[0] for file in cached.glob("*.deb")}
    origin = "the lab's cache" if from_cache else "the configured Debian mirror"
    report(
        f"installing the Debian packages {', '.join(lacking)} from {origin} without starting their services"
    )
    with _nothing_started() as options:
        if from_cache:
            with source(cached) as instead:
                apt(["update", *instead])
                apt(["install", *options, *instead, *lacking])
            return
        if apt(["install", "--simulate", *lacking], check=False).returncode:
            report("updating the package lists first: they lack these packages")
            apt(["update"])
        if apt(["install", *options, *lacking], check=False).returncode:
            report("updating the package lists and trying again: they may be out of date")
            apt(["update"])
            apt(["install", *options, *lacking])


def save(names: Sequence[str], folder: Path) -> list[Path]:
    """Empty the folder and download the packages, their dependencies and the indexes into it.

    Raises LabError if apt fails, or if no signed index on this machine lists a package.
    """
    shutil.rmtree(folder, ignore_errors=True)
    saved = _download(names, folder)
    wanted = {file_digest(file) for file in saved}
    for listed in sorted(_LISTS.glob("*_Packages*")):
        found = _LIST.fullmatch(listed.name)
        release = _LISTS / f"{found['site']}InRelease" if found else None
        if found is None or release is None or not release.exists():
            continue
        text = run(["/usr/lib/apt/apt-helper", "cat-file", str(listed)]).stdout
        here = {sha256 for _, sha256 in _files(text).values()} & wanted
        if here:
            place = folder / INDEX / found["dist"]
            (place / found["component"] / found["binary"]).mkdir(parents=True)
            (place / found["component"] / found["binary"] / "Packages").write_text(text, encoding="utf-8")
            shutil.copyfile(release, place / "InRelease")
            wanted -= here
    if wanted:
        raise LabError(
            f"no signed index on this machine lists {len(wanted)} of the packages: run apt-get update"
        )
    return saved


def verify(folder: Path) -> None:
    """Raise LabError unless Debian, by this machine's keys, has signed every package in the folder."""
    indexes = _indexes(folder)
    with source(folder) as options:
        apt(["update", *options])
    for index in indexes:
        _check_signed(index, folder)
    known = {name: sha256 for index in indexes for name, (_, sha256) in index.files.items()}
    for file in sorted(folder.glob("*.deb")):
        if known.get(_unescaped(file.name)) != file_digest(file):
            raise LabError(f"{file.name} is not the package that Debian has signed; nothing was imported")


def _check_paths(index: _Index) -> None:
    """Raise LabError if a package's path leads out of the repository."""
    for path, _ in index.files.values():
        if path.startswith("/") or not set(path.split("/")).isdisjoint(("", ".", "..")):
            raise LabError(f"{index.path.name} of {index.dist} names the path {path}; nothing was imported")


def _check_signed(index: _Index, folder: Path) -> None:
    """Raise LabError unless the release file, which apt has verified, lists this index with its SHA-256.

    apt itself only skips an index that the release file does not list. Source of the format: Debian's wiki,
    DebianRepository/Format.
    """
    listed = index.path.relative_to(folder / INDEX / index.dist)
    text = (folder / INDEX / index.dist / "InRelease").read_text(encoding="utf-8")
    signed = re.split(r"^-----BEGIN PGP SIGNATURE-----$", text, maxsplit=1, flags=re.MULTILINE)[0]
    digest = re.escape(file_digest(index.path))
    if not re.search(rf"^ {digest} +[0-9]+ {re.escape(str(listed))}$", signed, re.MULTILINE):
        raise LabError(f"Debian has not signed the package list {index.dist}/{listed}; nothing was imported")


@contextmanager
def source(folder: Path) -> Iterator[list[str]]:
    """Yield options that make apt-get use only the folder's packages, verified with Debian's keys."""
    indexes = _indexes(folder)
    for index in indexes:
        _check_paths(index)
    with scratch.folder("source") as made:
        places = {_unescaped(file.name): file for file in folder.glob("*.deb")}
        lines = []
        for index in indexes:
            listed = index.path.relative_to(folder / INDEX)
            _link(made / "dists" / listed, index.path)
            _link(made / "dists" / index.dist / "InRelease", folder / INDEX / index.dist / "InRelease")
            lines.append(f"deb [target=Packages] copy:{made} {index.dist} {listed.parts[1]}\n")
            for name, (path, _) in index.files.items():
                if name in places:
                    _link(made / path, places[name])
        (made / "sources.list").write_text("".join(lines), encoding="ascii")
        (made / "lists" / "partial").mkdir(parents=True)
        settings = {
            "Dir::Etc::sourcelist": f"{made}/sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::State::lists": f"{made}/lists",
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
            "Acquire::Languages": "none",
            # apt still checks signatures, but not their expiry: an archive may be of any age.
            "Acquire::Check-Valid-Until": "false",
            "APT::Sandbox::User": "root",
        }
        yield [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _indexes(folder: Path) -> list[_Index]:
    found = []
    for path in sorted((folder / INDEX).glob("*/*/binary-*/Packages")):
        dist = path.relative_to(folder / INDEX).parts[0]
        found.append(_Index(path, dist, _files(path.read_text(encoding="utf-8"))))
    return found


def _files(packages: str) -> dict[str, tuple[str, str]]:
    """Return the path and SHA-256 of each package in a `Packages` list, by file name."""
    found = {}
    path = ""
    for line in packages.splitlines():
        if line.startswith("Filename: "):
            path = line.removeprefix("Filename: ")
        elif line.startswith("SHA256: "):
            found[path.rpartition("/")[2]] = (path, line.removeprefix("SHA256: "))
    return found


def _unescaped(name: str) -> str:
    """Return the repository's name for a file that `apt-get download` saved; it lacks the version's epoch."""
    package, version, architecture = name.replace("%3a", ":").split("_", 2)
    return "_".join((package, version.rpartition(":")[2], architecture))


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_symlink():
        path.symlink_to(target.resolve())


def _download(names: Sequence[str], folder: Path) -> list[Path]:
    """Download the packages and all their dependencies into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    flags = [
        f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    ]
    listed = run(["apt-cache", "depends", "--recurse", "--no-pre-depends", *flags, *names]).stdout
    closure = sorted({line for line in listed.splitlines() if line and line[0] not in " <"} - _essential())
    run(["apt-get", "download", *closure], cwd=folder)
    return sorted(folder.glob("*.deb"))


def _essential() -> set[str]:
    shown = run(["dpkg-query", "-W", "-f", "${Package} ${Priority} ${Essential}\n"]).stdout
    rows = [line.split() for line in shown.splitlines()]
    return {row[0] for row in rows if "required" in row[1:] or "yes" in row[1:]}


def _installed(name: str) -> bool:
    shown = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", name], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() == "installed"


@contextmanager
def _nothing_started() -> Iterator[list[str]]:
    """Yield options for apt-get that put no-op service starters first in the maintainer scripts' PATH.

    The usual way is a policy-rc.d file, but a kill would leave it behind, and the machine may have its own.
    """
    with scratch.folder("apt") as folder:
        for name in _STARTERS:
            starter = folder / name
            starter.write_text("#!/bin/sh\nexit 0\n", encoding="ascii")
            starter.chmod(0o755)
        yield ["-o", f"DPkg::Path={folder}:{_DPKG_PATH}"]


def apt(arguments: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run apt-get non-interactively. Raises LabError with its last lines if it fails."""
    options = ["-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
    return run(["apt-get", *options, *arguments], check=check)


def run(
    command: Sequence[str], *, check: bool = True, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a host program. Raises LabError with its last lines if it fails."""
    settings = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=environment.for_registries() | settings,
        cwd=cwd,
    )
    if check and done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise LabError(f"{' '.join(command[:3])} ... failed ({done.returncode}); its last lines:\n{tail}")
    return done
