"""Builds the image of Istio's CNI plugin, for the first run that installs it.

The lab's node image does not have it: most runs let istio-init set up the chains.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from lab import programs, rootfs, scratch
from lab.build import plan
from lab.cache import Entry, digest
from lab.errors import LabError
from lab.images import Archive, compose, configuration
from lab.paths import cache_root
from lab.progress import Progress
from lab.sources import Source, on_demand

#: File name of the archive in its cache entry.
_ARCHIVE = "install-cni.tar"
#: Seconds that compiling takes on two cores after core, whose packages the compiler's cache holds.
_GUESS = 60.0


def check(istio_version: str) -> None:
    """Raise LabError unless the lab has the plugin of this version of Istio."""
    known = on_demand("cni").versions["istio"]
    if istio_version != known:
        raise LabError(
            f"the lab has the CNI plugin of Istio {known} only, not of {istio_version}: "
            "remove components.cni from the values, or use --distribution upstream"
        )


def archive(istio_version: str, say: Callable[[str], None]) -> Path:
    """Return an archive with the image, built first if it is missing. LabError for other versions."""
    check(istio_version)
    source, base = on_demand("cni"), plan(istio={istio_version}).rootfs
    key = digest(source.digest, base.key, Path(__file__).read_bytes())
    entry = Entry(cache_root(), "cni-image", key)
    entry.make(partial(_write, source, base), say, _ARCHIVE)
    entry.use()
    return entry.path / _ARCHIVE


def _write(source: Source, base: Entry, folder: Path) -> None:
    progress = Progress(cache_root() / "times.json")
    progress.expect({source.name: _GUESS})
    with scratch.folder("cni") as made, progress.step(source.name, source.title) as update:
        built_in = made / "programs"
        built_in.mkdir()
        programs.build(source, built_in, update=update)
        built = {path.name: path for path in built_in.iterdir()}
        # An imported lab has no root file system.
        base.make(rootfs.build, progress.say)
        unpacked = rootfs.unpack(base.path / "rootfs.tar", made / "rootfs")
        target = Archive(folder / _ARCHIVE)
        for image in source.images:
            layers = compose(image, built, {}, unpacked, made)
            target.add(image.name, layers, configuration(image))
        target.close()
