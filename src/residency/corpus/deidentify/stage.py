"""Identifiers are taken out of documents as they are read: before cleaning, comparing or anything else sees a text.

Not only the text speaks of a patient: the ids of documents, patients and encounters become numbers drawn with the
secret key, dates move as far as those in the text, and words in ``meta`` are treated like the text.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from residency.core.legal import Range, Rule, agree
from residency.core.settings import load
from residency.core.types import Document, Span
from residency.corpus.deidentify.content import Content, content_of, part_of
from residency.corpus.deidentify.hide import Change, Hider, Hiding
from residency.corpus.deidentify.taken import Taken, load_hashes
from residency.corpus.deidentify.tongue import tongues
from residency.corpus.deidentify.vault import Row, rows_of, write_part
from residency.corpus.identify.finder import Finder, finder
from residency.corpus.identify.found import Found
from residency.corpus.named import is_public

PLAIN = frozenset(
    "kind format note_type type loinc code codes system category version shape set split evaluation role pages "
    "entries sentences product score votes label".split()
)
"""What ``meta`` may hold that is of a closed set, or a number, and identifies nobody."""
TERMS = frozenset({"text", "display"})
"""What stands beside a code: the terminology's own words."""
NUMBERED = frozenset({"encounter", "group"})
"""Names in ``meta`` that only tell which belong together."""
MOMENTS = frozenset({"since", "date_as_written"})
"""Days in ``meta`` that nothing needs: they are left out."""
OFFSETS = frozenset({"concepts", "relations", "sections"})
"""What in ``meta`` belongs to places or titles of the original text; it is left out."""


def _file(path: str) -> str | None:
    return None if not path or Path(path).exists() else f"there is nothing at {path}"


def _folder(path: str) -> str | None:
    there = not path or Path(path).absolute().parent.is_dir()
    return None if there else f"there is no folder {Path(path).parent}"


There = Annotated[str, Rule("empty, or a file or folder that is there", _file)]
Kept = Annotated[str, Rule("empty, or a file in a folder that is there", _folder)]


@dataclass(frozen=True, slots=True)
class Deidentify(Hiding):
    """How identifiers are found and what stands in their place."""

    # What stands in place of an identifier: something made up of the same form, its kind, signs, or nothing.
    operator: Literal["surrogate", "tag", "mask", "drop"] = "surrogate"
    # What finds them: rules, lists and a tagger that is trained here; an encoder (tagger: its folder); Presidio.
    detector: Literal["residency", "encoder", "presidio"] = "residency"
    # Whether the likeliest reading counts (default), or everything that is not unlikely (recall).
    mode: Literal["default", "recall"] = "recall"
    # A word is hidden that is part of an identifier with more than this probability; null: as the mode has it.
    threshold: Annotated[float, Range(above=0, most=0.999)] | None = None
    # The folder of a tagger that was trained on labels of yours; empty: the one that is trained on made-up notes.
    tagger: There = ""
    # The language that all texts are read in.
    language: Literal["en", "es"] = "en"
    # A file with the secret key, which gives the same surrogates each time; empty: a new one, thrown away afterwards.
    key: There = ""
    # The encrypted file that keeps what was replaced, for whoever has the key; empty: it is not kept.
    vault: Kept = ""
    # The labels of a sample (residency deidentify --sample), by which recall and precision are measured.
    labels: There = ""

    def __post_init__(self) -> None:
        """Hold the settings against each other."""
        super(Deidentify, self).__post_init__()
        if self.vault and not self.key:
            agree([(("vault", "key"), "a vault is locked with the key: give key too")])
        if self.detector == "encoder" and not self.tagger:
            agree([(("detector", "tagger"), "detector encoder needs tagger: the folder of a trained encoder")])


@dataclass(frozen=True, slots=True)
class Treating:
    """What a worker needs: the settings, the secret key, the table of the words that occur in the originals, and the
    folder for sealed parts of the vault, where one is kept.
    """

    settings: Deidentify
    key: bytes = field(repr=False)
    taken: Path | None = None
    replaced: Path | None = None


@dataclass(slots=True)
class Tally:
    """What was seen of a part: how many documents are about patients, the content of all of it as it was read and as it
    is now, how many identifiers of each kind were hidden, and in which languages the texts are that were looked at.
    """

    patients: int = 0
    before: Content = field(default_factory=Content)
    after: Content = field(default_factory=Content)
    hidden: Counter[str] = field(default_factory=Counter)
    replaced: list[Row] = field(default_factory=list, repr=False)
    languages: Counter[str] = field(default_factory=Counter)

    def row(self) -> dict[str, Any]:
        """Return it as JSON."""
        content = {"before": self.before.as_part(), "after": self.after.as_part()}
        counts = {name: dict(sorted(getattr(self, name).items())) for name in ("hidden", "languages")}
        return {"patients": self.patients, **content, **counts}


def added(rows: Sequence[Mapping[str, Any]]) -> Tally:
    """Return the tallies of parts, as JSON, as one."""
    made = Tally(sum(row["patients"] for row in rows))
    for row in rows:
        made.before, made.after = made.before + part_of(row["before"]), made.after + part_of(row["after"])
        made.hidden.update(row["hidden"])
        made.languages.update(row["languages"])
    return made


