"""`istio-conformance images`: every file and image that a run of the published Istio needs."""

import argparse
import sys
from collections.abc import Sequence

from fixtures.distributions.base import SourceOptions, Unavailable
from fixtures.distributions.upstream import Upstream
from fixtures.distributions.versions import resolve


def main(arguments: Sequence[str]) -> int:
    """Print the list. Return 0 on success, 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(
        prog="istio-conformance images",
        description="List every file and image that a run with --distribution upstream needs, and the place "
        "that each comes from. Downloads nothing but the list of Istio's releases.",
    )
    parser.add_argument("--istio-version", action="append", metavar="VERSION", help="repeatable (latest)")
    parser.add_argument(
        "--kubernetes-version", metavar="VERSION", help="of the kind node (the newest that Istio supports)"
    )
    parser.add_argument("--node-image", metavar="IMAGE", help="the image of the kind node")
    parser.add_argument("--registry-mirror", action="append", default=[], metavar="HOST=MIRROR")
    parser.add_argument("--release-mirror", action="append", default=[], metavar="HOST=URL")
    chosen = parser.parse_args(arguments)
    try:
        source = Upstream(
            SourceOptions(
                kubernetes_version=chosen.kubernetes_version,
                node_image=chosen.node_image,
                registry_mirrors=tuple(chosen.registry_mirror),
                release_mirrors=tuple(chosen.release_mirror),
            )
        )
        known = source.istio_versions()
        versions = {resolve(each, known, source.is_unlisted) for each in chosen.istio_version or [None]}
        if source.unread:
            sys.stderr.write(
                f"the list of releases cannot be read, so the recorded one is used: {source.unread}\n"
            )
        sys.stdout.write("".join(f"{line}\n" for line in source.needs(versions).lines()))
    except (ValueError, Unavailable) as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return 1
    return 0
