"""What a user names as data, looked at and not read through: their tasks, texts and judged pairs, and public sets.

Nothing of a text is kept or told: only what kind of file it is, how many items it holds, and whether a receipt or a
waiver says that nobody is identified in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from residency.advise.needs import Needs
from residency.advise.tasks import DOES
from residency.catalog.entries import Catalog, Entry
from residency.catalog.query import key
from residency.core.errors import SourceError, UserError
from residency.core.legal import nearest
from residency.corpus.benchmarks import SETS
from residency.corpus.deidentify.receipt import RECEIPT
from residency.corpus.readers.detect import detect
from residency.corpus.readers.folder import files_under
from residency.corpus.readers.heads import columns_in
from residency.corpus.readers.shapes import plan
from residency.evaluate.tasks import TASKS, is_file, own

LOOKED_AT = 50
"""Files of a folder that are looked at to tell what it holds."""
ANNOTATED = {"brat", "conll"}
"""Formats of texts with marked places, which a task of kind extract reads."""
LABELS = ("entities", "label", "labels", "score", "reference")
"""Keys of rows that people have labelled: such a file needs a task that declares it."""
NOBODY = "choice"
"""The kind of a user's task whose items are questions, and no texts of patients."""


@dataclass(frozen=True, slots=True)
class Given:
    """One thing that is named as data.

    ``kind``: "task" (a task of the user's own), "set" (a public task that is declared here), "texts", "dialogues",
    "pairs" (what a corpus reads), "labelled" (labels that no task declares), "elsewhere" (a data set of the catalog
    that is not read here). ``count`` are the items to learn from, ``dev`` those watched, ``test`` those examined;
    ``words`` of all that is learned. ``proven``: a receipt lies with it, or somebody vouches for it. ``closed``: all
    its questions have the same options.
    """

    name: str
    kind: str
    count: int | None = None
    dev: int = 0
    test: int = 0
    words: int = 0
    source: str = ""
    proven: bool = False
    receipt: str = ""
    language: str = ""
    does: str = ""
    labels: tuple[str, ...] = ()
    closed: bool = False
    entry: Entry | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def about(self) -> dict[str, Any]:
        """What it is, as JSON."""
        told = {"name": self.name, "kind": self.kind, "items": self.count, "watched": self.dev, "examined": self.test}
        return {name: value for name, value in told.items() if value} | ({"proven": self.proven} if self.source else {})


def look(needs: Needs, catalog: Catalog) -> tuple[Given, ...]:
    """Return what every name of ``needs.data`` stands for. UserError tells all that stand for nothing."""
    found: list[Given] = []
    wrong: list[str] = []
    for name in needs.data:
        try:
            found.append(_one(name, needs, catalog))
        except UserError as error:
            wrong.append(str(error))
    wrong += _twice(found)
    if wrong:
        raise UserError("\n".join(wrong))
    return tuple(found)


def _twice(found: list[Given]) -> Iterator[str]:
    names = [one.name for one in found]
    yield from (f"--data names {name} twice" for name in dict.fromkeys(names) if names.count(name) > 1)


def _one(name: str, needs: Needs, catalog: Catalog) -> Given:
    path = Path(name).expanduser()
    if is_file(name):
        return _task(path, name)
    if path.exists():
        given = _texts(path, name)
        return replace(given, proven=bool(given.receipt or needs.waiver)) if given.source else given
    if name in TASKS and TASKS[name].data:
        return Given(name, "set", does=TASKS[name].kind, language=TASKS[name].ask.language)
    return _of_catalog(name, catalog)


# --- tasks ------------------------------------------------------------------------------------------------------------


def _task(path: Path, name: str) -> Given:
    """Return a task of the user's own; RecipeError tells every mistake in its file."""
    declared = own.read_declaration(path)
    train = "train" if "train" in declared else ""
    counts = {part: _items(declared, path.parent, part) for part in ("items", "dev", train) if part in declared}
    kind, none = declared["kind"], Counted()
    return Given(
        name,
        "task",
        count=counts.get(train, none).items,
        dev=counts.get("dev", none).items,
        test=counts["items"].items,
        words=counts.get(train, none).words,
        proven=kind == NOBODY or bool(str(declared.get("waiver", "")).strip()),
        language=str(declared.get("language", "en")),
        does=kind,
        labels=tuple(map(str, declared.get("labels", ()))),
        closed=kind == "choice" and len(counts["items"].choices) == 1,
        extra={"task": declared["task"], "metric": declared.get("metric", own.METRICS[kind][0])},
    )


