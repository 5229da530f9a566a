"""What a note says of a finding: yes (it follows), no (it is contradicted) or unknown (neither), with the labels
balanced inside each pattern of negation.

``status`` items are read: the note affirms one finding, denies another and ascribes a third to somebody else or to a
suspicion; the question asks for one of them by its name, by a synonym, or one step along ``is_a`` (a broader term
where it was affirmed, a narrower one where it was denied). The words of all three stand in the note, so only the
clause decides. ``affirmed`` … ``both_negated`` come from the ontology alone; each question is asked once for every
label its pattern allows, so the question alone tells nothing. ``coded`` items come from ICD-10-CM.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from residency.corpus.concepts import Code, Term, shuffled, spread
from residency.corpus.families import Draft, Patterns, View, Wording, lower, plain
from residency.corpus.families.level import overlap
from residency.corpus.families.qa import bare

YES, NO, UNKNOWN = LABELS = ("yes", "no", "unknown")
_PROMPT = Wording(
    ("{premise}\n{hypothesis} yes, no or unknown", "Note: {premise}\n{hypothesis} Answer yes, no or unknown."),
    (
        "Read: {premise}\n{hypothesis} Reply yes, no or unknown.",
        "Chart: {premise}\nQuestion: {hypothesis} (yes, no, unknown)",
    ),
)
_HAS = Wording(("Has {}.", "{} was found.", "Exam: {}."), ("{} is present.", "There is {}."))
_HAS_NOT = Wording(("No {}.", "Denies {}.", "No sign of {}."), ("There is no {}.", "Negative for {}."))
_OTHER = Wording(
    ("Mother has {}.", "Brother with {}.", "Possible {}."),
    ("Father has {}.", "Suspected {}.", "Sister with {}."),
)
_ASK = Wording(("Does the patient have {}?", "Is {} present?"), ("Has the patient {}?", "Is there {}?"))
_ASK_NOT = Wording(("Is the patient free of {}?", "Is {} absent?"), ("Is the patient without {}?",))
_CODED = Wording(("Is it coded as {}?", "Does it belong to {}?"), ("Would it be filed under {}?",))


_REWORDED = 0.0
_UNSAID = 0.5


def _short(term: Term, most: int = 5) -> bool:
    return len(term.name.split()) <= most


def _draft(view: View, premise: str, hypothesis: str, label: str, group: str, fact: str, rng: random.Random) -> Draft:
    name, template = _PROMPT.pick(view.split, rng)
    premise, hypothesis = _capital(premise), _capital(hypothesis)
    wrong = [other for other in LABELS if other != label]
    parts = {"premise": premise, "hypothesis": hypothesis}
    prompt = template.format(premise=premise, hypothesis=hypothesis)
    return Draft(prompt, [label], wrong, group, "hpo", name, fact, list(LABELS), parts)


def status(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield, for three findings that a note affirms, denies and ascribes elsewhere, the question on each."""
    return _status(view, rng, negated=False)


