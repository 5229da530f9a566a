"""Findings → disease as reading: the candidate profiles stand in the prompt, and none stands out by its words.

Either each wrong profile holds the words of the finding in other findings ("sparse eyebrow" against "sparse body
hair, absent eyebrow"), or the findings are in lay words and no profile shares a word with them.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator

from residency.corpus.concepts import Disease, Term, shuffled, spread, stems
from residency.corpus.families import Draft, View, Wording, lower, plain
from residency.corpus.families.level import level, overlap

_FINDINGS = Wording(
    (
        "{profiles}\nA patient has {fact}. Which disease fits?",
        "Profiles:\n{profiles}\nFindings: {fact}. Disease?",
        "{profiles}\nWhich of these fits {fact}?",
    ),
    ("Compare:\n{profiles}\nSeen in clinic: {fact}. The best match is:", "{profiles}\nName the disease with {fact}."),
)


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
