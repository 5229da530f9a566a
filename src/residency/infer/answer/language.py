"""In which language a question is put, be it ever so short, so that nothing answers it from texts of another.

fastText's small model needs a line of text (``corpus.clean.language``); of fewer letters the small words and the marks
of a language tell, or nobody can.
"""

from __future__ import annotations

import re
from collections import Counter

from residency.core.errors import UserError

_WORDS = {
    "en": "what is are the of how to does do can which who why when with for a an in and or it my should treat have",
    "es": "qué que es son la el los las de del cómo como para cuál cuáles por quién un una en con y mi tiene síntomas",
    "fr": "quel quelle quels quelles est sont le la les des du comment pour que un une en avec et ou mon qui traiter",
    "de": "was ist sind der die das von wie für welche wer warum ein eine mit und oder mein wird man den dem zu",
    "it": "che cosa è sono il lo la gli le di del della come per quale quali un una con e mio chi si",
    "pt": "o que é são a os as de do da como para qual quais um uma com e meu quem se os tem",
}
_KNOWN = {code: frozenset(words.split()) for code, words in _WORDS.items()}
_MARKS = {"es": re.compile("[¿¡ñ]"), "de": re.compile("[ßäöü]"), "pt": re.compile("[ãõ]"), "fr": re.compile("[œèêàç]")}
_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS = {
    "ja": re.compile("[\u3040-\u30ff]"),
    "ko": re.compile("[\uac00-\ud7af]"),
    "zh": re.compile("[\u3400-\u9fff]"),
}


def language_of(text: str) -> str | None:
    """Return the ISO 639-1 code of a question's language; None where that cannot be told."""
    if found := next((code for code, script in _SCRIPTS.items() if len(script.findall(text)) >= 2), None):
        return found
    if found := _by_words(text, lead=2):
        return found
    try:
        from residency.corpus.clean.language import language_of as told

        found = told(text)
    except UserError:  # its model is not installed
        found = None
    return found or _by_words(text, lead=1)


def _by_words(text: str, *, lead: int) -> str | None:
    """Return the language that most of the small words and marks are of, by so many; None where none has that lead."""
    words = _WORD.findall(text.lower())
    counts = Counter({code: sum(word in known for word in words) for code, known in _KNOWN.items()})
    for code, mark in _MARKS.items():
        counts[code] += 2 * bool(mark.search(text))
    (best, most), (_, second) = counts.most_common(2)
    return best if most - second >= lead else None
