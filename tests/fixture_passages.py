"""Made-up passages, and a search that finds the ones it is given."""

from __future__ import annotations

from residency.infer.evidence import CHART, EVIDENCE, GRAPH, Evidence, Found

GOUT = (
    "Gout is a form of arthritis. The symptoms of gout are sudden pain and swelling, most often of the big toe. "
    "Colchicine is given at 0.5 mg twice a day. It is not safe in kidney failure."
)


def passage(text=GOUT, document="gout", number=0, at=0, **more):
    """Return a passage whose offsets are those of its text in a document, ``at`` characters in."""
    more = {"title": document.capitalize(), "date": "2024-01-01", **more}
    return Evidence(f"{document}#{number}", document, text, at, at + len(text), **more)


def chart(text, document="note", patient="p1", **more):
    """Return a passage of a patient's record."""
    return passage(text, document, patient=patient, shelf=CHART, **more)


def fact(text, node="HP:1"):
    """Return a fact of a graph."""
    return Evidence(f"{node} is_a HP:0", node, text, shelf=GRAPH)


def finds(*evidence, snapshot="s1", **more):
    """Return a search that finds these whatever is asked."""
    found = Found(list(evidence), snapshot, **more)
    return lambda question: found


SHELVES = (EVIDENCE, CHART, GRAPH)
