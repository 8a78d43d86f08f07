"""Where the nodes of a graph go: from left to right by how far they are from who asks first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

Pair = tuple[str, str]


def columns(names: Iterable[str], pairs: Sequence[Pair]) -> list[list[str]]:
    """The names column by column: those that nobody asks first, then whom they ask, and so on.

    The same graph gives the same columns, whatever the order of names and pairs. In a column the names are
    in the order of those that ask them, so that few lines cross. A circle that no one asks from outside
    begins with its first name by the alphabet.
    """
    targets: dict[str, set[str]] = defaultdict(set)
    asked_by: dict[str, set[str]] = defaultdict(set)
    for source, target in pairs:
        if source != target:
            targets[source].add(target)
            asked_by[target].add(source)
    depths = _depths(sorted({*names, *(name for pair in pairs for name in pair)}), targets, asked_by)
    placed: list[list[str]] = [[] for _ in range(max(depths.values(), default=-1) + 1)]
    for name in depths:
        placed[depths[name]].append(name)
    rows: dict[str, float] = {}
    for column in placed:
        column.sort(key=lambda name: (_middle(rows, asked_by[name]), name))
        rows |= {name: row - (len(column) - 1) / 2 for row, name in enumerate(column)}
    return placed


def _depths(
    names: Sequence[str], targets: Mapping[str, set[str]], asked_by: Mapping[str, set[str]]
) -> dict[str, int]:
    depths: dict[str, int] = {}
    first = [name for name in names if not asked_by.get(name)]
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
