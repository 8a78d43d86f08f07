"""Builds the missing parts of the lab: programs, root file system and node image."""

import contextlib
import threading
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path

from lab import engine, environment, folders, host, node, packages, programs, rootfs, scratch
from lab.cache import Entry, locked, prune
from lab.engine import Engine
from lab.errors import LabError
from lab.paths import cache_root
from lab.progress import Progress
from lab.sources import Source, all_sources, versions_of

#: Debian packages that a build needs besides the engine's. Ubuntu lacks Debian's keys.
BUILD_PACKAGES = ("mmdebstrap", "debian-archive-keyring")

#: Seconds per step, measured on two cores with empty caches; used until this machine has its own figures.
GUESSES = {
    "engine": 30.0,
    "core": 600.0,
    "istio-1.30.4": 130.0,
    "kiali": 30.0,
    "jaeger": 20.0,
    "base": 3.0,
    "rootfs": 60.0,
    "node": 60.0,
    "load": 12.0,
}

#: File name of the node image in its cache entry.
NODE_ARCHIVE = "node.tar"

#: Builds of one part that pruning keeps: the current one and two older ones to go back to.
KEPT = 3

#: GiB of disk and memory that a first build needs: programs, compiler cache, module cache, engine images.
NEEDED_DISK, NEEDED_MEMORY = 20.0, 6.0


@dataclass(frozen=True)
class Plan:
    """The parts of a lab with some or all known Istio versions, and the cache entry of each, built or not."""

    root: Path
    sources: tuple[Source, ...]
    programs: dict[str, Entry]
    rootfs: Entry
    node: Entry

    @property
    def image(self) -> str:
        """Name of the node image in the engine."""
        return node.tag(self.node)

    def tools(self) -> dict[str, Path]:
        """Return the programs that run on the host, by name; each istioctl is named `istioctl-<version>`."""
        found = {}
        for source in self.sources:
            folder = self.programs[source.name].path
            for name in source.tools.get("cluster", []):
                found[name] = folder / name
            for name in source.tools.get("istio", []):
                found[f"{name}-{source.versions['istio']}"] = folder / name
        return found

    @property
    def istio_versions(self) -> list[str]:
        """The Istio versions in the node image, newest last."""
        return versions_of("istio", self.sources)

    def istio(self, version: str) -> Source:
        """Return the source of an Istio version. Raises StopIteration for a version that this lab lacks."""
        return next(source for source in self.sources if source.versions.get("istio") == version)

    def built(self) -> bool:
        """Return whether the tools and the node image are intact in the cache and need no build."""
        tools_whole = all(
            self.programs[source.name].damage(*names) is None
            for source in self.sources
            if (names := [name for group in source.tools.values() for name in group])
        )
        return tools_whole and self.has_node()

    def has_node(self) -> bool:
        """Return whether the node image is intact in the cache."""
        return self.node.damage_at_a_glance(NODE_ARCHIVE) is None

    def use(self) -> None:
        """Protect every part from pruning until this process ends."""
        for entry in (*self.programs.values(), self.rootfs, self.node):
            entry.use()


def plans(root: Path | None = None) -> list[Plan]:
    """Return a plan for each choice of Istio versions, most versions first: `[all, ..., core's alone]`.

    Raises LabError for an unreadable source.
    """
    root = root or cache_root()
    sources = tuple(all_sources().values())
    entries = {source.name: programs.entry(source, root) for source in sources}
    optional = [source for source in sources if source.is_optional]
    found = []
    for count in range(len(optional) + 1):
        for left_out in combinations(optional, count):
            chosen = tuple(source for source in sources if source not in left_out)
            parts = {source.name: entries[source.name] for source in chosen}
            found.append(Plan(root, chosen, parts, rootfs.entry(root), node.entry(root, chosen, parts)))
    return found


def plan(root: Path | None = None, istio: Collection[str] | None = None) -> Plan:
    """Return the plan of a lab with these Istio versions, by default with all.

    A built lab that has more versions too is preferred to one that would have to be built. Raises LabError
    for an unknown version and for an unreadable source.
    """
    known = plans(root)
    everything = known[0]
    if istio is None:
        return everything
    if unknown := set(istio) - set(everything.istio_versions):
        has = ", ".join(everything.istio_versions)
        raise LabError(f"the lab has no Istio {', '.join(sorted(unknown))}; it has {has}")
    sufficient = [each for each in known if set(istio) <= set(each.istio_versions)]
    return next((each for each in sufficient if each.has_node()), sufficient[-1])


