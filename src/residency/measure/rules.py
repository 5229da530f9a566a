"""Trivial rules that a trained model must beat: what an item gives away without any knowledge of medicine.

A rule is ``rule(train, test) -> predictions``, one string a test item: the text of a choice, a JSON list, or a text.
It may learn from the training examples (which label goes with which overlap, which words mark a right option), for
a strong rule is the honest one.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from residency.core.types import Example
from residency.measure.findings import NEGATION, WORD, mentions, normal, reach_of

Rule = Callable[[list[Example], list[Example]], list[str]]
_STOP = frozenset("a an and are as at be by for from has have in is it of on or patient that the this to with".split())


def majority(train: list[Example], test: list[Example]) -> list[str]:
    """Return the most frequent training answer, or for differing choices the one at the most frequent place."""
    answers = Counter(row.wanted[0] for row in train)
    places = Counter(_place(row) for row in train if row.choices)
    best = _most(answers)
    out = []
    for row in test:
        usual = [choice for choice in row.choices if answers[choice]]
        if row.choices and len(usual) == len(row.choices):
            out.append(max(usual, key=lambda choice: (answers[choice], choice)))
        elif row.choices:
            out.append(row.choices[min(int(_most(places) or 0), len(row.choices) - 1)])
        else:
            out.append(best)
    return out


def longer(train: list[Example], test: list[Example]) -> list[str]:
    """Return the longest choice; of equals the first."""
    return [max(row.choices, key=len) for row in test]


def hypothesis_only(train: list[Example], test: list[Example]) -> list[str]:
    """Return the choice that naive Bayes prefers from the words of the claim, or of the options, alone.

    With fixed labels it learns which words of ``meta["hypothesis"]`` go with which label; with differing options,
    which words mark a right one.
    """
    pairs = [row for row in train if "hypothesis" in row.meta]
    labelled = _Bayes((row.wanted[0], _tokens(row.meta["hypothesis"])) for row in pairs)
    options = _Bayes(
        (str(choice == row.wanted[0]), _shape(choice))
        for row in train
        if "hypothesis" not in row.meta
        for choice in row.choices
    )
    out = []
    for row in test:
        if "hypothesis" in row.meta:
            scores = {choice: labelled.score(choice, _tokens(row.meta["hypothesis"])) for choice in row.choices}
        else:
            scores = {c: options.score("True", _shape(c)) - options.score("False", _shape(c)) for c in row.choices}
        out.append(_best(row, scores))
    return out


def word_overlap(train: list[Example], test: list[Example]) -> list[str]:
    """Return the choice that shares most words with the question; for claims, the label usual at that overlap.

    Where each choice has a line in the prompt (``meta["lines"]``), the line is compared. Of several ways to count
    (share of the option, number of words, Jaccard, letter triples) the one that does best on train is used.
    """
    options = [row for row in train if "question" in row.meta]
    right = {
        name: sum(_closest(row, measure) == row.wanted[0] for row in options) for name, measure in _MEASURES.items()
    }
    best = _MEASURES[max(sorted(right), key=lambda name: right[name])]
    table = _table(train, _overlap_bin)
    return [_closest(row, best) if "question" in row.meta else _look_up(table, _overlap_bin(row), row) for row in test]


def negation_pattern(train: list[Example], test: list[Example]) -> list[str]:
    """Return the label most usual in train for whether the note and the claim hold a word of negation."""
    table = _table(train, _negations)
    return [_look_up(table, _negations(row), row) for row in test]


def clause_reading(train: list[Example], test: list[Example]) -> list[str]:
    """Return the label usual in train for the opening word of the clause that looks most like the question.

    A hand-made reader of assertion status (NegEx in kind: Chapman et al. 2001). It knows that notes are made of
    clauses, so it shows how far careful reading alone goes, and is no trivial rule.
    """
    counts = Counter(_opening(row) for row in train if "hypothesis" in row.meta)
    usual = {word for word, count in counts.items() if count >= len(train) / 50}

    def key(row: Example) -> tuple[str, bool]:
        word = _opening(row)
        return word if word in usual else "", bool(NEGATION.search(row.meta["hypothesis"]))

    table = _table(train, key)
    return [_look_up(table, key(row), row) for row in test]


def _opening(row: Example) -> str:
    """Return the first word of the note's clause that looks most like the question."""
    claim = row.meta["hypothesis"]
    clauses = [clause.strip() for clause in row.meta["premise"].split(".") if clause.strip()] or [""]
    best = max(clauses, key=lambda clause: (_MEASURES["share"](claim, clause), _MEASURES["triples"](claim, clause)))
    return (WORD.findall(best.lower()) or [""])[0]


def copy(train: list[Example], test: list[Example]) -> list[str]:
    """Return a field of the prompt as it stands: the term or its definition, whichever does better on train."""
    fields = ("term", "definition")
    gain = {key: sum(_likeness(row.meta.get(key, row.meta["term"]), row.wanted) for row in train) for key in fields}
    field = max(fields, key=lambda key: gain[key])
    return [row.meta.get(field, row.meta["term"]) for row in test]


def dictionary(names: Iterable[str]) -> Rule:
    """Return a rule that lists the known names found in the text, longest first, but for those after a negation.

    Case is ignored, a plural "s" is allowed; a name counts as denied when its sentence holds a word of negation.
    """
    known = {normal(name) for name in names}
    known.discard("")
    reach = reach_of(known)

    def rule(train: list[Example], test: list[Example]) -> list[str]:
        return [json.dumps(_find(row.meta["text"], known, reach), ensure_ascii=False) for row in test]

    return rule


