"""Scores of single answers, and F1 of counts that were added up, by exact and published definitions.

An item's score is a float; what could not be scored is nan and never 0. What could not be parsed is counted, never
guessed.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Sequence

import numpy as np

from residency.measure.writing import rouge


def choice_accuracy(prediction: str | None, wanted: Sequence[str]) -> float:
    """Return 1.0 where the chosen text is one of the wanted ones, else 0.0; nan where nothing was chosen."""
    if prediction is None:
        return float("nan")
    return float(prediction.strip() in {text.strip() for text in wanted})


def parse_choice(text: str, choices: Sequence[str]) -> str | None:
    """Return the choice that a written reply names, or None where it names none: it is never guessed.

    Read are a reply that is a choice or begins with one ("B", "B. Aspirin", "(b)", "Yes, because"), and one that ends
    its reasoning with it ("Answer: B", "the answer is maybe"). The longest fitting choice counts. A letter that is the
    first word of a sentence ("A patient with fever …") is no choice.
    """
    return next(filter(None, (_begins(part, choices) for part in (*_named(text), text))), None)


def parse_conclusion(text: str, choices: Sequence[str]) -> str | None:
    """Return the choice that a chain of thought ends with: behind its last "answer:", or alone on its last line.

    None where it names none there: its first words are thoughts, and no choice ("No studies have compared …").
    """
    last = text.strip().splitlines()[-1:] or [""]
    alone = [c for c in choices if c.lower() == last[0].strip(" \t\"'*()[].").lower()]
    return next(filter(None, (*(_begins(part, choices) for part in _named(text)), *alone)), None)


def concluded(text: str) -> str:
    """Return what a chain of thought ends with: what stands behind its last "answer:", else its last line."""
    return next(iter(_named(text)), (text.strip().splitlines()[-1:] or [""])[0])


def parse_number(text: str, low: float, high: float, *, comma: bool = False, thought: bool = False) -> float | None:
    """Return the number on a scale that a written reply names, or None where it names none: it is never guessed.

    Read are a number behind the last "answer:", one that the reply begins with, and one that it ends with as its only
    one; of a chain of ``thought``, instead of these two, one that is alone on its last line. A range ("3 to 4",
    "3-4") is no number, and one outside the scale is none of it. ``comma``: a comma may stand before decimals, as it
    does in Spanish.
    """
    number = re.compile(_NUMBER.replace("POINT", "[.,]" if comma else r"\."))
    last = (text.strip().splitlines()[-1:] or [""])[0].strip(" \t\"'*()[].")
    rest = [text] if not thought else [last] if number.fullmatch(last) else []
    for part in (*_named(text), *rest):
        found = list(number.finditer(part))
        before, behind = (part[: found[0].start()], part[found[0].end() :]) if found else (part, "")
        first, only = not before.strip(" \t\n\"'*(["), len(found) == 1 and _END.fullmatch(behind)
        if found and (first or only) and not _MORE.match(behind):
            value = float(found[0][0].replace(",", "."))
            return value if low <= value <= high else None
    return None


_NUMBER = r"(?<![\w.,/])(?<!/ )(?<!\bof )-?\d+(?:POINT\d+)?(?![\w%]|[.,]\d)"
"""A number that is no part of a word, a date or a version, nor what another is out of ("4/5", "4 out of 5")."""
_MORE = re.compile(
    r"\s*(?:-|–|to\b|or\b|and\b)\s*\d|"
    r"\s+(?!(?:because|is|out|on|points?|es|est|porque|car|puntos?)\b)[a-zà-ÿ]"
)
"""Behind a number: another one that would do as well, or the next word of a sentence ("2 drugs are named")."""
_END = re.compile(r"\W*(?:(?:/|out of) ?\d+\W*)?")
"""Behind a number that a reply ends with: no word more, but what it is out of."""


def _named(text: str) -> list[str]:
    """Return what stands behind the last "answer:" or "answer is" of a text, if there is one."""
    return re.split(r"(?i)\banswer(?:\s+is\b\s*:?|\s*:)", text)[1:][-1:]


def _begins(text: str, choices: Sequence[str]) -> str | None:
    """Return the longest choice that a text begins with."""
    said = re.sub(r"^[\s\"'*(\[]+", "", text.strip())
    ends = {c: rf"(?!\w){_NO_WORD if c in _WORDS else ''}" for c in choices}
    return max((c for c in choices if re.match(re.escape(c) + ends[c], said, re.IGNORECASE)), key=len, default=None)


_WORDS = ("A", "E", "I", "O", "U", "Y")
"""Letters that are words in one of our languages."""
_NO_WORD = r"(?!\s+(?!(?:is|because|es|est|porque|car)\b)(?-i:[a-zà-ÿ]))"
"""Behind such a letter: not the next word of a sentence."""


def f1_from_counts(counts: np.ndarray) -> np.ndarray:
    """Return F1 of counts ``[..., 3]`` (true positives, false positives, false negatives); nan where all are 0."""
    true, false, missed = counts[..., 0], counts[..., 1], counts[..., 2]
    total = 2 * true + false + missed
    return np.where(total > 0, 2 * true / np.where(total > 0, total, 1), np.nan)


def macro_f1_from_counts(counts: np.ndarray) -> np.ndarray:
    """Return the mean F1 of counts ``[..., classes, 3]`` over the classes that occur; nan where none does."""
    scores = f1_from_counts(counts)
    occurs = ~np.isnan(scores)
    seen = occurs.sum(axis=-1)
    return np.where(seen > 0, np.where(occurs, scores, 0.0).sum(axis=-1) / np.where(seen > 0, seen, 1), np.nan)


def parse_mentions(text: str) -> tuple[set[str], bool]:
    """Return the strings of the first ``[...]`` in a reply, and whether one could be read.

    Lenient about what stands around the list and about quotes (JSON, then Python's literals); strict about the list: an
    unclosed or unreadable one gives ``(set(), False)``, to be counted as unparsed. Outer white space of a mention is
    dropped, and so are empty mentions; an inner list or object stands as its compact JSON text with sorted keys.
    """
    items = parse_list(text)
    if items is None:
        return set(), False
    return {mention for item in items if (mention := _as_text(item))}, True


def parse_labels(text: str, labels: Sequence[str]) -> tuple[list[str], int, bool]:
    """Return the labels that a reply's list names, in order, how many entries are none, and whether it could be read.

    Case and outer white space aside; an entry that comes twice counts once.
    """
    items = parse_list(text)
    if items is None:
        return [], 0, False
    known = {label.strip().lower(): label for label in labels} | {label: label for label in labels}
    said = {words for item in items if (words := _as_text(item))}
    named = [known.get(words) or known.get(words.lower()) for words in said]
    return [label for label in labels if label in named], named.count(None), True


def parse_list(text: str) -> list[object] | None:
    """Return the first ``[...]`` of a reply, read as JSON or as Python's literals; None where it cannot be read."""
    start = text.find("[")
    return None if start < 0 else _read_list(text[start:])


def _read_list(text: str) -> list[object] | None:
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except (json.JSONDecodeError, RecursionError):
        pass
    for end in (text.find("]"), text.rfind("]")):
        try:
            found = ast.literal_eval(text[: end + 1])
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(found, list):
            return found
    return None


def _as_text(item: object) -> str:
    if isinstance(item, str):
        return item.strip()
    return json.dumps(item, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)


def mention_counts(predicted: Iterable[str], wanted: Iterable[str]) -> dict[str, int]:
    """Return ``{"tp", "fp", "fn"}`` of two sets of exact strings; repeats count once, case matters."""
    guesses, gold = set(predicted), set(wanted)
    return {"tp": len(guesses & gold), "fp": len(guesses - gold), "fn": len(gold - guesses)}


def rouge_l(prediction: str, references: Sequence[str]) -> float:
    """Return the best ROUGE-L F1 over the references, by rouge-score without stemming; an empty answer scores 0.

    Lin (2004), ROUGE: a package for automatic evaluation of summaries. nan where no reference holds a word.
    """
    return rouge(prediction, references)["rouge_l"]
