"""Builds the lab: programs, root file system, node image; a part that is there is used as it is."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lab import engine, environment, folders, host, node, packages, programs, rootfs
from lab.cache import Entry, locked, prune
from lab.engine import Engine
from lab.paths import cache_root
from lab.progress import Progress
from lab.sources import Source, all_sources

#: Debian packages that building needs on the machine, beside those of the engine; Ubuntu lacks Debian's keys.
BUILD_PACKAGES = ("mmdebstrap", "debian-archive-keyring")

#: Seconds that a step takes where this machine has no figure of its own: two cores, empty caches.
GUESSES = {
    "engine": 30.0,
    "core": 420.0,
    "istio-1.28.2": 120.0,
    "kiali": 35.0,
    "jaeger": 100.0,
    "base": 3.0,
    "rootfs": 60.0,
    "node": 60.0,
    "load": 12.0,
}

#: The node image in its entry of the cache.
NODE_ARCHIVE = "node.tar"

#: Builds of one part that stay in the cache and the engine: this one and two more, for a step back.
KEPT = 3

#: Room that a first build needs, GiB: programs, compiler cache, module cache, images in the engine.
NEEDED_DISK, NEEDED_MEMORY = 20.0, 6.0


@dataclass(frozen=True)
class Plan:
    """What the lab consists of, every version that it knows, and where each part is or will be."""

    root: Path
    sources: tuple[Source, ...]
    programs: dict[str, Entry]
    rootfs: Entry
    node: Entry

    @property
    def image(self) -> str:
        """The node image's name in the engine."""
        return node.tag(self.node)

    def tools(self) -> dict[str, Path]:
        """Programs that the machine itself runs, by name; each istioctl as `istioctl-<version>`."""
        found = {}
        for source in self.sources:
            folder = self.programs[source.name].path
            for name in source.tools.get("cluster", []):
                found[name] = folder / name
            for name in source.tools.get("istio", []):
                found[f"{name}-{source.versions['istio']}"] = folder / name
        return found

    def istio(self, version: str) -> Source:
        """The source of an Istio; StopIteration for a version that none has."""
        return next(source for source in self.sources if source.versions.get("istio") == version)

    def built(self) -> bool:
        """Whether nothing has to be built: the tools and the node image are whole in the cache."""
        tools_whole = all(
            self.programs[source.name].damage(*names) is None
            for source in self.sources
            if (names := [name for group in source.tools.values() for name in group])
        )
        return tools_whole and self.node.damage_at_a_glance(NODE_ARCHIVE) is None

    def use(self) -> None:
        """Keep every part from being pruned until this process ends."""
        for entry in (*self.programs.values(), self.rootfs, self.node):
            entry.use()


def plan(root: Path | None = None) -> Plan:
    """The plan of the lab; LabError for a source that can't be read."""
    root = root or cache_root()
    sources = tuple(all_sources().values())
    entries = {source.name: programs.entry(source, root) for source in sources}
    return Plan(root, sources, entries, rootfs.entry(root), node.entry(root, sources, entries))


def build() -> Plan:
    """Make all of the lab ready to run, the engine with the node image in it included.

    Raises LabError for what a person can mend: too little room, no root, a registry that does not answer, a
    program that does not compile.
    """
    folders.check()
    wanted = plan()
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
    for name, there in (("rootfs", wanted.rootfs.damage() is None), ("node", False), ("load", False)):
        if not there:
            steps[name] = GUESSES[name]
    progress.expect(steps)
    packages.ensure(list(BUILD_PACKAGES), progress.say)
    # The root file system waits for the network and the compiler for the processor: side by side. The engine
    # comes first, so that a machine that can't run one is told before minutes of building.
    running = engine.ensure(progress.say)
    with ThreadPoolExecutor(2) as pool:
        debian = pool.submit(_build_rootfs, wanted, progress)
        compiled = pool.submit(_build_programs, wanted, missing, progress)
        try:
            for part in (debian, compiled):
                part.result()
        except BaseException:
            # An interrupt or one half's failure: the other half would be waited for, minutes long.
            environment.end_children()
            raise
    with progress.step("node", "node image: containers' images unpacked inside it") as tell:
        folders = {source.name: wanted.programs[source.name].path for source in wanted.sources}
        wanted.node.make(
            lambda folder: node.build(folder, running, wanted.sources, folders, wanted.rootfs.path, tell),
            progress.say,
        )
    for kind in (*folders, "rootfs", "node"):
        prune(wanted.root, kind, KEPT)


def _build_rootfs(wanted: Plan, progress: Progress) -> None:
    if wanted.rootfs.damage() is None:
        return
    with progress.step("rootfs", "Debian root file system of the node"):
        wanted.rootfs.make(rootfs.build, progress.say)


def _build_programs(wanted: Plan, missing: Sequence[Source], progress: Progress) -> None:
    for source in missing:
        with progress.step(source.name, source.title) as tell:
            wanted.programs[source.name].make(partial(programs.build, source, tell=tell), progress.say)


def _load(wanted: Plan, running: Engine, progress: Progress) -> None:
    """Put the node image into the engine unless it is there."""

    def load_archive() -> None:
        if damage := wanted.node.damage(NODE_ARCHIVE):
            progress.say(f"the cached node image is damaged ({damage}); building it again")
            wanted.node.forget()
            _build_missing(wanted, progress)
        with progress.step("load", "node image into the engine"):
            running.docker("load", "--quiet", "--input", str(wanted.node.path / NODE_ARCHIVE))

    with locked(wanted.root / "locks" / "load"):
        node.load(wanted.node, running, load_archive)
        node.remove_tags(running, keep=lambda key: (wanted.root / "node" / key).exists())
