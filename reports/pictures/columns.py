"""Arranges a graph's nodes in columns, from left to right by their distance from the first clients."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

Pair = tuple[str, str]


def columns(names: Iterable[str], pairs: Sequence[Pair]) -> list[list[str]]:
    """Return the names by column: nodes without a client first, then the nodes that they call, and so on.

    `pairs` are (client, server). The result does not depend on the order of names and pairs. Within a column,
    names follow the order of their clients, so that few lines cross. A cycle without a client outside starts
    with its alphabetically first name.
    """
    targets: dict[str, set[str]] = defaultdict(set)
    clients: dict[str, set[str]] = defaultdict(set)
    for source, target in pairs:
        if source != target:
            targets[source].add(target)
            clients[target].add(source)
    depths = _depths(sorted({*names, *(name for pair in pairs for name in pair)}), targets, clients)
    placed: list[list[str]] = [[] for _ in range(max(depths.values(), default=-1) + 1)]
    for name in depths:
        placed[depths[name]].append(name)
    rows: dict[str, float] = {}
    for column in placed:
        column.sort(key=lambda name: (_middle(rows, clients[name]), name))
        rows |= {name: row - (len(column) - 1) / 2 for row, name in enumerate(column)}
    return placed


def _depths(
    names: Sequence[str], targets: Mapping[str, set[str]], clients: Mapping[str, set[str]]
) -> dict[str, int]:
    depths: dict[str, int] = {}
    first = [name for name in names if not clients.get(name)]
    for name in [*first, *names]:
        if name in depths:
            continue
        depths[name] = 0
        following = [name]
        for each in following:
            for target in sorted(targets.get(each, ())):
                if target not in depths or (depths[target] > depths[each] + 1 and target not in first):
                    depths[target] = depths[each] + 1
                    following.append(target)
    return depths


def _middle(rows: Mapping[str, float], names: Iterable[str]) -> float:
    known = [rows[name] for name in sorted(names) if name in rows]
    return sum(known) / len(known) if known else 0.0
