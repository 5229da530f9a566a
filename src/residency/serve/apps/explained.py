"""Whether an explanation explains, and keeps every amount of a medicine: words repeated from a text tell nobody what
they mean, and an amount that is left out is told.
"""

from __future__ import annotations

import re

from residency.corpus.make.measures import SYMBOLS, numbers
from residency.infer.answer.sentences import spans
from residency.serve.apps.application import Check
from residency.serve.apps.case import Case
from residency.serve.apps.outcome import Json, Mark, Solved
from residency.serve.apps.places import said, texts_at
from residency.serve.apps.words import words

AMOUNTS = (SYMBOLS | {"unit", "mmol", "meq", "mol"}) - {"%", "°", "mm", "cm", "mmhg", "bpm", "kg", "kcal"}
"""Units that an amount of a medicine is told in."""
MOST = 8
"""Sentences with amounts that are left out which are told one by one, at most."""
_WORD = re.compile(r"[^\W_]+")
_PER = re.compile(r"(\d[\d.,]*\s?[^\W\d_]+)\s?/\s?(?:d|m|µ|μ)?l\b", re.IGNORECASE)
"""A concentration in blood or in a solution is no amount that is taken."""


def explains(wanted: Check, case: Case, reply: Json, solved: Solved) -> Json:
    """Return the reply; where all that it says is repeated from the text, that is why there is none."""
    texts = [text for path in wanted.at for _, text in texts_at(reply, path)]
    given = f" {_plain(case.given)} "
    parts = [part for text in texts for a, b in spans(text) if (part := _plain(text[a:b]))]
    if texts and all(f" {part} " in given for part in parts):
        solved.why = words("explains_nothing", case.language)
    return reply


def doses_kept(wanted: Check, case: Case, reply: Json, solved: Solved) -> Json:
    """Return the reply; each sentence of the text whose amounts of a medicine it lacks is told in a mark."""
    if not said(reply):
        return reply
    at, kept, told = wanted.at[0].partition("[")[0], numbers(said(reply), spelt=True), 0
    for one in case.sources:
        for a, b in spans(one.text) if one.id.startswith("given#") else ():
            sentence = one.text[a:b]
            amounts = {(value, unit) for value, unit in numbers(_PER.sub(" ", sentence)) if unit in AMOUNTS}
            if amounts - kept and told < MOST:
                told += 1
                solved.marks.append(
                    Mark(at, "dose_lost", words("dose_lost", case.language).format(sentence), text=sentence)
                )
    return reply


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))
