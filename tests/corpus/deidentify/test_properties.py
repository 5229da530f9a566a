"""Whatever the text and the spans: nothing outside the spans changes, offsets fit, and surrogates agree and are new."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from residency.corpus.deidentify.hide import NUMBERED, Hidden, Hider, settled
from residency.corpus.deidentify.names import BEFORE, BEHIND, JOINING, SMALL, WORD
from residency.corpus.deidentify.operators import from_presidio
from residency.corpus.deidentify.places import PARTICLES, SORTS, STATES
from residency.corpus.deidentify.plain import compared, plain
from residency.corpus.deidentify.settings import Hiding
from residency.corpus.deidentify.surrogates import NUMBERS, PLACES, Surrogates
from residency.corpus.deidentify.taken import Taken, hashes_of
from residency.corpus.deidentify.vault import Vault, rows_of
from residency.corpus.identify.found import Found
from residency.corpus.identify.kinds import KINDS

KEY = b"q" * 32
PIECES = (
    "Ada", "Okonjo", "JOHN", "smith", "O’Brien", "Jose\u0301", "José", "Zoë", "Łukasz", "Оkonjo", "Иванов", "田中太郎",
    "محمد", "\u202eעדה\u202c", "नमस्ते", "J.", "JS", "Dr.", "van der", "Mr", "MD", "d'Or", "McKay", "Ｏｋｏ", "𝐀𝐝𝐚",
    "3/4/2020", "13.02.99", "March 3rd", "lunes 3 de mayo", "2019", "31/31/31", "20201231", "12:30", "Tuesday", "٣/٤",
    "92", "92-year-old", "ninety", "45", "555-0123", "(312) 456-7890", "+34 912 345 678", "123-45-6789", "ada@x.org",
    "http://x.y/z", "10.0.0.1", "4111 1111 1111 1111", "12345678Z", "MRN: 0012", "1HGCM82633A004352", "²³", "①",
    "12 Oak Street", "Springfield, IL 62704-1234", "03601", "28013 Madrid", "St. Mary's Hospital", "General Hospital",
    "5th", "calle", "s/n", " ", " ", " ", "\n", "\t", ", ", "-", ".", "'", "\u200b", "\u200d", "\ufeff", "\u0301",
    "\u00ad", "\u2067", "\ud83d", "\ude00", "\udc80", "😀", "👩🏽‍⚕️", "🇪🇸", "\x00", "\x85", "\u2028", "\ue000", "\ufffd",
    "\U000e0041", "ﬁ", "ß", "İ", "ı", "ǆ", "QUJDREVGRw==", "|", "[NAME]", "\\1", "%s", "{0}",
)  # fmt: skip
HIDERS = 24
"""How many settings are tried, over and over."""


TITLES = BEFORE | BEHIND | JOINING | SMALL
SORTS_TOLD = frozenset(map(compared, SORTS | PARTICLES | STATES))


def text_of(rng: random.Random) -> str:
    """Return a text out of names, numbers and what is nasty, or any characters at all."""
    if rng.random() < 0.15:
        return "".join(chr(rng.randrange(0x110000)) for _ in range(rng.randint(1, 30)))
    return "".join(rng.choice(PIECES) + rng.choice(("", "", " ")) for _ in range(rng.randint(1, 30)))


def spans_of(rng: random.Random, text: str) -> list[Found]:
    """Return spans in any order: nested, overlapping, adjacent, through the middle of anything."""
    made = []
    for _ in range(rng.randint(0, 6)):
        start = rng.randrange(len(text))
        end = min(len(text), start + 1 + int(rng.expovariate(1 / 8)))
        made.append(Found(start, end, rng.choice(list(KINDS)), round(rng.random(), 2), "test"))
        if end < len(text) and rng.random() < 0.3:
            made.append(Found(end, rng.randint(end + 1, len(text)), rng.choice(list(KINDS)), rng.random(), "test"))
    rng.shuffle(made)
    return made


def hider_of(number: int, taken: Taken) -> Hider:
    """Return a hider with one of many settings."""
    rng = random.Random(f"{number}:settings")
    settings = Hiding(
        operator=rng.choice(("surrogate", "surrogate", "surrogate", "tag", "mask", "drop")),
        dates=rng.choice(("shift", "shift", "year", "tag")),
        days=rng.choice((1, 30, 365)),
        order=rng.choice(("language", "mdy", "dmy")),
        initials=rng.choice(("consistent", "keep", "mask")),
        gender=rng.choice(("keep", "drop")),
        keep=rng.choice(((), ("SEX",))),
    )
    own = {"PERSON": {"type": rng.choice(("replace", "redact", "mask", "hash", "keep"))}} if rng.random() < 0.1 else {}
    return Hider(settings, KEY, rng.choice(("en", "es")), taken, from_presidio(own, KEY))


def check(text: str, spans: Sequence[Found], hidden: Hidden) -> None:
    """Fail where anything outside the spans changed, or an offset does not fit."""
    covered = {at for span in spans for at in range(span.start, span.end)}
    assert covered == {at for change in hidden.spans for at in range(change.start, change.end)}
    old = new = 0
    for change in hidden.spans:
        assert old <= change.start < change.end <= len(text)
        assert text[old : change.start] == hidden.text[new : change.new_start]
        assert len(text[old : change.start]) == change.new_start - new
        assert hidden.place(change.start) == change.new_start
        old, new = change.end, change.new_end
    assert text[old:] == hidden.text[new:]
    assert "".join(c for at, c in enumerate(text) if at not in covered) == outside(hidden)


def outside(hidden: Hidden) -> str:
    """Return what of the new text stands outside of the changes."""
    inside = {at for change in hidden.spans for at in range(change.new_start, change.new_end)}
    return "".join(c for at, c in enumerate(hidden.text) if at not in inside)


def check_surrogates(text: str, hidden: Hidden, hider: Hider, fresh: Surrogates, patient: str, taken: Taken) -> None:
    """Fail where a surrogate is the original, occurs in the texts, or is another one when it is drawn again."""
    for change in hidden.spans:
        original, now = text[change.start : change.end], hidden.text[change.new_start : change.new_end]
        again = fresh.of(patient, change.entity_type, original)
        if change.entity_type in hider.own or change.entity_type in hider.settings.keep:
            continue
        tag = f"[{change.entity_type}]"
        if change.entity_type in NUMBERED and now == tag:  # what only may be a number is not made another one
            continue
        assert now == (tag if again is None else again)
        if again is None or change.entity_type not in {"NAME", *NUMBERS, *PLACES}:
            continue
        before, behind = (list(map(compared, WORD.findall(t))) for t in (plain(original) or "", now))
        if change.entity_type in NUMBERS:
            assert compared(now) != compared(original)
            assert not all(taken(run) for run in now.split())
            continue
        own = {word for word in before if len(word) > 2 and not word.isdecimal()} - (
            TITLES if change.entity_type == "NAME" else SORTS_TOLD
        )
        assert not own & set(behind)
        if change.entity_type == "NAME":
            assert not [w for w in behind if len(w) > 2 and not w.isdecimal() and w not in TITLES and taken(w)]


def run_cases(first: int, count: int) -> int:
    """Return how many spans were hidden and checked in so many cases."""
    rng = random.Random(f"{first}:corpus")
    taken = Taken(hashes_of([*PIECES, *(text_of(rng) for _ in range(50))], KEY), KEY)
    hiders = [hider_of(number, taken) for number in range(HIDERS)]
    fresh = {n: Surrogates(h.settings, KEY, h.language, taken) for n, h in enumerate(hiders)}
    spans_hidden = 0
    for case in range(first, first + count):
        rng = random.Random(f"{case}:case")
        text, which, patient = text_of(rng), case % HIDERS, f"patient {case % 7}"
        hider, spans = hiders[which], spans_of(rng, text)
        hidden = hider.hide(text, spans, patient)
        check(text, spans, hidden)
        rng.shuffle(spans)
        assert hider.hide(text, spans, patient) == hidden
        if hider.settings.operator == "surrogate":
            check_surrogates(text, hidden, hider, fresh[which], patient, taken)
        elif hider.settings.operator == "mask":
            assert hider.own or len(hidden.text) == len(text)
        vault = Vault(KEY, set(rows_of(text, hidden, patient)))
        restored, left = vault.restore(hidden, patient)
        assert left or restored == text
        spans_hidden += len(hidden.spans)
    return spans_hidden


def test_some_hundred_cases() -> None:
    assert run_cases(0, 600) > 1_000


@pytest.mark.slow
def test_fifty_thousand_cases() -> None:
    assert run_cases(1_000, 50_000) > 90_000


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_person_keeps_one_name_over_notes_in_any_order(language: str) -> None:
    notes = [f"{name} seen" for name in ("Ada Okonjo", "OKONJO, Ada", "ada okonjo", "A\u200bda O\u200bkonjo", "Okonjo")]
    forward, backward = (Hider(Hiding(operator="surrogate"), KEY, language) for _ in range(2))

    def hide(hider: Hider, note: str) -> str:
        return hider.hide(note, [Found(0, len(note) - 5, "NAME", 1.0, "")], "p").text

    made = {note: hide(forward, note) for note in notes}
    assert made == {note: hide(backward, note) for note in reversed(notes)}
    words = {frozenset(text.lower().replace(",", "").split()) for text in made.values()}
    assert len(max(words, key=len)) == 3
    assert all(each <= max(words, key=len) for each in words)


def test_settling_keeps_every_character_and_no_other() -> None:
    for case in range(300):
        rng = random.Random(f"{case}:settle")
        text = "x" * rng.randint(1, 40)
        spans = spans_of(rng, text)
        made = settled(spans, len(text))
        assert all(one[1] <= other[0] for one, other in zip(made, made[1:], strict=False))
        assert {at for a, b, _ in made for at in range(a, b)} == {at for f in spans for at in range(f.start, f.end)}
