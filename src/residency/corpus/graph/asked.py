"""The process that one SPARQL query runs in: reads the query from standard input, writes rows as JSON, and ends."""

from __future__ import annotations

import json
import re
import resource
import sys
from itertools import islice
from typing import Any

from residency.corpus.graph.terms import PREFIXES, node_id


def answer(path: str, query: str, rows: int) -> dict[str, Any]:
    """Return columns, rows and whether there were more; or ``error`` with what the engine says, or ``place`` (line
    and column, or nothing) of a query that is no SPARQL.
    """
    import pyoxigraph

    store = pyoxigraph.Store.read_only(path)
    try:
        found = store.query(query, prefixes=PREFIXES)
        if isinstance(found, pyoxigraph.QueryBoolean):
            return {"columns": ["answer"], "rows": [[str(bool(found)).lower()]], "more": False}
        if isinstance(found, pyoxigraph.QueryTriples):
            columns = ["head", "relation", "tail"]
            taken = [[_text(part) for part in triple] for triple in islice(found, rows + 1)]
        else:
            columns = [variable.value for variable in found.variables]
            taken = [[_text(row[name]) for name in columns] for row in islice(found, rows + 1)]
    except SyntaxError as error:  # its words are the engine's grammar: only the place is told
        place = re.search(r"\b(\d+):(\d+)\b", str(error))
        return {"place": [int(place[1]), int(place[2])] if place else []}
    except (ValueError, OSError, RuntimeError) as error:
        return {"error": str(error)[:500]}
    return {"columns": columns, "rows": taken[:rows], "more": len(taken) > rows}


def _text(term: Any) -> str | None:
    if term is None:
        return None
    from pyoxigraph import NamedNode, Triple

    if isinstance(term, NamedNode):
        return node_id(term.value)
    return " ".join(filter(None, map(_text, term))) if isinstance(term, Triple) else str(term.value)


def main() -> None:
    """Answer what standard input asks."""
    asked = json.load(sys.stdin)
    room = int(asked["memory_gb"] * 1e9)
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    json.dump(answer(asked["path"], asked["query"], asked["rows"]), sys.stdout)


if __name__ == "__main__":
    main()
