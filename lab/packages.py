"""Debian packages: what the machine lacks is installed, from its mirror or from the cache, always verified.

Layout of the cache's folder: the packages, and ``index/<distribution>/`` with Debian's signed `InRelease`
beside the `Packages` lists that it names. apt checks the signature by the keys of the machine that
installs, the lists by the signed hashes, and each package by the lists. Source of the format: the Debian
wiki, "DebianRepository/Format".
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

#: The folder of the cache, and the indexes in it.
FOLDER, INDEX = "debs", "index"

#: Without these two names in front of the real ones, a package's scripts would start its daemon.
_STARTERS = ("invoke-rc.d", "deb-systemd-invoke")
_DPKG_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_LISTS = Path("/var/lib/apt/lists")
#: How apt names a list that it has downloaded: slashes of the address as underscores.
_LIST = re.compile(
    r"(?P<site>.+_dists_(?P<dist>[^_]+)_)(?P<component>[^_]+)_(?P<binary>binary-[^_]+)_Packages(\.\w+)?"
)


@dataclass(frozen=True, slots=True)
class _Index:
    """One `Packages` list: its path below ``dists/``, and what it says of each package's file name."""

    path: Path
    dist: str
    #: File name of a package to its path in the repository and its SHA-256.
    files: dict[str, tuple[str, str]]


def missing(names: Sequence[str]) -> list[str]:
    """Those of the Debian packages that are not installed, in the order given."""
    if shutil.which("dpkg-query") is None:
        raise LabError(f"this is no Debian system: install by hand what {', '.join(names)} would bring")
    return [name for name in names if not _installed(name)]


def ensure(names: Sequence[str], report: Report) -> None:
    """Install the Debian packages that are missing, saying first which; no service of theirs is started.

    Takes them from the lab's cache (``debs``, filled by an import) if they are there, else from the
    configured Debian mirror; apt verifies either by Debian's signatures. Raises LabError with apt's last
    lines.
    """
    lacking = missing(names)
    if not lacking:
        return
    host.require_root(f"install the Debian packages {', '.join(lacking)}")
    cached = cache_root() / FOLDER
    from_cache = set(lacking) <= {file.name.partition("_")[0] for file in cached.glob("*.deb")}
    origin = "the lab's cache" if from_cache else "the configured Debian mirror"
    report(
        f"installing the Debian packages {', '.join(lacking)} from {origin} (their services are not started)"
    )
    with _nothing_started() as options:
        if from_cache:
            with source(cached) as instead:
                apt(["update", *instead])
                apt(["install", *options, *instead, *lacking])
            return
        if apt(["install", "--simulate", *lacking], check=False).returncode:
            report("updating the package lists first: they do not know these packages")
            apt(["update"])
        if apt(["install", *options, *lacking], check=False).returncode:
            report("updating the package lists: the packages have moved on")
            apt(["update"])
            apt(["install", *options, *lacking])


def save(names: Sequence[str], folder: Path) -> list[Path]:
    """Download the packages and all that they depend on, with their indexes, into an emptied folder.

    Raises LabError where apt can't, and where this machine has no signed index that names a package.
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
            f"no signed index on this machine names {len(wanted)} of the packages: run apt-get update"
        )
    return saved


def verify(folder: Path) -> None:
    """LabError unless each package in the folder is one that Debian has signed, by this machine's keys."""
    with source(folder) as options:
        apt(["update", *options])
    known = {name: sha256 for index in _indexes(folder) for name, (_, sha256) in index.files.items()}
    for file in sorted(folder.glob("*.deb")):
        if known.get(_unescaped(file.name)) != file_digest(file):
            raise LabError(f"{file.name} is not the package that Debian has signed")


@contextmanager
def source(folder: Path) -> Iterator[list[str]]:
    """Options under which apt-get knows the folder's packages and no mirror, and trusts Debian's keys."""
    with scratch.folder("source") as made:
        places = {_unescaped(file.name): file for file in folder.glob("*.deb")}
        lines = []
        for index in _indexes(folder):
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
            # Signatures are checked, how old they are is not: the archive may be as old as it likes.
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
    """File name to path and SHA-256, of each stanza of a `Packages` list."""
    found = {}
    path = ""
    for line in packages.splitlines():
        if line.startswith("Filename: "):
            path = line.removeprefix("Filename: ")
        elif line.startswith("SHA256: "):
            found[path.rpartition("/")[2]] = (path, line.removeprefix("SHA256: "))
    return found


def _unescaped(name: str) -> str:
    """The name in the repository of a file that `apt-get download` saved: an epoch is not in it there."""
    package, version, architecture = name.replace("%3a", ":").split("_", 2)
    return "_".join((package, version.rpartition(":")[2], architecture))


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_symlink():
        path.symlink_to(target.resolve())


def _download(names: Sequence[str], folder: Path) -> list[Path]:
    """Download the packages and all that they depend on into the folder."""
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
    """Options for apt-get under which a package's scripts find starters that do nothing.

    The usual way, a policy-rc.d file, would be left behind by a kill, and the machine may have its own.
    """
    with scratch.folder("apt") as folder:
        for name in _STARTERS:
            starter = folder / name
            starter.write_text("#!/bin/sh\nexit 0\n", encoding="ascii")
            starter.chmod(0o755)
        yield ["-o", f"DPkg::Path={folder}:{_DPKG_PATH}"]


def apt(arguments: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run apt-get without questions; LabError with its last lines if it fails."""
    options = ["-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
    return run(["apt-get", *options, *arguments], check=check)


def run(
    command: Sequence[str], *, check: bool = True, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one of the machine's own programs; LabError with its last lines if it fails."""
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
