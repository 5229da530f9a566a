"""What a service looks things up in: the indexes of passages and the graph that it was started with.

They stand in ``service.about``: ``indexes`` (opened, maybe none) and ``graph`` (or None).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from residency.infer.evidence import Evidence, Found
from residency.infer.retrieve.fuse import together

if TYPE_CHECKING:
    from residency.infer.graph.knowledge import KnowledgeGraph

NONE = "no sources were given"
MOST = 8
"""Passages that are looked at."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Indexes and a graph, searched together; a thread that may wait calls them."""

    indexes: tuple[Any, ...] = ()
    graph: KnowledgeGraph | None = None

    @property
    def any(self) -> bool:
        """Return whether there is something to look in."""
        return bool(self.indexes or self.graph)

    def search(self, question: str) -> Found:
        """Return the passages that bear on a question; those of several indexes are fused by rank."""
        if not self.indexes:
            return Found(why=NONE)
        found = [index.search(question, k=MOST) for index in self.indexes]
        return together(found, MOST)

    def facts(self, question: str) -> Found:
        """Return the facts of the graph that bear on a question."""
        return self.graph.facts(question, k=MOST) if self.graph else Found(why=NONE)

    def evidence(self, question: str) -> list[Evidence]:
        """Return all that is found for a question: passages, then facts."""
        return [*self.search(question).evidence, *self.facts(question).evidence]

    def still(self, id: str) -> Evidence | None:
        """Return a passage as it stands now; None where no index has it any more."""
        return next((found for index in self.indexes if (found := index.passage(id))), None)

    @property
    def snapshots(self) -> dict[str, Any]:
        """Return the hash of each thing that is searched."""
        graph = self.graph.snapshot if self.graph else None
        return {"index": [index.snapshot for index in self.indexes], "graph": graph}


def sources_of(about: Mapping[str, Any]) -> Sources:
    """Return what a service was started with, from its ``about``."""
    return Sources(tuple(about.get("indexes") or ()), about.get("graph"))
