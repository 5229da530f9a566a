"""Facts of the graph as evidence for a question: sentences with the triple as id, the most telling first.

What connects two things that the question names comes first; then what has the relation that it asks for; then the
rest that is said of what it names. Pairing questions with a subgraph so: Yasunaga 2021, QA-GNN, without its network.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from residency.corpus.graph.facts import Fact
from residency.corpus.graph.names import variant
from residency.corpus.graph.origins import Origin
from residency.corpus.graph.terms import DEFINITION, HAS, IS_A, LACKS, NAME, SYNONYM, words_of
from residency.infer.evidence import GRAPH, Evidence, Found
from residency.infer.graph.paths import Path, Step, paths

if TYPE_CHECKING:
    from residency.infer.graph.knowledge import KnowledgeGraph

SAID = {
    IS_A: "{head} is a kind of {tail}",
    HAS: "{head} has the finding {tail}",
    LACKS: "{head} does not have the finding {tail}",
    SYNONYM: "{head} is also called {tail}",
    "abbreviation": "{head} is abbreviated {tail}",
    "has inheritance": "{head} has the inheritance {tail}",
    "has course": "{head} has the onset or course {tail}",
    "has modifier": "{head} is modified by {tail}",
    DEFINITION: "{head}: {tail}",
}
CUES = {
    IS_A: "kind type class category parent subtype belong broader narrower group classified",
    HAS: "finding symptom sign feature phenotype manifestation present presentation manifest show cause characteristic "
    "characterize characterise associated clinical",
    LACKS: "not absent lack never without except exclude denied",
    SYNONYM: "synonym called known name another term alternative",
    "abbreviation": "abbreviation abbreviated stand short",
    "has inheritance": "inherit inherited inheritance dominant recessive genetic mode hereditary linked",
    "has course": "onset age course progress progression progressive start begin when",
    DEFINITION: "what define definition defined mean describe is",
}
_WEIGHT = {"always": 1.0, "very frequent": 0.9, "frequent": 0.6, "occasional": 0.3, "very rare": 0.1}
_LEFT = {NAME, "comment", "old id", "also coded"}
MOST_EACH = 400
NEAR = 3
"""The most steps between two named things that are told as facts."""


def facts(graph: KnowledgeGraph, question: str, *, k: int = 10) -> Found:
    """Return at most ``k`` facts that bear on a question; ``why`` says why there are none.

    It is searched by the question's words alone. Nodes that are called the same (a disease under two catalogues' ids)
    are all looked at.
    """
    linked = graph.link(question)
    if not linked:
        return Found(snapshot=graph.snapshot, why="the question names nothing that the graph knows")
    groups = list(dict.fromkeys((one.node, *one.others) for one in linked))
    left = _words(_without(question, [(one.start, one.end) for one in linked]))
    scores: dict[Fact, float] = {}
    for fact in _between(graph, groups):
        scores[fact] = 3.0 + _fitting(graph, fact, left)
    near = [fact for group in groups for node in group for fact in _around(graph, node)]
    shared = Counter(fact.head for fact in {fact for fact in near if fact.relation == HAS})
    named = {node for group in groups for node in group}
    for fact in near:
        together = min(shared[fact.head], 5) - 1 if fact.tail in named and fact.relation == HAS else 0
        scores.setdefault(fact, _fitting(graph, fact, left) + 0.5 * max(together, 0) + 0.2 * (fact.head in named))
    best = sorted(scores, key=lambda fact: (-scores[fact], fact.id))[: 4 * k]
    again = {fact: scores[fact] + 0.3 * _often(graph, fact) for fact in best}
    ranked = sorted(again, key=lambda fact: (-again[fact], fact.id))
    found = [evidence(graph, fact, score=round(again[fact], 4)) for fact in _once(graph, ranked)[:k]]
    return Found(found, graph.snapshot, why=None if found else "the graph says nothing of what the question names")


def _between(graph: KnowledgeGraph, groups: list[tuple[str, ...]]) -> Iterable[Fact]:
    """Yield the facts of the shortest paths between the things named, two at a time."""
    for i, some in enumerate(groups[:12]):
        for others in groups[i + 1 : 12]:
            found = [path for a in some[:2] for b in others[:2] for path in _short(graph, a, b)]
            least = min(map(len, found), default=0)
            yield from (step.fact for path in found if len(path) == least for step in path)


def _short(graph: KnowledgeGraph, a: str, b: str) -> list[Path]:
    """Return a direct fact, or a finding of the one that is a kind of the other."""
    direct = [f for f in (*graph.facts_of(a), *graph.facts_of(b)) if {f.head, f.tail} == {a, b}]
    if direct:
        return [(Step(fact),) for fact in direct]
    return [path for path in _kinds(graph, a, b) if len(path) <= NEAR]


def _kinds(graph: KnowledgeGraph, a: str, b: str) -> list[Path]:
    ways: list[Path] = []
    known = graph.relations
    for start, end in ((a, b), (b, a)):
        if IS_A in known:
            ways += paths(graph, start, end, most=1, relations=[f"{IS_A}*"])
        if HAS in known and not ways:
            ways += paths(graph, start, end, most=2, relations=[HAS, f"{IS_A}*"])
    return ways


def _around(graph: KnowledgeGraph, node: str) -> list[Fact]:
    own = [fact for fact in graph.facts_of(node) if fact.relation not in _LEFT]
    return [*own, *graph.facts_to(node, most=MOST_EACH)]


def _fitting(graph: KnowledgeGraph, fact: Fact, left: set[str]) -> float:
    """Return how well a fact fits the words that name nothing: by its relation, and by what it says."""
    cues = set(variant(CUES.get(fact.relation, words_of(fact.relation))).split())
    other = fact.tail if fact.literal else graph.name(fact.tail)
    said = _words(f"{graph.name(fact.head)} {other}")
    return 1.0 * bool(cues & left) + (len(said & left) / len(left) if left else 0.0)


def _often(graph: KnowledgeGraph, fact: Fact) -> float:
    """Return how frequent a finding is said to be, 0 to 1; 0.5 where nobody says."""
    if fact.relation != HAS:
        return 0.5
    told = [origin.about["frequency"] for origin in graph.origins(fact) if "frequency" in origin.about]
    return max(map(share, told), default=0.5)


def share(said: str) -> float:
    """Return a frequency as HPO's annotations say it (a word, "3/7", "40%") as a share; 0.5 where it says nothing."""
    if said in _WEIGHT:
        return _WEIGHT[said]
    if found := re.fullmatch(r"(\d+)/(\d+)", said):
        return int(found[1]) / int(found[2]) if int(found[2]) else 0.5
    found = re.fullmatch(r"([\d.]+)%", said)
    return float(found[1]) / 100 if found else 0.5


