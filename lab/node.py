"""The node image: Debian, kind's own base files, Kubernetes, and every image that a run needs, unpacked."""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from lab import proxies, rootfs
from lab.cache import Entry, digest, tree_digest
from lab.engine import Engine
from lab.errors import LabError
from lab.images import Archive, Layer, compose, configuration, layer
from lab.paths import LABEL, OWNER_LABEL, PROJECT, owner
from lab.sources import Source

FILES = PROJECT / "lab" / "node"
REPOSITORY = "istio-conformance-lab/node"
#: What a build's container and image have in place of a run's name and a key.
BAKE = "build"

#: kind v0.30.0, images/base/Dockerfile: how systemd learns where it runs, and how it is asked to stop.
CONFIGURATION = {
    "Env": ["container=docker", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    "Entrypoint": ["/usr/local/bin/entrypoint", "/sbin/init"],
    "StopSignal": "SIGRTMIN+3",
}

#: Settings of kind's containerd that differ here: the pause image that Kubernetes 1.35 names, and no lowering
#: of oom_score_adj, which needs a capability that the smallest machines withhold.
CONTAINERD = {
    'sandbox_image = "registry.k8s.io/pause:3.10"': 'sandbox_image = "registry.k8s.io/pause:3.10.1"',
    "restrict_oom_score_adj = false": "restrict_oom_score_adj = true",
}

Say = Callable[[str], None]


def entry(root: Path, sources: Sequence[Source], programs: Mapping[str, Entry]) -> Entry:
    """Keyed by all that goes in: programs, root file system, what the sources declare, these files."""
    recipe = [(PROJECT / "lab" / name).read_bytes() for name in ("node.py", "images.py", "proxies.py")]
    parts = [source.digest + programs[source.name].key for source in sources]
    return Entry(root, "node", digest(rootfs.entry(root).key, tree_digest(FILES), *recipe, *parts))


def tag(node: Entry) -> str:
    """This checkout's name for the image in an engine.

    Each checkout that uses an image has a name of its own for it: an engine lets go of the image when the
    last name is removed, and everybody removes their own.
    """
    return f"{REPOSITORY}:{node.key[:16]}-{owner()}"


def load(node: Entry, engine: Engine, load_archive: Callable[[], None]) -> None:
    """Give the engine the image under this checkout's name, unless it has it; `load_archive` loads node.tar.

    An image that another checkout has loaded gets one more name, and is not loaded again.
    """
    if has(engine, tag(node)):
        return
    there = [name for name in _tags(engine) if name.startswith(f"{REPOSITORY}:{node.key[:16]}-")]
    if there:
        engine.docker("tag", there[0], tag(node))
        return
    archived = f"{REPOSITORY}:{node.key[:16]}"
    load_archive()
    engine.docker("tag", archived, tag(node))
    engine.docker("image", "rm", archived, check=False)


def has(engine: Engine, name: str) -> bool:
    """Whether the engine has an image of this name."""
    return engine.docker("image", "inspect", "--format", "{{.Id}}", name, check=False).returncode == 0


def remove_tags(engine: Engine, keep: Callable[[str], bool] | None = None) -> list[str]:
    """Remove this checkout's names of node images, save those whose key is to be kept; the names that went.

    A name that a container was made by stays.
    """
    gone = []
    used = engine.docker("ps", "--all", "--format", "{{.Image}}").stdout.split()
    for name in _tags(engine):
        key, _, whose = name.removeprefix(f"{REPOSITORY}:").partition("-")
        if whose == owner() and not (keep and keep(key)) and name not in used:
            engine.docker("image", "rm", name, check=False)
            gone.append(name)
    return gone


def _tags(engine: Engine) -> list[str]:
    return engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}", REPOSITORY).stdout.split()


