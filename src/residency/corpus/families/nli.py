"""Does a claim follow from a note: true, false or unknown, with the labels balanced inside each negation pattern.

``status`` items are read: the note affirms one finding, denies another and ascribes a third to somebody else or
to a suspicion. ``affirmed`` … ``both_negated`` come from the ontology; each hypothesis is asked once for every
label its pattern allows, so the hypothesis alone tells nothing. ``coded`` items come from ICD-10-CM.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from residency.corpus.families import Draft, Patterns, View, Wording, lower, plain
from residency.corpus.families.level import overlap
from residency.corpus.families.qa import bare
from residency.corpus.mix import Code, Term, shuffled, spread

TRUE, FALSE, UNKNOWN = LABELS = ("true", "false", "unknown")
_PROMPT = Wording(
    (
        "Note: {premise}\nClaim: {hypothesis}\nTrue, false or unknown?",
        "{premise}\nSo: {hypothesis} Is this true, false or unknown?",
        "Chart: {premise}\nStatement: {hypothesis}\nAnswer true, false or unknown.",
    ),
    (
        "Given: {premise}\nDoes it follow? {hypothesis}\nReply true, false or unknown.",
        "Record: {premise}\nCheck the claim: {hypothesis} (true, false, unknown)",
    ),
)
_HAS = Wording(("Patient has {}.", "{} was found.", "Exam: {}."), ("{} is present.", "There is {}."))
_HAS_NOT = Wording(("Patient does not have {}.", "No {}.", "Exam: no {}."), ("There is no {}.", "Denies {}."))
_OTHER = Wording(
    ("Mother has {}.", "Brother with {}.", "Possible {}.", "{} is suspected.", "At risk of {}."),
    ("Father had {}.", "Query {}.", "Cousin with {}."),
)
_CLAIM = Wording(("The patient has {}.", "{} is present."), ("This patient has {}.",))
_CLAIM_NOT = Wording(("The patient does not have {}.", "{} is not present."), ("This patient does not have {}.",))


def _short(term: Term, most: int = 5) -> bool:
    return len(term.name.split()) <= most


def _draft(view: View, premise: str, hypothesis: str, label: str, group: str, fact: str, rng: random.Random) -> Draft:
    name, template = _PROMPT.pick(view.split, rng)
    premise, hypothesis = (text[0].upper() + text[1:] for text in (premise, hypothesis))
    wrong = [other for other in LABELS if other != label]
    parts = {"premise": premise, "hypothesis": hypothesis}
    prompt = template.format(premise=premise, hypothesis=hypothesis)
    return Draft(prompt, [label], wrong, group, "hpo", name, fact, list(LABELS), parts)


def status(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield, for three findings of a disease that are affirmed, denied and somebody else's, all six claims in turn."""
    for disease in spread(view.diseases, rng):
        terms = [t for t in view.profile(disease) if _short(t, 3)]
        if len(terms) < 3:
            continue
        three = shuffled(terms, rng)[:3]
        yield from _status(view, three, disease.group, rng)


def _status(view: View, three: list[Term], group: str, rng: random.Random) -> Iterator[Draft]:
    clauses = [
        w.pick(view.split, rng)[1].format(lower(t.name)) for w, t in zip((_HAS, _HAS_NOT, _OTHER), three, strict=True)
    ]
    premise = " ".join(clause[0].upper() + clause[1:] for clause in shuffled(clauses, rng))
    negated = rng.random() < 0.5
    labels = (FALSE, TRUE, UNKNOWN) if negated else (TRUE, FALSE, UNKNOWN)
    reworded = rng.random() < 0.4
    for term, label in zip(three, labels, strict=True):
        name = rng.choice(_same(term) or [term.name]) if reworded else term.name
        claim = (_CLAIM_NOT if negated else _CLAIM).pick(view.split, rng)[1].format(lower(name))
        fact = "\n".join([*(t.name for t in three), name])
        yield _draft(view, premise, claim, label, group, fact, rng)


def _relation(
    view: View, premise: str, claim: str, negated: tuple[bool, bool], label: str, group: str, rng: random.Random
) -> Draft:
    said = (_HAS_NOT if negated[0] else _HAS).pick(view.split, rng)[1].format(lower(premise))
    asked = (_CLAIM_NOT if negated[1] else _CLAIM).pick(view.split, rng)[1].format(lower(claim))
    return _draft(view, said, asked, label, group, f"{premise}\n{claim}", rng)


