"""A layered layout of a graph without cycles: columns by distance from the roots, few crossings, no overlap.

After Sugiyama et al. 1981 (Methods for Visual Understanding of Hierarchical System Structures): a node's column is its
longest way from a root, an edge over several columns gets a place in each, the order in a column follows the mean place
of the neighbours, and heights are those nearest to the neighbours that keep order and distance (isotonic regression).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

Edge = tuple[str, str]
Node = Hashable
"""A node's name; of an edge that passes through a column: (from, to, column)."""
SWEEPS = 12


@dataclass(frozen=True, slots=True)
class Layout:
    """Where nodes stand: the column of each, the height of each node's middle, and the way of each edge.

    A way is the edge's places, from its first node over those in passing to its last.
    """

    column: Mapping[str, int]
    middle: Mapping[Node, float]
    ways: Mapping[Edge, tuple[Node, ...]]
    height: float


def lay_out(heights: Mapping[str, float], edges: Sequence[Edge], *, gap: float = 8, passing: float = 4) -> Layout:
    """Return the layout of nodes with their heights; parts that hang together stand one below the other.

    ``gap`` is kept free between two nodes, ``passing`` is the height of an edge in passing. An edge that would close a
    cycle is left out of the layout.
    """
    edges = without_cycles(sorted(set(edges)))
    column, top = columns(heights, edges), 0.0
    middle: dict[Node, float] = {}
    ways: dict[Edge, tuple[Node, ...]] = {}
    for part in parts(heights, edges):
        inner = [edge for edge in edges if edge[0] in part]
        found, lowest = _one(part, inner, column, heights, gap, passing)
        middle |= {node: y + top for node, y in found.items()}
        ways |= {edge: way(edge, column) for edge in inner}
        top += lowest + 2 * gap
    return Layout(column, middle, ways, max(0.0, top - 2 * gap))


def without_cycles(edges: Iterable[Edge]) -> list[Edge]:
    """Return the edges but those that would close a cycle with the ones before them."""
    below: dict[str, set[str]] = defaultdict(set)
    kept = []
    for start, end in edges:
        if not _reaches(end, start, below):
            below[start].add(end)
            kept.append((start, end))
    return kept


def _reaches(start: str, end: str, below: Mapping[str, set[str]]) -> bool:
    seen, todo = set(), [start]
    while todo:
        node = todo.pop()
        if node == end:
            return True
        if node not in seen:
            seen.add(node)
            todo += below.get(node, ())
    return False


