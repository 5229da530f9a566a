"""Multiple choice and yes/no questions whose right answer does not stand out by the words it shares.

Distractors are siblings and cousins whose word overlap with the question is at least the answer's, or as near as
the facts allow. Findings → disease is a reading task: the candidate profiles stand in the prompt, and each wrong
profile holds the same words in other findings (or, where the findings are in lay words, none of them does).
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeVar

from residency.corpus.families import Draft, Patterns, View, Wording, lower, plain
from residency.corpus.mix import Code, Disease, Term, normal, shuffled, spread, stems, words

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
_FINDINGS = Wording(
    (
        "{profiles}\nA patient has {fact}. Which disease fits?",
        "Profiles:\n{profiles}\nFindings: {fact}. Disease?",
        "{profiles}\nWhich of these fits {fact}?",
    ),
    ("Compare:\n{profiles}\nSeen in clinic: {fact}. The best match is:", "{profiles}\nName the disease with {fact}."),
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


T = TypeVar("T")


def overlap(option: str, text: str) -> float:
    """Return how much an option looks like a text: a mean over shares of common stems and letter triples."""
    own, other = stems(option), stems(text)
    small, large = triples(option), triples(text)
    if not own or not small:
        return 0.0
    common = len(own & other)
    shares = common / len(own), common / len(own | other), common / 4
    return (sum(shares) + 3 * len(small & large) / len(small)) / 6


@lru_cache(maxsize=200_000)
def triples(text: str) -> frozenset[str]:
    """Return the letter triples inside the words of a text."""
    return frozenset(word[i : i + 3] for word in words(text) for i in range(len(word) - 2))


def match(answer: str, text: str, pool: Iterable[str], count: int, rng: random.Random) -> list[str]:
    """Return ``count`` wrong options that are as much like the text as the answer is; see ``level``."""
    seen, fresh = {normal(answer)}, []
    for name in pool:
        if normal(name) not in seen:
            seen.add(normal(name))
            fresh.append((overlap(name, text), name))
    return level(overlap(answer, text), fresh, count, rng)


def level(target: float, scored: Sequence[tuple[float, T]], count: int, rng: random.Random) -> list[T]:
    """Return ``count`` of the scored candidates, so many of them above the target as chance decides.

    The place of the answer in the order of scores is drawn, as far as there are candidates above and below it; of
    those, the nearest are taken, and among near ones the earlier. First place is never drawn, because the answers
    that nothing exceeds take it anyway: a third to a quarter of all.
    """
    sides: tuple[list, list] = ([], [])
    for rank, (score, item) in enumerate(scored):
        gap = score - target
        sides[gap < 0].append((round(abs(gap), 1) + rank // 8 / 20, rank, item))
    above, below = (sorted(side, key=lambda row: row[:2]) for side in sides)
    more = min(len(above), max(rng.randint(1, count), count - len(below)))
    return [item for *_, item in [*above[:more], *below[: count - more]]]


def near(view: View, term: Term, text: str, rng: random.Random) -> Iterator[str]:
    """Yield names to choose distractors from: siblings, then terms of the group, then any that share words."""
    for near_term in shuffled(view.siblings(term), rng):
        yield near_term.name
    for other in view.pick(_likest(view.by_stem, text, 80)):
        if not view.related(other.id, term.id):
            yield other.name
    for other in rng.sample(view.terms, min(len(view.terms), 60)):
        if not view.related(other.id, term.id):
            yield other.name


def _likest(index: dict[str, list[str]], text: str, count: int) -> list[str]:
    """Return the ids that share most stems with the text, the most alike first."""
    sharing = Counter(key for stem in sorted(stems(text)) for key in index.get(stem, ()))
    return heapq.nsmallest(count, sharing, key=lambda key: (-sharing[key], key))


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


class Profiles:
    """The diseases of a view by the stems of their findings."""

    def __init__(self, view: View, rng: random.Random) -> None:
        self.diseases = [d for d in spread(view.diseases, rng) if plain(d.name) and len(d.name.split()) <= 4]
        self.profile = {d.id: view.profile(d) for d in self.diseases}
        self.diseases = [d for d in self.diseases if len(self.profile[d.id]) >= 3]
        self.by_stem: dict[str, dict[str, list[Term]]] = defaultdict(dict)
        for disease in self.diseases:
            for term in self.profile[disease.id]:
                for stem in sorted(stems(term.name)):
                    self.by_stem[stem].setdefault(disease.id, []).append(term)
        self.by_id = {d.id: d for d in self.diseases}


def findings_exact(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield: a finding, which of three diseases has it; the others hold its words in other findings."""
    profiles = Profiles(view, rng)
    for disease in profiles.diseases:
        own = shuffled([t for t in profiles.profile[disease.id] if 2 <= len(stems(t.name)) <= 3], rng)
        made = (_exact(view, profiles, disease, finding, rng) for finding in own)
        if draft := next((draft for draft in made if draft), None):
            yield draft