def _once(graph: KnowledgeGraph, ranked: list[Fact]) -> list[Fact]:
    """Return the facts without those that read the same as an earlier one."""
    seen: dict[str, Fact] = {}
    for fact in ranked:
        seen.setdefault(sentence(graph, fact).casefold(), fact)
    return list(seen.values())


def _words(text: str) -> set[str]:
    return set(variant(text).split())


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start]} {text[end:]}"
    return text


def sentence(graph: KnowledgeGraph, fact: Fact, often: str = "") -> str:
    """Return a fact in plain words."""
    head = graph.name(fact.head)
    tail = fact.tail if fact.literal else graph.name(fact.tail)
    form = SAID.get(fact.relation, "{head} " + words_of(fact.relation).replace("{", "").replace("}", "") + " {tail}")
    text = form.replace("{head}", head, 1)
    text = text.replace("{tail}", tail, 1) if "{tail}" not in head else f"{head} {words_of(fact.relation)} {tail}"
    text += f" ({often})" if often else ""
    return text if text.endswith((".", "?", "!")) else f"{text}."


def evidence(graph: KnowledgeGraph, fact: Fact, *, score: float = 0.0) -> Evidence:
    """Return a fact as evidence: its id is the triple, its document the head, its source the lines that say it."""
    origins = graph.origins(fact)
    often = next((one.about["frequency"] for one in origins if "frequency" in one.about), "")
    text = sentence(graph, fact, often if fact.relation == HAS else "")
    file = graph.file(origins[0].file) if origins else {}
    edition = str(file.get("edition") or "")
    made = Evidence(fact.id, fact.head, text, end=len(text), title=graph.name(fact.head), shelf=GRAPH, score=score)
    return replace(
        made,
        section=words_of(fact.relation),
        source="; ".join(map(_place, origins[:3])),
        licence=str(file.get("licence") or ""),
        edition=edition,
        date=edition if re.fullmatch(r"\d{4}(-\d\d){0,2}", edition) else None,
    )


def _place(origin: Origin) -> str:
    place = origin.file if origin.line is None else f"{origin.file}, line {origin.line}"
    return f"{place} ({origin.about['reference']})" if "reference" in origin.about else place
