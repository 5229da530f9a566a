"""What bench/catalog_names.py takes for a name, and that it sees what is missing."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from residency.catalog.entries import load

BENCH = Path(__file__).parents[2] / "bench" / "catalog_names.py"
FACTS = """\
## 2. Systems
### 2.1 Small
| name | base | key result |
|---|---|---|
| BioGPT (BioGPT-Large) | - | 44.98, see 2.2; version 1.5 |
| BioMedLM; NoSuchModel | - | - |
## 3. Data
| name | size |
|---|---|
| MIMIC-III; MedC-K / MedC-I | 3 |
## 4. Results
| model | size | task / set | value |
|---|---|---|---|
| BioGPT vs human | 347M | PubMedQA (base 77.123) | 78.2; 81.0 |
"""


@pytest.fixture(scope="module")
def bench() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(BENCH)))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("HealthSearchQA; LiveQA-TREC17", ["HealthSearchQA", "LiveQA-TREC17"]),
        ("BioBERT, PubMedBERT", ["BioBERT", "PubMedBERT"]),
        ("IMHI (10 sets: DR, CLP)", ["IMHI", "DR", "CLP"]),
        ("ClinicalAgent (CT-Agent); EHRAgent", ["ClinicalAgent", "CT-Agent", "EHRAgent"]),
        ("ICP (in-context padding); clinical-CoT", ["ICP", "clinical-CoT"]),
        ("i2b2 2010, 2012, 2014; n2c2 2018", ["i2b2 2010", "i2b2 2012", "i2b2 2014", "n2c2 2018"]),
        ("epfl-llm/guidelines", ["epfl-llm/guidelines"]),
        ("MedC-K / MedC-I", ["MedC-K", "MedC-I"]),
        ("JMLR-13B vs Meditron-70B vs Llama2-13B+RAG", ["JMLR-13B", "Meditron-70B", "Llama 2"]),
        ("GPT-4; human", ["GPT-4"]),
        ("RAG + CoT rare disease", ["RAG + CoT rare disease"]),
        ("Meerkat MedBooks-CoT-18 + MedQA-CoT", ["Meerkat MedBooks-CoT-18", "MedQA-CoT"]),
    ],
)
def test_a_cell_is_split_into_names(bench: SimpleNamespace, cell: str, expected: list[str]) -> None:
    assert list(bench.split(cell)) == expected


def test_missing_names_and_numbers_are_told(bench: SimpleNamespace) -> None:
    report = bench.compare(FACTS, load())
    assert report["missing"] == ["2.1 NoSuchModel"]
    assert report["missing_results"] == [
        "2.1 BioGPT (BioGPT-Large): 1.5",
        "BioGPT vs human, PubMedQA (base 77.123): 77.123",
    ]
    assert {row["name"]: row["is"] for row in report["named"]}["BioGPT-Large"] == ["models/biogpt"]
    assert "Names: 8; missing: 1." in bench.words(report)