def words_of(item: dict[str, Any]) -> int:
    """Return how many words the texts of an item have."""
    said = (item.get(key) for key in ("text", "text_b", "input", "context", "question", "reference"))
    return sum(len(text.split()) for text in said if isinstance(text, str))


@dataclass(slots=True)
class Counted:
    """How many items a file holds, how many words their texts, and the sets of options that they have."""

    items: int = 0
    words: int = 0
    choices: set[tuple[str, ...]] = field(default_factory=set)

    def add(self, item: dict[str, Any]) -> None:
        """Count one item."""
        self.items += 1
        self.words += words_of(item)
        self.choices.add(tuple(sorted(map(str, item.get("choices", ())))))


def _items(declared: dict[str, Any], folder: Path, part: str) -> Counted:
    """Return what a file of a task holds, counted."""
    found = Counted()
    for item in own.each_item_of(declared, folder, part):
        found.add(item)
    return found


def fits(given: Given, task: str) -> bool:
    """Return whether a user's task, or a public one, is of a kind that the wanted task is made of."""
    return given.kind in ("task", "set") and given.does in DOES[task]


# --- texts ------------------------------------------------------------------------------------------------------------


def _texts(path: Path, name: str) -> Given:
    """Return a file or folder by what its first files hold."""
    _, files, _ = files_under(path)
    rows = [file for file in files if file.name != RECEIPT]
    forms = {form for file in rows[:LOOKED_AT] if (form := detect(file))}
    if not forms:
        raise SourceError(f"{name} holds no file that is read here; README, A corpus, lists the formats")
    receipt = next((str(at) for at in _receipts(path) if at.is_file()), "")
    shapes = {_shape(file) for file in rows[:LOOKED_AT] if detect(file) in ("jsonl", "json", "csv", "parquet")}
    if forms & ANNOTATED:
        return Given(name, "labelled", count=sum(detect(file) in ANNOTATED for file in rows))
    if "labelled" in shapes:
        return Given(name, "labelled", count=_lines(rows))
    kind = next((one for one in ("pairs", "dialogues") if one in shapes), "texts")
    count = _lines(rows) if forms <= {"jsonl"} else len(rows)
    return Given(name, kind, count=count, source=_source(path, forms), receipt=receipt)


def _receipts(path: Path) -> tuple[Path, ...]:
    return (path / RECEIPT, path.parent / RECEIPT)


def _source(path: Path, forms: set[str]) -> str:
    """Return the kind of source that a recipe names for it."""
    if forms == {"fhir"}:
        return "fhir"
    if forms == {"text"} and (path.is_file() or not any(path.rglob("*.md"))):
        return "notes"
    return "jsonl" if forms == {"jsonl"} else "files"


def _shape(file: Path) -> str:
    """Return what the rows of a table are: pairs, dialogues, labelled, or texts."""
    keys = tuple(columns_in(file, ()))
    shape = plan(keys, ()).shape
    if shape in ("preference", "unpaired"):
        return "pairs"
    if shape not in (None, "text", "omop"):
        return "dialogues"
    return "labelled" if "text" in keys and not set(LABELS).isdisjoint(keys) else "texts"


def _lines(files: list[Path]) -> int:
    total = 0
    for file in files:
        with file.open("rb") as handle:
            total += sum(1 for line in handle if line.strip())
    return total


# --- names ------------------------------------------------------------------------------------------------------------


def _of_catalog(name: str, catalog: Catalog) -> Given:
    """Return a data set of the catalog, the task of ours where it is one; UserError names the nearest."""
    entries = catalog.entries["datasets"]
    spelled = {key(text): one for one in entries.values() for text in (one.id, *one.names)}
    if key(name) not in spelled:
        known = [*(task for task, about in TASKS.items() if about.data), *entries]
        raise UserError(f"--data {name}: neither a file, nor a folder, nor a data set; {nearest(name, known)}")
    entry = spelled[key(name)]
    ours = next((task for task in entry.here if task in TASKS and TASKS[task].data), "")
    if ours:
        about = TASKS[ours]
        return Given(ours, "set", does=about.kind, language=about.ask.language, entry=entry)
    return Given(name, "elsewhere", entry=entry, extra={"set": next((one for one in entry.here if one in SETS), "")})
