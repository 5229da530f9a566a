"""Whether a text denies what a short phrase affirms, or affirms what it denies: "pneumonia" of "No pneumonia".

The check of words (``corpus/make/support``) leaves single words alone. Here the cue must stand before the phrase in its
sentence, with no "but" between, or right behind it ("was ruled out"): Chapman et al. 2001, A Simple Algorithm for
Identifying Negated Findings and Diseases in Discharge Summaries (NegEx), without its list of false cues.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from residency.corpus.make.support import denies, stem, stems
from residency.infer.answer.sentences import spans

LONGEST = 3
"""Content words of a phrase that is looked at here; longer ones are sentences, and are compared as such."""
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_TURN = re.compile(
    r"\b(?:but|however|although|except|though|pero|aunque|sin embargo|excepto|salvo)\b|[;:]", re.IGNORECASE
)
_BEHIND = re.compile(
    r"\W*(?:(?:was|were|is|are|has been|have been|fue|fueron|se)\s+)?(?:ruled out|excluded|absent|negative|unlikely|"
    r"not (?:seen|found|present)|descartad[oa]s?|ausentes?|negativ[oa]s?|no se (?:ve|observa))",
    re.IGNORECASE,
)


def turned(phrase: str, text: str) -> bool:
    """Return whether all sentences of a text that hold a short phrase say the opposite of it; no where none does."""
    said = stems(phrase)
    if not 0 < len(said) <= LONGEST:
        return False
    own, found = next(_denied(said, phrase), False), list(_denied(said, text))
    return bool(found) and all(one != own for one in found)


def _denied(said: frozenset[str], text: str) -> Iterator[bool]:
    """Yield for each sentence that holds all of the words whether it denies them."""
    for a, b in spans(text):
        sentence = text[a:b]
        places = [one.span() for one in _WORD.finditer(sentence) if stem(one[0].lower()) in said]
        if said <= stems(sentence) and places:
            before = _TURN.split(sentence[: places[0][0]])[-1]
            yield denies(before) or bool(_BEHIND.match(sentence, places[-1][1]))