def _same(term: Term) -> list[str]:
    return [name for name in [*term.synonyms, *term.lay] if plain(name) and len(name.split()) <= 5]


def _narrower(view: View, term: Term, rng: random.Random) -> list[str]:
    children = [t.name for t in view.pick(term.children) if _short(t)]
    picked = [rng.choice(names) for names in (children, _same(term)) if names]
    return shuffled(picked, rng)


def _broader(view: View, term: Term) -> list[str]:
    return [t.name for t in view.pick(term.parents) if _short(t)]


def _beside(view: View, term: Term, barred: list[str]) -> list[str]:
    return [t.name for t in view.siblings(term) if _short(t) and t.id not in barred]


def _three_way(view: View, rng: random.Random, negated: bool) -> Iterator[Draft]:
    """Yield, for a hypothesis with an opposite, one premise a label; ``negated`` is the hypothesis's."""
    opposite = view.opposites
    for term in spread([t for t in view.terms if t.id in opposite and _short(t)], rng):
        against = [t.name for t in view.pick(opposite[term.id]) if _short(t)]
        inside = _narrower(view, term, rng)
        aside = shuffled([*_broader(view, term), *_beside(view, term, opposite[term.id])], rng)
        if not (against and inside and aside):
            continue
        against_name = rng.choice(against)
        aside_name = min(aside, key=lambda name: abs(overlap(term.name, name) - overlap(term.name, against_name)))
        rows = [(inside[0], TRUE), (against_name, FALSE), (aside_name, UNKNOWN)]
        turn = {TRUE: FALSE, FALSE: TRUE, UNKNOWN: UNKNOWN} if negated else {label: label for label in LABELS}
        for premise, label in rows:
            yield _relation(view, premise, term.name, (False, negated), turn[label], term.group, rng)


def affirmed(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield affirmed claims, affirmed notes: narrower or same (true), opposite (false), broader or beside (unknown)."""
    return _three_way(view, rng, negated=False)


def claim_negated(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield negated claims, affirmed notes: opposite (true), narrower or same (false), broader or beside (unknown)."""
    return _three_way(view, rng, negated=True)


def _two_way(view: View, rng: random.Random, negated: bool) -> Iterator[Draft]:
    for term in spread([t for t in view.terms if t.parents and _short(t)], rng):
        above = shuffled(
            [name for names in (_broader(view, term), _same(term)) if names for name in [rng.choice(names)]], rng
        )
        children = [t.name for t in view.pick(term.children) if _short(t)]
        below = shuffled(
            [name for names in (children, _beside(view, term, [])) if names for name in [rng.choice(names)]], rng
        )
        if above and below:
            for premise, label in ((above[0], TRUE if negated else FALSE), (below[0], UNKNOWN)):
                yield _relation(view, premise, term.name, (True, negated), label, term.group, rng)


def note_negated(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield affirmed claims from negated notes: no broader or same (false), no narrower or beside (unknown)."""
    return _two_way(view, rng, negated=False)


def both_negated(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield negated claims from negated notes: no broader or same (true), no narrower or beside (unknown)."""
    return _two_way(view, rng, negated=True)


def coded(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield claims on codes: its inclusion term (true), an excluded diagnosis (false), the heading above (unknown)."""
    for code in spread([c for c in view.codes if c.inclusion and c.excludes and len(c.name.split()) <= 6], rng):
        inside = [text for text in code.inclusion if len(text.split()) <= 6]
        outside = [text for note in code.excludes if 1 <= len((text := bare(note)).split()) <= 6]
        above = view.facts.codes.get(code.parent)
        aside = [above.name] if above and len(above.name.split()) <= 6 else []
        if inside and outside and aside:
            rows = [(rng.choice(inside), TRUE), (rng.choice(outside), FALSE), (rng.choice(aside), UNKNOWN)]
            for premise, label in rows:
                yield _coded(view, premise, code, label, rng)


def _coded(view: View, premise: str, code: Code, label: str, rng: random.Random) -> Draft:
    said, asked = f"Diagnosis: {lower(premise)}.", f"It is coded as {lower(code.name)}."
    draft = _draft(view, said, asked, label, code.group, f"{premise}\n{code.name}", rng)
    draft.source = "icd10"
    return draft


PATTERNS: Patterns = {
    "status": (0.40, status),
    "affirmed": (0.18, affirmed),
    "claim_negated": (0.16, claim_negated),
    "note_negated": (0.10, note_negated),
    "both_negated": (0.10, both_negated),
    "coded": (0.06, coded),
}
