"""The node image: Debian, kind's base files, Kubernetes and every container image of a run, unpacked."""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from lab import proxies, rootfs
from lab.cache import Entry, digest, tree_digest
from lab.engine import PROOF_IMAGE, Engine
from lab.errors import LabError
from lab.images import Archive, Layer, compose, configuration, layer
from lab.paths import LABEL, OWNER_LABEL, PROJECT, owner
from lab.sources import Source

FILES = PROJECT / "lab" / "node"
REPOSITORY = "istio-conformance-lab/node"
#: Label of a build's container and tag of its image, in place of a run's name and a key.
BAKE = "build"

#: The image settings that tell systemd that it runs in a container, and the signal that stops it.
#: Source: kind v0.33.0, images/base/Dockerfile.
CONFIGURATION = {
    "Env": ["container=docker", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    "Entrypoint": ["/usr/local/bin/entrypoint", "/sbin/init"],
    "StopSignal": "SIGRTMIN+3",
}

#: Changes to kind's containerd configuration: the pause image of Kubernetes 1.36, and no lowering of
#: oom_score_adj, which needs a capability that the smallest machines withhold.
CONTAINERD = {
    'sandbox_image = "registry.k8s.io/pause:3.10"': 'sandbox_image = "registry.k8s.io/pause:3.10.2"',
    "restrict_oom_score_adj = false": "restrict_oom_score_adj = true",
}

Say = Callable[[str], None]


def entry(root: Path, sources: Sequence[Source], programs: Mapping[str, Entry]) -> Entry:
    """Return the cache entry, keyed by all inputs: programs, root file system, sources and recipe files."""
    recipe = [(PROJECT / "lab" / name).read_bytes() for name in ("node.py", "images.py", "proxies.py")]
    parts = [source.digest + programs[source.name].key for source in sources]
    return Entry(root, "node", digest(rootfs.entry(root).key, tree_digest(FILES), *recipe, *parts))


def tag(node: Entry) -> str:
    """Return this checkout's tag for the image in an engine.

    Each checkout that uses an image tags it separately and removes only its own tag. The engine deletes the
    image with the last tag.
    """
    return f"{REPOSITORY}:{node.key[:16]}-{owner()}"


def load(node: Entry, engine: Engine, load_archive: Callable[[], None]) -> None:
    """Load the image into the engine under this checkout's tag, unless it is loaded already.

    `load_archive` loads node.tar. An image that another checkout has loaded only gets one more tag.
    """
    if has(engine, tag(node)):
        return
    loaded = [name for name in _tags(engine) if name.startswith(f"{REPOSITORY}:{node.key[:16]}-")]
    if loaded:
        engine.docker("tag", loaded[0], tag(node))
        return
    archived = f"{REPOSITORY}:{node.key[:16]}"
    load_archive()
    engine.docker("tag", archived, tag(node))
    engine.docker("image", "rm", archived, check=False)


def has(engine: Engine, name: str) -> bool:
    """Return whether the engine has an image of this name."""
    return engine.docker("image", "inspect", "--format", "{{.Id}}", name, check=False).returncode == 0


def remove_tags(engine: Engine, keep: Callable[[str], bool] | None = None) -> list[str]:
    """Remove this checkout's tags of node images and return them.

    Spares a tag whose key `keep` accepts, and a tag that a container uses.
    """
    removed = []
    used = engine.docker("ps", "--all", "--format", "{{.Image}}").stdout.split()
    for name in _tags(engine):
        key, _, owner_of_tag = name.removeprefix(f"{REPOSITORY}:").partition("-")
        if owner_of_tag == owner() and not (keep and keep(key)) and name not in used:
            engine.docker("image", "rm", name, check=False)
            removed.append(name)
    return removed


def is_of_the_lab(name: str) -> bool:
    """Return whether an image, as REPOSITORY:TAG, is a node image, one of a proof, or has no name."""
    return name.rpartition(":")[0] in (REPOSITORY, PROOF_IMAGE, "<none>")


def _tags(engine: Engine) -> list[str]:
    return engine.docker("images", "--format", "{{.Repository}}:{{.Tag}}", REPOSITORY).stdout.split()


def build(
    folder: Path, engine: Engine, sources: Sequence[Source], programs: Mapping[str, Path], debian: Path,
    update: Callable[[str, float], None],
) -> None:  # fmt: skip
    """Build node.tar in `folder`, an archive for `docker load`.

    `programs` maps each source's name to the folder of its built programs. Raises LabError if bake.sh fails
    in its container.
    """
    lookup = _Lookup(sources, programs)
    work = folder / "work"
    work.mkdir()
    unpacked = rootfs.unpack(debian / "rootfs.tar", work / "rootfs")
    update("container images", 0.1)
    with closing(Archive(work / "images.tar")) as archive:
        for source in sources:
            for image in proxies.images(source, sources):
                layers = compose(image, lookup.programs(source), lookup.files(source), unpacked, work)
                archive.add(image.name, layers, configuration(image))
                _remove(layers)
    update("node files", 0.4)
    with layer(work / "node.tar") as target:
        _node_files(sources, lookup, target)
    base = [debian / "rootfs.tar", work / "node.tar"]
    name = f"{REPOSITORY}:{BAKE}-{folder.name.removesuffix('.part')}-{owner()}"
    with closing(Archive(work / "base.tar")) as archive:
        archive.add(name, base, CONFIGURATION)
    update("unpacking the images inside the node", 0.5)
    _bake(engine, name, work)
    update("packing the node image", 0.85)
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
        raise LabError(f"unpacking images into the node failed:\n{ran.stderr[-3000:]}{ran.stdout[-1000:]}")


class _Lookup:
    """Finds programs and module files by source.toml's names: `name`, or `folder:name` of another source."""

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
    """Write kind's base files, the lab's files over them, the node's programs and the enabled units."""
    (cluster,) = (source for source in sources if "kubernetes" in source.versions)
    base = lookup.files(cluster)["kind-base"]
    config = (base / "etc/containerd/config.toml").read_text()
    for theirs, ours in CONTAINERD.items():
        if theirs not in config:
            raise LabError(
                f"kind's containerd configuration no longer contains {theirs!r}; "
                "update CONTAINERD in lab/node.py"
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
