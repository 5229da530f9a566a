"""The account of a corpus: malformed records by file and line, counts by source, and the facts of the data card."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from residency.core.errors import SourceError
from residency.core.machine import versions
from residency.core.progress import say
from residency.core.store import read_json, read_jsonl, sha256_file, sha256_json, write_jsonl
from residency.corpus.card.licences import OWN, UNKNOWN, licence_of
from residency.corpus.readers.shapes import legal_shapes
from residency.corpus.records import Bad, Source, place_words
from residency.corpus.sides import People, split_facts
from residency.corpus.verdicts import LEFT_OUT, Verdicts

Facts = Mapping[str, Any]
NOT_SHOWN = "in the document's own words, not shown here"
_LICENCE_NAME = 60
CHARACTERS_A_TOKEN = 4
"""Of English text, in common tokenizers; only an estimate, and called one."""


def bad_records(
    out: Path, opened: Sequence[Source], prepared: Sequence[Facts], verdicts: Verdicts, folder: Path
) -> list[list[Bad]]:
    """Return the malformed records of each source after writing them to ``bad.jsonl``, in the order of reading."""
    found: list[list[Bad]] = [[] for _ in opened]
    for facts in prepared:
        path = folder / f"{facts['number']:06d}" / "bad.jsonl"
        found[facts["source"]] += [Bad(**row) for row in read_jsonl(path)]
    for row in verdicts.same_ids():
        name = opened[row["source"]].name
        place = place_words(row["first_file"] or name, row["first_line"])
        words = f"a record of the same id was already read from {place}"  # an id may be a name
        found[row["source"]].append(Bad(row["file"] or name, row["line"], words))
    rows = ({"source": source.name, **asdict(bad)} for source, mine in zip(opened, found, strict=True) for bad in mine)
    write_jsonl(out / "bad.jsonl", rows)
    return found


def check_bad(
    opened: Sequence[Source], prepared: Sequence[Facts], bad: Sequence[list[Bad]], bad_share: float, path: Path
) -> None:
    """Raise SourceError for too many malformed records; one alone never stops what else could be read.

    ``path`` is where all of them are told.
    """
    read, left = Counter[int](), Counter[int]()
    for facts in prepared:
        read[facts["source"]] += facts["read"] + facts["bad"]
        left[facts["source"]] += sum(facts["left"].values())
    for index, (source, aside) in enumerate(zip(opened, bad, strict=True)):
        total = read[index]
        if not total and not left[index]:
            raise SourceError(f"source {source.name} holds no record")
        first = _first(aside)
        if len(aside) > max(bad_share * total, 1 if len(aside) < total else 0):
            raise SourceError(
                f"source {source.name}: {len(aside)} of {total} records are malformed, more than the {bad_share:.2%} "
                f"that bad_share allows. First: {first}. All are in {path}; mend them or raise bad_share"
            )
        if aside:
            say(f"source {source.name}: {len(aside)} of {total} records kept aside in bad.jsonl: {first}")


def _first(aside: Sequence[Bad]) -> str:
    """Return the first bad records in words, and how many more there are; what is legal is said once, at the end."""
    told, legal = "; ".join(map(str, aside[:3])), f"; {legal_shapes()}"
    more = f"; and {len(aside) - 3} more" if len(aside) > 3 else ""
    return f"{told.replace(legal, '')}{more}{legal if legal in told else ''}"


def source_cards(
    opened: Sequence[Source], prepared: Sequence[Facts], bad: Sequence[list[Bad]], finished: Sequence[Facts]
) -> list[dict[str, Any]]:
    """Return what is known of each source: version, licence, counts, and hashes of its files and of what was read.

    ``documents`` were read: ``stay`` are in the corpus, the others were removed. ``bad`` records are no documents, nor
    are those whose id their file had before. ``licences`` counts what stays by what each says of itself, where that is
    the name of a known licence: a row's own words may be anything, and a card is shown around.
    """
    cards, kept = [], _kept(opened, prepared, finished)
    for index, source in enumerate(opened):
        mine = [facts for facts in prepared if facts["source"] == index]
        left: Counter[str] = sum((Counter(facts["left"]) for facts in mine), Counter())
        hashes = {file.name: sha256_file(file) for file in source.files}
        digest = sha256_json([facts["digest"] for facts in mine])
        cards.append(
            {
                "name": source.name,
                "version": source.version,
                "licence": source.licence,
                "acknowledgement": source.acknowledgement,
                "documents": sum(facts["read"] for facts in mine)
                + sum(facts["bad"] for facts in mine)
                - len(bad[index]),
                "stay": sum(kept[index].values()),
                "licences": dict(sorted(kept[index].items())),
                "bad": len(bad[index]),
                "left": dict(sorted(left.items())),
                "path_sha256": sha256_json(hashes) if hashes else None,
                "documents_sha256": digest,
            }
        )
    return cards


def _kept(opened: Sequence[Source], prepared: Sequence[Facts], finished: Sequence[Facts]) -> dict[int, Counter[str]]:
    """Return how many documents of each source stay, by licence; a shard is of one part, and so of one source."""
    owners = [facts["source"] for facts in prepared for _ in facts["shards"]]
    found: dict[int, Counter[str]] = defaultdict(Counter)
    for owner, facts in zip(owners, finished, strict=True):
        for name, row in facts["counts"].get("licence", {}).items():
            found[owner][_shown(name, opened[owner].licence)] += row["documents"]
    return found


def _shown(licence: str, stated: str) -> str:
    """Return a document's licence as a card may show it: what the source states, or a known name."""
    known = len(licence) <= _LICENCE_NAME and licence_of(licence) not in (UNKNOWN, OWN)
    return licence if licence == stated or known else NOT_SHOWN


