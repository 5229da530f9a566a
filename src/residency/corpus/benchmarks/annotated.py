"""Texts with marked spans: NCBI-disease and BC5CDR (PubTator), MEDDOCAN (brat), and Presidio's synthetic sentences."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Item = dict[str, Any]


def ncbi_disease(folder: Path) -> Iterator[Item]:
    """Yield the 793 abstracts of NCBI-disease (Dogan et al. 2014); its four classes of mention are all "Disease"."""
    for split, name in (("train", "train"), ("validation", "develop"), ("test", "test")):
        for item in pubtator(folder / "original" / f"NCBI{name}set_corpus.txt"):
            for entity in item["entities"]:
                entity["label"] = "Disease"
            yield {**item, "split": split}


def bc5cdr(folder: Path) -> Iterator[Item]:
    """Yield the 1,500 abstracts of BC5CDR (Li et al. 2016): chemicals, diseases, and which chemical causes which
    disease, as ``relations`` of concept ids."""
    for split, name in (("train", "Training"), ("validation", "Development"), ("test", "Test")):
        for item in pubtator(folder / f"CDR_{name}Set.PubTator.txt"):
            yield {**item, "split": split}


def pubtator(path: Path) -> Iterator[Item]:
    """Yield an item an abstract: text (title, space, abstract), entities with concept ids, relations of concepts."""
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in block.strip().splitlines() if line]
        if not lines:
            continue
        key, _, title = lines[0].split("|", 2)
        text = f"{title} {lines[1].split('|', 2)[2]}"
        rows = [line.split("\t") for line in lines[2:]]
        yield {
            "id": key,
            "text": text,
            "entities": [_entity(row, text) for row in rows if row[1].isdigit()],
            "relations": [[row[2], row[3]] for row in rows if not row[1].isdigit()],
        }


def _entity(row: list[str], text: str) -> Item:
    start, end = int(row[1]), int(row[2])
    if text[start:end].split() != row[3].split():
        raise ValueError(f"the span {start} to {end} of {row[0]} is not where the file says")
    concepts = row[5].strip().split("|") if len(row) > 5 else []
    return {"start": start, "end": end, "label": row[4], "concepts": concepts}


def meddocan(folder: Path) -> Iterator[Item]:
    """Yield the Spanish clinical cases of MEDDOCAN (Marimon et al. 2019) with their synthetic identifiers, 29 types;
    "test" is its dev part, the one beside train that lies here."""
    for split, name in (("train", "train"), ("test", "dev")):
        for path in sorted((folder / "corpus" / name / "brat").glob("*.txt")):
            text = path.read_bytes().decode("utf-8")
            yield {
                "id": path.stem,
                "text": text,
                "entities": list(brat(path.with_suffix(".ann").read_text(encoding="utf-8").splitlines())),
                "split": split,
            }


def brat(lines: Iterable[str]) -> Iterator[Item]:
    """Yield the text-bound annotations of a brat file; a span in pieces goes from its first to its last character."""
    for line in lines:
        if line.startswith("T"):
            label, *numbers = line.split("\t")[1].replace(";", " ").split()
            yield {"start": int(numbers[0]), "end": int(numbers[-1]), "label": label}


def presidio(folder: Path) -> Iterator[Item]:
    """Yield the 1,500 synthetic sentences of presidio-research; a group is a template, since templates repeat."""
    rows = json.loads((folder / "synth_dataset_v2.json").read_text(encoding="utf-8"))
    for number, row in enumerate(rows):
        spans = sorted(row["spans"], key=lambda s: s["start_position"])
        yield {
            "id": f"{number:04d}",
            "text": row["full_text"],
            "entities": [
                {"start": s["start_position"], "end": s["end_position"], "label": s["entity_type"]} for s in spans
            ],
            "group": f"template-{row['template_id']}",
        }
