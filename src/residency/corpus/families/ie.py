"""Find the phenotypes a text affirms, as a JSON list of exact strings; what is denied is left out.

Mentions are rarely the plain name: synonyms, lay words, plurals, clinical shorthand, a finding told as a sentence
("the nose was short"), two findings that share a noun ("short and broad thumbs"). The convention for the last two:
a mention is the shortest unbroken stretch of the text that covers all words of the finding, so two joined findings
are one string.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from typing import Any

from residency.corpus.concepts import Disease, Term, shuffled, spread
from residency.corpus.families import Draft, Patterns, View, Wording, lower, plain

_PROMPT = Wording(
    (
        "Copy the findings this patient has as a JSON list of exact phrases; leave out denied ones.\n{text}",
        "{text}\nJSON list of the phrases that name findings present:",
        "Extract present findings (exact words, JSON list, no negated ones): {text}",
    ),
    (
        "Note: {text}\nWhich findings are present? Give the exact phrases as a JSON list.",
        "List what the patient has, word for word, as JSON. Skip what is ruled out.\n{text}",
    ),
)
_PRESENT = Wording(
    (
        "On examination {} noted.",
        "The patient presents with {}.",
        "Known for {}.",
        "Findings include {}.",
        "History of {}.",
        "She was referred for {}.",
        "There is {}.",
        "He has {}.",
    ),
    ("Exam remarkable for {}.", "We saw {}.", "The parents report {}.", "Follow-up showed {}.", "Born with {}."),
)
_ABSENT = Wording(
    (
        "No {}.",
        "There was no evidence of {}.",
        "She denies {}.",
        "Without {}.",
        "Negative for {}.",
        "No sign of {}.",
        "{} was ruled out.",
    ),
    ("Free of {}.", "{} is absent.", "Never had {}.", "Does not show {}.", "Work-up excluded {}."),
)
_FILLER = Wording(
    (
        "Takes vitamin D daily.",
        "Lives with both parents.",
        "Follow-up in six months.",
        "Started levothyroxine 50 mcg.",
        "Works as a teacher.",
        "Vaccinations are up to date.",
        "Weight 12 kg.",
        "Blood drawn for genetic testing.",
        "On paracetamol as needed.",
    ),
    (
        "Attends primary school.",
        "Two healthy siblings.",
        "Ibuprofen was stopped.",
        "Lives alone, non-smoker.",
        "MRI is booked for May.",
        "Advice given to the family.",
    ),
)
_SHORTHAND = dict(
    pair.split(":")
    for pair in (
        "bilateral:bilat. abnormal:abn. abnormality:abn. increased:incr. decreased:decr. elevated:elev. reduced:red. "
        "congenital:cong. recurrent:rec. progressive:prog. chronic:chr. severe:sev. left:L right:R circulating:circ. "
        "muscle:musc. moderate:mod. intermittent:interm. generalized:gen. respiratory:resp. urinary:urin. "
        "hypoplastic:hypopl. intellectual:intell. anterior:ant. posterior:post. concentration:conc."
    ).split()
)
_WEIGHT = {"plain": 1, "synonym": 1, "lay": 1, "abbreviated": 4, "inflected": 3, "told": 4}
_ADJECTIVES = frozenset(
    "short long broad wide narrow thick thin small large high low sparse absent prominent deep flat full enlarged "
    "delayed fragile dry pale hoarse weak abnormal hypoplastic dysplastic tented everted thickened bifid tapered "
    "slender curved depressed sunken swollen brittle coarse dense fine irregular cupped fused".split()
)
_NOUNS = frozenset("seizure headache tremor cataract goiter hernia fracture ulcer cyst tic".split())


def forms(term: Term, rng: random.Random) -> dict[str, str]:
    """Return the ways a finding can be written in a sentence, by kind; "plain" is always among them."""
    name = lower(term.name)
    found = {"plain": name}
    for kind, names in (("synonym", term.synonyms), ("lay", term.lay), ("abbreviated", term.short)):
        fitting = [lower(text) for text in names if plain(text) and len(text.split()) <= 5]
        if fitting:
            found[kind] = rng.choice(fitting)
    *first, last = name.split()
    shorthand = " ".join([*(_SHORTHAND.get(word, word) for word in first), last])
    if shorthand != name and "abbreviated" not in found:
        found["abbreviated"] = shorthand
    if (many := plural(name)) != name:
        found["inflected"] = many
    adjective, _, noun = name.partition(" ")
    if adjective in _ADJECTIVES and noun and " of " not in noun and len(noun.split()) <= 2:
        found["told"] = f"{noun} {'were' if noun.endswith('s') else 'was'} {adjective}"
    return found


def plural(name: str) -> str:
    """Return a name in the other number: "short thumb" ↔ "short thumbs"; unchanged where that is unsafe."""
    last = name.split()[-1]
    if (
        not last.isalpha()
        or len(last) < 4
        or last.endswith(("ss", "is", "us", "ia", "ea", "ion", "ism", "ment", "ity", "ness"))
    ):
        return name
    if last.endswith("s"):
        return name[:-1] if len(name.split()) > 1 and not last.endswith(("ies", "es", "as")) else name
    if (
        len(name.split()) < 2
        and last not in _NOUNS
        or last.endswith(("y", "x", "ch", "sh", "al", "ic", "ed", "ing", "oma"))
    ):
        return name
    return name + "s"


def joined(view: View, terms: list[Term]) -> tuple[str, list[Term]] | None:
    """Return two findings with one noun told together ("short and broad thumb"), and which they are.

    Findings of a disease may exclude each other in one patient: opposites are not joined, nor is an absent part.
    """
    for at, one in enumerate(terms):
        for other in terms[at + 1 :]:
            a, b = lower(one.name).split(), lower(other.name).split()
            if other.id in view.opposites.get(one.id, ()) or "absent" in (a[0], b[0]):
                continue
            if 2 <= len(a) == len(b) <= 4 and a[1:] == b[1:] and a[0] != b[0]:
                return f"{a[0]} and {' '.join(b)}", [one, other]
    return None


def _mention(term: Term, rng: random.Random, *, told: bool = True) -> tuple[str, str]:
    ways = forms(term, rng)
    if not told:
        ways.pop("told", None)
    kind = rng.choices(list(ways), [_WEIGHT[kind] for kind in ways])[0]
    return ways[kind], kind


def _series(parts: list[str], last: str = "and") -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def _usable(view: View, disease: Disease) -> list[Term]:
    return [t for t in view.profile(disease) if not re.search(r"\b(no|non|without|not)\b", t.name.lower())]


def _compose(view: View, disease: Disease, present: int, absent: int, rng: random.Random) -> Draft | None:
    terms = shuffled(_usable(view, disease), rng)
    denied = [t for t in view.pick(disease.absent) if len(t.name.split()) <= 4][:absent]
    denied += terms[: absent - len(denied)]
    rest = [t for t in terms if not any(view.related(t.id, other.id) for other in denied)]
    if len(rest) < present or len(denied) < absent:
        return None
    sentences, mentions, kinds = _affirm(view, rest[:present], rest, rng)
    negated = [_mention(term, rng, told=False)[0] for term in denied]
    if negated:
        sentence = _ABSENT.pick(view.split, rng)[1].format(_series(negated, "or"))
        sentences.append(sentence[0].upper() + sentence[1:])
    if rng.random() < 0.5:
        sentences.append(_FILLER.pick(view.split, rng)[1])
    return _finish(view, disease.group, shuffled(sentences, rng), mentions, negated, kinds, rng)


def _affirm(
    view: View, said: list[Term], rest: list[Term], rng: random.Random
) -> tuple[list[str], list[str], list[str]]:
    """Return sentences that affirm the findings, the mentions in them and the kind of each."""
    pairs: list[tuple[str, str]] = []
    both = joined(view, rest) if said else None
    if both and rng.random() < 0.9:
        said = [t for t in said if t not in both[1]][: max(0, len(said) - 1)]
        pairs.append((both[0], "joined"))
    pairs += [_mention(term, rng) for term in said]
    told = [text for text, kind in pairs if kind == "told"]
    listed = [text for text, kind in pairs if kind != "told"]
    sentences = [f"The {text}." for text in told]
    if listed:
        series = _series(shuffled(listed, rng))
        sentence = _PRESENT.pick(view.split, rng)[1].format(series)
        sentences.append(sentence.replace(" noted.", " were noted." if len(listed) > 1 else " was noted."))
    return sentences, [text for text, _ in pairs], [kind for _, kind in pairs]


def _finish(
    view: View,
    group: str,
    sentences: list[str],
    mentions: list[str],
    negated: list[str],
    kinds: list[str],
    rng: random.Random,
) -> Draft | None:
    text = " ".join(sentences)
    places = [(text.find(mention), mention) for mention in mentions]
    everything = [*mentions, *negated]
    if (
        not everything
        or any(at < 0 for at, _ in places)
        or any(a != b and a in b for a in everything for b in everything)
    ):
        return None
    if len(set(everything)) < len(everything):
        return None
    ordered = [mention for _, mention in sorted(places)]
    name, template = _PROMPT.pick(view.split, rng)
    parts: dict[str, Any] = {"text": text, "mentions": ordered, "negated": negated, "kinds": sorted(kinds)}
    wanted = _json(ordered)
    parts["spans"] = [(at, at + len(mention)) for at, mention in sorted(places)]
    wrong = [w for w in dict.fromkeys(_corrupted(ordered, negated, text, rng)) if w != wanted]
    fact = "\n".join(everything)
    return Draft(template.format(text=text), [wanted], wrong, group, "hpo", name, fact, parts=parts)


def _json(mentions: list[str]) -> str:
    return json.dumps(mentions, ensure_ascii=False)


def _corrupted(mentions: list[str], negated: list[str], text: str, rng: random.Random) -> Iterator[str]:
    """Yield wrong lists: a denied finding taken in, one left out, one that is not the exact string, one too long."""
    if negated:
        yield _json(shuffled([*mentions, rng.choice(negated)], rng))
    if len(mentions) > 1:
        left_out = rng.choice(mentions)
        yield _json([m for m in mentions if m != left_out])
    if mentions:
        spoilt = rng.randrange(len(mentions))
        short = " ".join(mentions[spoilt].split()[1:]) or mentions[spoilt] + "s"
        yield _json([*mentions[:spoilt], short, *mentions[spoilt + 1 :]])
    yield _json([*mentions, text.split(".")[0]])


def mostly_present(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield texts with one to four findings and at most one denied."""
    for disease in spread(view.diseases, rng):
        if draft := _compose(view, disease, rng.choice((1, 2, 2, 3, 3, 4)), rng.choice((0, 0, 1)), rng):
            yield draft


def mostly_denied(view: View, rng: random.Random) -> Iterator[Draft]:
    """Yield texts with at most two findings and one to three denied; annotated exclusions of the disease come first."""
    for disease in spread(view.diseases, rng):
        if draft := _compose(view, disease, rng.choice((0, 1, 1, 2, 2)), rng.choice((1, 2, 2, 3)), rng):
            yield draft


PATTERNS: Patterns = {"present": (0.67, mostly_present), "denied": (0.33, mostly_denied)}