def build(
    folder: Path, engine: Engine, sources: Sequence[Source], programs: Mapping[str, Path], debian: Path,
    tell: Callable[[str, float], None],
) -> None:  # fmt: skip
    """Make node.tar in `folder`, an archive for `docker load`; `programs` has each source's built folder.

    Raises LabError where the bake in the container fails.
    """
    lookup = _Lookup(sources, programs)
    work = folder / "work"
    work.mkdir()
    unpacked = rootfs.unpack(debian / "rootfs.tar", work / "rootfs")
    tell("container images", 0.1)
    with closing(Archive(work / "images.tar")) as archive:
        for source in sources:
            for image in proxies.images(source, sources):
                layers = compose(image, lookup.programs(source), lookup.files(source), unpacked, work)
                archive.add(image.name, layers, configuration(image))
                _remove(layers)
    tell("the node's files", 0.4)
    with layer(work / "node.tar") as target:
        _node_files(sources, lookup, target)
    base = [debian / "rootfs.tar", work / "node.tar"]
    name = f"{REPOSITORY}:{BAKE}-{folder.name.removesuffix('.part')}-{owner()}"
    with closing(Archive(work / "base.tar")) as archive:
        archive.add(name, base, CONFIGURATION)
    tell("unpacking the images inside the node", 0.5)
    _bake(engine, name, work)
    tell("packing the node image", 0.85)
    with closing(Archive(folder / "node.tar")) as archive:
        archive.add(
            f"{REPOSITORY}:{folder.name.removesuffix('.part')}", [*base, work / "baked.tar"], CONFIGURATION
        )
    shutil.copyfile(work / "names.txt", folder / "images.txt")
    shutil.copyfile(debian / "packages.txt", folder / "packages.txt")
    shutil.rmtree(work)


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink()


def _bake(engine: Engine, name: str, work: Path) -> None:
    shutil.copyfile(FILES / "bake.sh", work / "bake.sh")
    engine.docker("load", "--quiet", "--input", str(work / "base.tar"))
    (work / "base.tar").unlink()
    labels = (f"--label={LABEL}={BAKE}", f"--label={OWNER_LABEL}={owner()}")
    ran = engine.docker(
        "run", "--rm", "--privileged", "--network=none", *labels, f"--volume={work}:/bake",
        "--entrypoint=/bin/bash", name, "/bake/bake.sh", check=False,
    )  # fmt: skip
    engine.docker("image", "rm", name, check=False)
    if ran.returncode:
        raise LabError(f"the node's images could not be unpacked:\n{ran.stderr[-3000:]}{ran.stdout[-1000:]}")


class _Lookup:
    """Programs and module files as a source's images name them: its own plainly, others' as folder:name."""

    def __init__(self, sources: Sequence[Source], built: Mapping[str, Path]) -> None:
        self._built = built
        self._shared = {
            f"{source.name}:{path.name}": path for source in sources for path in built[source.name].iterdir()
        }

    def programs(self, source: Source) -> dict[str, Path]:
        own = {path.name: path for path in self._built[source.name].iterdir()}
        return {**self._shared, **own}

    def files(self, source: Source) -> dict[str, Path]:
        return {name: self._built[source.name] / name for name in source.files}


def _node_files(sources: Sequence[Source], lookup: _Lookup, target: Layer) -> None:
    """kind's base files, ours over them, the node's programs, and the units that start with the node."""
    (cluster,) = (source for source in sources if "kubernetes" in source.versions)
    base = lookup.files(cluster)["kind-base"]
    config = (base / "etc/containerd/config.toml").read_text()
    for theirs, ours in CONTAINERD.items():
        if theirs not in config:
            raise LabError(
                f"kind's containerd configuration no longer says {theirs!r}; see CONTAINERD in lab/node.py"
            )
        config = config.replace(theirs, ours)
    target.text("etc/containerd/config.toml", config)
    target.tree("", FILES / "files", 0o644)
    for name, mode in (("usr/local/bin", 0o755), ("kind/bin", 0o755), ("kind", 0o644), ("etc", 0o644)):
        target.tree(name, base / name, mode)
    programs = lookup.programs(cluster)
    for name in cluster.node_programs:
        target.file(f"usr/bin/{name}", programs[name], 0o755)
    target.text("kind/version", f"v{cluster.versions['kubernetes']}")
    wanted = "etc/systemd/system/multi-user.target.wants"
    for unit in ("kubelet.service", "containerd.service", "undo-mount-hacks.service", "kube-proxy.path"):
        target.link(f"{wanted}/{unit}", f"/etc/systemd/system/{unit}")
