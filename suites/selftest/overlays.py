"""The article's resources by file, and the parts of them that tests of the declaration change."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fixtures.declaration import Declaration
from fixtures.manifests import APP, GATEWAY, ROUTE, Manifests

Files = dict[str, list[Any]]
Declare = Callable[[Mapping[str, Sequence[Any]]], Declaration]
ARTICLE = {name: Manifests().load(name) for name in (APP, GATEWAY, ROUTE)}


def part(files: Files, file: str, kind: str) -> Any:
    return next(each for each in files[file] if each["kind"] == kind)


def rule(files: Files) -> Any:
    return part(files, ROUTE, "VirtualService")["spec"]["http"][0]


def server(files: Files) -> Any:
    return part(files, GATEWAY, "Gateway")["spec"]["servers"][0]


def template(files: Files) -> Any:
    return part(files, APP, "Deployment")["spec"]["template"]
