"""What goes out: identifiers in a generated text that did not stand in the question.

A model that was trained on notes may repeat one; a finder reads its answers as it reads notes. What the asker wrote
himself is no leak when it comes back.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from residency.corpus.identify.finder import Finder
from residency.corpus.identify.found import Found
from residency.corpus.identify.kinds import KINDS

_SIGNS = re.compile(r"[\W_]+")


def leaks(text: str, finder: Finder, known: str | Iterable[str] | None = None) -> list[Found]:
    """Return the direct identifiers of a generated text that do not stand in what is ``known``, in its order.

    ``known`` is the question, or all that the asker wrote or may see (his messages, the notes he gave). An identifier
    stands there if its words do, one after another; case, accents and the signs between them do not count.
    """
    found = [f for f in finder.find(text) if KINDS[f.entity_type].direct]
    if not found or known is None:
        return found
    said = [_plain(part) for part in ([known] if isinstance(known, str) else known)]
    return [f for f in found if not any(_plain(text[f.start : f.end]) in part for part in said)]


def told(found: Iterable[Found]) -> str:
    """Return in words how many identifiers of which kind a text holds, without one of them; "" for none."""
    kinds = Counter(f.entity_type for f in found)
    if not kinds:
        return ""
    which = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))
    total = sum(kinds.values())
    words = "identifier that was" if total == 1 else "identifiers that were"
    return f"the text holds {total} {words} not in the question ({which})"


def _plain(text: str) -> str:
    """Return the words of a text, small, without accents, between single spaces."""
    parted = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(sign for sign in parted if not unicodedata.combining(sign))
    return f" {_SIGNS.sub(' ', bare).strip()} "
