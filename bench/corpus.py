"""Near-duplicates found beside datasketch and datatrove: the same made-up notes, words in a row and threshold.

    python bench/corpus.py [--mb 20] [--repeats 3] [--threshold 0.8] [--tools residency,datasketch,datatrove] [--json]

The notes are drawn from the words of the installed ICD-10-CM texts, some words far more often than others, and hold
near-duplicates planted at known Jaccard similarities of their sets of five words in a row. Each tool runs in a process
of its own, one after the other in turn, so that a slow minute of the machine falls on all; the seconds are those of
reading the texts in memory to knowing what drops, without start-up. Of each level are reported how many of the planted
were found, and of what was dropped how much was planted at or above the threshold. With --clean each tool's quality
filters (ours: clean, datatrove's: GopherQuality and GopherRepetition) run before, and their seconds count.

datasketch runs as its documentation advises for speed (update_batch by MinHash.generator, then MinHashLSH with
insertion without checks). datatrove's word tokenizer for English needs spaCy: a split at white space, which is faster
and the same after its own removal of punctuation, stands in.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import accumulate
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

NGRAM, LEVELS = 5, (0.95, 0.9, 0.85, 0.7, 0.5)
PLANTED = 0.2
"""Of all notes, the share that are copies of others, the levels in turn."""
SHARD = 500


# --- the notes -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Corpus:
    """Notes, and for each planted copy (place of the original, place of the copy, exact Jaccard similarity, level)."""

    texts: list[str]
    planted: list[tuple[int, int, float, float]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all texts."""
        return sum(len(text.encode()) for text in self.texts)


def made_up(size: int, seed: int = 0) -> Corpus:
    """Return notes of about ``size`` bytes; equal seeds give equal notes."""
    draw, names = random.Random(seed), vocabulary()
    weights = list(accumulate(1 / (rank + 10) for rank in range(len(names))))
    corpus, held = Corpus([]), 0
    while held < size:
        corpus.texts.append(" ".join(spoken(draw, draw.choices(names, cum_weights=weights, k=draw.randint(80, 600)))))
        held += len(corpus.texts[-1])
        if draw.random() < PLANTED / (1 - PLANTED):
            level = LEVELS[len(corpus.planted) % len(LEVELS)]
            original = len(corpus.texts) - 1
            copy = copied(corpus.texts[original], level, draw, names)
            corpus.planted.append((original, original + 1, jaccard(corpus.texts[original], copy), level))
            corpus.texts.append(copy)
            held += len(copy)
    return shuffled(corpus, draw)


def vocabulary() -> list[str]:
    """Return the different words of ICD-10-CM's descriptions, in an order that is no alphabet's."""
    from residency.corpus.records import package_folder

    folder = package_folder("simple_icd_10_cm", requirement="simple-icd-10-cm==1.5.0")
    text = " ".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.xml")))
    names = sorted({word for word in text.lower().replace(">", " ").replace("<", " ").split() if word.isalpha()})
    random.Random(0).shuffle(names)
    return names


def spoken(draw: random.Random, names: Sequence[str]) -> list[str]:
    """Return words with the ends of sentences and lines."""
    return [name + draw.choice(("", "", "", "", "", "", ",", ".", ".\n")) for name in names]


def copied(text: str, level: float, draw: random.Random, names: Sequence[str]) -> str:
    """Return a copy in which as many words are replaced, side by side, as bring the similarity near the level."""
    words = text.split(" ")
    grams = len(words) - NGRAM + 1
    count = max(1, round(grams * (1 - level) / (1 + level)) - NGRAM + 1)
    at = draw.randrange(len(words) - count)
    return " ".join([*words[:at], *(name + "." for name in draw.choices(names, k=count)), *words[at + count :]])


def grams(text: str) -> set[tuple[str, ...]]:
    """Return the set of words in a row."""
    words = text.lower().replace(",", " ").replace(".", " ").split()
    return {tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1)}


def jaccard(left: str, right: str) -> float:
    """Return the exact similarity of two texts."""
    one, two = grams(left), grams(right)
    return len(one & two) / len(one | two)


def shuffled(corpus: Corpus, draw: random.Random) -> Corpus:
    """Return the notes in random order."""
    order = list(range(len(corpus.texts)))
    draw.shuffle(order)
    place = {old: new for new, old in enumerate(order)}
    return Corpus([corpus.texts[old] for old in order], [(place[a], place[b], s, lv) for a, b, s, lv in corpus.planted])


# --- the tools: each returns the places that drop --------------------------------------------------------------------


