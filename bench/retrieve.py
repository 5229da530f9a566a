"""What an index costs to make and to ask, beside rank_bm25 and a brute-force cosine; and what a cached prefix saves.

    python bench/retrieve.py [--passages 10000,100000,1000000] [--questions 50] [--work FOLDER] [--json]

Passages are MADE UP: 60 words of ICD-10-CM each, drawn by a seed around one of 2,000 topics. Their vectors are DRAWN
too: 384 numbers around a direction of their topic, of unit length (real ones would take hours to compute, and cost the
same to search). So times and memory say something, and how good the passages found are does not; that is measured in
``search_medquad.py``. Every system runs in a process of its own; its memory is the peak of that process. A system that
asks for more than ``--most-gb`` is ended, and the row says so. "agrees" is the share of the first ten passages that are
those of the brute-force cosine (of vectors), or of rank_bm25 (of words; its formula, words and stop words differ).

First-token time: the same evidence (five passages) before different questions, read anew each time or once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import random
import re
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from parts.notes import vocabulary

Row = dict[str, Any]
WIDTH, TOPICS, WORDS, FILE = 384, 2000, 60, 50_000
HEAD = f"{'passages':>9s} {'system':18s} {'build s':>8s} {'peak MB':>8s} {'disk MB':>8s} {'ms':>7s} {'p95':>7s} agrees"


def main() -> None:
    """Measure every size and system, then the first-token times, and print tables or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", default="10000,100000,1000000")
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--work", type=Path, default=None, help="where the files go meanwhile (8 KB a passage)")
    parser.add_argument("--most-gb", type=float, default=14.0, help="memory that a system may take (default: 14)")
    parser.add_argument("--skip", default="", help="systems to leave out: residency, rank_bm25, cosine, first-token")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows: list[Row] = []
    for size in map(int, filter(None, args.passages.split(","))):
        if args.work:
            args.work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=args.work) as scratch:
            rows += of_size(Path(scratch), size, args)
        print("\n".join(map(line, rows[-5:])), file=sys.stderr, flush=True)
    first = [] if "first-token" in args.skip else first_tokens(args.questions)
    if args.json:
        print(json.dumps({"rows": rows, "first_token": first}, indent=1))
    else:
        print("\n".join([HEAD, *map(line, rows), "", *map(str, first)]))


def of_size(scratch: Path, size: int, args: argparse.Namespace) -> list[Row]:
    """Return the rows of one size."""
    write(scratch / "made", size)
    asked = questions(args.questions)
    systems = {"residency": residency, "rank_bm25": rank_bm25, "cosine": cosine}
    found: dict[str, dict[str, Any]] = {}
    for name, run in systems.items():
        if name not in args.skip:
            found |= apart(run, scratch, asked, args.most_gb, name)
    truth = {"residency vector": "cosine", "residency bm25": "rank_bm25"}
    for name, other in truth.items():
        if name in found and "first" in found.get(other, {}):
            pairs = zip(found[name]["first"], found[other]["first"], strict=True)
            found[name]["agrees"] = statistics.mean(len(set(a) & set(b)) / 10 for a, b in pairs)
    return [{"passages": size, "system": name, **{k: v for k, v in row.items() if k != "first"}}
            for name, row in found.items()]  # fmt: skip


