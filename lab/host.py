"""What the machine must have before the lab touches it: root, room, and a few Debian packages."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from lab.errors import LabError
from lab.paths import cache_root, state_root

Report = Callable[[str], None]

GIB = 1024**3

#: Without these two names in front of the real ones, a package's scripts would start its daemon.
_STARTERS = ("invoke-rc.d", "deb-systemd-invoke")
_DPKG_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def require_root(purpose: str) -> None:
    """Raise LabError unless this process is root; ``purpose`` completes "root is needed to ..."."""
    if os.geteuid() != 0:
        raise LabError(f"root is needed to {purpose}; run the same command again as root (sudo -E ...)")


def check_room(min_disk_gib: float, min_memory_gib: float, folders: Sequence[Path] = ()) -> None:
    """Raise LabError unless every folder's disk has room (GiB) and the machine has memory (GiB) to spare.

    ``folders`` defaults to where the lab's data goes: its cache and the engine's state. Two folders on one
    disk share its room.
    """
    for folder in folders or (cache_root(), state_root()):
        free = free_disk(folder) / GIB
        if free < min_disk_gib:
            raise LabError(
                f"{folder} has {free:.1f} GiB free and the lab needs {min_disk_gib:.1f} GiB there: "
                "make room, or choose another disk with ISTIO_LAB_CACHE (what is built) and ISTIO_LAB_STATE "
                "(the engine's data)"
            )
    memory = free_memory() / GIB
    if memory < min_memory_gib:
        raise LabError(
            f"{memory:.1f} GiB of memory are available and the lab needs {min_memory_gib:.1f} GiB: "
            "end other programs or take a larger machine"
        )


def free_disk(folder: Path) -> int:
    """Bytes free for this user on the disk that holds ``folder``, which need not exist yet."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    return shutil.disk_usage(existing).free


def free_memory() -> int:
    """Bytes of memory available: the kernel's estimate, or what the control group leaves if that is less."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    limits = [
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
        ("memory.max", "memory.current"),
    ]
    for limit, usage in limits:
        with contextlib.suppress(FileNotFoundError, ValueError):
            root = Path("/sys/fs/cgroup")
            left = int((root / limit).read_text()) - int((root / usage).read_text())
            available = min(available, left)
    return available


def missing_packages(names: Sequence[str]) -> list[str]:
    """Those of the Debian packages that are not installed, in the order given."""
    if shutil.which("dpkg-query") is None:
        raise LabError(f"this is no Debian system: install by hand what {', '.join(names)} would bring")
    return [name for name in names if not _installed(name)]


def ensure_packages(names: Sequence[str], report: Report) -> None:
    """Install the Debian packages that are missing, saying first which; no service of theirs is started.

    Takes them from the lab's cache (``debs``, filled by an import) if they are there, else from the
    configured Debian mirror. Raises LabError with apt's own last lines.
    """
    missing = missing_packages(names)
    if not missing:
        return
    require_root(f"install the Debian packages {', '.join(missing)}")
    cached = cache_root() / "debs"
    from_cache = set(missing) <= {file.name.partition("_")[0] for file in cached.glob("*.deb")}
    source = "the lab's cache" if from_cache else "the configured Debian mirror"
    report(
        f"installing the Debian packages {', '.join(missing)} from {source} (their services are not started)"
    )
    with _nothing_started() as options:
        if from_cache:
            with _only_source(cached) as instead:
                _apt(["update", *instead])
                _apt(["install", *options, *instead, *missing])
            return
        if _apt(["install", "--simulate", *missing], check=False).returncode:
            report("updating the package lists first: they do not know these packages")
            _apt(["update"])
        if _apt(["install", *options, *missing], check=False).returncode:
            report("updating the package lists: the packages have moved on")
            _apt(["update"])
            _apt(["install", *options, *missing])


def save_packages(names: Sequence[str], folder: Path) -> list[Path]:
    """Download the packages and all that they depend on into ``folder``, for a machine without a mirror."""
    folder.mkdir(parents=True, exist_ok=True)
    flags = [
        f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    ]
    listed = _run(["apt-cache", "depends", "--recurse", "--no-pre-depends", *flags, *names]).stdout
    closure = sorted({line for line in listed.splitlines() if line and line[0] not in " <"} - _essential())
    _run(["apt-get", "download", *closure], cwd=folder)
    return sorted(folder.glob("*.deb"))


def _essential() -> set[str]:
    shown = _run(["dpkg-query", "-W", "-f", "${Package} ${Priority} ${Essential}\n"]).stdout
    rows = [line.split() for line in shown.splitlines()]
    return {row[0] for row in rows if "required" in row[1:] or "yes" in row[1:]}


def _installed(name: str) -> bool:
    shown = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", name], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() == "installed"


@contextlib.contextmanager
def _only_source(folder: Path) -> Iterator[list[str]]:
    """Options under which apt-get knows the packages in ``folder`` and no mirror; it takes what it needs."""
    with tempfile.TemporaryDirectory(prefix="istio-lab-source-") as made:
        stanzas = []
        for file in sorted(folder.glob("*.deb")):
            (Path(made) / file.name).symlink_to(file)
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            fields = _run(["dpkg-deb", "-f", str(file)]).stdout.strip()
            size = file.stat().st_size
            stanzas.append(f"{fields}\nFilename: ./{file.name}\nSize: {size}\nSHA256: {digest}\n")
        (Path(made) / "Packages").write_text("\n".join(stanzas), encoding="utf-8")
        (Path(made) / "sources.list").write_text(f"deb [trusted=yes] file:{made} ./\n", encoding="ascii")
        (Path(made) / "lists" / "partial").mkdir(parents=True)
        settings = {
            "Dir::Etc::sourcelist": f"{made}/sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::State::lists": f"{made}/lists",
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
            "APT::Sandbox::User": "root",
        }
        yield [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


@contextlib.contextmanager
def _nothing_started() -> Iterator[list[str]]:
    """Options for apt-get under which a package's scripts find starters that do nothing.

    The usual way, a policy-rc.d file, would be left behind by a kill, and the machine may have its own.
    """
    with tempfile.TemporaryDirectory(prefix="istio-lab-apt-") as folder:
        for name in _STARTERS:
            starter = Path(folder) / name
            starter.write_text("#!/bin/sh\nexit 0\n", encoding="ascii")
            starter.chmod(0o755)
        yield ["-o", f"DPkg::Path={folder}:{_DPKG_PATH}"]


def _apt(arguments: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    options = ["-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
    return _run(["apt-get", *options, *arguments], check=check)


def _run(
    command: Sequence[str], *, check: bool = True, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=cwd)
    if check and done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise LabError(f"{' '.join(command[:3])} ... failed ({done.returncode}); its last lines:\n{tail}")
    return done