def of_patients(document: Document) -> bool:
    """Return whether a document may be about a patient: it names one, or is a note, and is no public knowledge."""
    return not is_public(document) and bool(document.patient or document.meta.get("kind") == "note")


def treat(documents: Sequence[Document], treating: Treating | None, tally: Tally) -> list[Document]:
    """Return documents with identifiers hidden, of all but public knowledge; without ``treating`` they are counted.

    What was replaced is sealed for the vault, where one is kept.
    """
    made = []
    if treating:
        tally.languages += tongues([document.text for document in documents if not is_public(document)])
    for document in documents:
        tally.patients += of_patients(document)
        if treating is None or is_public(document):
            made.append(document)
        else:
            made.append(Treated(document, treating, tally).document())
    tally.before += content_of((document.id, document.text) for document in documents)
    tally.after += content_of((document.id, document.text) for document in made)
    if treating and treating.replaced and tally.replaced:
        write_part(treating.replaced, treating.key, tally.replaced)
        tally.replaced = []
    return made


@lru_cache(4)
def finder_of(settings: Deidentify) -> Finder:
    """Return what finds identifiers."""
    return finder(
        settings.detector,
        language=settings.language,
        mode=settings.mode,
        threshold=settings.threshold,
        tagger=Path(settings.tagger) if settings.tagger else None,
        opened=load("residency.models.load:load"),
    )


@lru_cache(4)
def hider_of(treating: Treating) -> Hider:
    """Return what hides them."""
    taken = Taken(load_hashes(treating.taken), treating.key) if treating.taken else lambda word: False
    return Hider(treating.settings, treating.key, treating.settings.language, taken)


class Treated:
    """One document on its way."""

    def __init__(self, document: Document, treating: Treating, tally: Tally) -> None:
        self.given, self.treating, self.tally = document, treating, tally
        self.finder, self.hider = finder_of(treating.settings), hider_of(treating)
        self.patient = document.patient or document.id

    def document(self) -> Document:
        """Return it with everything hidden that says whose it is."""
        given = self.given
        text, moved = self._hidden(given.text)
        return replace(
            given,
            id=f"{given.source}-{self.number('document', given.id)}",
            text=text,
            patient=given.patient and self.number("patient", given.patient),
            date=given.date and self._day(given.date[:10]),
            spans=list(shifted(given.spans, moved)),
            meta=self._meta(given.meta),
            person=None,
        )

    def number(self, kind: str, name: str) -> str:
        """Return a number that stands for a name, the same each time the key is."""
        message = f"{kind}\x1f{name}".encode("utf-8", "surrogatepass")
        made = hmac.new(self.treating.key, message, hashlib.sha256).hexdigest()[:16]
        if self.treating.replaced:
            self.tally.replaced.append(Row("", kind, name, made))
        return made

    def _day(self, day: str) -> str:
        """Return a day moved like those of the text; where those are not moved, its year."""
        now = self.hider.hide(day, [Found(0, len(day), "DATE", 1.0, "date")], self.patient).text
        return now if re.fullmatch(r"\d{4}(-\d\d){0,2}", now) and now != day else day[:4]

    def _hidden(self, text: str) -> tuple[str, list[Change]]:
        found = self.finder.find(text, self.given.person)
        hidden = self.hider.hide(text, found, self.patient)
        self.tally.hidden.update(change.entity_type for change in hidden.spans)
        if self.treating.replaced:
            self.tally.replaced += rows_of(text, hidden, self.number("patient", self.patient))
        return hidden.text, hidden.spans

    def _meta(self, value: Any) -> Any:
        if isinstance(value, dict):
            left = MOMENTS | OFFSETS
            plain = PLAIN | TERMS if value.get("code") else PLAIN
            return {key: self._kept(str(key), item, plain) for key, item in value.items() if key not in left}
        if isinstance(value, list):
            return [self._meta(item) for item in value]
        return self._hidden(value)[0] if isinstance(value, str) and re.search(r"\w", value) else value

    def _kept(self, key: str, value: Any, plain: frozenset[str]) -> Any:
        if key in NUMBERED and isinstance(value, str) and value:
            return self.number(key, value)
        return value if key in plain else self._meta(value)


def shifted(spans: Sequence[Span], moved: Sequence[Change]) -> Iterator[Span]:
    """Yield labelled stretches at their new places; one that begins or ends inside something hidden takes all of it."""
    for span in spans:
        start, end = _moved(span.start, moved, first=True), _moved(span.end, moved, first=False)
        if end > start:
            yield replace(span, start=start, end=end)


def _moved(place: int, moved: Sequence[Change], *, first: bool) -> int:
    """Return where a place is now; one inside something hidden goes to its begin (``first``) or end."""
    before = bisect_left(moved, place, key=lambda each: each[0])
    if not before:
        return place
    _, old_end, new_start, new_end, _ = moved[before - 1]
    return place + new_end - old_end if place >= old_end else new_start if first else new_end
