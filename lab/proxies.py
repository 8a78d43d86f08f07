"""Proxy images: one for every pair of an Istio and an Envoy, so that any pair can be installed.

With the Envoy of its own release, an Istio's image has the standard name `proxyv2`. With another Envoy, the
name includes the version, as in `proxyv2-envoy-1.39.3`. Istio's value global.proxy.image selects the image.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lab.errors import LabError
from lab.sources import Image, Source, versions_of


@dataclass(frozen=True)
class Proxy:
    """The proxy image of one Istio with one Envoy."""

    image: Image
    envoy: Source

    @property
    def name(self) -> str:
        """The image's name without registry and tag, for Istio's value global.proxy.image."""
        return self.image.name.rpartition("/")[2].partition(":")[0]


def images(source: Source, sources: Sequence[Source]) -> list[Image]:
    """Return the images of a source. An image with an Envoy is listed once per Envoy, its own first."""
    return [
        image
        for declared in source.images
        for image in ([proxy.image for proxy in _proxies(declared, sources)] or [declared])
    ]


def proxy(source: Source, sources: Sequence[Source], envoy: str | None = None) -> Proxy:
    """Return the proxy of an Istio's source with this Envoy version, by default with its own Envoy.

    Raises LabError for an unknown Envoy version and for a source without a proxy image.
    """
    found = [each for declared in source.images for each in _proxies(declared, sources)]
    if not found:
        raise LabError(f"{source.name} declares no image with an Envoy; see lab/sources/core")
    if envoy is None:
        return found[0]
    for each in found:
        if each.envoy.versions["envoy"] == envoy:
            return each
    raise LabError(f"the lab has no Envoy {envoy}; it has {', '.join(versions_of('envoy', sources))}")


def _proxies(declared: Image, sources: Sequence[Source]) -> list[Proxy]:
    envoys = {source.name: source for source in sources if "envoy" in source.versions}
    own = next((name for name in map(_folder, declared.programs) if name in envoys), None)
    if own is None:
        return []
    others = [envoy for name, envoy in sorted(envoys.items()) if name != own]
    return [Proxy(_with(declared, own, envoy), envoy) for envoy in (envoys[own], *others)]


def _with(declared: Image, own: str, envoy: Source) -> Image:
    """Return the image with this Envoy, which the image's name includes unless it is the image's own."""
    name = declared.name
    if envoy.name != own:
        repository, _, tag = name.rpartition(":")
        name = f"{repository}-envoy-{envoy.versions['envoy']}:{tag}"
    return replace(
        declared,
        name=name,
        programs={_replaced(program, own, envoy): path for program, path in declared.programs.items()},
    )


def _replaced(program: str, own: str, envoy: Source) -> str:
    folder, _, name = program.partition(":")
    return f"{envoy.name}:{name}" if folder == own else program


def _folder(program: str) -> str:
    return program.partition(":")[0]
