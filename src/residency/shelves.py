"""What a question may be answered from: indexes, a knowledge graph, one patient's record, and the tools of an agent.

All of it is opened before the model, so that a wrong path is told at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.core.errors import UserError

if TYPE_CHECKING:
    from residency.infer.evidence import Evidence, Found

Search = Callable[[str], "Found"]
HPO = "hpo"


class Shelves:
    """What the question may be answered from, opened before the model: a wrong path is told at once."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.indexes = [_opened(path) for path in args.sources or ()]
        self.chart_index = _opened(args.chart) if args.chart else None
        if self.chart_index and not self.chart_index.has_patient(args.patient):
            raise UserError(f"{args.chart} holds nothing of this patient; look at the id, and at what it was built of")
        self.knowledge: Any = None
        if args.graph:
            from residency.infer.graph import open_graph

            self.knowledge = open_graph(None if args.graph == HPO else Path(args.graph))

    @property
    def search(self) -> Search | None:
        """Return the search of all indexes together; None where there is none."""
        return self._passages if self.indexes else None

    @property
    def facts(self) -> Search | None:
        """Return the search for facts of the graph; None where there is none."""
        return self._facts if self.knowledge else None

    @property
    def chart(self) -> Search | None:
        """Return the search of the patient's record; None where there is none."""
        return self._chart if self.chart_index else None

    @property
    def snapshots(self) -> dict[str, Any]:
        """Return the hash of each thing that is searched."""
        return {
            "index": [index.snapshot for index in self.indexes],
            "graph": self.knowledge.snapshot if self.knowledge else None,
            "chart": self.chart_index.snapshot if self.chart_index else None,
        }

    def still(self, id: str) -> Evidence | None:
        """Return a passage as it stands now; None where no index has it any more."""
        opened = [*self.indexes, *([self.chart_index] if self.chart_index else [])]
        return next((found for index in opened if (found := index.passage(id))), None)

    def tools(self) -> list[Any]:
        """Return the tools of an agent: calculators, codes, and what was given to search."""
        from residency.infer.tools.all import tools
        from residency.infer.tools.chart import open_chart

        record = open_chart(self.args.fhir, self.args.patient) if self.args.fhir else None
        return tools(search=self.search, graph=self.knowledge, chart=record)

    def evidence(self, question: str) -> list[Evidence]:
        """Return all that is found for a question, shelf by shelf."""
        ways = [way for way in (self.chart, self.search, self.facts) if way]
        return [one for way in ways for one in way(question).evidence]

    def _passages(self, question: str) -> Found:
        from residency.infer.retrieve.fuse import together

        found = [index.search(question, k=self.args.k, **_filters(self.args)) for index in self.indexes]
        return together(found, self.args.k)

    def _chart(self, question: str) -> Found:
        assert self.chart_index is not None
        return self.chart_index.search(question, k=self.args.k, patient=self.args.patient)

    def _facts(self, question: str) -> Found:
        return self.knowledge.facts(question, k=self.args.k)


def _opened(path: str) -> Any:
    from residency.infer.retrieve import open_index

    return open_index(Path(path))


def _filters(args: argparse.Namespace) -> dict[str, Any]:
    listed = tuple(one.strip() for one in (args.language or "").split(",") if one.strip())
    return {"since": args.since, "until": args.until, "languages": listed}
