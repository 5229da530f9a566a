"""Sentences of what was filled in that a reply takes up nowhere: an allergy that a model left out is seen that way.

A sentence is taken up where half of its content words and numbers stand in the reply. Of an allergy every word has to,
and of a part with an amount ("aspirin 75 mg") its number too, since a list is cut short unnoticed. Words alone are
compared: what is said in wholly other words is listed needlessly, which costs a reader a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from residency.corpus.make.support import stems
from residency.infer.answer.sentences import spans
from residency.serve.apps.application import Check
from residency.serve.apps.case import GIVEN, Case
from residency.serve.apps.headings import calls, speaks
from residency.serve.apps.outcome import Json, Mark, Solved
from residency.serve.apps.places import said, texts_at
from residency.serve.apps.words import words

LEFT_OUT = "left_out"
"""The code of the marks."""
ENOUGH = 0.5
"""The share of its words that makes a sentence one that was taken up."""
FIRST = ("allergies", "medicines")
"""The headings whose sentences are told first."""
_LABEL = re.compile(r"^[#*\s-]*[^\W\d_][^\n:.;!?]{0,40}:")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_PART = re.compile(r"[,;](?!\d)|\s(?:and|y|e)\s")
_PLAIN = re.compile(r"known|drug\w*|medic\w*|conocid\w*|fárma\w*|patients?|pacientes?")
"""Words beside an allergy that name none."""


def taken_up(wanted: Check, case: Case, reply: Json, solved: Solved) -> Json:
    """Return the reply as it is; each sentence that it takes up nowhere becomes a mark, allergies first."""
    if not said(reply):
        return reply
    kept = _words("\n".join(text for path in wanted.at for _, text in texts_at(reply, path)))
    left = [one for one in dict.fromkeys(_given(case)) if _left(one, kept)]
    for one in sorted(left, key=_rank):
        solved.marks.append(Mark("", LEFT_OUT, words(LEFT_OUT, case.language).format(one), text=one))
    return reply


def _given(case: Case) -> Iterator[str]:
    """Yield the sentences that the model was shown of what was filled in, headings that stand alone left out."""
    for one in case.shown:
        for a, b in spans(one.text) if one.document == GIVEN else ():
            if not calls(one.text[a:b].strip(" #*:-.\n")):
                yield one.text[a:b].strip().lstrip("-*•# ")


def _left(sentence: str, kept: frozenset[str]) -> bool:
    if speaks("allergies", sentence):
        return bool(_named(sentence) - kept)
    body = _LABEL.sub("", sentence)
    if _short(body, kept):
        return True
    return any(_NUMBER.search(part) and _amount_left(part, kept) for part in _PART.split(body))


def _amount_left(part: str, kept: frozenset[str]) -> bool:
    """Return whether a part with the amount of a medicine is not taken up, or its number is not."""
    return speaks("medicines", part) and (_short(part, kept) or bool(set(_NUMBER.findall(part)) - kept))


def _short(text: str, kept: frozenset[str]) -> bool:
    found = _words(text)
    return bool(found) and len(found & kept) < ENOUGH * len(found)


def _named(sentence: str) -> frozenset[str]:
    """Return the words of a sentence about an allergy that say to what."""
    return frozenset(one for one in stems(sentence) if not speaks("allergies", one) and not _PLAIN.fullmatch(one))


def _words(text: str) -> frozenset[str]:
    return stems(text) | frozenset(_NUMBER.findall(text))


def _rank(sentence: str) -> int:
    return next((at for at, name in enumerate(FIRST) if speaks(name, sentence)), len(FIRST))
