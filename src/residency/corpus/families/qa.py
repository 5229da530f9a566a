"""Multiple choice and yes/no questions whose right answer does not stand out by the words it shares.

Distractors are siblings and cousins, or names that share words with the question, placed above and below the answer
in word overlap by chance (``level``). Findings → disease is a reading task (``reading``).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from residency.corpus.concepts import Code, Term, shuffled, spread
from residency.corpus.families import Draft, Patterns, View, Wording, lower
from residency.corpus.families.level import likest, match, overlap
from residency.corpus.families.reading import findings_exact, findings_lay

_DEFINITION = Wording(
    (
        "Which term is defined as: {fact}\nOptions: {options}",
        "Definition: {fact}\nWhich of these is meant? {options}",
        "{fact}\nName this finding. Choose from: {options}",
    ),
    ("What do clinicians call this? {fact}\nChoices: {options}", "Read: {fact}\nThe matching term among {options} is:"),
)
_LAY = Wording(
    (
        "Which medical term means '{fact}'?\nOptions: {options}",
        "A patient says: {fact}. Which term fits? {options}",
        "Plain words: {fact}\nMedical term, one of: {options}",
    ),
    ("In the chart, '{fact}' would be written as one of: {options}", "Translate to a term: {fact}\nChoices: {options}"),
)
_INCLUSION = Wording(
    (
        "Under which ICD-10 heading is '{fact}' listed?\nOptions: {options}",
        "ICD-10: where does '{fact}' belong? {options}",
    ),
    ("Choose the ICD-10 category that includes '{fact}': {options}",),
)
_KIND = Wording(
    ("Is {one} a kind of {other}? Answer yes or no.", "Yes or no: is {one} a form of {other}?"),
    ("Does {one} fall under {other}? yes or no",),
)
_CODED = Wording(
    ("Does the ICD-10 heading '{other}' include '{one}'? Answer yes or no.",),
    ("ICD-10: is '{one}' coded under '{other}'? yes or no",),
)


def near(view: View, term: Term, text: str, rng: random.Random) -> Iterator[str]:
    """Yield names to choose distractors from: siblings, then terms of the group, then any that share words."""
    for near_term in shuffled(view.siblings(term), rng):
        yield near_term.name
    for other in view.pick(likest(view.by_stem, text, 80)):
        if not view.related(other.id, term.id):
            yield other.name
    for other in rng.sample(view.terms, min(len(view.terms), 60)):
        if not view.related(other.id, term.id):
            yield other.name


def _choice(wording: Wording, view: View, fact: str, answer: str, wrong: list[str], rng: random.Random) -> tuple:
    options = shuffled([answer, *wrong], rng)
    name, template = wording.pick(view.split, rng)
    return options, name, template.format(fact=fact, options="; ".join(options))


def _pick_term(view: View, term: Term, fact: str, wording: Wording, rng: random.Random) -> Draft | None:
    answer = lower(term.name)
    wrong = [lower(name) for name in match(term.name, fact, near(view, term, fact, rng), 3, rng)]
    if len(wrong) < 3:
        return None
    options, name, prompt = _choice(wording, view, fact, answer, wrong, rng)
    parts = {"question": fact}
    return Draft(prompt, [answer], wrong, term.group, "hpo", name, fact, options, parts)


def definition(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield: a definition (its own term masked), which of four terms it defines."""
    for term in spread([t for t in view.terms if t.definition and len(t.name.split()) <= 5], rng):
        fact = mask(first_sentence(term.definition), [term.name, *term.synonyms])
        if 5 <= len(fact.split()) <= 28 and (draft := _pick_term(view, term, fact, _DEFINITION, rng)):
            yield draft


