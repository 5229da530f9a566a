"""How well the answer to a question is found: BM25, vectors, both fused, and fused with the first ranked again.

    RESIDENCY_DATA=../shared/data python bench/search_medquad.py --work FOLDER [--questions 1000] [--again 150] [--json]

Two measurements, each with 95% intervals over groups and paired differences on the same questions.

1. MedQuAD (Ben Abacha and Demner-Fushman 2019): its answers are indexed, each once, without questions and titles; a
   question's relevant document is the answer with its own answer's words. What can be chosen (the share of BM25
   against vectors, how a second ranking is mixed in) is chosen on questions whose id's hash is even and that are in no
   frozen test part, and everything is reported on those where it is odd. Groups are the diseases asked about;
   ``--share 4`` takes every fourth of them alone, which makes a smaller index that is easier to search.
2. The 2,479 answers that people judged from 1 (incorrect) to 4 (excellent) for the questions of TREC LiveQA 2017. Those
   questions are not in the repository, so each is asked in the words of the MedQuAD question of one excellent answer,
   which is itself left out; the gain of the others is 2^(grade - 1) - 1. Nothing is chosen here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from residency.core.store import write_json
from residency.core.types import Document
from residency.corpus import benchmarks
from residency.infer.retrieve import build, by_likelihood, open_index
from residency.infer.retrieve.fuse import WORDS, blended, fused
from residency.infer.retrieve.index import AGAIN, DEEP
from residency.measure.intervals import bootstrap, mean_of
from residency.measure.paired import paired

AT = 10
SHARES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
MIXES = (0.0, 0.25, 0.5, 1.0, 2.0, 1e6)
METRICS = ("ndcg@10", "recall@10")
Gains = Mapping[str, float]
Ranked = list[str]


def main() -> None:
    """Measure both and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="where the indices are kept between calls")
    parser.add_argument("--share", type=int, default=1, metavar="N", help="every N-th disease alone (default: 1, all)")
    parser.add_argument("--questions", type=int, default=1000, help="of each half (default: 1000)")
    parser.add_argument("--again", type=int, default=150, help="of these, so many are ranked again too (default: 150)")
    parser.add_argument("--model", default="smollm2-135m", help="what ranks again (default: smollm2-135m)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    again = again_by(args.model) if args.again else None
    rows = [medquad(args.work, args.share, args.questions, args.again, again), judged(args.work, again)]
    write_json(args.work / "search_medquad.json", rows)
    print(json.dumps(rows, indent=1) if args.json else "\n\n".join(map(table, rows)))


# --- the two measurements --------------------------------------------------------------------------------------------


def medquad(work: Path, share: int, most: int, again_of: int, again: Any) -> dict[str, Any]:
    """Return the rows of MedQuAD's held-out questions, with what was chosen on the others."""
    items = [one for one in all_items("medquad") if hashed(one["group"]) % share == 0]
    items.sort(key=lambda one: hashed(one["id"]))
    first: dict[str, str] = {}
    for one in items:
        first.setdefault(one["reference"], one["id"])
    made = [Document(id, text, "medquad", "CC BY 4.0") for text, id in first.items()]
    index = indexed(work / f"medquad-{share}", made)
    frozen = benchmarks.frozen_split("medquad")
    halves = [[one for one in items if hashed(one["id"]) % 2 == half] for half in (0, 1)]
    halves = [[one for one in halves[0] if frozen.get(one["id"]) != "test"][:most], halves[1][:most]]
    asked = [
        [(one["id"], one["group"], one["input"], {first[one["reference"]]: 1.0}) for one in half] for half in halves
    ]
    chosen = choose(index, asked[0], again_of, again)
    return {"set": "medquad", "documents": index.about["documents"], "passages": index.about["passages"],
            "chosen": chosen,
            **measured(index, asked[1], chosen, again_of, again)}  # fmt: skip


def judged(work: Path, again: Any) -> dict[str, Any]:
    """Return the rows of the judged answers, with the settings as they are by default."""
    rated = [one for one in all_items("medquad_judged") if one["answer"]]
    texts = {one["id"].partition(":")[2]: one["answer"] for one in rated}
    index = indexed(work / "judged", [Document(id, text, "judged", "CC BY 4.0") for id, text in sorted(texts.items())])
    asked, left_out = [], {}
    for group in sorted({one["group"] for one in rated}):
        mine = sorted((one for one in rated if one["group"] == group), key=lambda one: one["id"])
        best = next((one for one in mine if one["rating"] == 4 and one["question"]), None)
        gains = {one["id"].partition(":")[2]: 2.0 ** (one["rating"] - 1) - 1 for one in mine if one is not best}
        if best and any(gains.values()):
            asked.append((group, group, best["question"], gains))
            left_out[group] = best["id"].partition(":")[2]
    default = {"share": WORDS, "mix": None}
    return {"set": "judged", "passages": index.about["passages"], "chosen": default,
            **measured(index, asked, default, len(asked), again, left_out)}  # fmt: skip


def measured(
    index: Any, asked: Sequence[tuple[str, str, str, Gains]], chosen: Mapping[str, Any], again_of: int, again: Any,
    left_out: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return what each way of searching scores, and the paired differences to fusing both alike."""
    found: dict[str, list[dict[str, Any]]] = {}
    seconds: dict[str, float] = {}
    for number, (id, group, question, gains) in enumerate(asked):
        ways, took = searched(index, question)
        if again and number < again_of:
            began = time.perf_counter()
            ways |= ranked_again(ways["fused"], question, again, chosen["mix"])
            took["re-ranked"] = time.perf_counter() - began
        for name, rows in (ways | {"fused, share chosen": blend(ways, chosen["share"])}).items():
            ranked = documents(rows, (left_out or {}).get(id))
            found.setdefault(name, []).append({"id": id, "group": group, "hash": id, **scores(ranked, gains)})
        for name, value in took.items():
            seconds[name] = seconds.get(name, 0.0) + value
    rows = [interval_row(name, metric, some) for name, some in found.items() for metric in METRICS]
    pairs = [pair_row("fused", name, metric, found) for name in found if name != "fused" for metric in METRICS]
    counts = {name: len(found.get(name, asked)) for name in seconds}
    return {"rows": rows, "against_fused": pairs, "ms": {n: round(1e3 * s / counts[n], 1) for n, s in seconds.items()}}


def choose(index: Any, asked: Sequence[tuple[str, str, str, Gains]], again_of: int, again: Any) -> dict[str, Any]:
    """Return the share of BM25 and the weight of the second ranking that are best here, with all values."""
    shares = dict.fromkeys(SHARES, 0.0)
    mixes = dict.fromkeys(MIXES, 0.0)
    for number, (_, _, question, gains) in enumerate(asked):
        ways, _ = searched(index, question)
        for share in SHARES:
            shares[share] += scores(documents(blend(ways, share)), gains)["ndcg@10"] / len(asked)
        if again and number < again_of:
            values = again(question, ways["fused"][:AGAIN])
            for mix in MIXES:
                ranked = documents(mixed(ways["fused"], values, mix))
                mixes[mix] += scores(ranked, gains)["ndcg@10"] / min(again_of, len(asked))
    best, mix = max(shares, key=shares.__getitem__), max(mixes, key=mixes.__getitem__) if again else None
    return {"share": best, "mix": mix, "by_share": shares, "by_mix": mixes if again else None, "n": len(asked)}


# --- searching -------------------------------------------------------------------------------------------------------


def searched(index: Any, question: str) -> tuple[dict[str, list[Any]], dict[str, float]]:
    """Return what each way finds, and how long it took; what both give is fused here as ``Index.search`` fuses it."""
    ways, took = {}, {}
    for how in ("bm25", "vector"):
        began = time.perf_counter()
        ways[how] = index.search(question, k=DEEP, how=how).evidence
        took[how] = time.perf_counter() - began
    return ways | {"fused": blend(ways, WORDS), "rrf": by_rank(ways)}, took


def blend(ways: Mapping[str, list[Any]], share: float) -> list[Any]:
    """Return BM25 and vectors fused by their scores, of which BM25 has a share."""
    return listed(ways, blended(*({one.id: one.score for one in ways[how]} for how in ("bm25", "vector")), share))


def by_rank(ways: Mapping[str, list[Any]]) -> list[Any]:
    """Return BM25 and vectors fused by their ranks."""
    return listed(ways, fused([[one.id for one in ways[how]] for how in ("bm25", "vector")]))


def listed(ways: Mapping[str, list[Any]], ranked: Sequence[tuple[str, float]]) -> list[Any]:
    """Return the passages of ranked ids."""
    by_id = {one.id: one for how in ("bm25", "vector") for one in ways[how]}
    return [by_id[id] for id, _ in ranked]


def again_by(name: str) -> Callable[[str, Sequence[Any]], list[float]]:
    """Return what scores passages by how likely a model finds the question after each."""
    from residency.models.load import load

    rerank = by_likelihood(load(name))
    return lambda question, rows: list(rerank(question, [one.text for one in rows]))


def ranked_again(rows: list[Any], question: str, again: Any, mix: float | None) -> dict[str, list[Any]]:
    """Return the first passages by their second scores alone, and fused with the first ranking as was chosen."""
    values = again(question, rows[:AGAIN])
    ways = {"re-ranked": mixed(rows, values, 1e6)}
    return ways | ({"re-ranked, mixed": mixed(rows, values, mix)} if mix is not None else {})


def mixed(rows: list[Any], values: Sequence[float], mix: float) -> list[Any]:
    """Return rows whose first are fused with their ranking by a second score, which weighs ``mix``."""
    first = rows[: len(values)]
    by_id = {one.id: one for one in first}
    second = [first[i].id for i in sorted(range(len(first)), key=lambda i: (-values[i], first[i].id))]
    order = fused([[one.id for one in first], second], [1.0, mix])
    return [by_id[id] for id, _ in order] + rows[len(values) :]


def documents(rows: Sequence[Any], without: str | None = None) -> Ranked:
    """Return the documents of passages, each where its best passage stands."""
    return [name for name in dict.fromkeys(one.document for one in rows) if name != without]


# --- scores ----------------------------------------------------------------------------------------------------------


def scores(ranked: Ranked, gains: Gains) -> dict[str, float]:
    """Return nDCG@10 and recall@10 of a ranking of documents; of more than 10 relevant ones, 10 can be found.

    Järvelin and Kekäläinen 2002, Cumulated gain-based evaluation of IR techniques.
    """
    ideal = sorted(gains.values(), reverse=True)[:AT]
    value = dcg([gains.get(one, 0.0) for one in ranked[:AT]]) / dcg(ideal)
    relevant = {name for name, gain in gains.items() if gain > 0}
    return {"ndcg@10": value, "recall@10": len(relevant & set(ranked[:AT])) / min(AT, len(relevant))}


def dcg(gains: Sequence[float]) -> float:
    """Return the discounted gain of a ranking."""
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def interval_row(name: str, metric: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a metric of one way with its interval."""
    found = bootstrap(rows, mean_of(metric, metric, graded=True))
    return {"way": name, "metric": metric, "value": found.value, "low": found.low, "high": found.high, "n": len(rows)}


def pair_row(first: str, second: str, metric: str, found: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return how much better the second way is than the first on the questions that both were asked."""
    asked = {row["id"] for row in found[second]}
    one = paired(
        [row for row in found[first] if row["id"] in asked], found[second], mean_of(metric, metric, graded=True)
    )
    gap = one.difference
    return {"way": second, "metric": metric, "difference": gap.value, "low": gap.low, "high": gap.high, "p": one.p,
            "n": one.n, "fused": one.first}  # fmt: skip


# --- data ------------------------------------------------------------------------------------------------------------


def all_items(name: str) -> list[dict[str, Any]]:
    """Return all items of a public set that are read, of every part."""
    found = benchmarks.SETS[name].read(benchmarks.folder_of(name))
    return [one for one in found if not one.get("skip")]


def indexed(folder: Path, made: list[Document]) -> Any:
    """Return the index of these documents, made where it is not there yet."""
    if not (folder / "index.json").exists():
        print(json.dumps(build(made, folder, language="en"))[:600])
    return open_index(folder)


def hashed(text: str) -> int:
    """Return a number that an id always has."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def table(found: dict[str, Any]) -> str:
    """Return one measurement as text."""
    lines = [f"{found['set']}: {found['passages']} passages; chosen {found['chosen']}; ms a question {found['ms']}"]
    for row in found["rows"]:
        lines.append(
            f"{row['way']:22}{row['metric']:11}{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]  n={row['n']}"
        )
    for row in found["against_fused"]:
        words = f"{row['way']:22}{row['metric']:11}{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
        lines.append(f"less fused ({row['fused']:.3f})  {words}  p={row['p']:.4f}  n={row['n']}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
