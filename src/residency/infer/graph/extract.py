"""A graph out of text: a model names triples, and only those stay whose two ends stand in the passage.

Each keeps its document and offsets, and the node that its ends are linked to; written as a table, it loads as a graph.
Asking a model for triples in a fixed form: Wadhwa 2023, Revisiting Relation Extraction in the era of Large Language
Models.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.core.store import write_jsonl
from residency.core.types import Document, Message, Model
from residency.infer.evidence import Evidence, laid_before

if TYPE_CHECKING:
    from residency.infer.graph.knowledge import KnowledgeGraph

RELATIONS = ("is a", "has finding", "causes", "treats", "prevents", "diagnosed by", "located in", "part of")
"""What is asked for where the caller names no relations."""
ASK = (
    "List the facts that the passage states, as head, relation and tail. Head and tail are words of the passage, "
    "copied; the relation is one of: {relations}. Say only what the passage says; an empty list if it says none."
)
MOST, LONGEST = 8, 80
WORDS, TOGETHER = 120, 32
_END = re.compile(r"(?<=[.!?])\s+|\n\s*\n")
_OBJECT = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Extracted:
    """A triple that a text states; ``start`` to ``end`` of the document spans its two ends (half open).

    ``head`` and ``tail`` are nodes of the graph where they could be linked, else the words; ``said`` is the words.
    """

    head: str
    relation: str
    tail: str
    document: str
    start: int
    end: int
    said: tuple[str, str]

    def row(self) -> dict[str, Any]:
        """Return it as a line of a table that ``residency graph load`` reads."""
        triple = {"head": self.head, "relation": self.relation, "tail": self.tail, "document": self.document}
        return {**triple, "start": self.start, "end": self.end, "head_said": self.said[0], "tail_said": self.said[1]}


def extract(
    documents: Iterable[Document],
    model: Model,
    *,
    relations: Sequence[str] = RELATIONS,
    graph: KnowledgeGraph | None = None,
    max_tokens: int = 256,
    refused: Counter[str] | None = None,
) -> Iterator[Extracted]:
    """Yield the triples that a model finds in documents, passage after passage, each once a document.

    ``refused`` counts by reason what the model named and is not kept: an end that does not stand in the passage, a
    relation that was not asked for, two ends that are one.
    """
    refused = Counter() if refused is None else refused
    passages = ((document, start, end) for document in documents for start, end in pieces(document.text))
    schema, seen = form(relations), set[tuple[str, str, str, str]]()
    while batch := list(islice(passages, TOGETHER)):
        prompts = [_prompt(d, start, end, relations) for d, start, end in batch]
        replies = model.generate(prompts, max_tokens=max_tokens, schema=schema)
        for (document, start, end), reply in zip(batch, replies, strict=True):
            for named in _named(reply.text or ""):
                found = _placed(named, document, start, end, relations, graph)
                if isinstance(found, str):
                    refused[found] += 1
                elif (key := (document.id, found.head, found.relation, found.tail)) not in seen:
                    seen.add(key)
                    yield found


def pieces(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and end of passages of whole sentences, of about ``WORDS`` words."""
    start = last = words = 0
    for end in [*(found.start() for found in _END.finditer(text)), len(text)]:
        more = len(text[last:end].split())
        if words and words + more > WORDS:
            yield start, last
            start, words = last, 0
        words, last = words + more, end
    if words:
        yield start, last


def form(relations: Sequence[str]) -> dict[str, Any]:
    """Return the JSON schema of a list of triples."""
    words = {"type": "string", "minLength": 2, "maxLength": LONGEST}
    parts = {"head": words, "relation": {"type": "string", "enum": list(relations)}, "tail": words}
    one = {"type": "object", "properties": parts, "required": list(parts), "additionalProperties": False}
    return {"type": "array", "items": one, "maxItems": MOST}


def _prompt(document: Document, start: int, end: int, relations: Sequence[str]) -> list[Message]:
    passage = Evidence(f"{document.id}#{start}", document.id, document.text[start:end], start, end)
    return laid_before([{"role": "user", "content": ASK.format(relations=", ".join(relations))}], [passage])


def _named(reply: str) -> Iterator[dict[str, str]]:
    """Yield the triples of a reply, also of one that was cut short."""
    for text in _OBJECT.findall(reply):
        try:
            one = json.loads(text)
        except json.JSONDecodeError:
            continue
        if isinstance(one, dict) and all(isinstance(one.get(part), str) for part in ("head", "relation", "tail")):
            yield one


def _placed(
    named: dict[str, str],
    document: Document,
    start: int,
    end: int,
    relations: Sequence[str],
    graph: KnowledgeGraph | None,
) -> Extracted | str:
    """Return a triple with its place, or why it is not kept."""
    if named["relation"] not in relations:
        return "a relation that was not asked for"
    ends = [_stands(named[part], document.text, start, end) for part in ("head", "tail")]
    if ends[0] is None or ends[1] is None:
        return "an end that does not stand in the passage"
    said = (document.text[slice(*ends[0])], document.text[slice(*ends[1])])
    head, tail = (_node(graph, words) for words in said)
    if head.casefold() == tail.casefold():
        return "two ends that are one"
    first, last = min(ends[0][0], ends[1][0]), max(ends[0][1], ends[1][1])
    return Extracted(head, named["relation"], tail, document.id, first, last, said)


def _stands(words: str, text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return where words stand in a passage, as whole words whatever their case; None where they do not."""
    if not words.strip():
        return None
    pattern = r"\s+".join(map(re.escape, words.split()))
    found = re.compile(rf"(?<!\w){pattern}(?!\w)", re.IGNORECASE).search(text, start, end)
    return found.span() if found else None


def _node(graph: KnowledgeGraph | None, words: str) -> str:
    """Return the node that the whole of the words is linked to, else the words themselves."""
    linked = graph.link(words) if graph else []
    whole = linked[0] if len(linked) == 1 and linked[0].end - linked[0].start >= len(words.strip()) else None
    return whole.node if whole else " ".join(words.split())


def write_table(path: Path | str, triples: Iterable[Extracted]) -> int:
    """Return how many triples were written to a JSONL file that ``residency graph load`` reads."""
    return write_jsonl(path, (one.row() for one in triples))