def lay_term(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield: lay words, which of four clinical terms they mean."""
    for term in spread([t for t in view.terms if t.lay], rng):
        lay = min(term.lay, key=lambda text: (overlap(term.name, text), term.lay.index(text)))
        if len(lay.split()) <= 12 and (draft := _pick_term(view, term, lower(lay), _LAY, rng)):
            yield draft


def first_sentence(text: str) -> str:
    """Return a text up to its first full stop that ends a sentence."""
    return text.split(". ")[0].strip().rstrip(".") + "."


def mask(text: str, names: Sequence[str]) -> str:
    """Return a definition in which the names it defines are replaced by "this finding"."""
    for name in sorted(names, key=len, reverse=True):
        at = text.lower().find(name.lower())
        if at >= 0 and len(name) > 3:
            text = text[:at] + ("This finding" if at == 0 else "this finding") + text[at + len(name) :]
    return text


def inclusion(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield: an inclusion term, under which of four neighbouring headings ICD-10-CM lists it."""
    for code in spread([c for c in view.codes if c.inclusion and len(c.name.split()) <= 9], rng):
        fact = rng.choice(code.inclusion)
        if len(fact.split()) > 12:
            continue
        wrong = match(code.name, fact, _neighbours(view, code, fact, rng), 3, rng)
        if len(wrong) == 3:
            options, name, prompt = _choice(_INCLUSION, view, fact, code.name, wrong, rng)
            yield Draft(prompt, [code.name], wrong, code.group, "icd10", name, fact, options, {"question": fact})


def _neighbours(view: View, code: Code, text: str, rng: random.Random) -> Iterator[str]:
    above = view.facts.codes.get(code.parent)
    levels = [code.parent, above.parent if above else ""]
    for level in levels:
        for other in shuffled(view.code_children.get(level, []), rng):
            if len(other.name.split()) <= 9 and other.id != code.id and not code.id.startswith(other.id):
                yield other.name
            for child in view.code_children.get(other.id, [])[:4]:
                if len(child.name.split()) <= 9 and not child.id.startswith(code.id):
                    yield child.name
    for key in likest(view.codes_by_stem, text, 30):
        other = view.facts.codes[key]
        if len(other.name.split()) <= 9 and not key.startswith(code.id) and not code.id.startswith(key):
            yield other.name


def kind(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield pairs: is one term a kind of another (yes), of its sibling or of its own child (no)."""
    for term in spread([t for t in view.terms if t.parents and len(t.name.split()) <= 4], rng):
        parents = [p for p in view.pick(term.parents) if len(p.name.split()) <= 5]
        siblings = [s for p in parents for s in view.siblings(p) if len(s.name.split()) <= 5]
        if not parents or not siblings:
            continue
        wrong = match(parents[0].name, term.name, (s.name for s in shuffled(siblings, rng)), 1, rng)
        if wrong:
            pairs = [(term.name, parents[0].name, "yes"), (term.name, wrong[0], "no")]
            yield from _yes_no(view, _KIND, pairs, term.group, "hpo", rng)


def coded(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield pairs: does a heading include its own term (yes), or what it excludes or a neighbour includes (no)."""
    for code in spread([c for c in view.codes if c.inclusion and c.excludes and len(c.name.split()) <= 8], rng):
        right = rng.choice(code.inclusion)
        beside = view.code_children.get(code.parent, [])
        pool = [bare(note) for note in code.excludes]
        pool += [text for other in beside if other.id != code.id for text in other.inclusion]
        pool = [text for text in pool if len(text.split()) <= 10 and len(text) > 3]
        wrong = match(right, code.name, pool, 1, rng)
        if wrong and len(right.split()) <= 10:
            pairs = [(right, code.name, "yes"), (wrong[0], code.name, "no")]
            yield from _yes_no(view, _CODED, pairs, code.group, "icd10", rng)


def bare(note: str) -> str:
    """Return an exclusion note without its codes in brackets."""
    return note.split(" (")[0].strip()


def _yes_no(
    view: View, wording: Wording, pairs: list[tuple[str, str, str]], group: str, source: str, rng: random.Random
) -> Iterator[Draft]:
    for one, other, answer in pairs:
        one, other = lower(one), lower(other)
        name, template = wording.pick(view.split, rng)
        wrong = ["no" if answer == "yes" else "yes"]
        parts = {"premise": one, "hypothesis": other}
        prompt = template.format(one=one, other=other)
        yield Draft(prompt, [answer], wrong, group, source, name, f"{one}\n{other}", ["yes", "no"], parts)


PATTERNS: Patterns = {
    "lay_term": (0.42, lay_term),
    "definition": (0.33, definition),
    "findings_exact": (0.06, findings_exact),
    "findings_lay": (0.06, findings_lay),
    "inclusion": (0.05, inclusion),
    "kind": (0.04, kind),
    "coded": (0.04, coded),
}
