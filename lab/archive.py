"""Exports and imports the built lab as one archive, for a site that reaches no registry.

An archive comes from elsewhere and is unpacked as root, so an import checks all of it before it changes the
cache. It checks every member's name and type before it writes a byte, and then every file's hash. This
checkout pins the hashes of wheels and npm packages; Debian's signature covers the Debian packages. Compiled
programs have no such hash: this checkout's committed inputs determine their folders, and the archive's own
manifest lists their files. A site that does not trust the archive's transport compares its SHA-256, which
`export` prints and `import` accepts.
"""

import contextlib
import hashlib
import re
import secrets
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from lab import allure, engine, environment, folders, host, packages, runtime, scratch
from lab.build import NODE_ARCHIVE, Plan, plan, plans
from lab.cache import GLANCE, MANIFEST, USERS, Entry, file_digest, locked
from lab.errors import LabError
from lab.paths import PROJECT, cache_root
from reports.redaction import redact

Say = Callable[[str], None]

WHEELS = "wheels"
REQUIREMENTS = PROJECT / "requirements.txt"
#: Members besides cache entries: Debian packages with their indexes, wheels and npm packages.
_COMPANIONS = re.compile(
    rf"{packages.FOLDER}/[^/_]+_[^/_]+_[^/_]+\.deb"
    rf"|{packages.FOLDER}/{packages.INDEX}/[\w.-]+/(InRelease|[\w.-]+/binary-\w+/Packages)"
    rf"|{WHEELS}/[^/]+\.(whl|tar\.gz|zip)|{allure.FOLDER}/[0-9a-f]{{128}}\.tgz",
    re.ASCII,
)
#: Name of the folder that an import unpacks into; lab.folders recognises it.
_STAGING = "import-{}.part"
_CHUNK = 1 << 20