def columns(nodes: Iterable[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Return the column of each node: its longest way from a node that nothing leads to."""
    column = dict.fromkeys(nodes, 0)
    for _ in column:
        late = [(end, column[start] + 1) for start, end in edges if column[end] <= column[start]]
        if not late:
            break
        for end, least in late:
            column[end] = max(column[end], least)
    return column


def parts(nodes: Iterable[str], edges: Sequence[Edge]) -> list[list[str]]:
    """Return the nodes that hang together, the largest part first."""
    joined = {node: {node} for node in nodes}
    for start, end in edges:
        if joined[start] is not joined[end]:
            joined[start] |= joined[end]
            for node in joined[end]:
                joined[node] = joined[start]
    unique = {id(part): sorted(part) for part in joined.values()}
    return sorted(unique.values(), key=lambda part: (-len(part), part))


def way(edge: Edge, column: Mapping[str, int]) -> tuple[Node, ...]:
    """Return the places of an edge, with one for each column that it passes."""
    start, end = edge
    return (start, *((start, end, number) for number in range(column[start] + 1, column[end])), end)


# --- one part --------------------------------------------------------------------------------------------------------


def _one(
    part: Sequence[str],
    edges: Sequence[Edge],
    column: Mapping[str, int],
    heights: Mapping[str, float],
    gap: float,
    passing: float,
) -> tuple[dict[Node, float], float]:
    """Return the middles of a part's nodes and passing edges from 0 down, and how high the part is."""
    before: dict[Node, list[Node]] = defaultdict(list)
    after: dict[Node, list[Node]] = defaultdict(list)
    place: dict[Node, int] = {node: column[node] for node in part}
    for edge in edges:
        steps = way(edge, column)
        for first, second in zip(steps, steps[1:], strict=False):
            after[first].append(second)
            before[second].append(first)
        place |= {step: step[2] for step in steps[1:-1] if isinstance(step, tuple)}
    layers = _ordered(place, before, after)
    size = {node: heights.get(node, passing) if isinstance(node, str) else passing for node in place}
    return _settled(layers, before, after, size, gap)


def _ordered(
    place: Mapping[Node, int], before: Mapping[Node, list[Node]], after: Mapping[Node, list[Node]]
) -> list[list[Node]]:
    """Return each column's nodes in the order with the fewest crossings that was met."""
    layers: list[list[Node]] = [[] for _ in range(max(place.values()) + 1)]
    for node in _from_the_roots(place, before, after):
        layers[place[node]].append(node)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, after)
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        numbers = range(1, len(layers)) if forth else range(len(layers) - 2, -1, -1)
        for number in numbers:
            beside, near = layers[number - 1 if forth else number + 1], before if forth else after
            _by_mean(layers[number], beside, near)
        crossings = _crossings(layers, after)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    return best


def _from_the_roots(
    place: Mapping[Node, int], before: Mapping[Node, list[Node]], after: Mapping[Node, list[Node]]
) -> list[Node]:
    """Return all nodes, each family together: every root with what comes after it before the next root."""
    seen: dict[Node, None] = {}
    roots = [node for node in place if not before.get(node)]
    todo = sorted(roots, key=lambda node: (-len(after.get(node, ())), str(node)), reverse=True)
    while todo:
        node = todo.pop()
        if node not in seen:
            seen[node] = None
            todo += sorted(after.get(node, ()), key=str, reverse=True)
    return list(seen)


def _by_mean(layer: list[Node], beside: Sequence[Node], near: Mapping[Node, list[Node]]) -> None:
    """Order a column by the mean place of each node's neighbours; a node without any stays about where it is."""
    at = {node: number for number, node in enumerate(beside)}
    share = len(beside) / max(1, len(layer))
    means = {}
    for number, node in enumerate(layer):
        found = [at[other] for other in near.get(node, ())]
        means[node] = sum(found) / len(found) if found else number * share
    layer.sort(key=lambda node: means[node])


def _crossings(layers: Sequence[Sequence[Node]], after: Mapping[Node, list[Node]]) -> int:
    """Return how many pairs of edges cross."""
    count = 0
    for layer, following in zip(layers, layers[1:], strict=False):
        at = {node: number for number, node in enumerate(following)}
        ends: list[int] = []
        for node in layer:
            mine = sorted(at[end] for end in after.get(node, ()))
            count += sum(other > end for end in mine for other in ends)
            ends += mine
    return count


def _settled(
    layers: Sequence[Sequence[Node]],
    before: Mapping[Node, list[Node]],
    after: Mapping[Node, list[Node]],
    size: Mapping[Node, float],
    gap: float,
) -> tuple[dict[Node, float], float]:
    """Return the middles, each as near to its neighbours' as order and distance allow, and the height of all."""
    middle: dict[Node, float] = {}
    for layer in layers:
        middle |= dict(zip(layer, _spaced([0.0] * len(layer), layer, size, gap), strict=True))
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        for layer in layers if forth else reversed(layers):
            near = [[*before.get(node, ()), *after.get(node, ())] for node in layer]
            wanted = [
                sum(middle[other] for other in found) / len(found) if found else middle[node]
                for node, found in zip(layer, near, strict=True)
            ]
            middle |= dict(zip(layer, _spaced(wanted, layer, size, gap), strict=True))
    top = min(middle[node] - size[node] / 2 for node in middle)
    return {node: y - top for node, y in middle.items()}, max(y - top + size[node] / 2 for node, y in middle.items())


def _spaced(wanted: Sequence[float], layer: Sequence[Node], size: Mapping[Node, float], gap: float) -> list[float]:
    """Return the heights nearest to the wanted ones that keep the order and the distance between nodes."""
    offset, offsets = 0.0, []
    for number, node in enumerate(layer):
        if number:
            offset += (size[layer[number - 1]] + size[node]) / 2 + gap
        offsets.append(offset)
    rising = isotonic([want - offset for want, offset in zip(wanted, offsets, strict=True)])
    return [value + offset for value, offset in zip(rising, offsets, strict=True)]


def isotonic(values: Sequence[float]) -> list[float]:
    """Return the never falling numbers with the least squared distance to the given ones (pool adjacent violators)."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        mean, count = value, 1
        while blocks and blocks[-1][0] > mean:
            last, many = blocks.pop()
            mean, count = (last * many + mean * count) / (many + count), many + count
        blocks.append((mean, count))
    return [mean for mean, count in blocks for _ in range(count)]