def apart(run: Callable[..., Any], scratch: Path, asked: list[str], most_gb: float, name: str) -> dict[str, Any]:
    """Return what a system measures in a process of its own; one that needs too much memory says so."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_within, args=(run, scratch, asked, int(most_gb * 1e9), theirs))
    process.start()
    theirs.close()
    try:
        found: dict[str, Any] = ours.recv()
    except EOFError:
        found = {name: {"failed": f"ended without an answer (limit {most_gb:g} GB)"}}
    process.join()
    return found


def _within(run: Callable[..., Any], scratch: Path, asked: list[str], most: int, pipe: Any) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    try:
        found = run(scratch, asked)
    except MemoryError:
        return
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send({name: {"peak_mb": round(peak), **row} for name, row in found.items()})


# --- the systems -----------------------------------------------------------------------------------------------------


class Drawn:
    """An embedder whose vectors are drawn: around the direction of the topic that a text names, by the text's hash."""

    name, hash = "drawn", "drawn-1"

    def __init__(self) -> None:
        self.topics = np.random.default_rng(0).standard_normal((TOPICS, WIDTH), dtype=np.float32)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit-length vectors, [texts, width]."""
        found = np.stack([self._of(text) for text in texts])
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def _of(self, text: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        named = re.search(r"topic(\d+)", text)
        noise = np.random.default_rng(seed).standard_normal(WIDTH, dtype=np.float32)
        return noise + (self.topics[int(named[1])] if named else 0.0)


def residency(scratch: Path, asked: list[str]) -> dict[str, Row]:
    """Return what building and asking an index takes, by words, by vectors, and fused."""
    from residency.core.progress import quietly
    from residency.infer.retrieve import build, open_index
    from residency.infer.retrieve.store import size_of

    model = Drawn()
    began = time.perf_counter()
    with quietly():
        build([scratch / "made"], scratch / "index", embedder=model, language="en")
    built = time.perf_counter() - began
    index = open_index(scratch / "index", embedder=model)
    size = size_of(scratch / "index") / 1e6
    shared = {"build_s": round(built, 1), "disk_mb": round(size)}
    return {f"residency {how}": {**shared, **timed(lambda q, how=how: _ids(index.search(q, how=how)), asked)}
            for how in ("bm25", "vector", "fused")}  # fmt: skip


def _ids(found: Any) -> list[str]:
    return [one.document for one in found.evidence]


def rank_bm25(scratch: Path, asked: list[str]) -> dict[str, Row]:
    """Return what rank_bm25's BM25Okapi takes, on words in lower case."""
    from rank_bm25 import BM25Okapi

    began = time.perf_counter()
    names, words = [], []
    for name, text in made(scratch):
        names.append(name)
        words.append([sys.intern(word) for word in text.lower().split()])
    index = BM25Okapi(words)
    built = time.perf_counter() - began

    def ask(question: str) -> list[str]:
        scores = index.get_scores(question.lower().split())
        return [names[i] for i in np.argsort(-scores, kind="stable")[:10]]

    return {"rank_bm25": {"build_s": round(built, 1), **timed(ask, asked)}}


def cosine(scratch: Path, asked: list[str]) -> dict[str, Row]:
    """Return what a product with all vectors in memory takes; the vectors are made while it is built."""
    model = Drawn()
    began = time.perf_counter()
    names, texts = zip(*made(scratch), strict=True)
    vectors = np.empty((len(texts), WIDTH), dtype=np.float32)
    for at in range(0, len(texts), 512):
        vectors[at : at + 512] = model.embed(texts[at : at + 512])
    built = time.perf_counter() - began

    def ask(question: str) -> list[str]:
        scores = vectors @ model.embed([question])[0]
        best = np.argpartition(-scores, 10)[:10]
        return [names[i] for i in best[np.argsort(-scores[best], kind="stable")]]

    return {"cosine": {"build_s": round(built, 1), **timed(ask, asked)}}


def timed(ask: Callable[[str], list[str]], asked: list[str]) -> Row:
    """Return the median and the 95th percentile of the time of a question, warm, and the first ten it found."""
    ask(asked[0])
    spent, first = [], []
    for question in asked:
        began = time.perf_counter()
        first.append(ask(question)[:10])
        spent.append(1e3 * (time.perf_counter() - began))
    return {"ms": statistics.median(spent), "p95_ms": float(np.percentile(spent, 95)), "first": first}


# --- what is made up -------------------------------------------------------------------------------------------------


def write(folder: Path, size: int) -> None:
    """Write passages as JSONL, some tens of thousands a file."""
    folder.mkdir()
    names, draw = vocabulary(), random.Random(0)
    for at in range(0, size, FILE):
        with open(folder / f"{at // FILE:04d}.jsonl", "w", encoding="utf-8") as handle:
            for number in range(at, min(size, at + FILE)):
                handle.write(json.dumps({"id": f"d{number}", "text": text_of(draw, names, WORDS)}) + "\n")


