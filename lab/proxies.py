"""Proxy images: each Istio's with each Envoy that the lab knows, so that any pair can be installed at once.

With the Envoy of its own release line it has Istio's plain name, `proxyv2`; with another one the Envoy is in
the name, as `proxyv2-envoy-1.37.0`, because that is what Istio's value global.proxy.image may say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lab.errors import LabError
from lab.sources import Image, Source, versions_of

#: What a source's `lacks` calls the counting of requests, where its Envoy can't stand in for Istio's filter.
REQUEST_METRICS = "request-metrics"

#: The node metadata in which each proxy tells istiod "true" if its Envoy can count requests, else "false":
#: an EnvoyFilter can match on it, and on Istio's version alone it could not tell one Envoy from another.
COUNTS_REQUESTS = "LAB_COUNTS_REQUESTS"


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
    """The images of a source; one that runs an Envoy comes once with each, its own first."""
    return [
        image
        for declared in source.images
        for image in ([proxy.image for proxy in _proxies(declared, sources)] or [declared])
    ]


def proxy(source: Source, sources: Sequence[Source], envoy: str | None = None) -> Proxy:
    """The proxy of an Istio's source with the Envoy of this version, or with its own.

    LabError for an Envoy that no source has, and for a source without a proxy.
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
    """The image with another Envoy in the place of its own, which it then names, or with its own."""
    name = declared.name
    if envoy.name != own:
        repository, _, tag = name.rpartition(":")
        name = f"{repository}-envoy-{envoy.versions['envoy']}:{tag}"
    counts = "false" if REQUEST_METRICS in envoy.lacks else "true"
    return replace(
        declared,
        name=name,
        programs={_exchanged(program, own, envoy): path for program, path in declared.programs.items()},
        environment={**declared.environment, f"ISTIO_META_{COUNTS_REQUESTS}": counts},
    )


def _exchanged(program: str, own: str, envoy: Source) -> str:
    folder, _, name = program.partition(":")
    return f"{envoy.name}:{name}" if folder == own else program


def _folder(program: str) -> str:
    return program.partition(":")[0]
