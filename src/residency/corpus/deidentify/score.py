"""How much of what a person marked the engine finds: recall and precision by type, with intervals by document.

The recall of a receipt is ``masked`` over direct identifiers: the share of marks of which every letter and digit is
covered, by whatever type, since what is covered is hidden. ``strict`` asks for the same start, end and type. Documents
are drawn whole, so the intervals are those of clusters (``corpus/deidentify/shares.py``), weighted by stratum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from residency.core.errors import UserError
from residency.core.store import sha256_text
from residency.core.types import Document
from residency.corpus.deidentify.labels import Labelled, Labels, Mark
from residency.corpus.deidentify.shares import Drawn, Share, needed, share
from residency.corpus.identify.found import Found
from residency.corpus.identify.kinds import KINDS

FLOOR = 0.95
"""The lower 95% limit of the recall that a receipt must have, unless the recipe asks for more. One person who hides by
hand finds 0.90 to 0.98 of the identifiers (Carrell et al. 2016, Is the juice worth the squeeze? Methods of Information
in Medicine 55; Deleger et al. 2013, JAMIA 20: 0.92 and 0.95), so that an engine above it is shown to be no worse than
a careful person. A sample shows it from 59 documents with an identifier on, if none is missed; 0.99 takes 299."""
Find = Callable[[Document], list[Found]]
_NAMED = 5
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Scored:
    """What a labelled sample says of an engine.

    ``masked`` is of direct identifiers, ``strict`` and ``precision`` (strict too) of all marks, ``characters`` is the
    share of covered letters and digits that were marked, ``types`` recall and precision by type. ``content`` is the
    hash of the source's texts, ``labels`` that of what was drawn and marked. ``blind``: no document was marked again
    after the page had shown what the engine finds.
    """

    masked: Share
    strict: Share
    precision: Share
    characters: Share
    types: Mapping[str, Mapping[str, Share]]
    engine: Mapping[str, Any]
    content: str
    labels: str
    seed: int
    documents: int
    drawn: int
    blind: bool

    def as_row(self) -> dict[str, Any]:
        """Return it as JSON, as a receipt holds it."""
        return asdict(self)


def score(
    labels: Labels,
    documents: Iterable[Document],
    find: Find,
    *,
    engine: Mapping[str, Any],
    floor: float | None = FLOOR,
) -> Scored:
    """Return what the labels say of an engine: ``find`` is it, and ``engine`` what it tells ``about`` itself.

    ``documents`` are the source's, or those of them that the sheet drew. Raises UserError where one of these is absent
    or has another text now, where one is not checked, where a mark lies outside its text or holds no letter or digit,
    and where the sample is too small for ``floor`` whatever is found (None: any size will do).
    """
    _check_checked(labels)
    tables = _tables(labels, documents, find)
    weights = {name: of / n for name, (of, n) in labels.sheet.strata.items() if n}
    numbers = {name: number for number, name in enumerate(sorted(labels.sheet.strata))}
    whole = len(labels.documents) == labels.sheet.documents
    rows = labels.documents
    drawn = Drawn([numbers[row.stratum] for row in rows], [weights[row.stratum] for row in rows], all=whole)

    def of(hit: str, size: str) -> Share:
        return share([t[hit] for t in tables], [t[size] for t in tables], drawn)

    masked = of("masked direct", "direct")
    _check_size(masked, floor, whole)
    seen = [kind for kind in KINDS if any(t[f"marked {kind}"] or t[f"found {kind}"] for t in tables)]
    types = {
        kind: {
            "masked": of(f"masked {kind}", f"marked {kind}"),
            "strict": of(f"right {kind}", f"marked {kind}"),
            "precision": of(f"right {kind}", f"found {kind}"),
        }
        for kind in seen
    }
    return Scored(
        masked=masked,
        strict=of("right", "marked"),
        precision=of("right", "found"),
        characters=of("characters right", "characters"),
        types=types,
        engine=dict(engine),
        content=labels.sheet.content,
        labels=labels.hash,
        seed=labels.sheet.seed,
        documents=labels.sheet.documents,
        drawn=len(rows),
        blind=not any(row.shown for row in rows),
    )


def _check_checked(labels: Labels) -> None:
    left = [row.id for row in labels.documents if not row.checked]
    if left:
        raise UserError(
            f"{len(left)} of the {len(labels.documents)} documents of the sheet are not checked ({_some(left)}); go "
            "through them in sheet.html and save again. A sample whose rest is left out is no random one"
        )


def _check_size(masked: Share, floor: float | None, whole: bool) -> None:
    """Raise UserError where not even a sample without a miss could reach the floor."""
    if floor is None or (whole and masked.n):
        return
    least = needed(floor)
    if masked.clusters < least:
        raise UserError(
            f"{masked.clusters} of the labelled documents hold a direct identifier; a lower limit of {floor:g} takes "
            f"at least {least} that do, even if nothing in them is missed. Draw a larger sheet with "
            "`residency deidentify PATH --sample N`"
        )


def _tables(labels: Labels, documents: Iterable[Document], find: Find) -> list[Counter[str]]:
    """Return the counts of each labelled document, in the order of the labels."""
    wanted = {row.id: row for row in labels.documents}
    found: dict[str, Counter[str]] = {}
    changed = []
    for document in documents:
        row = wanted.get(document.id)
        if row is None or document.id in found:
            continue
        if sha256_text(document.text) != row.text_sha256:
            changed.append(document.id)
            continue
        found[document.id] = counts(document.text, _marks(row, document.text), find(document))
    if changed:
        raise UserError(
            f"the text of {len(changed)} labelled documents has changed ({_some(changed)}), so that their marks no "
            "longer fit; bring the texts back, or draw and label a new sheet"
        )
    if absent := [key for key in wanted if key not in found]:
        raise UserError(f"{len(absent)} labelled documents are not in the source ({_some(absent)}); give the same PATH")
    return [found[row.id] for row in labels.documents]


def _marks(row: Labelled, text: str) -> list[Mark]:
    """Return the marks of a document, each once; UserError for one that lies outside the text or covers only signs."""
    for start, end, _ in row.marks:
        if end > len(text):
            raise UserError(f"{row.id}: a mark from {start} to {end} lies outside the text of {len(text)} characters")
        if not any(sign.isalnum() for sign in text[start:end]):
            raise UserError(f"{row.id}: the mark from {start} to {end} holds no letter and no digit; take it away")
    return sorted(set(row.marks))


def counts(text: str, marks: Sequence[Mark], found: Sequence[Found]) -> Counter[str]:
    """Return what is counted of a document: marks that are masked or found strictly, what is found, and characters."""
    table: Counter[str] = Counter()
    covered = _covered(len(text), [(f.start, f.end) for f in found])
    marked = _covered(len(text), [(a, b) for a, b, _ in marks])
    spans = {(f.start, f.end, f.entity_type) for f in found}
    for start, end, kind in marks:
        masked = all(covered[i] for i in range(start, end) if text[i].isalnum())
        right = (start, end, kind) in spans
        table.update({"marked": 1, f"marked {kind}": 1, "right": right, f"right {kind}": right})
        table.update({f"masked {kind}": masked})
        if KINDS[kind].direct:
            table.update({"direct": 1, "masked direct": masked})
    for _, _, kind in spans:
        table.update({"found": 1, f"found {kind}": 1})
    signs = [i for i, yes in enumerate(covered) if yes and text[i].isalnum()]
    table.update({"characters": len(signs), "characters right": sum(marked[i] for i in signs)})
    return table


def _covered(size: int, spans: Iterable[Pair]) -> bytearray:
    found = bytearray(size)
    for start, end in spans:
        found[start:end] = b"\x01" * (end - start)
    return found


def _some(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return f"{', '.join(keys[:_NAMED])}{more}"
