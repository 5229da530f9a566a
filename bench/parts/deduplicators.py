"""Three ways to find near-duplicates, each as its makers advise: texts in, the places of what drops out."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import Any

from parts.notes import NGRAM

SHARD = 500
Found = tuple[set[int], set[int]]
"""The places of what was dropped as a duplicate, and of what the cleaning dropped before."""
atend = ExitStack()
"""What has to be closed before the process may end."""


def residency(texts: Sequence[str], scratch: Path, *, threshold: float, clean: bool, workers: int = 1) -> Found:
    """Our own keys, shard by shard, and the decision over Parquet files."""
    import pyarrow.parquet as pq

    from residency.corpus.compare.dedup import Dedup, decide
    from residency.corpus.engine import queries

    rules = Dedup(near=threshold, ngram=NGRAM, paragraphs=False)
    task = partial(our_keys, rules=rules, scratch=scratch, clean=clean)
    shards = [(begin, texts[begin : begin + SHARD]) for begin in range(0, len(texts), SHARD)]
    made = list(map(task, shards) if workers == 1 else started(workers).map(task, shards))
    files = {name: [paths[name] for paths, _ in made] for name in made[0][0]}
    with queries(scratch=scratch, threads=workers) as query:
        found = decide(files, query, rules, scratch / "decided")
    unclean = {place for _, dropped in made for place in dropped}
    return set(pq.read_table(found.drops)["row"].to_pylist()), unclean


@cache
def started(workers: int) -> ProcessPoolExecutor:
    """Return as many processes, each with what it needs loaded."""
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=loaded)
    list(pool.map(time.sleep, [1.0] * workers))
    atend.callback(pool.shutdown)
    return pool


def loaded() -> None:
    """Load what ``our_keys`` needs."""
    import pyarrow.parquet  # noqa: F401

    import residency.corpus.compare.dedup  # noqa: F401


def our_keys(
    shard: tuple[int, Sequence[str]], *, rules: Any, scratch: Path, clean: bool
) -> tuple[dict[str, Path], list[int]]:
    """Return the files of keys of a shard, and what the cleaning dropped."""
    import numpy as np
    import pyarrow.parquet as pq

    from residency.core.types import Document
    from residency.corpus.compare.dedup import keys

    begin, texts = shard
    kept = [(row, Document(str(row), text, "bench", "none")) for row, text in enumerate(texts, begin)]
    dropped: list[int] = []
    said = None
    if clean:
        outcomes, said = our_cleaner()([document for _, document in kept])
        stays = np.array([outcome.reason is None for outcome in outcomes], bool)
        dropped = [row for (row, _), good in zip(kept, stays, strict=True) if not good]
        kept, said = [pair for pair, good in zip(kept, stays, strict=True) if good], said.take(stays)
    paths = {}
    for name, table in keys([document for _, document in kept], [row for row, _ in kept], rules, said).items():
        paths[name] = scratch / f"{name}-{begin:08d}.parquet"
        pq.write_table(table, paths[name], compression="zstd")
    return paths, dropped


@cache
def our_cleaner() -> Callable[[Any], Any]:
    """Return the corpus stage's cleaning with its default settings."""
    from residency.corpus.clean import Clean, batch_cleaner

    return batch_cleaner(Clean())


def datasketch(texts: Sequence[str], scratch: Path, *, threshold: float, clean: bool) -> Found:
    """MinHash of 128 places and MinHashLSH at the threshold; a note that has a neighbour before it drops."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=threshold, num_perm=128)
    dropped = set()
    for place, sketch in enumerate(MinHash.generator(map(their_grams, texts), num_perm=128)):
        if index.query(sketch):
            dropped.add(place)
        index.insert(place, sketch, check_duplication=False)
    return dropped, set()


def their_grams(text: str) -> Iterable[bytes]:
    """Return the words in a row of a text, as bytes."""
    words = text.lower().replace(",", " ").replace(".", " ").split()
    return {" ".join(words[i : i + NGRAM]).encode() for i in range(len(words) - NGRAM + 1)}


def datatrove(texts: Sequence[str], scratch: Path, *, threshold: float, clean: bool) -> Found:
    """The four steps of MinhashDedup with its default 14 bands of 8 (its own shape for thresholds near 0.75 to 0.8)."""
    import numpy as np
    from datatrove.data import Document
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.utils.hashes import xxhash as hashes
    from datatrove.utils.word_tokenizers import WordTokenizer

    class Split(WordTokenizer):
        """Words between white space."""

        word_tokenize = sent_tokenize = staticmethod(str.split)
        span_tokenize = None

    hashes.xxhash64 = hash_of  # datatrove 0.10 hands text to xxhash, which from 4.0 on takes bytes only
    config = MinhashConfig(n_grams=NGRAM, num_buckets=14, hashes_per_bucket=8)
    documents: Iterable[Document] = (Document(text=text, id=str(place)) for place, text in enumerate(texts))
    if clean:
        documents = their_cleaner(documents, Split("en"))
    places: list[int] = []

    def noted(documents: Iterable[Document]) -> Iterable[Document]:
        for document in documents:
            places.append(int(document.id))
            yield document

    step = {name: str(scratch / name) for name in ("signatures", "buckets", "removed")}
    MinhashDedupSignature(step["signatures"], config, language=Split("en")).run(noted(documents))
    for bucket in range(config.num_buckets):
        MinhashDedupBuckets(step["signatures"], step["buckets"], config=config).run(None, bucket, config.num_buckets)
    MinhashDedupCluster(step["buckets"], step["removed"], config=config).run(None, 0, 1)
    file = scratch / "removed" / "000000.remove"  # not there where nothing is twice
    removed = np.frombuffer(file.read_bytes() if file.is_file() else b"", "<u4")
    return {places[number] for number in removed}, set(range(len(texts))) - set(places)


def hash_of(text: str) -> int:
    """Return what xxhash gave for text before its release 4."""
    import xxhash

    number: int = xxhash.xxh64_intdigest(text.encode())
    return number


def their_cleaner(documents: Iterable[Any], tokenizer: Any) -> Iterable[Any]:
    """Yield what GopherRepetition and GopherQuality keep."""
    from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter

    filters = (GopherRepetitionFilter(language=tokenizer), GopherQualityFilter(language=tokenizer))
    return (document for document in documents if all(check.filter(document) is True for check in filters))


TOOLS: dict[str, Callable[..., Found]] = {
    "residency": residency,
    "datasketch": datasketch,
    "datatrove": datatrove,
    "residency, all cores": partial(residency, workers=len(os.sched_getaffinity(0))),
}
