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

from lab import environment
from lab.cache import Entry, digest
from lab.errors import LabError
from lab.paths import PROJECT

#: The files that pin Allure and its dependencies. A change to either reinstalls it.
PINS = (PROJECT / "reports" / "package.json", PROJECT / "reports" / "package-lock.json")
#: Folder of packages in an exported archive, each file named by its SHA-512.
FOLDER = "npm"

_SECONDS = 600


def entry(root: Path) -> Entry:
    """Return the cache entry of Allure's npm installation, keyed by `PINS`."""
    return Entry(root, "allure", digest(*(pin.read_bytes() for pin in PINS)))


def pinned() -> dict[str, str]:
    """Return the SHA-512 (hex) of each package file by the package's path in the installation."""
    packages: Mapping[str, Mapping[str, str]] = json.loads(PINS[1].read_text(encoding="utf-8"))["packages"]
    return {
        path: base64.b64decode(package["integrity"].removeprefix("sha512-")).hex()
        for path, package in packages.items()
        if "integrity" in package
    }


def download(target: Path, scratch: Path) -> int:
    """Download every pinned package into `target` with npm and return their number.

    Raises LabError with npm's output if npm fails.
    """
    for pin in PINS:
        shutil.copy(pin, scratch)
    store = scratch / "store"
    command = [
        "npm",
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        f"--cache={store}",
    ]
    try:
        ran = subprocess.run(
            command, cwd=scratch, env=environment.for_registries(), capture_output=True, text=True,
            check=False, timeout=_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"running npm failed: {error}") from error
    if ran.returncode:
        raise LabError(f"npm failed to download Allure: {ran.stderr.strip()[-500:]}")
    target.mkdir(parents=True)
    for sha512 in sorted(set(pinned().values())):
        # npm's cache names each file by the hash of its content.
        cached = store / "_cacache" / "content-v2" / "sha512" / sha512[:2] / sha512[2:4] / sha512[4:]
        if cached.exists():
            shutil.copyfile(cached, target / f"{sha512}.tgz")
    return len(list(target.iterdir()))


def install(packages: Path, target: Path) -> None:
    """Unpack the packages into `target`.

    Raises LabError for a file that isn't pinned, and if a pinned package that isn't optional is missing.
    """
    wanted = pinned()
    optional = _optional()
    for file in sorted(packages.iterdir()):
        if hashlib.sha512(file.read_bytes()).hexdigest() != file.stem or file.stem not in wanted.values():
            raise LabError(f"{FOLDER}/{file.name} is not a package that reports/package-lock.json pins")
    for path, sha512 in wanted.items():
        file = packages / f"{sha512}.tgz"
        if file.exists():
            _unpack(file, target / path)
        elif path not in optional:
            raise LabError(f"the archive lacks the npm package for {path}; export it again")


def _optional() -> set[str]:
    packages = json.loads(PINS[1].read_text(encoding="utf-8"))["packages"]
    return {path for path, package in packages.items() if package.get("optional")}


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
