"""A claim held against the graph: supported, contradicted, or unknown, with the facts that say so.

What the graph does not say is unknown, never false. A finding of a disease is one of every kind that it belongs to, and
what a disease does not have it has no kind of: Köhler 2021, The Human Phenotype Ontology in 2021.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from residency.corpus.graph.facts import Fact
from residency.corpus.graph.names import variant
from residency.corpus.graph.terms import HAS, IS_A, LACKS, TEXTS, words_of
from residency.infer.evidence import Evidence
from residency.infer.graph.facts import evidence, share
from residency.infer.graph.paths import Step, paths

if TYPE_CHECKING:
    from residency.infer.graph.knowledge import KnowledgeGraph
    from residency.infer.graph.linking import Linked

Said = Literal["supported", "contradicted", "unknown"]
_NOT = re.compile(r"\b(?:not|no|never|without|lacks?|lacking|absent|absence|denies|cannot|excludes?)\b|n['’]t\b", re.I)
_KIND = r"\s*(?:is|are|was|were)\s+(?:not\s+)?(?:an?\s+|the\s+)?(?:(?:kind|type|form|subtype|sort|sub-?class|class"
_KIND += r"|example)s?\s+of\s+)?(?:an?\s+|the\s+)?"
_IS_A = re.compile(_KIND, re.I)
_SAME = re.compile(r"\b(?:also (?:called|known)|another name|synonym|same as|known as|called|abbreviat)", re.I)
_HAS = re.compile(
    r"\b(?:ha[sd]|have|having|cause[sd]?|causing|shows?|present\w*|feature[sd]?|symptoms?|signs?|findings?|manifest\w*|"
    r"associated|seen|found|occurs?|characteri[sz]\w*|includes?|leads?|with|without|lacks?|absent|phenotypes?)\b",
    re.I,
)
_INHERITED = re.compile(r"\b(?:inherit\w*|is|are|has|have|transmit\w*|mode|as|an)\b", re.I)
_ALWAYS = re.compile(r"\b(?:always|invariably|all|every|each|only|must)\b", re.I)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the graph says of a claim, the facts that it rests on, and why it does not know."""

    verdict: Said
    evidence: list[Evidence] = field(default_factory=list)
    why: str = ""


def check(graph: KnowledgeGraph, claim: str) -> Verdict:
    """Return whether the graph supports or contradicts a claim such as "Marfan syndrome has ectopia lentis".

    A claim of several things is supported where each is, contradicted where one is; "unknown" says why.
    """
    linked = graph.link(claim)
    if len(linked) < 2:
        named = "only one thing" if linked else "nothing"
        return Verdict("unknown", why=f"the claim names {named} that the graph knows; it takes two")
    parts = [_pair(graph, claim, one, other) for one, other in _pairs(graph, linked)]
    shown = list({one.id: one for part in parts for one in part.evidence}.values())
    if any(part.verdict == "contradicted" for part in parts):
        return Verdict("contradicted", [e for p in parts if p.verdict == "contradicted" for e in p.evidence])
    if all(part.verdict == "supported" for part in parts):
        return Verdict("supported", shown)
    return Verdict("unknown", shown, next(part.why for part in parts if part.verdict == "unknown"))


def _pairs(graph: KnowledgeGraph, linked: Sequence[Linked]) -> list[tuple[Linked, Linked]]:
    """Return what is said of what: of the one thing that has findings, else of the first."""
    having = [one for one in linked if any(graph.facts_of(node, HAS) for node in _nodes(one))]
    main = having[0] if having else linked[0]
    return [(main, one) for one in linked if one is not main]


def _nodes(one: Linked) -> tuple[str, ...]:
    return (one.node, *one.others)


def _pair(graph: KnowledgeGraph, claim: str, main: Linked, other: Linked) -> Verdict:
    """Return the verdict on what a claim says of two things."""
    first, second = sorted((main, other), key=lambda one: one.start)
    rest = f"{claim[: first.start]} , {claim[first.end : second.start]} , {claim[second.end :]}"
    between = claim[first.end : second.start]
    negated = bool(_NOT.search(rest))
    yes, no = _said(graph, rest, between, (first, second), (main, other))
    for_it, against = (no, yes) if negated else (yes, no)
    shown = [evidence(graph, fact) for fact in dict.fromkeys([*for_it, *against])]
    if for_it and against:
        return Verdict("unknown", shown, "the graph says both: its sources disagree")
    if for_it and not negated and _ALWAYS.search(rest) and not _always(graph, for_it):
        return Verdict("unknown", shown, "the graph says that it occurs, not that it always does")
    if for_it or against:
        return Verdict("supported" if for_it else "contradicted", shown)
    return Verdict("unknown", why="the graph does not say how the two things are related in this way")


