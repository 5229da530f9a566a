"""Which options of a question a graph stands behind: those that the question names by another name.

What is asked in a patient's words and offered in a clinician's is one node with two names; so the graph decides there,
and a model is left the questions on which the graph is silent or cannot choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from residency.infer.likelihood import Choice

if TYPE_CHECKING:
    from residency.infer.graph.knowledge import KnowledgeGraph


def named(graph: KnowledgeGraph, question: str, options: Sequence[str]) -> list[str | None]:
    """Return for each option the node that the question names too, in other words than the option's; None: no node.

    The options' own words are left out of the question first, so that none stands behind itself.
    """
    stem = question
    for option in sorted(options, key=len, reverse=True):
        stem = stem.replace(option, " ; ")
    mentioned = {link.node for link in graph.link(stem)}
    nodes = [graph.code(option) for option in options]
    return [node if node in mentioned else None for node in nodes]


def decided(found: Sequence[str | None], choice: Choice) -> int:
    """Return the option to take: the likeliest of those that the graph stands behind, or of all where there is none."""
    behind = [i for i, node in enumerate(found) if node] or list(range(len(found)))
    return max(behind, key=lambda i: (choice.logprobs[i], -i))
