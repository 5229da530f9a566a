"""The corpus stage: the sources of a recipe become documents that are clean, not repeated, and not the test.

Two passes over the text (``shards``), on as many cores or machines as there are (``engine``), and between them one
look at the keys of all documents: ids, hashes, bands of near-duplicates, paragraphs of one patient's record. Whatever
is taken out is counted by its reason and kept aside; malformed records are named by file and line.
"""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from residency.core.errors import SourceError
from residency.core.legal import AtLeastOne, Count, Seed, Share
from residency.core.progress import say, track
from residency.core.store import read_jsonl, sha256_json, write_jsonl, write_manifest
from residency.corpus.clean import Clean
from residency.corpus.dedup import Dedup, decide
from residency.corpus.engine import Engine, engine
from residency.corpus.leaks import Decontaminate, index_of
from residency.corpus.records import Bad, Source, place_words
from residency.corpus.shards import ROW_BITS, Finishing, Preparing, finish, lost, prepare
from residency.corpus.sources import Sources, open_source, source_card

WORK = "work"


def collect(
    *,
    out: Path,
    sources: Sources,
    clean: Clean | None = None,
    dedup: Dedup | None = None,
    decontaminate: Decontaminate | None = None,
    engine: Literal["local", "ray"] = "local",
    workers: Count = 0,
    memory_mb: AtLeastOne = 1000,
    bad_share: Share = 0.01,
    seed: Seed = 0,
) -> None:
    """Write ``documents/``, ``dropped/``, ``bad.jsonl``, the data card and the manifest of the sources to ``out``.

    Each of ``sources`` has one key, the reader, with its settings or simply a path: ``{"hpo": {}}``,
    ``{"files": "my/folder"}``. ``clean``, ``dedup`` and ``decontaminate`` are left out where they are not given.
    ``workers`` 0 takes every core; ``memory_mb`` bounds the comparison of keys. ``seed`` is the simulated hospital's,
    unless it names its own. Raises SourceError where a source is unknown or absent (before any is read), or where
    more than ``bad_share`` of a source's records are malformed, and more than one of them; ``bad.jsonl`` then says
    which.
    """
    out = Path(out)
    work = out / WORK
    work.mkdir(parents=True, exist_ok=True)
    opened = [open_source(source, scratch=out, seed=seed) for source in sources]
    with _engine(engine, work, workers, memory_mb) as run:
        held = index_of(decontaminate, work / "held-out") if decontaminate else None
        prepared = _prepare(run, opened, work, clean, dedup or Dedup.none(), held)
        decided = _decide(run, prepared, opened, work, dedup or Dedup.none())
        _tell_bad(out, opened, prepared, decided, bad_share)
        finished = _finish(run, prepared, decided, out, work)
    cards = _cards(opened, prepared, decided)
    facts = _facts(prepared, finished, decided)
    write_manifest(
        out, stage="corpus", bad=sum(card["bad"] for card in cards), bad_share=bad_share, sources=cards, **facts
    )
    shutil.rmtree(work)


_engine = engine


# --- the first pass --------------------------------------------------------------------------------------------------


def _prepare(
    run: Engine, opened: Sequence[Source], work: Path, clean: Clean | None, dedup: Dedup, leaks: Path | None
) -> list[dict[str, Any]]:
    parts = [(index, part) for index, source in enumerate(opened) for part in source.parts]
    tasks = (
        Preparing(number, index, part, work / "prepared", clean, dedup, leaks)
        for number, (index, part) in enumerate(parts)
    )
    return list(track(run.each(prepare, tasks, lost), "read and clean", len(parts), unit="parts"))


# --- between the passes: what is decided from the keys ---------------------------------------------------------------


@dataclass(slots=True)
class _Decided:
    """Parquet files of decisions, each sorted by row; ``twice`` are the bad records of ids that came twice."""

    ids: Path
    drops: Path
    repeats: Path
    twice: dict[int, list[Bad]] = field(default_factory=lambda: defaultdict(list))


_TWICE = """
SELECT row, id, source, file, line, first_source, first_file, first_line FROM (
  SELECT *, row_number() OVER same AS nth, first(source) OVER same AS first_source, first(file) OVER same AS first_file,
  first(line) OVER same AS first_line, row_number() OVER (PARTITION BY id, source ORDER BY row) AS own
  FROM ids WINDOW same AS (PARTITION BY id ORDER BY row)
) WHERE nth > 1 ORDER BY row
"""


def _decide(
    run: Engine, prepared: Sequence[Mapping[str, Any]], opened: Sequence[Source], work: Path, dedup: Dedup
) -> _Decided:
    files = defaultdict(list)
    for facts in prepared:
        for path in sorted((work / "prepared" / f"{facts['number']:06d}").glob("*.parquet")):
            files[path.stem].append(path)
    raise NotImplementedError