def _exact(view: View, profiles: Profiles, disease: Disease, finding: Term, rng: random.Random) -> Draft | None:
    needed = sorted(stems(finding.name))
    holders = set.intersection(*(set(profiles.by_stem[stem]) for stem in needed)) - {disease.id}
    lures: list[tuple[Disease, list[Term]]] = []
    for key in shuffled(sorted(holders), rng)[:40]:
        cover = _cover(view, profiles, key, needed, finding)
        if cover and profiles.by_id[key].group != disease.group:
            lures.append((profiles.by_id[key], cover))
        if len(lures) == 2:
            break
    if len(lures) < 2:
        return None
    full = [(row, _filled(profiles.profile[row.id], terms, needed, 0, rng)) for row, terms in lures]
    size = sum(len(stems(t.name)) for _, terms in full for t in terms) / 2
    full.insert(0, (disease, _filled(profiles.profile[disease.id], [finding], needed, size, rng)))
    return _reading(view, full, [lower(finding.name)], rng)


def _cover(view: View, profiles: Profiles, key: str, needed: list[str], finding: Term) -> list[Term]:
    """Return findings of a disease that hold all the needed stems between them, none the finding's kin, or nothing."""
    if any(view.related(t.id, finding.id) for t in profiles.profile[key]):
        return []
    found: list[Term] = []
    for stem in needed:
        if not any(stem in stems(t.name) for t in found):
            found.append(max(profiles.by_stem[stem][key], key=lambda t: (overlap(finding.name, t.name), t.id)))
    return found if len(found) <= 3 else []


def _filled(profile: list[Term], terms: list[Term], needed: list[str], size: float, rng: random.Random) -> list[Term]:
    """Return the terms, filled up to three with others of the profile that hold none of the needed stems.

    ``size`` is the number of stems that the three should come near to; 0 leaves it to chance.
    """
    free = shuffled([t for t in profile if t not in terms and not stems(t.name) & set(needed)], rng)
    while free and len(terms) < 3:
        want = (size - sum(len(stems(t.name)) for t in terms)) / (3 - len(terms))
        best = min(range(len(free)), key=lambda i: abs(len(stems(free[i].name)) - want)) if size else 0
        terms = [*terms, free.pop(best)]
    return terms


def findings_lay(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield: two findings in lay words, which of three diseases has both; no profile shares a word with them."""
    profiles = Profiles(view, rng)
    for disease in profiles.diseases:
        own = [(t, lay) for t in profiles.profile[disease.id] if (lay := foreign(t))]
        if len(own) < 2:
            continue
        two = shuffled(own, rng)[:2]
        facts = [lower(lay) for _, lay in two]
        text = " ".join(facts)
        taken = stems(text)
        rest = [t for t in profiles.profile[disease.id] if not taken & stems(t.name)]
        if any(t not in rest for t, _ in two):
            continue
        seen = [two[0][0], two[1][0]]
        shown = [*seen, *shuffled([t for t in rest if t not in seen], rng)[:1]]
        likeness = overlap(_line(shown), text)
        lures = level(likeness, _strangers(view, profiles, disease, seen, text, rng), 2, rng)
        if len(lures) == 2:
            yield _reading(view, [(disease, shown), *lures], facts, rng)


def _strangers(
    view: View, profiles: Profiles, disease: Disease, seen: list[Term], text: str, rng: random.Random
) -> list[tuple[float, tuple[Disease, list[Term]]]]:
    """Return diseases without the seen findings' kin, each with three findings free of the text's stems, scored."""
    found, taken = [], stems(text)
    for other in rng.sample(profiles.diseases, min(80, len(profiles.diseases))):
        free = [t for t in profiles.profile[other.id] if not taken & stems(t.name)]
        clash = any(view.related(t.id, f.id) for t in profiles.profile[other.id] for f in seen)
        if other.group != disease.group and len(free) >= 3 and not clash:
            three = shuffled(free, rng)[:3]
            found.append((overlap(_line(three), text), (other, three)))
    return found


def _line(terms: list[Term]) -> str:
    return ", ".join(lower(t.name) for t in terms)


def foreign(term: Term) -> str:
    """Return the first lay synonym that shares no stem with the name and is short, or ""."""
    fitting = (lay for lay in term.lay if not stems(lay) & stems(term.name) and len(lay.split()) <= 5 and plain(lay))
    return next(fitting, "")


def _reading(view: View, shown: list[tuple[Disease, list[Term]]], facts: list[str], rng: random.Random) -> Draft:
    """Return the reading item of diseases with the findings shown for them; the first is the answer."""
    disease = shown[0][0]
    lines = {row.name: ", ".join(lower(t.name) for t in shuffled(terms, rng)) for row, terms in shown}
    options = shuffled(lines, rng)
    name, template = _FINDINGS.pick(view.split, rng)
    fact = " and ".join(facts)
    prompt = template.format(fact=fact, profiles="\n".join(f"{option}: {lines[option]}" for option in options))
    wrong = [option for option in options if option != disease.name]
    content = "\n".join([*facts, *(f"{option}: {lines[option]}" for option in options)])
    parts = {"question": fact, "lines": [lines[option] for option in options]}
    return Draft(prompt, [disease.name], wrong, disease.group, "hpo", name, content, options, parts)


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
    for key in _likest(view.codes_by_stem, text, 30):
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
    "definition": (0.25, definition),
    "lay_term": (0.25, lay_term),
    "findings_exact": (0.22, findings_exact),
    "findings_lay": (0.10, findings_lay),
    "inclusion": (0.08, inclusion),
    "kind": (0.06, kind),
    "coded": (0.04, coded),
}
