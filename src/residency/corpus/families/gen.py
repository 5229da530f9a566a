"""Say a clinical term, or two findings of a disease, in a patient's words; scored against HPO's lay synonyms.

References that mostly repeat the term (ROUGE-L above 0.5) are dropped, so copying it earns little.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache
from itertools import product

from residency.corpus.concepts import Term, shuffled, spread, words
from residency.corpus.families import Draft, Patterns, View, Wording, lower
from residency.corpus.families.qa import first_sentence, mask

_TERM = Wording(
    (
        "Explain to a patient in a few words: {fact}",
        "Say in plain words: {fact}",
        "What does {fact} mean in everyday language?",
        "Lay term for {fact}:",
    ),
    ("How would you put '{fact}' to a family, briefly?", "Simple words for '{fact}'?"),
)
_DEFINED = Wording(
    ("Explain in a few plain words: {fact}. ({definition})", "{definition}\nSay it in plain words: {fact}"),
    ("{fact}: {definition} In short, for a patient:",),
)
_PROFILE = Wording(
    ("Tell the patient in plain words: {fact}", "Write for a patient: {fact}"),
    ("Put these findings in everyday words: {fact}",),
)
MOST_COPIED = 0.4


@lru_cache(maxsize=100_000)
def rouge_l(one: str, other: str) -> float:
    """Return the ROUGE-L F1 of two texts: of their longest common subsequence of words (Lin 2004)."""
    a, b = words(one), words(other)
    if not a or not b:
        return 0.0
    row = [0] * (len(b) + 1)
    for word in a:
        last = 0
        for at, match in enumerate(b, 1):
            last, row[at] = row[at], last + 1 if word == match else max(row[at], row[at - 1])
    return 2 * row[-1] / (len(a) + len(b))


def references(term: Term) -> list[str]:
    """Return the lay synonyms of a term that are short and do not repeat it."""
    return [lay for lay in term.lay if len(lay.split()) <= 12 and rouge_l(lay, term.name) <= MOST_COPIED]


def _explained(view: View) -> list[Term]:
    return [t for t in view.terms if references(t)]


def _wrong(view: View, term: Term, pool: list[Term], rng: random.Random) -> list[str]:
    """Return the term copied, a neighbour's reference and a stranger's."""
    near = [s for s in view.siblings(term) if references(s)]
    others = [rng.choice(near)] if near else []
    others.append(rng.choice(pool))
    texts = [lower(references(t)[0]) for t in others if t.id != term.id]
    return [lower(term.name), *dict.fromkeys(t for t in texts if t not in _wanted(term))]


def _wanted(term: Term) -> list[str]:
    return [lower(text) for text in references(term)]


def _has_turn(term: Term) -> bool:
    """Return whether a term is explained with its definition: two in five of those with a short one."""
    return (
        bool(term.definition) and 4 <= len(first_sentence(term.definition).split()) <= 20 and int(term.id[-2:]) % 5 < 2
    )


def term(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield a term to explain."""
    pool = _explained(view)
    for row in spread([t for t in pool if not _has_turn(t)], rng):
        name, template = _TERM.pick(view.split, rng)
        fact = lower(row.name)
        wrong = _wrong(view, row, pool, rng)
        content = "\n".join([fact, *_wanted(row)])
        yield Draft(
            template.format(fact=fact), _wanted(row), wrong, row.group, "hpo", name, content, parts={"term": fact}
        )


def defined(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield a term with its definition to explain; no term is also in ``term``."""
    pool = _explained(view)
    for row in spread(pool, rng):
        if not _has_turn(row):
            continue
        name, template = _DEFINED.pick(view.split, rng)
        fact, definition = lower(row.name), mask(first_sentence(row.definition), [row.name])
        prompt = template.format(fact=fact, definition=definition)
        content = "\n".join([fact, definition, *_wanted(row)])
        parts = {"term": fact, "definition": definition}
        yield Draft(prompt, _wanted(row), _wrong(view, row, pool, rng), row.group, "hpo", name, content, parts=parts)


def profile(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield two findings of a disease to explain together."""
    pool = _explained(view)
    for disease in spread(view.diseases, rng):
        known = [t for t in view.profile(disease) if references(t) and len(references(t)[0].split()) <= 6]
        if len(known) < 2:
            continue
        two = shuffled(known, rng)[:2]
        fact = "; ".join(lower(t.name) for t in two)
        wanted = [f"{a}; {b}" for a, b in product(*(_wanted(t)[:3] for t in two))]
        wrong = [fact, "; ".join(_wrong(view, t, pool, rng)[-1] for t in two), _wanted(two[0])[0]]
        name, template = _PROFILE.pick(view.split, rng)
        content = "\n".join([fact, *wanted])
        yield Draft(
            template.format(fact=fact), wanted, wrong, disease.group, "hpo", name, content, parts={"term": fact}
        )


PATTERNS: Patterns = {"term": (0.5, term), "defined": (0.3, defined), "profile": (0.2, profile)}