def status_negated(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield the same with the questions negated: is the patient free of it?"""
    return _status(view, rng, negated=True)


def _status(view: View, rng: random.Random, *, negated: bool) -> Iterator[Draft]:
    ask = _ASK_NOT if negated else _ASK
    labels = (NO, YES, UNKNOWN) if negated else (YES, NO, UNKNOWN)
    for disease in spread(view.diseases, rng):
        terms = [t for t in view.profile(disease) if _short(t, 3)]
        if len(terms) < 3:
            continue
        three = shuffled(terms, rng)[:3]
        pairs = zip((_HAS, _HAS_NOT, _OTHER), three, strict=True)
        clauses = [wording.pick(view.split, rng)[1].format(lower(term.name)) for wording, term in pairs]
        premise = " ".join(_capital(clause) for clause in shuffled(clauses, rng))
        reworded = rng.random() < _REWORDED
        asked = [*three[:2], _unsaid(view, three, rng) if rng.random() < _UNSAID else three[2]]
        for place, (term, label) in enumerate(zip(asked, labels, strict=True)):
            name = _reworded(view, term, place, rng) if reworded else term.name
            claim = ask.pick(view.split, rng)[1].format(lower(name))
            fact = "\n".join([*(t.name for t in three), name])
            yield _draft(view, premise, claim, label, disease.group, fact, rng)


def _unsaid(view: View, said: list[Term], rng: random.Random) -> Term:
    """Return a finding that the note does not speak of: beside one that it does, where there is such a sibling."""
    barred = {t.id for t in said} | {each for t in said for each in (*t.parents, *t.children)}
    beside = [s for t in said for s in view.siblings(t) if _short(s, 3) and s.id not in barred]
    others = beside or [t for t in view.terms if _short(t, 3) and t.id not in barred]
    return rng.choice(sorted(others, key=lambda t: t.id))


def _reworded(view: View, term: Term, place: int, rng: random.Random) -> str:
    """Return a name that keeps the label: a synonym; broader where affirmed (0), narrower where denied (1)."""
    steps = (_broader(view, term), [t.name for t in view.pick(term.children) if _short(t)])
    along = steps[place] if place < 2 else [*steps[0], *steps[1]]
    return rng.choice(rng.choice([names for names in (_same(term), along) if names] or [[term.name]]))


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _relation(
    view: View, premise: str, claim: str, negated: tuple[bool, bool], label: str, group: str, rng: random.Random
) -> Draft:
    said = (_HAS_NOT if negated[0] else _HAS).pick(view.split, rng)[1].format(lower(premise))
    asked = (_ASK_NOT if negated[1] else _ASK).pick(view.split, rng)[1].format(lower(claim))
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
        rows = [(inside[0], YES), (against_name, NO), (aside_name, UNKNOWN)]
        turn = {YES: NO, NO: YES, UNKNOWN: UNKNOWN} if negated else {label: label for label in LABELS}
        for premise, label in rows:
            yield _relation(view, premise, term.name, (False, negated), turn[label], term.group, rng)


def affirmed(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield affirmed claims, affirmed notes: narrower or same (yes), opposite (no), broader or beside (unknown)."""
    return _three_way(view, rng, negated=False)


def claim_negated(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield negated claims, affirmed notes: opposite (yes), narrower or same (no), broader or beside (unknown)."""
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
            for premise, label in ((above[0], YES if negated else NO), (below[0], UNKNOWN)):
                yield _relation(view, premise, term.name, (True, negated), label, term.group, rng)


def note_negated(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield affirmed claims from negated notes: no broader or same (no), no narrower or beside (unknown)."""
    return _two_way(view, rng, negated=False)


def both_negated(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield negated claims from negated notes: no broader or same (yes), no narrower or beside (unknown)."""
    return _two_way(view, rng, negated=True)


def coded(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield claims on codes: its inclusion term (yes), an excluded diagnosis (no), the heading above (unknown)."""
    for code in spread([c for c in view.codes if c.inclusion and c.excludes and len(c.name.split()) <= 6], rng):
        inside = [text for text in code.inclusion if len(text.split()) <= 6]
        outside = [text for note in code.excludes if 1 <= len((text := bare(note)).split()) <= 6]
        above = view.facts.codes.get(code.parent)
        aside = [above.name] if above and len(above.name.split()) <= 6 else []
        if inside and outside and aside:
            rows = [(rng.choice(inside), YES), (rng.choice(outside), NO), (rng.choice(aside), UNKNOWN)]
            for premise, label in rows:
                yield _coded(view, premise, code, label, rng)


def _coded(view: View, premise: str, code: Code, label: str, rng: random.Random) -> Draft:
    said = f"Diagnosis: {lower(premise)}."
    asked = _CODED.pick(view.split, rng)[1].format(lower(code.name))
    draft = _draft(view, said, asked, label, code.group, f"{premise}\n{code.name}", rng)
    draft.source = "icd10"
    return draft


PATTERNS: Patterns = {
    "status": (0.72, status),
    "status_negated": (0.06, status_negated),
    "affirmed": (0.07, affirmed),
    "claim_negated": (0.05, claim_negated),
    "note_negated": (0.035, note_negated),
    "both_negated": (0.035, both_negated),
    "coded": (0.03, coded),
}
