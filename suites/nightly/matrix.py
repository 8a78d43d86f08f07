"""The cells of the nightly, derived from Istio's table of supported releases.

`.github/matrix.yaml` is the only file that the workflow reads. It holds no choice of its own: each supported
minor version of Istio, with its newest known patch, meets each Kubernetes version that Istio supports and
that kind publishes a node image for. An upgrade joins neighbours, on the newest Kubernetes that both support.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from packaging.version import Version

from fixtures.distributions.upstream.node_images import version_of
from fixtures.distributions.upstream.published import PUBLISHED
from fixtures.upgrade.request import STRATEGIES
from suites.nightly.expected import expected_tests

PROJECT = Path(__file__).resolve().parents[2]
MATRIX = PROJECT / ".github" / "matrix.yaml"
#: Most jobs in one matrix. Source: GitHub's documentation, "Running variations of jobs in a workflow".
MOST_CELLS = 256
_HEAD = (
    "# The cells of the nightly, written by `python -m suites.nightly derive TABLE`: don't edit this file.\n"
    "# TABLE is data/compatibility/supportStatus.yml of istio/istio.io. Patches and node images come from\n"
    "# published.toml of `upstream`.\n"
)


class BadTable(ValueError):
    """The table or the matrix can't be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One job. `kind` is run or upgrade; `old`, `strategy` and `mode` are empty unless it is an upgrade.

    `tests` is the number of tests that must have a result; 0 if it is not known.
    """

    name: str
    kind: str
    istio: str
    kubernetes: str
    old: str = ""
    strategy: str = ""
    mode: str = ""
    tests: int = 0


def read_table(file: Path) -> dict[str, list[str]]:
    """Return the Kubernetes versions of each supported Istio version, all minor; BadTable if none is."""
    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))
        supported = {
            str(each["version"]): [str(version) for version in each["k8sVersions"]]
            for each in entries
            if str(each["supported"]).lower() == "yes"
        }
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise BadTable(
            f"{file} is not Istio's table ({type(error).__name__}: {error}): give a copy of "
            "data/compatibility/supportStatus.yml of istio/istio.io"
        ) from error
    if not supported:
        raise BadTable(f"{file} has no release with `supported: Yes`: give a current copy")
    return supported


def derive(table: Mapping[str, Sequence[str]], patches: Sequence[str], nodes: Sequence[str]) -> list[Cell]:
    """Return the cells for Istio's table, the known patches and the Kubernetes of kind's node images.

    Raises BadTable if a supported version has no known patch or no node image: it would be left out silently.
    """
    chosen = {minor: _newest(patches, minor) for minor in sorted(table, key=Version)}
    shared = {
        minor: sorted((each for each in nodes if _minor(each) in table[minor]), key=Version)
        for minor in chosen
    }
    for minor, versions in shared.items():
        if not versions:
            raise BadTable(f"kind's node images have no Kubernetes that Istio {minor} supports: add one")
    cells = [
        Cell(f"run-{minor}-k8s-{_minor(each)}", "run", istio, each)
        for minor, istio in chosen.items()
        for each in shared[minor]
    ]
    cells += _upgrades(chosen, shared)
    if len(cells) > MOST_CELLS:
        raise BadTable(
            f"{len(cells)} cells, but a workflow's matrix may have {MOST_CELLS}: remove node images"
        )
    return cells


def _upgrades(chosen: Mapping[str, str], shared: Mapping[str, Sequence[str]]) -> Iterator[Cell]:
    minors = list(chosen)
    for old, new in pairwise(minors):
        both = [each for each in shared[old] if each in shared[new]]
        if not both:
            raise BadTable(f"no node image fits both Istio {old} and {new}: add one to published.toml")
        for strategy in STRATEGIES:
            name = f"upgrade-{old}-{new}-{strategy}"
            yield Cell(name, "upgrade", chosen[new], both[-1], chosen[old], strategy, mode="quick")


def published_cells(table: Path) -> list[Cell]:
    """Return the cells for a copy of Istio's table, with the patches and node images of `upstream`."""
    cells = derive(
        read_table(table),
        PUBLISHED["istio"]["fallback"],
        [version_of(each) for each in PUBLISHED["kind"]["node_images"]],
    )
    return [replace(each, tests=expected_tests(each.kind, each.strategy)) for each in cells]


def text(cells: Sequence[Cell]) -> str:
    """Return the content of the matrix file."""
    written = [{name: value for name, value in asdict(each).items() if value} for each in cells]
    return _HEAD + yaml.safe_dump({"cells": written}, sort_keys=False, width=200)


def read(file: Path = MATRIX) -> list[Cell]:
    """Return the cells of the matrix file; BadTable if it can't be read or names a cell twice."""
    try:
        entries: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["cells"]
        cells = [Cell(**each) for each in entries]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise BadTable(f"{file} is not a matrix ({error}): derive it again") from error
    if not cells or len({each.name for each in cells}) < len(cells):
        raise BadTable(f"{file} has no cells, or names one twice: derive it again")
    return cells


def _minor(version: str) -> str:
    return version.rpartition(".")[0]


def _newest(patches: Sequence[str], minor: str) -> str:
    fitting = [each for each in patches if _minor(each) == minor]
    if not fitting:
        raise BadTable(f"published.toml knows no patch of the supported Istio {minor}: add it to `fallback`")
    return max(fitting, key=Version)
