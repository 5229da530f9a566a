"""Names of a graph as vectors, made once by an embedder and kept beside the graph, to find what is meant alike.

Mentions are compared with every name at once (exact cosine): a few hundred thousand names take a tenth of a second.
Linking by the nearest name's vector: Liu 2021, Self-Alignment Pretraining for Biomedical Entity Representations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from residency.core.errors import StorageError
from residency.core.progress import say
from residency.core.store import atomic_path, sha256_text
from residency.corpus.graph.names import Name

if TYPE_CHECKING:
    from residency.infer.graph.knowledge import KnowledgeGraph

TOGETHER = 4096
NEAREST = 16


@dataclass(frozen=True, slots=True)
class Vectors:
    """The names that have a meaning (no abbreviations), the row of each, and unit vectors [names, width], fp32."""

    names: list[Name]
    rows: dict[Name, int]
    table: np.ndarray


def compared(graph: KnowledgeGraph, mention: str, names: Sequence[Name]) -> list[tuple[Name, float]]:
    """Return the names nearest in meaning to a mention, and those given, each with its cosine; an order by key."""
    assert graph.embedder is not None
    known = vectors(graph)
    if not known.names:
        return []
    cosines = known.table @ np.asarray(graph.embedder.embed([mention])[0], dtype=np.float32)
    near = np.argpartition(-cosines, min(NEAREST, len(cosines)) - 1)[:NEAREST]
    rows = {int(row) for row in near} | {known.rows[name] for name in names if name in known.rows}
    return [(known.names[row], float(cosines[row])) for row in sorted(rows)]


def vectors(graph: KnowledgeGraph) -> Vectors:
    """Return the vectors of a graph's names, made on first use."""
    if graph.vectors is None:
        names = [name for name in graph.names.all() if name.how != "abbreviation"]
        graph.vectors = Vectors(names, {name: row for row, name in enumerate(names)}, _table(graph, names))
    return graph.vectors


def _table(graph: KnowledgeGraph, names: Sequence[Name]) -> np.ndarray:
    assert graph.embedder is not None
    path = graph.path / f"vectors-{sha256_text(graph.embedder.hash)[:12]}.npy"
    if path.is_file():
        table = np.load(path, allow_pickle=False)
        if len(table) == len(names):
            return table.astype(np.float32)
    table = _embedded(graph, [name.text for name in names])
    try:
        with atomic_path(path) as temporary, open(temporary, "wb") as handle:
            np.save(handle, table.astype(np.float16), allow_pickle=False)
    except (OSError, StorageError):
        say(f"the vectors of the names cannot be kept in {graph.path}; they are made anew each time")
    return table.astype(np.float16).astype(np.float32)


def _embedded(graph: KnowledgeGraph, texts: Sequence[str]) -> np.ndarray:
    assert graph.embedder is not None
    say(f"embedding {len(texts)} names (once)")
    pieces = [graph.embedder.embed(list(texts[i : i + TOGETHER])) for i in range(0, len(texts), TOGETHER)]
    return np.concatenate(pieces) if pieces else np.zeros((0, 1), dtype=np.float32)
