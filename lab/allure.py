"""Downloads and installs Allure's npm packages, verified by the hashes in reports/package-lock.json.

A machine without a registry gets the packages as npm publishes them, inside an exported archive. They are
unpacked to where `npm ci --ignore-scripts` would install them. Source of the format: npm's manual,
"package-lock.json".
"""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from lab import environment, folders, packages
from lab.cache import Entry, digest
from lab.errors import LabError
from lab.host import Report
from lab.paths import PROJECT
from reports.redaction import redact

#: The files that pin Allure and its dependencies. A change to either reinstalls it.
PINS = (PROJECT / "reports" / "package.json", PROJECT / "reports" / "package-lock.json")
#: Folder of packages in an exported archive, each file named by its SHA-512.
FOLDER = "npm"

PROGRAM = Path("node_modules", "allure", "cli.js")

_SECONDS = 600


def entry(root: Path) -> Entry:
    """Return the cache entry of Allure's npm installation, keyed by `PINS`."""
    return Entry(root, "allure", digest(*(pin.read_bytes() for pin in PINS)))


def pinned() -> dict[str, str]:
    """Return the SHA-512 (hex) of each package file by the package's path in the installation."""
    locked: Mapping[str, Mapping[str, str]] = json.loads(PINS[1].read_text(encoding="utf-8"))["packages"]
    return {
        path: base64.b64decode(package["integrity"].removeprefix("sha512-")).hex()
        for path, package in locked.items()
        if "integrity" in package
    }


def download(target: Path, scratch: Path) -> int:
    """Download every pinned package into `target` with npm and return their number.

    Raises LabError with npm's output if npm fails.
    """
    store = scratch / "store"
    _npm_ci(scratch, f"--cache={store}")
    target.mkdir(parents=True)
    for sha512 in sorted(set(pinned().values())):
        # npm's cache names each file by the hash of its content.
        cached = store / "_cacache" / "content-v2" / "sha512" / sha512[:2] / sha512[2:4] / sha512[4:]
        if cached.exists():
            shutil.copyfile(cached, target / f"{sha512}.tgz")
    return len(list(target.iterdir()))


def unpack(archived: Path, target: Path) -> None:
    """Unpack the packages into `target`.

    Raises LabError for a file that isn't pinned, and if a pinned package that isn't optional is missing.
    """
    wanted = pinned()
    optional = _optional()
    for file in sorted(archived.iterdir()):
        if hashlib.sha512(file.read_bytes()).hexdigest() != file.stem or file.stem not in wanted.values():
            raise LabError(f"{FOLDER}/{file.name} is not a package that reports/package-lock.json pins")
    for path, sha512 in wanted.items():
        file = archived / f"{sha512}.tgz"
        if file.exists():
            _unpack(file, target / path)
        elif path not in optional:
            raise LabError(f"the archive lacks the npm package for {path}; export it again")


def _optional() -> set[str]:
    locked = json.loads(PINS[1].read_text(encoding="utf-8"))["packages"]
    return {path for path, package in locked.items() if package.get("optional")}


def _unpack(file: Path, target: Path) -> None:
    """Unpack one package's regular files, stripping npm's top-level folder."""
    with tarfile.open(file) as archive:
        for member in archive:
            name = member.name.partition("/")[2]
            content = archive.extractfile(member) if member.isfile() else None
            if content is None or not name or ".." in name.split("/"):
                continue
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            with content, (target / name).open("wb") as out:
                shutil.copyfileobj(content, out)


def install(report: Report) -> Path:
    """Install Allure into the cache, unless it is there, and return its program; LabError if npm fails.

    Needs a network the first time only.
    """
    root = folders.cache_place().claim()
    return entry(root).make(lambda folder: _install(folder, report), report) / PROGRAM


def program(root: Path) -> Path:
    """Return the path of Allure's program in the cache, installed or not."""
    return entry(root).path / PROGRAM


def _install(folder: Path, report: Report) -> None:
    if shutil.which("npm") is None or shutil.which("node") is None:
        packages.ensure(("nodejs", "npm"), report)
    report("installing Allure from npm (about 10 s, once)")
    _npm_ci(folder)


def _npm_ci(folder: Path, *options: str) -> None:
    """Install the pinned packages into the folder, running none of their scripts."""
    for pin in PINS:
        shutil.copy(pin, folder)
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    # By default npm waits 10 s and then 60 s before it tries again, also where no registry can be reached.
    soon = ("--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
    try:
        ran = subprocess.run(
            ["npm", "ci", *quiet, *soon, *options], cwd=folder, env=environment.for_registries(),
            capture_output=True, text=True, check=False, timeout=_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"running npm failed: {error}") from error
    if ran.returncode:
        raise LabError(f"npm failed to install Allure: {redact(ran.stderr).strip()[-500:]}")
