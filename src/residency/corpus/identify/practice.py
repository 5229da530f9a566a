"""What the tagger learns from: texts made of templates, with what identifies somebody in them marked.

Half of them hold no identifier but much that looks like one. Templates, words and shapes are ours and stand in
``practice.<language>.yaml``; names are Faker's or made up (invent.py); then some texts suffer a mess (messes.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from residency.corpus.identify.messes import MESSES, Document
from residency.corpus.identify.slots import Filler, book

CLEAN = 0.4
"""The share of texts that suffer no mess."""
OFTEN = {"lowered": 8, "raised": 4, "mistyped": 2, "glued": 2, "unpointed": 2, "wrapped": 2}
"""How often a mess comes, where not once."""


def practice(count: int, *, seed: int = 0, language: str = "en") -> list[Document]:
    """Return ``count`` texts, each with its marked stretches (first character, the one behind the last, label)."""
    return [(text, spans) for text, spans, _ in told(count, seed=seed, language=language)]


def told(
    count: int, *, seed: int = 0, language: str = "en", part: str = "all"
) -> Iterator[tuple[str, list[tuple[int, int, str]], str]]:
    """Yield texts, their stretches, and the mess that each suffered.

    ``part`` says which templates and names to use: ``all``, four fifths to ``learn`` from, or the fifth ``held`` back.
    """
    pages = book(language, part)
    for number in range(count):
        rng = Random(f"{seed}:practice:{language}:{part}:{number}")
        filler = Filler(pages, rng)
        marked = number % 2 == 0
        (_marked if marked else _plain)(filler)
        text, spans = filler.document()
        mess = ""
        if rng.random() > CLEAN:
            mess = rng.choices(list(MESSES), [OFTEN.get(name, 1) for name in MESSES])[0]
            text, spans = MESSES[mess](text, spans, rng)
        yield text, spans, mess


def _marked(filler: Filler) -> None:
    """Fill one to three templates, with sections between them that identify nobody."""
    rng = filler.rng
    filler.fill(rng.choice(filler.book.marked))
    while rng.random() < 0.5:
        filler.add(rng.choice(("\n", "\n\n", " ", " ")))
        if rng.random() < 0.6:
            _section(filler)
        else:
            filler.fill(rng.choice(filler.book.marked))


def _plain(filler: Filler) -> None:
    """Fill a template without identifiers, or put one to four sections together."""
    rng = filler.rng
    if rng.random() < 0.4:
        filler.fill(rng.choice(filler.book.plain))
        return
    for number in range(rng.choice((1, 1, 2, 3, 4))):
        if number:
            filler.add(rng.choice(("\n", "\n\n")))
        _section(filler)


def _section(filler: Filler) -> None:
    """Add a heading and some of the sentences that belong under it, in one of many layouts."""
    rng = filler.rng
    pool = rng.choice(sorted(filler.book.sections))
    head = rng.choice(filler.book.sections[pool])
    head = rng.choice((head, head, head.upper(), head.lower(), head.title()))
    between = rng.choice((" ", " ", " ", "\n", "\n- ", "\n* ", "; "))
    filler.add(rng.choice((f"{head}: ", f"{head}:\n", f"{head}\n", f"{head} - ", f"**{head}**\n", "")))
    if between[-2:] in ("- ", "* "):
        filler.add(between[1:])
    for number in range(rng.choice((1, 2, 3, 3, 4, 5))):
        if number:
            filler.add(between)
        filler.fill(
            filler.book.pools["salad" if rng.random() < 0.25 and "salad" in filler.book.pools else pool].pick(rng)
        )
