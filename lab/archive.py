"""The built lab as one archive, for a site that reaches no registry at all."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from lab.build import plan
from lab.errors import LabError
from lab.paths import cache_root
from lab.sources import istio_versions

Say = Callable[[str], None]

#: Folders of the cache that a run without registries needs beside the lab's own entries: Debian packages for
#: the engine, wheels for the suite, the report's generator.
COMPANIONS = ("debs", "wheels", "allure")


def export_to(file: Path, say: Say) -> None:
    """Write all that a run needs to `file`, a tar; LabError where the lab isn't built or the file exists."""
    root = cache_root()
    wanted = plan([istio_versions()[-1]], root)
    if not wanted.built():
        raise LabError("the lab is not built; run `python -m lab build` first")
    if damage := wanted.node.damage():
        raise LabError(f"the node image is damaged ({damage}); run `python -m lab build` first")
    if file.exists():
        raise LabError(f"{file} exists; name a new file or remove it")
    if not file.absolute().parent.is_dir():
        raise LabError(f"{file.absolute().parent} is no folder; make it first")
    entries = [wanted.node, *(wanted.programs[source.name] for source in wanted.sources if source.tools)]
    members = [str(entry.path.relative_to(root)) for entry in entries]
    members += [name for name in COMPANIONS if (root / name).is_dir()]
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
    wanted = plan([istio_versions()[-1]], root)
    if damage := wanted.node.damage():
        raise LabError(
            f"{file} was taken in but does not fit this checkout ({damage}): it was exported from another "
            "version of the project, with another Go, or is cut short; export it again from this one"
        )
    say("taken in and whole; `python -m lab build` now needs no registry")