def export_to(file: Path, say: Say) -> None:
    """Write everything that a run needs to the tar `file`.

    Raises LabError if the lab isn't built, or if the file exists.
    """
    root = cache_root()
    wanted = plan(root, istio=())
    _check_can_export(wanted, file)
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}.part")
    try:
        with scratch.folder("export") as made, part.open("xb") as stream:
            _collect(made, say)
            with tarfile.open(fileobj=stream, mode="w", dereference=True) as tar:
                for entry in _entries(wanted):
                    if entry.damage() is None:
                        tar.add(entry.path, str(entry.path.relative_to(root)), filter=_plain)
                for companion in sorted(made.iterdir()):
                    tar.add(companion, companion.name, filter=_plain)
        _publish(part, file)
    except FileExistsError:
        raise LabError(f"{file} was created by another process; name a new file or remove it") from None
    except OSError as error:
        raise LabError(f"writing the archive failed: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    say(f"wrote {file} ({file.stat().st_size / 1e6:.0f} MB), SHA-256 {file_digest(file)}")


def _publish(part: Path, file: Path) -> None:
    """Give the finished archive its name. FileExistsError if another process has taken it."""
    try:
        file.hardlink_to(part)
    except FileExistsError:
        raise
    except OSError:
        # FAT has no hard links.
        if file.exists():
            raise FileExistsError(file) from None
        part.rename(file)


def _check_can_export(wanted: Plan, file: Path) -> None:
    if damage := wanted.node.damage():
        raise LabError(
            f"the lab is not built or is damaged ({damage}); run `istio-conformance lab build` first"
        )
    if not wanted.built():
        raise LabError("the lab is not built; run `istio-conformance lab build` first")
    if file.exists():
        raise LabError(f"{file} exists already; name a new file or remove it")
    if not file.absolute().parent.is_dir():
        raise LabError(f"the folder {file.absolute().parent} does not exist; create it first")


def import_from(file: Path, say: Say, sha256: str | None = None) -> None:
    """Import the lab from `file` into the cache. `sha256` is the file's expected digest.

    Raises LabError if the file is not an exported archive, or one of another version of the project. The
    cache is unchanged then.
    """
    if not file.is_file():
        raise LabError(
            f"{file} is not a file; `istio-conformance lab export FILE` writes one where the lab is built"
        )
    if sha256 is not None and file_digest(file) != sha256.lower():
        raise LabError(f"{file} does not have the SHA-256 {sha256}: it is damaged or a different archive")
    root = folders.cache_place().claim()
    wanted, members = _checked(file, plans(root))
    host.check_room(sum(member.size for member in members) / host.GIB + 1, 0, (root,))
    staging = root / _STAGING.format(secrets.token_hex(8))
    with locked(root / "locks" / "import"), contextlib.ExitStack() as undo:
        staging.mkdir(mode=0o700)
        undo.callback(shutil.rmtree, staging, ignore_errors=True)
        say(f"unpacking {len(members)} files and verifying their hashes")
        try:
            digests = _unpack(file, members, staging)
        except OSError as error:
            raise LabError(f"unpacking {file} failed: {error}; nothing was imported") from error
        _check_hashes(digests, _entries(wanted), staging, say)
        _move_in([*_entries(wanted), allure.entry(root)], staging, root)
    say("imported and verified; `istio-conformance lab build` now needs no registry")


def _entries(wanted: Plan) -> list[Entry]:
    """Return the cache entries that a run needs, including the bounded runtime for machines that need it."""
    programs = [wanted.programs[source.name] for source in wanted.sources if source.tools]
    return [wanted.node, *programs, runtime.entry(wanted.root)]


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Give a member owner root and a plain mode. Drop links, devices and a cache's records of its users."""
    if not (member.isfile() or member.isdir()) or Path(member.name).name in (USERS, GLANCE):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode &= 0o755
    return member


def _checked(file: Path, known: Sequence[Plan]) -> tuple[Plan, list[tarfile.TarInfo]]:
    """Return the archive's lab and its files without unpacking.

    Raises LabError for any member that no export of this lab writes.
    """
    try:
        with tarfile.open(file, "r:") as tar:
            members = tar.getmembers()
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise LabError(
            f"{file} is not an archive that `istio-conformance lab export` wrote, or is cut short ({error})"
        ) from None
    names = {member.name for member in members}
    wanted = next((each for each in known if f"{_place(each.node)}/{NODE_ARCHIVE}" in names), known[0])
    entries = [_place(entry) for entry in _entries(wanted)]
    seen: set[str] = set()
    for member in members:
        if refusal := _refusal(member, entries, seen):
            raise LabError(f"{file}: {refusal}; nothing was imported")
        seen.add(member.name)
    files = [member for member in members if member.isfile()]
    if not any(member.name == f"{entries[0]}/{NODE_ARCHIVE}" for member in files):
        raise LabError(f"{file} is not an archive that `istio-conformance lab export` wrote, or is cut short")
    return wanted, files


def _place(entry: Entry) -> str:
    return f"{entry.kind}/{entry.key[:16]}"


def _refusal(member: tarfile.TarInfo, entries: list[str], seen: set[str]) -> str | None:
    name = member.name
    if not (member.isfile() or member.isdir()) or member.sparse:
        return f"{name} is a link, a device or a sparse file"
    if member.mode & 0o7022:
        return f"{name} has a mode that no export writes ({member.mode:o})"
    if name.startswith("/") or any(part in ("", ".", "..") for part in name.split("/")):
        return f"{name} leads outside the cache"
    return f"{name} occurs twice" if name in seen else _unknown(member, entries)


def _unknown(member: tarfile.TarInfo, entries: list[str]) -> str | None:
    name = member.name
    kind, _, rest = name.partition("/")
    if name in entries and not member.isdir():
        return f"{name} is not a folder"
    if any(name == entry or name.startswith(f"{entry}/") for entry in entries):
        return None if member.isdir() or Path(name).name not in (USERS, GLANCE) else f"{name} is not expected"
    if kind in {entry.partition("/")[0] for entry in entries} and re.match(r"[0-9a-f]{16}(/|$)", rest):
        return f"{name} does not match this checkout: it was exported from another version of the project"
    if member.isfile() and not _COMPANIONS.fullmatch(name):
        return f"{name} is not a name that an export writes"
    if member.isdir() and not re.fullmatch(rf"({packages.FOLDER}|{WHEELS}|{allure.FOLDER})(/[\w.-]+)*", name):
        return f"{name} is not a folder that an export writes"
    return None


def _unpack(file: Path, members: list[tarfile.TarInfo], staging: Path) -> dict[str, str]:
    """Write the files into `staging`, writable by root only. Return the SHA-256 of each by name."""
    digests = {}
    with tarfile.open(file, "r:") as tar:
        for member in members:
            target = staging / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            if content is None:
                raise LabError(f"{file}: {member.name} has no content; nothing was imported")
            with content, target.open("xb") as out:
                digests[member.name] = _copy(content, out)
            target.chmod(0o755 if member.mode & 0o100 else 0o644)
    return digests


def _copy(content: IO[bytes], out: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := content.read(_CHUNK):
        digest.update(chunk)
        out.write(chunk)
    return digest.hexdigest()


def _check_hashes(digests: dict[str, str], entries: list[Entry], staging: Path, say: Say) -> None:
    for entry in entries:
        if (staging / entry.kind).is_dir():
            _check_entry(Entry(staging, entry.kind, entry.key), digests)
    pinned = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", REQUIREMENTS.read_text()))
    for name, digest in digests.items():
        if name.startswith(f"{WHEELS}/") and digest not in pinned:
            raise LabError(f"{name} is not a file that requirements.txt pins; nothing was imported")
    if (staging / allure.FOLDER).is_dir():
        allure.entry(staging).make(lambda folder: allure.unpack(staging / allure.FOLDER, folder), say)
    debs = staging / packages.FOLDER
    if debs.is_dir() and shutil.which("apt-get") is None:
        say("skipped the Debian packages: this machine has no apt-get")
        shutil.rmtree(debs)
    elif debs.is_dir():
        packages.verify(debs)


def _check_entry(entry: Entry, digests: dict[str, str]) -> None:
    """Raise LabError unless the entry has a manifest that lists exactly its files with their digests."""
    manifest = entry.manifest()
    prefix = f"{entry.path.relative_to(entry.root)}/"
    actual = {name.removeprefix(prefix): value for name, value in digests.items() if name.startswith(prefix)}
    actual.pop(MANIFEST, None)
    if manifest is None or actual != manifest:
        wrong = sorted(set(actual.items()) ^ set((manifest or {}).items()))
        raise LabError(
            f"{prefix}{wrong[0][0] if wrong else MANIFEST} differs from what was built; nothing was imported"
        )


def _move_in(entries: list[Entry], staging: Path, root: Path) -> None:
    for entry in entries:
        new = staging / entry.path.relative_to(root)
        if not new.is_dir():
            continue
        with locked(root / "locks" / f"{entry.kind}-{entry.key[:16]}"):
            if entry.damage() is None:
                continue
            if entry.path.exists():
                folders.remove_tree(entry.path)
            entry.path.parent.mkdir(exist_ok=True)
            new.rename(entry.path)
    for name in (packages.FOLDER, WHEELS):
        if (staging / name).is_dir():
            if (root / name).exists():
                folders.remove_tree(root / name)
            (staging / name).rename(root / name)


def _collect(folder: Path, say: Say) -> None:
    """Download what the importing machine will install: the engine's packages, wheels and Allure."""
    for what, collect in (
        ("Debian packages for the engine", _collect_packages),
        ("wheels for the suite", _collect_wheels),
        ("npm packages of Allure", _collect_allure),
    ):
        try:
            say(f"added {collect(folder)} {what}")
        except LabError as error:
            say(f"the archive will lack {what}: {error}")


def _collect_packages(folder: Path) -> int:
    with _whole(folder / packages.FOLDER) as target:
        return len(packages.save(engine.PACKAGES, target))


def _collect_wheels(folder: Path) -> int:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    with _whole(folder / WHEELS) as target:
        options = [
            "--require-hashes",
            "--dest",
            str(target),
            "--requirement",
            str(PROJECT / "requirements.txt"),
        ]
        ran = subprocess.run(
            [*command, *options],
            env=environment.for_registries(),
            text=True,
            capture_output=True,
            check=False,
        )
        if ran.returncode:
            raise LabError(redact(ran.stderr).strip()[-300:])
        return len(list(target.iterdir()))


def _collect_allure(folder: Path) -> int:
    with _whole(folder / allure.FOLDER) as target, scratch.folder("npm") as made:
        return allure.download(target, made)


@contextlib.contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Yield the folder; remove it if the block fails, because a partial one is useless."""
    try:
        yield folder
    except LabError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
