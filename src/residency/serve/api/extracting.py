"""Entities of a text with codes: by their names in the graph, and by what a model names, coded by what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from residency.core.types import Model
from residency.infer.graph.linking import whole
from residency.infer.prompts.extraction import extract as named
from residency.infer.prompts.prompt import Prompt
from residency.infer.tools.codes import find_codes
from residency.serve.guard.rules import Rules, read_rules
from residency.serve.guard.whose import held

if TYPE_CHECKING:
    from residency.infer.graph.knowledge import KnowledgeGraph

ASK = "Name every phrase of the text that is one of these: {}. Copy each phrase as it stands there."
LABELS = ("diagnosis", "symptom", "medication", "procedure", "finding")
"""What is looked for where neither labels are given nor a graph is there."""
NEAREST = 3
"""Codes of ICD-10-CM that an entity may have, at most."""
CODED = 40
"""Different phrases of one text that are looked up in ICD-10-CM, at most."""


@dataclass(slots=True)
class Found:
    """The entities of a text, and how many phrases that the model named do not stand in it."""

    entities: list[dict[str, Any]] = field(default_factory=list)
    absent: int = 0

    def written(self) -> str:
        """Return the entities' phrases, a line each."""
        return "\n".join(one["text"] for one in self.entities)


def entities(
    text: str,
    model: Model,
    *,
    labels: Sequence[str] = (),
    graph: KnowledgeGraph | None = None,
    systems: Sequence[str] = (),
    max_tokens: int = 512,
    rules: Rules | None = None,
) -> Found:
    """Return the entities of a text in its order; what the model names of a place that the graph names comes with it.

    Each is told with whether the text denies it and whose it is, by the words of ``rules`` (left out: ours).
    A graph's own ids are its codes (HP:0001945); those of ICD-10-CM are the nearest by their descriptions.
    """
    found = Found()
    if graph is not None:
        for one in graph.link(text):
            code = {"system": "graph", "code": one.node, "name": one.name, "score": one.score}
            codes = [code] if "graph" in systems else []
            found.entities.append(_entity(text, one.start, one.end, "concept", one.how, codes))
    asked = list(labels) or ([] if graph is not None else list(LABELS))
    if asked:
        prompt = Prompt("service-extract", "extract", instruction=ASK.format(", ".join(asked)))
        (reply,) = named(model, [text], asked, prompt, max_tokens=max_tokens)
        found.absent = reply.absent
        for span in reply.spans:
            codes = _in_graph(graph, text[span.start : span.end]) if "graph" in systems else []
            found.entities.append(_entity(text, span.start, span.end, span.label or asked[0], "model", codes))
    _held(text, found.entities, rules or read_rules())
    if "icd10" in systems:
        _code(found.entities)
    found.entities.sort(key=lambda one: (one["start"], one["end"]))
    return found


def _entity(text: str, start: int, end: int, label: str, how: str, codes: list[dict[str, Any]]) -> dict[str, Any]:
    return {"start": start, "end": end, "text": text[start:end], "label": label, "how": how, "codes": codes}


def _in_graph(graph: KnowledgeGraph | None, phrase: str) -> list[dict[str, Any]]:
    one = whole(graph, phrase) if graph is not None else None
    return [{"system": "graph", "code": one.node, "name": one.name, "score": one.score}] if one else []


def _held(text: str, found: Sequence[dict[str, Any]], rules: Rules) -> None:
    """Note of each entity whether it is denied, and whose it is."""
    for one, how in zip(found, held(text, [(one["start"], one["end"]) for one in found], rules), strict=True):
        one |= {"denied": how.denied, "of": how.of}


def _code(found: Sequence[dict[str, Any]]) -> None:
    """Give entities the codes of ICD-10-CM that are nearest to what they say."""
    phrases = list(dict.fromkeys(one["text"].casefold() for one in found))[:CODED]
    near = {phrase: find_codes(phrase, NEAREST) for phrase in phrases}
    for one in found:
        for code, name in near.get(one["text"].casefold(), ()):
            one["codes"].append({"system": "icd10", "code": code, "name": name, "score": None})
