"""The lineage: which model was made from which, from the general bases at the left to what was made of them.

Drawn by our own layered layout (``layers.py``). A line that rests on memory or weak ground is dashed; what has no base
in the catalog and is the base of nothing stands in a list below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from residency.catalog import draw
from residency.catalog.entries import Catalog, Entry
from residency.catalog.layers import Layout, lay_out
from residency.catalog.words import listed

Link = Callable[[Entry], str]
WIDEST, HEIGHT, LINE = 176.0, 21.0, 14.0  # of a label's box, in pixels: its text, one line, each further line
PAD, GUTTER, MARGIN, HEAD = 8.0, 84.0, 12.0, 30.0
HUES = 6
BOLD = 1.12


@dataclass(frozen=True, slots=True)
class Graph:
    """What is drawn: entries by name, edges with whether they rest on firm ground, and entries without any edge."""

    entries: Mapping[str, Entry]
    firm: Mapping[tuple[str, str], bool]
    alone: tuple[Entry, ...]


def graph(catalog: Catalog) -> Graph:
    """Return models, and methods that say what they start from, with an edge from each base to what was made of it."""
    made = [*catalog.entries["models"].values()]
    made += [entry for entry in catalog.entries["methods"].values() if entry.values("base")]
    named = {key(entry): entry for entry in made}
    firm = {
        (f"models-{base}", name): entry.cells["base"].firm
        for name, entry in named.items()
        for base in entry.values("base")
        if f"models-{base}" in named and f"models-{base}" != name
    }
    joined = {name for edge in firm for name in edge}
    alone = [entry for name, entry in named.items() if name not in joined and entry.kind == "models"]
    entries = {name: entry for name, entry in named.items() if name in joined}
    return Graph(entries, firm, tuple(sorted(alone, key=lambda entry: entry.name.casefold())))


def key(entry: Entry) -> str:
    """Return a name of an entry that no entry of another kind has."""
    return f"{entry.kind}-{entry.id}"


def look(entry: Entry) -> str:
    """Return the classes of an entry's box: what it is, and whether it was made small."""
    kind = "method" if entry.kind == "methods" else str(entry.facts.get("kind", "domain"))
    return f"{kind} compressed" if entry.values("compression") else kind


def lineage(catalog: Catalog, *, link: Link | None = None) -> Markup:
    """Return the lineage as an SVG; ``link`` says where the name of an entry leads."""
    found = graph(catalog)
    texts = {name: draw.wrapped(entry.name, WIDEST) for name, entry in found.entries.items()}
    widths = {name: _width(entry, texts[name]) for name, entry in found.entries.items()}
    heights = {name: HEIGHT + LINE * (len(lines) - 1) for name, lines in texts.items()}
    layout = lay_out(heights, sorted(found.firm))
    left, width = _columns(layout, widths)
    roots = {name: number % HUES for number, name in enumerate(_by_height(layout, found.entries))}
    edges = [_edge(layout, edge, left, widths, found.firm[edge], roots[edge[0]]) for edge in layout.ways]
    nodes = [
        _node(entry, left[layout.column[name]], layout.middle[name] + HEAD, widths[name], texts[name], link)
        for name, entry in found.entries.items()
    ]
    heads = [
        draw.label(x, 14, "Base" if number == 0 else "Made from it" if number == 1 else "and from that", "head")
        for number, x in enumerate(left)
    ]
    below, lowest = _alone(found.alone, layout.height + HEAD + 34, max(width, 700.0), link)
    return draw.picture(
        [*heads, *edges, *nodes, *below], max(width, 700.0), lowest + MARGIN, name="lineage", title="Lineage",
        description=f"{len(found.entries)} models and methods in {len(left)} columns; a line leads from each base, at "
        f"the left, to what was made from it. {len(found.alone)} models stand below, without a base in the catalog.",
    )  # fmt: skip


def _width(entry: Entry, texts: Sequence[str]) -> float:
    """Return how wide an entry's box is; general models are written bold, and small ones have a mark."""
    bold = BOLD if entry.facts.get("kind") == "general" else 1.0
    return bold * max(draw.text_width(text) for text in texts) + 2 * PAD + (12 if entry.values("compression") else 0)


def _columns(layout: Layout, widths: Mapping[str, float]) -> tuple[list[float], float]:
    """Return where each column begins, and where the last one ends."""
    wide: dict[int, float] = {}
    for name, column in layout.column.items():
        wide[column] = max(wide.get(column, 0.0), widths[name])
    left, x = [], MARGIN
    for column in sorted(wide):
        left.append(x)
        x += wide[column] + GUTTER
    return left, x - GUTTER + MARGIN if left else 0.0


def _by_height(layout: Layout, names: Mapping[str, Entry]) -> list[str]:
    return sorted(names, key=lambda name: (layout.column[name], layout.middle[name]))


def _edge(
    layout: Layout,
    edge: tuple[str, str],
    left: Sequence[float],
    widths: Mapping[str, float],
    firm: bool,
    hue: int,
) -> Markup:
    """Return the line of an edge: level inside columns, bent between them."""
    start, end = edge
    x, y = left[layout.column[start]] + widths[start], layout.middle[start] + HEAD
    steps = [f"M{x:.1f} {y:.1f}"]
    for number, place in enumerate(layout.ways[edge][1:], layout.column[start] + 1):
        to, height = left[number], layout.middle[place] + HEAD
        begin, half = to - GUTTER, GUTTER * 0.55
        steps.append(f"H{begin:.1f}C{begin + half:.1f} {y:.1f} {to - half:.1f} {height:.1f} {to:.1f} {height:.1f}")
        y = height
    return draw.path("".join(steps), f"edge h{hue}" + ("" if firm else " memory"), {"from": start, "to": end})


def _node(entry: Entry, x: float, y: float, width: float, texts: Sequence[str], link: Link | None) -> Markup:
    height = HEIGHT + LINE * (len(texts) - 1)
    parts = [draw.box(x, y - height / 2, width, height, round_=10 if entry.kind == "methods" else 3)]
    if entry.values("compression"):
        parts.append(draw.mark("down", x + width - 10, y, "small", 3.6))
    first = y - LINE * (len(texts) - 1) / 2 + 4.2
    parts += [draw.label(x + PAD, first + LINE * number, text) for number, text in enumerate(texts)]
    return draw.group(
        parts, f"node {look(entry)}", title=_told(entry), href=link(entry) if link else "", data={"entry": key(entry)}
    )


def _told(entry: Entry) -> str:
    said = [entry.name]
    said += [", ".join(map(str, entry.values("sizes")))] if entry.values("sizes") else []
    said += [f"made small by {listed(entry.values('compression'))}"] if entry.values("compression") else []
    return "; ".join(said)


def _alone(entries: Sequence[Entry], top: float, width: float, link: Link | None) -> tuple[list[Markup], float]:
    """Return the boxes of entries without any edge, in rows below the graph, and where they end."""
    if not entries:
        return [], top - 34
    parts = [
        draw.label(
            MARGIN, top, f"Without a base in the catalog, and the base of nothing in it ({len(entries)})", "head"
        )
    ]
    x, y = MARGIN, top + 22
    for entry in entries:
        wide = _width(entry, [entry.name])
        if x + wide > width - MARGIN:
            x, y = MARGIN, y + HEIGHT + 8
        parts.append(_node(entry, x, y, wide, [entry.name], link))
        x += wide + 8
    return parts, y + HEIGHT / 2