def collect_facts(
    opened: Sequence[Source],
    prepared: Sequence[Facts],
    finished: Sequence[Facts],
    verdicts: Verdicts,
    held: Path | None,
    cards: Sequence[Facts],
    people: People,
) -> dict[str, Any]:
    """Return what the data card is made from; all of it counts, none of it text."""
    counts = _added(finished, "counts")
    characters = sum(row["characters"] for row in counts["source"].values())
    cleaned, repeated = Counter[str](), Counter[str]()
    for facts in prepared:
        cleaned.update(facts["dropped"])
    fell: Counter[str] = sum((Counter(facts["dropped"]) for facts in finished), Counter())
    parted = {reason: fell.pop(reason) for reason in list(fell) if reason.startswith(LEFT_OUT)}
    repeated.update(fell)
    leaked = {reason: cleaned.pop(reason) for reason in list(cleaned) if reason.startswith("contamination")}
    dropped = {"clean": cleaned, "decontaminate": leaked, "dedup": repeated, "splits": parted}
    trimmed: Counter[str] = sum((Counter(facts["trimmed"]) for facts in prepared), Counter())
    trimmed["paragraphs copied forward"] = sum(facts["repeated_characters"] for facts in finished)
    return {
        "documents": sum(facts["documents"] for facts in finished),
        "read": sum(source["documents"] for source in cards),
        "characters": characters,
        "tokens": {"count": characters // CHARACTERS_A_TOKEN, "by": None},
        "languages": {name: row["documents"] for name, row in counts["language"].items()},
        "kinds": {name: row["documents"] for name, row in counts["kind"].items()},
        "dates": _dates(finished),
        "patients": people.patients,
        "without_patient": people.without,
        "dropped": {step: dict(sorted(reasons.items())) for step, reasons in dropped.items() if reasons},
        "duplicates": {**repeated, **{f"{what} (characters)": n for what, n in trimmed.items() if n}},
        "contamination": _contamination(prepared, held),
        "splits": split_facts(people),
        "shapes": _shapes(finished),
        "sources": cards,
        "shards": _shards(finished),
        "hashes": {"content": f"{sum(int(facts['content'], 16) for facts in finished) % 2**256:064x}"},
        "versions": versions(),
    }


def _shards(finished: Sequence[Facts]) -> dict[str, list[str]]:
    """Return the files of each split; what is not split trains."""
    found: dict[str, list[str]] = defaultdict(list)
    for facts in finished:
        for split, name in facts["files"].items():
            found[split].append(f"documents/{name}.parquet")
    return dict(sorted(found.items()))


def _shapes(finished: Sequence[Facts]) -> dict[str, dict[str, Any]]:
    """Return how many rows each shape for trainers has, and which documents are not in it, by what they are."""
    found: dict[str, dict[str, Any]] = {}
    for facts in finished:
        for shape, mine in facts["shapes"].items():
            both = found.setdefault(shape, {"rows": 0, "left": Counter()})
            both["rows"] += mine["rows"]
            both["left"].update(mine["left"])
    return {shape: {**both, "left": dict(sorted(both["left"].items()))} for shape, both in found.items()}


def _added(finished: Sequence[Facts], key: str) -> dict[str, dict[str, Counter[str]]]:
    found: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for facts in finished:
        for by, rows in facts[key].items():
            for name, row in rows.items():
                found[by][name].update(row)
    return found


def _dates(finished: Sequence[Facts]) -> dict[str, Any]:
    known = [date for facts in finished for date in facts["dates"]]
    without = sum(facts["undated"] for facts in finished)
    return {"first": min(known, default=None), "last": max(known, default=None), "without": without}


def _contamination(prepared: Sequence[Facts], held: Path | None) -> dict[str, Any] | None:
    """Return what was found and removed, by set and rule, of the sets that were compared."""
    if held is None:
        return None
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for facts in prepared:
        for key, count in facts["leaks"].items():
            item, rule = key.split("\t")
            found[item.split("/", 1)[0]][rule] += count
    index = read_json(held / "index.json")
    sizes, short = (Counter(item.split("/", 1)[0] for item in set(index[key])) for key in ("items", "short"))
    rows = [
        {
            "set": name,
            "items": size,
            "short": short[name],
            "rules": {rule: {"found": n, "removed": n} for rule, n in sorted(found[name].items())},
        }
        for name, size in sorted(sizes.items())
    ]
    return {"sets": rows}