def residency(texts: Sequence[str], scratch: Path, *, threshold: float, clean: bool, workers: int = 1) -> set[int]:
    """Our own keys, shard by shard, and the decision over Parquet files."""
    import pyarrow.parquet as pq

    from residency.corpus.dedup import Dedup, decide

    rules = Dedup(near=threshold, ngram=NGRAM, paragraphs=False)
    task = partial(our_keys, rules=rules, scratch=scratch, clean=clean)
    shards = [(begin, texts[begin : begin + SHARD]) for begin in range(0, len(texts), SHARD)]
    made = list(map(task, shards) if workers == 1 else started(workers).map(task, shards))
    files = {name: [paths[name] for paths, _ in made] for name in made[0][0]}
    found = decide(files, partial(our_query, threads=workers), rules, scratch / "decided")
    return {place for _, dropped in made for place in dropped} | set(pq.read_table(found.drops)["row"].to_pylist())


@cache
def started(workers: int) -> ProcessPoolExecutor:
    """Return as many processes, each with what it needs loaded."""
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=loaded)
    list(pool.map(time.sleep, [1.0] * workers))
    return pool


def loaded() -> None:
    """Load what ``our_keys`` needs."""
    import pyarrow.parquet  # noqa: F401

    import residency.corpus.dedup  # noqa: F401


def our_keys(
    shard: tuple[int, Sequence[str]], *, rules: Any, scratch: Path, clean: bool
) -> tuple[dict[str, Path], list[int]]:
    """Return the files of keys of a shard, and what the cleaning dropped."""
    import pyarrow.parquet as pq

    from residency.core.types import Document
    from residency.corpus.dedup import keys

    begin, texts = shard
    kept = [(row, Document(str(row), text, "bench", "none")) for row, text in enumerate(texts, begin)]
    dropped: list[int] = []
    if clean:
        check = our_cleaner()
        dropped = [row for row, document in kept if check(document).reason]
        kept = [(row, document) for row, document in kept if row not in set(dropped)]
    paths = {}
    for name, table in keys([document for _, document in kept], [row for row, _ in kept], rules).items():
        paths[name] = scratch / f"{name}-{begin:08d}.parquet"
        pq.write_table(table, paths[name], compression="zstd")
    return paths, dropped


def our_cleaner() -> Callable[[Any], Any]:
    """Return the corpus stage's cleaning with its default settings."""
    from residency.corpus.clean import Clean, cleaner

    return cleaner(Clean())


def our_query(sql: str, out: Path, *, threads: int, **files: Sequence[Path]) -> Path:
    """Write the result of one SELECT over Parquet files."""
    import duckdb

    with duckdb.connect(config={"threads": threads}) as database:
        for name, paths in files.items():
            listed = ", ".join(f"'{path}'" for path in paths)
            database.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{listed}])")
        database.execute(f"COPY ({sql}) TO '{out}' (FORMAT parquet)")
    return out


def datasketch(texts: Sequence[str], scratch: Path, *, threshold: float, clean: bool) -> set[int]:
    """MinHash of 128 places and MinHashLSH at the threshold; a note that has a neighbour before it drops."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=threshold, num_perm=128)
    dropped = set()
    for place, sketch in enumerate(MinHash.generator(map(their_grams, texts), num_perm=128)):
        if index.query(sketch):
            dropped.add(place)
        index.insert(place, sketch, check_duplication=False)
    return dropped


def their_grams(text: str) -> Iterable[bytes]:
    """Return the words in a row of a text, as bytes."""
    words = text.lower().replace(",", " ").replace(".", " ").split()
    return {" ".join(words[i : i + NGRAM]).encode() for i in range(len(words) - NGRAM + 1)}


def datatrove(texts: Sequence[str], scratch: Path, *, threshold: float, clean: bool) -> set[int]:
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
    removed = np.frombuffer((scratch / "removed" / "000000.remove").read_bytes(), "<u4")
    return {places[number] for number in removed} | (set(range(len(texts))) - set(places))


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


TOOLS: dict[str, Callable[..., set[int]]] = {
    "residency": residency,
    "datasketch": datasketch,
    "datatrove": datatrove,
    "residency, all cores": partial(residency, workers=len(os.sched_getaffinity(0))),
}


# --- the comparison --------------------------------------------------------------------------------------------------


def main() -> None:
    """Run the comparison and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=float, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threshold", type=float, default=0.8)
    parser.add_argument("--tools", default=";".join(TOOLS), help="names parted by semicolons")
    parser.add_argument("--clean", action="store_true", help="run each tool's quality filters before")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TQDM_DISABLE": "1", "LOGURU_LEVEL": "ERROR"}
    report = compare(args)
    print(json.dumps(report, indent=1) if args.json else table(report))


