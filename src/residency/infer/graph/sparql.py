"""SPARQL within limits: read only, in a process of its own that is ended when its time is over, and off the network.

The engine can ask other servers (SERVICE) and cannot be told not to, so a query that has this word is refused, wherever
it stands in it; updates are another language, which is never handed to the engine.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from residency.core.errors import UserError

MEMORY_GB = 4.0
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})")
_CHANGES = re.compile(r"\b(INSERT|DELETE|LOAD|CLEAR|DROP|CREATE|COPY|MOVE|ADD)\b", re.IGNORECASE)
_ASKS = re.compile(r"\b(SELECT|ASK|CONSTRUCT|DESCRIBE)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rows:
    """What a query found: ``columns`` and ``rows`` of texts (ids of nodes; None: unbound); ``more``: there are others.

    A question of yes or no (ASK) is one row of "true" or "false"; CONSTRUCT and DESCRIBE give head, relation, tail.
    """

    columns: list[str]
    rows: list[list[str | None]]
    more: bool = False


def query(path: Path, sparql: str, *, seconds: float = 10.0, rows: int = 1000) -> Rows:
    """Return at most ``rows`` rows of a query's result.

    The prefixes obo, rel, node, rdf, rdfs, owl, skos, oio are known. Raises UserError for a query that is broken,
    that would change the graph or ask another server, that takes longer than ``seconds``, or too much memory.
    """
    _may(sparql)
    asked = json.dumps({"path": str(path / "store"), "query": sparql, "rows": rows, "memory_gb": MEMORY_GB})
    command = [sys.executable, "-m", "residency.corpus.graph.asked"]
    try:
        done = subprocess.run(command, input=asked.encode(), capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise UserError(f"the query took longer than {seconds:g} s; ask for less, or give it more seconds") from None
    if done.returncode:
        raise UserError("the query was ended: it needs more memory than a query may have; ask for less (LIMIT, FILTER)")
    answer: dict[str, Any] = json.loads(done.stdout)
    if "place" in answer:
        at = " at line {}, column {}".format(*answer["place"]) if answer["place"] else ""
        raise UserError(f"the query is not valid SPARQL{at}")
    if "error" in answer:
        raise UserError(f"the query is not SPARQL that can be answered: {answer['error']}")
    return Rows(answer["columns"], answer["rows"], answer["more"])


def _may(sparql: str) -> None:
    """Raise UserError for a query that might reach out or is none."""
    plain = _ESCAPED.sub(lambda found: chr(min(int(found[1] or found[2], 16), 0x10FFFF)), sparql)
    if "service" in plain.casefold():
        raise UserError(
            "a query may not hold the word SERVICE (it asks another server), nor a text or name with it; "
            "to look for such a text write a part of the word, as in CONTAINS(?name, 'servic')"
        )
    if not _ASKS.search(plain):
        changes = _CHANGES.search(plain)
        what = f"{changes[1].upper()} would change the graph, which is read only" if changes else "this is no query"
        raise UserError(f"{what}; legal: SELECT, ASK, CONSTRUCT, DESCRIBE")
