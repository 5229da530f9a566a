"""Examination questions as the Hugging Face hub lays them out, in JSONL or Parquet: MedQA, and MMLU's medical parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from residency.core.store import read_jsonl

Item = dict[str, Any]
SUBJECTS = (
    "anatomy",
    "clinical_knowledge",
    "college_biology",
    "college_medicine",
    "medical_genetics",
    "professional_medicine",
)
"""The six subjects of MMLU that MultiMedQA counts as medical (Singhal et al. 2023)."""


def medqa(folder: Path) -> Iterator[Item]:
    """Yield MedQA's questions of the US licensing exam with four options (Jin et al. 2021): 10,178 for training, 1,273
    for the test."""
    for split in ("train", "validation", "test"):
        for number, row in enumerate(_rows(folder, split, needed=split == "test")):
            letters = sorted(row["options"])
            yield {
                "id": f"{split}-{number:05d}",
                "question": row["question"],
                "choices": [row["options"][letter] for letter in letters],
                "answer": letters.index(row["answer_idx"]),
                "split": split,
                "meta": {"exam": row.get("meta_info") or ""},
            }


def mmlu(folder: Path, subject: str) -> Iterator[Item]:
    """Yield the questions of one subject of MMLU (Hendrycks et al. 2021); the five of its "dev" part are for showing,
    here "train"."""
    for part, split in (("dev", "train"), ("validation", "validation"), ("test", "test")):
        for number, row in enumerate(_rows(folder / subject, part, needed=part == "test")):
            yield {
                "id": f"{subject}-{part}-{number:04d}",
                "question": row["question"],
                "choices": list(row["choices"]),
                "answer": int(row["answer"]),
                "split": split,
                "meta": {"subject": subject},
            }


def _rows(folder: Path, part: str, *, needed: bool) -> Iterator[Item]:
    """Yield the rows of the files that have a part in their name; OSError where there are none and they are needed."""
    files = [path for path in sorted(folder.iterdir()) if part in re.split("[^a-z]+", path.stem)]
    found = [path for path in files if path.suffix in (".jsonl", ".parquet")]
    if needed and not found:
        raise FileNotFoundError(f"no .jsonl or .parquet of the part {part} in {folder}")
    for path in found:
        yield from read_jsonl(path) if path.suffix == ".jsonl" else _parquet(path)


def _parquet(path: Path) -> Iterator[Item]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=1000):
            yield from batch.to_pylist()