def compare(args: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of every tool."""
    corpus = made_up(int(args.mb * 1e6))
    tools = [name for name in TOOLS if name in args.tools.split(";")]
    seconds: dict[str, list[float]] = {name: [] for name in tools}
    dropped: dict[str, set[int]] = {}
    peaks: dict[str, float] = {}
    for repeat in range(args.repeats):
        for name in tools:
            spent, dropped[name], peaks[name] = apart(name, corpus.texts, args)
            seconds[name].append(spent)
            print(f"repeat {repeat + 1}, {name}: {spent:.2f} s", file=sys.stderr, flush=True)
    about = {"mb": corpus.size / 1e6, "documents": len(corpus.texts), "planted": len(corpus.planted)}
    about |= {"threshold": args.threshold, "clean": args.clean, "repeats": args.repeats}
    rows = [
        {
            **row(corpus, args.threshold, dropped[name]),
            **pace(corpus, seconds, name),
            "tool": name,
            "peak_mb": peaks[name],
        }
        for name in tools
    ]
    return {**about, "rows": rows}


def apart(name: str, texts: Sequence[str], args: argparse.Namespace) -> tuple[float, set[int], float]:
    """Return (seconds, what drops, peak memory in MB) of one run in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    worker = context.Process(target=serve, args=(name, args.threshold, args.clean, there))
    worker.start()
    here.send(texts)
    found: tuple[float, set[int], float] = here.recv()
    worker.join()
    return found


def serve(name: str, threshold: float, clean: bool, pipe: Connection) -> None:
    """Answer texts with what they took, after a small run that loads what the tool needs."""
    texts = pipe.recv()
    with tempfile.TemporaryDirectory() as scratch:
        TOOLS[name](made_up(20_000, seed=9).texts, folder(scratch, "first"), threshold=threshold, clean=clean)
        began = time.perf_counter()
        dropped = TOOLS[name](texts, folder(scratch, "run"), threshold=threshold, clean=clean)
        seconds = time.perf_counter() - began
    pipe.send((seconds, dropped, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def folder(scratch: str, name: str) -> Path:
    """Return a new folder."""
    path = Path(scratch) / name
    path.mkdir()
    return path


def row(corpus: Corpus, threshold: float, dropped: set[int]) -> dict[str, Any]:
    """Return the share of planted copies found at each level, and the precision at the threshold.

    A pair counts as found when either of its two drops; a drop is right when its pair is as similar as the threshold.
    """
    found, all_of = Counter[float](), Counter[float]()
    right = set()
    for first, second, similarity, level in corpus.planted:
        all_of[level] += 1
        found[level] += bool({first, second} & dropped)
        if similarity >= threshold:
            right |= {first, second}
    wanted = [(first, second) for first, second, similarity, _ in corpus.planted if similarity >= threshold]
    return {
        "found": {str(level): found[level] / all_of[level] for level in LEVELS},
        "recall": sum(bool({*pair} & dropped) for pair in wanted) / len(wanted),
        "precision": len(dropped & right) / max(1, len(dropped)),
        "dropped": len(dropped),
    }


def pace(corpus: Corpus, seconds: dict[str, list[float]], name: str) -> dict[str, Any]:
    """Return seconds, MB/s, and how many times as fast ours was, repeat by repeat."""
    ratios = sorted(other / ours for other, ours in zip(seconds[name], seconds.get("residency", []), strict=False))
    spent = statistics.median(seconds[name])
    times = [ratios[0], statistics.median(ratios), ratios[-1]] if ratios else []
    return {"seconds": spent, "mb_s": corpus.size / 1e6 / spent, "times": times}


def table(report: dict[str, Any]) -> str:
    """Return the figures as a table."""
    what = "clean and near-duplicates" if report["clean"] else "dedup only"
    head = f"{report['mb']:.1f} MB, {report['documents']} notes, {report['planted']} planted copies: {what}"
    levels = "".join(f"{level:>7}" for level in LEVELS)
    lines = [
        head,
        f"{'':22s} {'MB/s':>7s} {'slower than ours':>22s} {'peak MB':>8s} {'recall':>7s} {'right':>7s}  "
        f"found at{levels}",
    ]
    for entry in report["rows"]:
        spread = "{1:.2f} ({0:.2f} to {2:.2f})".format(*entry["times"]) if entry["times"] else ""
        found = "".join(f"{share:7.3f}" for share in entry["found"].values())
        lines.append(
            f"{entry['tool']:22s} {entry['mb_s']:7.2f} {spread:>22s} {entry['peak_mb']:8.0f} {entry['recall']:7.3f} "
            f"{entry['precision']:7.3f}          {found}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