def dictionary_train(train: list[Example], test: list[Example]) -> list[str]:
    """Return what a dictionary of the mentions and names seen in training finds; see ``dictionary``."""
    names = [name for row in train for name in (*row.meta.get("mentions", ()), *row.meta.get("negated", ()))]
    return dictionary(names)(train, test)


def _find(text: str, known: set[str], reach: dict[str, int]) -> list[str]:
    found = mentions(text, known, reach)
    affirmed = (m for m in found if not NEGATION.search(text[m.sentence[0] : m.sentence[1]]))
    return list(dict.fromkeys(text[m.start : m.end] for m in affirmed))


class _Bayes:
    """Multinomial naive Bayes over words, with add-one smoothing."""

    def __init__(self, rows: Iterable[tuple[str, list[str]]]) -> None:
        self.labels: Counter[str] = Counter()
        self.words: dict[str, Counter[str]] = defaultdict(Counter)
        for label, tokens in rows:
            self.labels[label] += 1
            self.words[label].update(tokens)
        self.size = len({word for counts in self.words.values() for word in counts}) + 1
        self.total = {label: sum(counts.values()) for label, counts in self.words.items()}

    def score(self, label: str, tokens: list[str]) -> float:
        """Return the log-probability of a label together with the words."""
        counts, below = self.words.get(label, Counter()), self.total.get(label, 0) + self.size
        prior = math.log((self.labels[label] + 1) / (sum(self.labels.values()) + 1))
        return prior + sum(math.log((counts[word] + 1) / below) for word in tokens)


def _tokens(text: str, *, stop: bool = True) -> list[str]:
    found = WORD.findall(text.lower())
    return [word for word in found if word not in _STOP] if stop else found


def _shape(text: str) -> list[str]:
    """Return the words of an option and its length as one more word."""
    return [*_tokens(text), f"length={len(text.split())}"]


@lru_cache(maxsize=100_000)
def _stems(text: str) -> frozenset[str]:
    return frozenset(word[:5] for word in _tokens(text))


@lru_cache(maxsize=100_000)
def _triples(text: str) -> frozenset[str]:
    return frozenset(word[i : i + 3] for word in _tokens(text) for i in range(len(word) - 2))


_MEASURES: dict[str, Callable[[str, str], float]] = {
    "share": lambda option, text: len(_stems(option) & _stems(text)) / max(1, len(_stems(option))),
    "number": lambda option, text: float(len(_stems(option) & _stems(text))),
    "jaccard": lambda option, text: len(_stems(option) & _stems(text)) / max(1, len(_stems(option) | _stems(text))),
    "triples": lambda option, text: len(_triples(option) & _triples(text)) / max(1, len(_triples(option))),
}


def _closest(row: Example, measure: Callable[[str, str], float]) -> str:
    texts = row.meta.get("lines") or row.choices
    question = row.meta["question"]
    return _best(row, {c: measure(text, question) for c, text in zip(row.choices, texts, strict=True)})


def _best(row: Example, scores: dict[str, float]) -> str:
    """Return the choice with the highest score; ties are broken by chance, fixed by the item's id."""
    top = max(scores.values(), default=0.0)
    return random.Random(row.id).choice([choice for choice, score in scores.items() if score >= top - 1e-9])


def _overlap_bin(row: Example) -> tuple[int, int]:
    premise, claim = _stems(row.meta.get("premise", "")), _stems(row.meta.get("hypothesis", ""))
    shared = len(premise & claim)
    return round(4 * shared / max(1, len(claim))), round(4 * shared / max(1, len(premise)))


def _negations(row: Example) -> tuple[bool, bool]:
    return tuple(bool(NEGATION.search(row.meta.get(key, ""))) for key in ("premise", "hypothesis"))  # type: ignore[return-value]


def _table(train: list[Example], key: Callable[[Example], object]) -> dict[object, Counter[str]]:
    table: dict[object, Counter[str]] = defaultdict(Counter)
    for row in train:
        if "hypothesis" in row.meta:
            table[key(row)][row.wanted[0]] += 1
            table[None][row.wanted[0]] += 1
    return table


def _look_up(table: dict[object, Counter[str]], key: object, row: Example) -> str:
    counts = table.get(key) or table.get(None) or Counter()
    return max(row.choices, key=lambda choice: (counts[choice], choice)) if row.choices else ""


def _place(row: Example) -> int:
    return row.choices.index(row.wanted[0])


def _most(counts: Counter) -> str:
    return max(counts, key=lambda key: (counts[key], str(key))) if counts else ""


def _likeness(text: str, wanted: Sequence[str]) -> float:
    """Return the best word F1 of a text with the references: a quick stand-in for ROUGE-L."""
    own = set(_tokens(text, stop=False))
    best = 0.0
    for reference in wanted:
        other = set(_tokens(reference, stop=False))
        best = max(best, 2 * len(own & other) / max(1, len(own) + len(other)))
    return best


RULES: dict[str, tuple[Rule, tuple[str, ...]]] = {
    "rule:majority": (majority, ("qa", "nli", "ie", "gen")),
    "rule:hypothesis_only": (hypothesis_only, ("qa", "nli")),
    "rule:word_overlap": (word_overlap, ("qa", "nli")),
    "rule:negation_pattern": (negation_pattern, ("qa", "nli")),
    "rule:copy": (copy, ("gen",)),
    "rule:dictionary_train": (dictionary_train, ("ie",)),
}
"""Each gating rule and the tasks it can answer.

With the names that the examples stage writes (``names.jsonl``), ``dictionary`` of those of train is the stronger form
of ``rule:dictionary_train``, and ``dictionary`` of all is ``rule:dictionary_hpo``.
"""

SHOWN: dict[str, tuple[Rule, tuple[str, ...]]] = {"rule:clause": (clause_reading, ("nli",))}
"""Rules that are shown beside the models and do not gate."""