def _said(
    graph: KnowledgeGraph, rest: str, between: str, order: tuple[Linked, Linked], main: tuple[Linked, Linked]
) -> tuple[list[Fact], list[Fact]]:
    """Return the facts for the claim without its "not", and those against."""
    if order[0].node == order[1].node:
        return (_named(graph, order), []) if _SAME.search(rest) else ([], [])
    if _IS_A.fullmatch(between) and (found := _kind(graph, *order)) != ([], []):
        return found
    yes, no = _finding(graph, *main) if _HAS.search(rest) else ([], [])
    if _INHERITED.search(rest):
        yes += _direct(graph, main, "has inheritance")
    more = _stated(graph, between, order)
    return [*yes, *more[0]], [*no, *more[1]]


def _named(graph: KnowledgeGraph, order: tuple[Linked, Linked]) -> list[Fact]:
    called = [fact for fact in graph.facts_of(order[0].node) if fact.literal and fact.relation != "definition"]
    return [fact for fact in called if fact.relation in ("synonym", "abbreviation", "name")][:3]


def _kind(graph: KnowledgeGraph, one: Linked, other: Linked) -> tuple[list[Fact], list[Fact]]:
    """Return the way up from one thing to the other, and the way back, which speaks against it."""
    return _way(graph, one, other, [f"{IS_A}*"]), _way(graph, other, one, [f"{IS_A}*"])


def _way(graph: KnowledgeGraph, one: Linked, other: Linked, relations: list[str]) -> list[Fact]:
    if not {relation.strip("^*") for relation in relations} <= graph.relations.keys():
        return []
    ways: list[tuple[Step, ...]] = []
    for a in _nodes(one):
        for b in _nodes(other):
            ways += paths(graph, a, b, most=1, relations=relations)
    return [step.fact for step in min(ways, key=len)] if ways else []


def _finding(graph: KnowledgeGraph, main: Linked, other: Linked) -> tuple[list[Fact], list[Fact]]:
    """Return that a disease has a finding or a kind of it, and that it lacks it or what it is a kind of."""
    yes = _way(graph, main, other, [HAS, f"{IS_A}*"] if IS_A in graph.relations else [HAS])
    above = {at for node in _nodes(other) for at in graph.above(node)}
    no = [fact for node in _nodes(main) for fact in graph.facts_of(node, LACKS) if fact.tail in above]
    return yes, no


def _direct(graph: KnowledgeGraph, pair: tuple[Linked, Linked], relation: str) -> list[Fact]:
    ends = set(_nodes(pair[1]))
    return [fact for node in _nodes(pair[0]) for fact in graph.facts_of(node, relation) if fact.tail in ends]


def _stated(graph: KnowledgeGraph, between: str, order: tuple[Linked, Linked]) -> tuple[list[Fact], list[Fact]]:
    """Return facts of relations whose words stand between the two things, and those of the relations denied."""
    words = set(variant(between).split())
    pair = order[::-1] if re.search(r"\bby\b", between) else order
    yes: list[Fact] = []
    no: list[Fact] = []
    for relation in graph.relations:
        said = set(variant(re.sub(r"\b(?:not|does|do)\b", " ", words_of(relation))).split())
        if relation in TEXTS or relation in (IS_A, HAS, LACKS) or not said or not _within(said, words):
            continue
        (no if _NOT.search(words_of(relation)) else yes).extend(_direct(graph, pair, relation))
    return yes, no


def _within(said: set[str], words: set[str]) -> bool:
    """Return whether each word of a relation is said, in whatever form: treats, treated, treat."""
    stems = {_stem(word) for word in words}
    return all(_stem(word) in stems for word in said)


def _stem(word: str) -> str:
    return re.sub(r"(?:ing|ed|es|e|s)$", "", word) if len(word) > 4 else word


def _always(graph: KnowledgeGraph, found: Sequence[Fact]) -> bool:
    told = [
        o.about["frequency"] for f in found if f.relation == HAS for o in graph.origins(f) if "frequency" in o.about
    ]
    return bool(told) and min(map(share, told)) == 1.0