def build(istio: Collection[str] | None = None) -> Plan:
    """Build what is missing of a lab with these Istio versions, by default with all, and load its node image.

    Starts an engine if none is running. Raises LabError for problems that the user can fix: too little disk
    or memory, no root, a registry that does not answer, a program that does not compile, an unknown version.
    """
    # Every run needs root for its firewall rules: say so before minutes of building.
    host.require_root("build the lab and to keep its packets on this machine")
    folders.check()
    wanted = plan(istio=istio)
    folders.cache_place().claim()
    wanted.use()
    progress = Progress(wanted.root / "times.json")
    if not wanted.built():
        host.check_room(NEEDED_DISK, NEEDED_MEMORY)
        _build_missing(wanted, progress)
        wanted.use()
    running = engine.ensure(progress.say)
    _load(wanted, running, progress)
    return wanted


def _build_missing(wanted: Plan, progress: Progress) -> None:
    missing = [source for source in wanted.sources if wanted.programs[source.name].damage() is not None]
    steps = {
        source.name: GUESSES.get(source.name, 300.0 if (source.folder / "go.mod").exists() else 5.0)
        for source in missing
    }
    for name, is_built in (("rootfs", wanted.rootfs.damage() is None), ("node", False), ("load", False)):
        if not is_built:
            steps[name] = GUESSES[name]
    progress.expect(steps)
    stopped = threading.Event()
    # Downloads and the root file system need the network, the compiler the processors: run them together.
    with ThreadPoolExecutor(3) as pool:
        pool.submit(_download, missing, stopped)
        try:
            packages.ensure(list(BUILD_PACKAGES), progress.say)
            # The engine comes first: a machine that can't run one fails at once and not after minutes.
            running = engine.ensure(progress.say)
            debian = pool.submit(_build_rootfs, wanted, progress)
            compiled = pool.submit(_build_programs, wanted, missing, progress)
            for part in (debian, compiled):
                part.result()
        except BaseException:
            # On an interrupt or a failure in one thread, the pool would wait minutes for the others.
            stopped.set()
            environment.end_children()
            raise
    with progress.step("node", "node image with unpacked container images") as update:
        folders = {source.name: wanted.programs[source.name].path for source in wanted.sources}
        wanted.node.make(
            lambda folder: node.build(folder, running, wanted.sources, folders, wanted.rootfs.path, update),
            progress.say,
        )
    progress.say_total()
    for kind in (*folders, "rootfs", "node"):
        prune(wanted.root, kind, KEPT)


def _download(missing: Sequence[Source], stopped: threading.Event) -> None:
    """Download the modules of all sources while the first compile; a source's own build reports errors."""
    for source in missing:
        if stopped.is_set():
            return
        with scratch.folder("modules") as work, contextlib.suppress(LabError):
            programs.download(source, work)


def _build_rootfs(wanted: Plan, progress: Progress) -> None:
    if wanted.rootfs.damage() is None:
        return
    with progress.step("rootfs", "the node's Debian root file system"):
        wanted.rootfs.make(rootfs.build, progress.say)


def _build_programs(wanted: Plan, missing: Sequence[Source], progress: Progress) -> None:
    for source in missing:
        with progress.step(source.name, source.title) as update:
            wanted.programs[source.name].make(partial(programs.build, source, update=update), progress.say)


def _load(wanted: Plan, running: Engine, progress: Progress) -> None:
    """Load the node image into the engine unless the engine has it."""

    def load_archive() -> None:
        if damage := wanted.node.damage(NODE_ARCHIVE):
            progress.say(f"the cached node image is damaged ({damage}); rebuilding it")
            wanted.node.forget()
            _build_missing(wanted, progress)
        with progress.step("load", "loading the node image into the engine"):
            running.docker("load", "--quiet", "--input", str(wanted.node.path / NODE_ARCHIVE))

    with locked(wanted.root / "locks" / "load"):
        node.load(wanted.node, running, load_archive)
        node.remove_tags(running, keep=lambda key: (wanted.root / "node" / key).exists())
