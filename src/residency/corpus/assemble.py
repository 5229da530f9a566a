"""The corpus stage: the sources of a recipe become documents that are clean, not repeated, and not the test.

Two passes over the text (``prepare``, ``finish``), on as many cores or machines as there are (``engine``), and between
them one look at the keys of all documents: ids, hashes, bands of near-duplicates, paragraphs of one patient's record.
Whatever is taken out is counted by its reason and kept aside; malformed records are named by file and line.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from residency import __version__
from residency.core.legal import Clash, Seed, Share, agree
from residency.core.progress import say, track
from residency.core.settings import Flat, plain, together
from residency.core.store import outside, read_json, sha256_json, write_json, write_manifest
from residency.corpus.account import bad_records, check_bad, collect_facts, source_cards
from residency.corpus.card.datacard import write_card
from residency.corpus.clean import Clean
from residency.corpus.compare.dedup import Dedup
from residency.corpus.compare.held_out import index_of
from residency.corpus.compare.leaks import Decontaminate
from residency.corpus.deidentify.admission import GATE, Gate, hides, lying_with, privacy
from residency.corpus.deidentify.begin import begin, end
from residency.corpus.deidentify.stage import Deidentify, Treating
from residency.corpus.engine import HERE, Engine, Name, Spread, engine
from residency.corpus.finish import DONE, ROWS, Finishing, Shape, finish
from residency.corpus.mixing.mixture import Mixture, misnamed
from residency.corpus.mixing.ordering import write_order
from residency.corpus.mixing.splits import Splits
from residency.corpus.prepare import Preparing, lost, prepare
from residency.corpus.records import Source
from residency.corpus.sides import people_of, tell_splits
from residency.corpus.sources import Sources, names_of, open_source, trains
from residency.corpus.verdicts import Verdicts, compare

WORK, KEY = "work", "settings.json"
SMALL_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class Checks:
    """What documents are held against; each is left out where it is None."""

    clean: Clean | None = None
    dedup: Dedup | None = None
    decontaminate: Decontaminate | None = None


NONE = Checks()


@dataclass(frozen=True, slots=True)
class Privately:
    """How identifiers are hidden (None: they are not), what must be shown before training, and the seed of both."""

    deidentify: Deidentify | None
    gate: Gate
    seed: int


def _clashes(given: Mapping[str, Any]) -> Iterator[Clash]:
    """Yield the names in a mixture that no source has, and sources that its weights leave out: before any is read."""
    sources, mixture = given.get("sources"), given.get("mixture")
    if sources and mixture:
        names = names_of(sources)
        training = [name for name, source in zip(names, sources, strict=True) if trains(source)]
        for places, text in misnamed(mixture, names, training):
            yield ("mixture", "sources"), f"{places[0]}: {text}"


@together(_clashes)
def collect(
    *,
    out: Path,
    # What is read, each a kind of source with its settings, or simply a path.
    sources: Sources,
    checks: Flat[Checks] = NONE,
    # How identifiers of patients are found and hidden, before anything else is done with a text; null: they stay.
    deidentify: Deidentify | None = None,
    # What a source that holds patients must show before a model is trained on it.
    gate: Gate = GATE,
    splits: Splits | None = None,
    mixture: Mixture | None = None,
    # What is written beside the documents for trainers, in TRL's columns.
    shapes: tuple[Shape, ...] = (),
    spread: Flat[Spread] = HERE,
    # The share of a source's records that may be malformed before the run stops; one alone never stops it.
    bad_share: Share = 0.01,
    # The seed of the simulated hospital, where that names none.
    seed: Seed = 0,
) -> None:
    """Write ``documents/``, ``dropped/``, ``bad.jsonl``, the data card and the manifest of the sources to ``out``.

    Several sources of a kind are numbered (files, files-2) where they have no name. ``clean``, ``dedup``,
    ``decontaminate``, ``splits`` and ``mixture`` are left out where they are not given; the order that a mixture asks
    for is in ``order.parquet`` (``stage``, ``epoch``, and the ``shard`` and ``place`` of a document). Raises
    SourceError where a source is unknown or absent (before any is read), or where too many of its records are
    malformed; ``bad.jsonl`` then says which.
    """
    agree(_clashes({"sources": sources, "mixture": plain(mixture)}))
    out = Path(out)
    (out / WORK).mkdir(parents=True, exist_ok=True)
    names = names_of(sources)
    pairs = zip(sources, names, strict=True)
    opened = [open_source(source, scratch=out / WORK, seed=seed, name=name) for source, name in pairs]
    assemble(
        opened,
        out=out,
        checks=checks,
        privately=Privately(deidentify, gate, seed),
        splits=splits,
        mixture=mixture,
        shapes=shapes,
        spread=spread,
        bad_share=bad_share,
        key=[sources, seed, outside(plain(sources))],
    )


def assemble(
    opened: Sequence[Source],
    *,
    out: Path,
    checks: Checks,
    shapes: tuple[Shape, ...],
    spread: Spread,
    key: Any,
    privately: Privately | None = None,
    splits: Splits | None = None,
    mixture: Mixture | None = None,
    bad_share: float = 0.01,
    stage: str = "corpus",
) -> None:
    """Write the corpus of opened sources to ``out``, with settings as ``collect`` has them.

    ``key`` is all that decides what the sources hold: work in progress under another one is thrown away. Without
    ``privately`` the sources are rows made of a corpus, which has been asked about its patients already.
    """
    work = out / WORK
    _begin(work, [key, checks, privately, splits, shapes])
    (out / "documents").mkdir(exist_ok=True)
    dedup = checks.dedup or Dedup.none()
    workers = spread.workers or _enough(opened, spread.engine)
    with engine(spread.engine, scratch=work, workers=workers, memory_mb=spread.memory_mb) as each:
        held = _held_out(checks.decontaminate, work)
        given = [lying_with(source) for source in opened]
        treating = _treating(privately, opened, given, each, work)
        prepared = _prepare(each, opened, work, treating, checks.clean, dedup, held)
        verdicts = compare(each, prepared, work, [source.name for source in opened], dedup, splits)
        bad = bad_records(out, opened, prepared, verdicts, work / "prepared")
        check_bad(opened, prepared, bad, bad_share, out / "bad.jsonl")
        finished = _finish(each, prepared, verdicts, out, work, splits, shapes)
        for each_treating in {id(one): one for one in treating if one}.values():
            end(each_treating)
        found = privacy(opened, prepared, given, privately.deidentify, privately.gate, out) if privately else None
        people = people_of(each, [out / ROWS / f"{facts['name']}.parquet" for facts in finished], work, splits)
        tell_splits(people, finished, splits)
    cards = source_cards(opened, prepared, bad, finished)
    facts = collect_facts(opened, prepared, finished, verdicts, held, cards, people)
    how = {
        **plain(checks),
        **(plain(privately) if privately else {}),
        "splits": splits,
        "mixture": mixture,
        "shapes": shapes,
        "bad_share": bad_share,
    }
    card = write_card(
        out,
        {**facts, "deidentification": found, "mixture": _mix(out, finished, mixture, opened), "settings": plain(how)},
    )
    kept = {name: card[name] for name in ("documents", "dropped", "duplicates")}
    total = sum(len(rows) for rows in bad)
    shutil.rmtree(work)
    kept |= {"privacy": found} if found else {}
    write_manifest(out, stage=stage, bad=total, bad_share=bad_share, sources=cards, hashes=card["hashes"], **kept)


def _begin(work: Path, settings: list[Any]) -> None:
    """Make the folder of work in progress; what another start left there goes on only if nothing has changed."""
    key = sha256_json([__version__, plain(settings)])
    if not (work / KEY).exists() or read_json(work / KEY) != key:
        for folder in (work / "prepared", work / "held-out", work.parent / DONE):
            shutil.rmtree(folder, ignore_errors=True)
    write_json(work / KEY, key)


def _enough(opened: Sequence[Source], name: Name) -> int:
    """Return 1 where starting further processes would take longer than the work, else 0 for every core."""
    known = all(source.files for source in opened)
    small = sum(file.stat().st_size for source in opened for file in source.files) < SMALL_BYTES
    return int(name == "local" and known and small)


def _held_out(settings: Decontaminate | None, work: Path) -> Path | None:
    if settings is None:
        return None
    path = work / "held-out"
    if not path.is_dir():  # by an earlier start of this stage, from the same settings
        index_of(settings, path)
    return path


def _treating(
    privately: Privately | None, opened: Sequence[Source], given: Sequence[Any], run: Engine, work: Path
) -> list[Treating | None]:
    """Return how the texts of each source are treated; not those that a receipt says were treated before."""
    mine = [source for source, receipt in zip(opened, given, strict=True) if receipt is None and hides(source)]
    if not privately or not privately.deidentify or not mine:
        return [None] * len(opened)
    treating = begin(privately.deidentify, mine, run, work, seed=privately.seed)
    return [treating if source in mine else None for source in opened]


def _prepare(
    run: Engine,
    opened: Sequence[Source],
    work: Path,
    treating: Sequence[Treating | None],
    clean: Clean | None,
    dedup: Dedup,
    held: Path | None,
) -> list[dict[str, Any]]:
    parts = [(index, part) for index, source in enumerate(opened) for part in source.parts]
    tasks = [
        Preparing(number, index, part, work / "prepared", clean, dedup, held, treating[index])
        for number, (index, part) in enumerate(parts)
    ]
    return list(track(run.each(prepare, tasks, lost), "read and clean", len(parts), unit="parts"))


def _mix(
    out: Path, finished: Sequence[Mapping[str, Any]], mixture: Mixture | None, opened: Sequence[Source]
) -> dict[str, Any] | None:
    """Return the plan of a mixture after writing the training order that it asks for."""
    names = [source.name for source in opened]
    try:
        made = write_order(out, [facts["name"] for facts in finished], mixture, names) if mixture else None
    finally:
        shutil.rmtree(out / ROWS, ignore_errors=True)
    for words in made["words"] if made else ():
        say(f"mixture: {words}")
    return made


def _finish(
    run: Engine,
    prepared: Sequence[Mapping[str, Any]],
    verdicts: Verdicts,
    out: Path,
    work: Path,
    splits: Splits | None,
    shapes: tuple[Shape, ...],
) -> list[dict[str, Any]]:
    """Return the facts of each shard of the corpus; what an earlier start wrote under the same verdicts stays."""
    total = sum(len(facts["shards"]) for facts in prepared)

    def tasks() -> Any:
        number = 0
        for facts in prepared:
            folder, first = work / "prepared" / f"{facts['number']:06d}", facts["first"]
            for place, rows in enumerate(facts["shards"]):
                shard = folder / f"documents-{place:04d}.parquet"
                yield Finishing(number, shard, out, verdicts.of(first, first + rows), splits, shapes)
                number, first = number + 1, first + rows

    found = list(track(run.each(finish, tasks()), "compare and write", total, unit="shards"))
    shutil.rmtree(out / DONE, ignore_errors=True)
    for facts in prepared:  # what fell in the first pass is kept aside too
        aside = work / "prepared" / f"{facts['number']:06d}" / "dropped.parquet"
        if aside.is_file():
            (out / "dropped").mkdir(exist_ok=True)
            os.replace(aside, out / "dropped" / f"read-{facts['number']:05d}.parquet")
    return found
