"""Allure's packages from npm, each file checked by the hash that reports/package-lock.json commits.

For a machine that reaches no registry: the packages travel as npm publishes them and are unpacked to where
`npm ci --ignore-scripts` would put them. Source of the format: npm's manual, "package-lock.json".
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

#: What pins Allure and everything below it; a change of either installs it anew.
PINS = (PROJECT / "reports" / "package.json", PROJECT / "reports" / "package-lock.json")
#: The archive's folder of packages, each named by the SHA-512 of its file.
FOLDER = "npm"

_SECONDS = 600


def entry(root: Path) -> Entry:
    """This version of Allure in the cache, an installation of npm's; keyed by what pins it."""
    return Entry(root, "allure", digest(*(pin.read_bytes() for pin in PINS)))


def pinned() -> dict[str, str]:
    """Path of each package below the installation to the SHA-512 of its file, in hex."""
    packages: Mapping[str, Mapping[str, str]] = json.loads(PINS[1].read_text(encoding="utf-8"))["packages"]
    return {
        path: base64.b64decode(package["integrity"].removeprefix("sha512-")).hex()
        for path, package in packages.items()
        if "integrity" in package
    }


def download(target: Path, scratch: Path) -> int:
    """Fetch every pinned package into `target` by npm and return how many; LabError with npm's words."""
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
        raise LabError(f"npm could not be run: {error}") from error
    if ran.returncode:
        raise LabError(f"npm could not fetch Allure: {ran.stderr.strip()[-500:]}")
    target.mkdir(parents=True)
    for sha512 in sorted(set(pinned().values())):
        # npm's store has each file under the hash of its content.
        kept = store / "_cacache" / "content-v2" / "sha512" / sha512[:2] / sha512[2:4] / sha512[4:]
        if kept.exists():
            shutil.copyfile(kept, target / f"{sha512}.tgz")
    return len(list(target.iterdir()))


def install(packages: Path, target: Path) -> None:
    """Unpack the packages into `target`.

    LabError for a file that isn't pinned and for a pinned one that is missing; an optional one may be.
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
            raise LabError(f"the package for {path} is missing")


def _optional() -> set[str]:
    packages = json.loads(PINS[1].read_text(encoding="utf-8"))["packages"]
    return {path for path, package in packages.items() if package.get("optional")}


def _unpack(file: Path, target: Path) -> None:
    """Unpack the files of one package, without the folder that npm puts everything in; links are left out."""
    with tarfile.open(file) as archive:
        for member in archive:
            name = member.name.partition("/")[2]
            content = archive.extractfile(member) if member.isfile() else None
            if content is None or not name or ".." in name.split("/"):
                continue
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            with content, (target / name).open("wb") as out:
                shutil.copyfileobj(content, out)
