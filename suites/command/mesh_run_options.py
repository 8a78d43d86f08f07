"""The options of `istio-conformance mesh run`, and the request that they make."""

import argparse
from pathlib import Path

from fixtures.mesh_run import request as reading
from fixtures.mesh_run.request import HOST, InvalidOption, Reach, Request

#: The app, unless another one is named.
IMAGE = "docker.io/library/nginx:1.28.0"
_PLACE = "NAMESPACE/SERVICE"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options that only `mesh run` has."""
    add = parser.add_argument
    add("--revision", default="", metavar="NAME", help="a revision or a tag (the default one)")
    add("--yes", action="store_true", help="do not ask before anything is created")
    add("--keep", action="store_true", help="keep the namespace; `mesh cleanup` removes it")
    add("--output", "-o", choices=("table", "json", "junit"), default="table", help="the form (%(default)s)")
    add("--require-complete", action="store_true", help="exit with 13 if a stage was skipped")
    add("--timeout-factor", type=float, default=1.0, help="multiply every time-out")
    pods = parser.add_argument_group("pods of the run")
    add = pods.add_argument
    add("--image", "--app-image", default=IMAGE, help="a server of a page at port 80 (%(default)s)")
    add("--pull-secret", type=Path, metavar="FILE", help="a Docker configuration, for private registries")
    add("--toleration", action="append", default=[], metavar="KEY[=VALUE][:EFFECT]", help="of a node's taint")
    add("--node-selector", action="append", default=[], metavar="KEY=VALUE", help="of the pods' nodes")
    add("--namespace-label", action="append", default=[], metavar="KEY=VALUE", help="of the run's namespace")
    way = parser.add_argument_group("way to the gateway")
    add = way.add_argument
    choices = [each.value for each in Reach]
    add("--reach", choices=choices, default=choices[0], help="how requests get there (%(default)s)")
    add("--address-timeout", type=float, default=180.0, metavar="SECONDS", help="of an address (%(default)g)")
    add("--ingress", default="", metavar=f"{_PLACE}[:PORT]", help="use this shared gateway, which changes it")
    add("--host", default=HOST, metavar="NAME", help="the host of the run's requests (%(default)s)")
    add_ons = parser.add_argument_group("add-ons: NAMESPACE/SERVICE[:PORT][/PATH] or a URL")
    add = add_ons.add_argument
    add("--prometheus", default="", metavar="PLACE", help="compare the counters; port 9090")
    add("--jaeger", default="", metavar="PLACE", help="expect a trace of each request; port 16686")
    add("--kiali", default="", metavar="PLACE", help="expect the edge in the graph; port 20001, path /kiali")
    add("--tracing-provider", default="", metavar="NAME", help="the extension provider (the mesh's default)")


def request_of(chosen: argparse.Namespace) -> Request:
    """Return the request. Raises InvalidOption."""
    if chosen.tracing_provider and not chosen.jaeger:
        raise InvalidOption("--tracing-provider has no effect without --jaeger")
    return Request(
        image=chosen.image,
        revision=chosen.revision,
        reach=Reach(chosen.reach),
        address_timeout=chosen.address_timeout,
        ingress=reading.place("--ingress", chosen.ingress, 80, url=False),
        host=chosen.host,
        prometheus=reading.place("--prometheus", chosen.prometheus, 9090),
        jaeger=reading.place("--jaeger", chosen.jaeger, 16686),
        kiali=reading.place("--kiali", chosen.kiali, 20001, "/kiali"),
        tracing_provider=chosen.tracing_provider,
        pull_secret=reading.pull_secret("--pull-secret", chosen.pull_secret),
        tolerations=reading.tolerations("--toleration", chosen.toleration),
        node_selector=reading.labels("--node-selector", chosen.node_selector),
        namespace_labels=reading.namespace_labels("--namespace-label", chosen.namespace_label),
    )
