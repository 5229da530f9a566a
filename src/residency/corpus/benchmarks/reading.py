"""Statements to be judged against a text: Evidence Inference's trial reports, and MEDEC's notes with an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from residency.corpus.benchmarks.tables import csv_rows

Item = dict[str, Any]
LABELS = {-1: "decreased", 0: "no difference", 1: "increased"}


def evidence_inference(folder: Path) -> Iterator[Item]:
    """Yield the prompts of Evidence Inference 2.0 (DeYoung et al. 2020): what a trial's sentence says of an outcome.

    One item a prompt: the label most annotators gave (of those marked valid; a tie is left out) and the first evidence
    for it. Split by article, as published; a group is an article.
    """
    prompts = {row["PromptID"]: row for row in csv_rows(folder / "prompts_merged.csv")}
    votes: dict[str, list[dict[str, str]]] = {}
    for row in csv_rows(folder / "v2_annotations.csv"):
        if row["Valid Label"] == "True" and row["Annotations"].strip():
            votes.setdefault(row["PromptID"], []).append(row)
    splits = _article_splits(folder)
    for key, rows in sorted(votes.items(), key=lambda pair: int(pair[0])):
        counts = Counter(int(row["Label Code"]) for row in rows).most_common()
        prompt, split = prompts.get(key), splits.get(rows[0]["PMCID"])
        if prompt is None or split is None or (len(counts) > 1 and counts[0][1] == counts[1][1]):
            continue
        evidence = next(row for row in rows if int(row["Label Code"]) == counts[0][0])["Annotations"]
        asked = (prompt[name].strip() for name in ("Outcome", "Intervention", "Comparator"))
        outcome, intervention, comparator = asked
        yield {
            "id": key,
            "text": evidence.strip(),
            "text_b": f"{outcome}: {intervention}, compared with {comparator}",
            "label": LABELS[counts[0][0]],
            "group": rows[0]["PMCID"],
            "split": split,
        }


def _article_splits(folder: Path) -> dict[str, str]:
    found = {}
    for split in ("train", "validation", "test"):
        for line in (folder / f"ev2_{split}_article_ids.txt").read_text().split():
            found[line] = split
    return found


def medec(folder: Path) -> Iterator[Item]:
    """Yield the vignettes of MEDEC-MS (Ben Abacha et al. 2024): ``sentences``, and where one is wrong its place, kind
    and correction; without an error ``wrong`` is None."""
    for split, name in (("validation", "Validation"), ("test", "Test")):
        for row in csv_rows(folder / f"MEDEC-MS-{name}Set-with-GroundTruth-and-ErrorType.csv"):
            if not row["Error Flag"]:  # empty rows at the end of the file
                continue
            sentences = [line.split(" ", 1)[-1] for line in row["Sentences"].strip().splitlines()]
            wrong = int(row["Error Sentence ID"]) if row["Error Flag"] == "1" else None
            yield {
                "id": row["Text ID"],
                "text": row["Text"],
                "sentences": sentences,
                "wrong": wrong,
                "corrected": row["Corrected Sentence"] if wrong is not None else "",
                "split": split,
                "meta": {"error": row["Error Type"]},
            }
