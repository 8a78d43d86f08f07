"""The built lab as one archive, for a site that reaches no registry at all."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lab import engine, host
from lab.build import plan
from lab.errors import LabError
from lab.paths import PROJECT, cache_root

Say = Callable[[str], None]

#: Folders of the cache that a run without registries needs beside the lab's own entries: Debian packages for
#: the engine, wheels for the suite, the report's generator, the bounded runtime.
COMPANIONS = ("debs", "wheels", "allure-*", "runc-bounded")


def export_to(file: Path, say: Say) -> None:
    """Write all that a run needs to `file`, a tar; LabError where the lab isn't built or the file exists."""
    root = cache_root()
    wanted = plan(root)
    if not wanted.built():
        raise LabError("the lab is not built; run `python -m lab build` first")
    if damage := wanted.node.damage():
        raise LabError(f"the node image is damaged ({damage}); run `python -m lab build` first")
    if file.exists():
        raise LabError(f"{file} exists; name a new file or remove it")
    if not file.absolute().parent.is_dir():
        raise LabError(f"{file.absolute().parent} is no folder; make it first")
    _collect(root, say)
    entries = [wanted.node, *(wanted.programs[source.name] for source in wanted.sources if source.tools)]
    members = [str(entry.path.relative_to(root)) for entry in entries]
    members += [path.name for pattern in COMPANIONS for path in sorted(root.glob(pattern))]
    part = file.with_name(file.name + ".part")
    ran = subprocess.run(
        ["tar", "-C", str(root), "-cf", str(part), *members], text=True, capture_output=True, check=False
    )
    if ran.returncode:
        part.unlink(missing_ok=True)
        raise LabError(f"the archive could not be written: {ran.stderr.strip()}")
    part.rename(file)
    say(f"wrote {file} ({file.stat().st_size / 1e6:.0f} MB): {', '.join(members)}")


def import_from(file: Path, say: Say) -> None:
    """Take the lab from `file` into the cache; LabError where it is no such archive or does not fit."""
    if not file.is_file():
        raise LabError(f"{file} is no file; `python -m lab export FILE` on a built machine writes one")
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(["tar", "-tf", str(file)], text=True, capture_output=True, check=False)
    names = listed.stdout.splitlines()
    if listed.returncode or not any(name.startswith("node/") for name in names):
        raise LabError(f"{file} is not an archive that `python -m lab export` wrote, or it is cut short")
    if any(name.startswith("/") or ".." in name.split("/") for name in names):
        raise LabError(f"{file} names places outside the cache; it was not written by `python -m lab export`")
    subprocess.run(["tar", "-C", str(root), "-xf", str(file)], check=True)
    wanted = plan(root)
    if damage := wanted.node.damage():
        raise LabError(
            f"{file} was taken in but does not fit this checkout ({damage}): it was exported from another "
            "version of the project, or is cut short; export it again from this one"
        )
    say("taken in and whole; `python -m lab build` now needs no registry")


def _collect(root: Path, say: Say) -> None:
    """Fetch what the machine that imports will install: the engine's packages and the suite's wheels."""
    try:
        say(f"{len(host.save_packages(engine.PACKAGES, root / 'debs'))} Debian packages for the engine")
    except LabError as error:
        say(f"without Debian packages for the engine: {error}")
    requirements = PROJECT / "requirements.txt"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    options = ["--require-hashes", "--dest", str(root / "wheels"), "--requirement", str(requirements)]
    ran = subprocess.run([*command, *options], text=True, capture_output=True, check=False)
    if ran.returncode:
        say(f"without wheels for the suite: {ran.stderr.strip()[-300:]}")
    else:
        say(f"{len(list((root / 'wheels').iterdir()))} wheels for the suite")