def text_of(draw: random.Random, names: Sequence[str], count: int) -> str:
    """Return made-up words around a topic: common ones often, the topic's own now and then, others rarely."""
    topic = draw.randrange(TOPICS)
    own = [names[(topic * 31 + step * 97) % len(names)] for step in range(12)]
    words = draw.choices(names[:400], k=count // 2) + draw.choices(own, k=count // 4)
    words += draw.choices(names, k=count - len(words) - 1)
    draw.shuffle(words)
    return " ".join([f"topic{topic}", *words])


def questions(count: int) -> list[str]:
    """Return questions that are made as the passages are, shorter and by another seed."""
    names, draw = vocabulary(), random.Random(1)
    return [text_of(draw, names, 10) for _ in range(count)]


def made(scratch: Path) -> Iterator[tuple[str, str]]:
    """Yield the passages that were written, with their names."""
    for file in sorted((scratch / "made").glob("*.jsonl")):
        with open(file, encoding="utf-8") as handle:
            for row in map(json.loads, handle):
                yield row["id"], row["text"]


# --- the first token -------------------------------------------------------------------------------------------------


def first_tokens(count: int) -> list[Row]:
    """Return the time to the first token behind the same evidence, read anew each time or kept, of two models."""
    names, draw = vocabulary(), random.Random(2)
    evidence = [text_of(draw, names, 120) for _ in range(5)]
    asked = [f"Question {number}: {text_of(draw, names, 10)}?" for number in range(count)]
    return [*_of_local(evidence, asked), *_of_gguf(evidence, asked)]


def _of_local(evidence: list[str], asked: list[str]) -> list[Row]:
    from residency.models.decode import Sampling, Writer
    from residency.models.load import load

    model: Any = load("smollm2-135m")
    prefix = model.encode_prompt([{"role": "system", "content": "\n".join(evidence)}], reply=False)
    rest = [model.encode_prompt([{"role": "user", "content": one}]) for one in asked]
    sampling = Sampling(1, 0.0, 0, (), None, False)
    cache = model.read_prefix(prefix)

    def kept(ids: list[int]) -> Any:
        writer = Writer(model.net, model.states, model.tokenizer, model.end, sampling, cache, len(prefix), None)
        return writer.write([ids], rows=1, row=model.row)

    ways = {"anew": lambda ids: model.write([ids], sampling, prefix=prefix), "kept": kept}
    return [_row("LocalModel", way, len(prefix), ask, rest) for way, ask in ways.items()]


def _of_gguf(evidence: list[str], asked: list[str]) -> list[Row]:
    from residency.models.gguf import GgufModel
    from residency.models.weights import SMOLLM2, packaged_file

    model = GgufModel(packaged_file(SMOLLM2), parallel=1)

    def prompt(order: Sequence[str], question: str) -> list[int]:
        turns = [{"role": "system", "content": "\n".join(order)}, {"role": "user", "content": question}]
        return model.encode_prompt(turns)

    turned = [prompt([*evidence[n % 5 :], *evidence[: n % 5]], one) for n, one in enumerate(asked)]
    same = [prompt(evidence, one) for one in asked]
    size = len(model.encode("\n".join(evidence)))
    ways = {"anew": turned, "kept": same}
    return [_row("GGUF", way, size, lambda ids: model.greedy_each([ids], 1), some) for way, some in ways.items()]


def _row(model: str, way: str, tokens: int, ask: Callable[[Any], Any], asked: Sequence[Any]) -> Row:
    ask(asked[-1])
    spent = []
    for one in asked[:-1]:
        began = time.perf_counter()
        ask(one)
        spent.append(1e3 * (time.perf_counter() - began))
    return {"model": model, "evidence": way, "evidence_tokens": tokens, "ms": round(statistics.median(spent), 1),
            "n": len(spent)}  # fmt: skip


def line(row: Row) -> str:
    """Return a row as a line of the table."""
    if "failed" in row:
        return f"{row['passages']:9,d} {row['system']:18s} {row['failed']}"
    agrees = f"{row['agrees']:7.3f}" if "agrees" in row else f"{'':7s}"
    return (
        f"{row['passages']:9,d} {row['system']:18s} {row['build_s']:8.1f} {row['peak_mb']:8d} "
        f"{row.get('disk_mb', 0):8d} {row['ms']:7.1f} {row['p95_ms']:7.1f} {agrees}"
    )


if __name__ == "__main__":
    main()
