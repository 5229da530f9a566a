"""The data card: loads as a hub's data set, says what is and is not known, and never quotes a document."""

from __future__ import annotations

import json
import shutil

import pytest
import yaml

from residency.core.documents import write_documents
from residency.core.store import sha256_file
from residency.core.types import Document
from residency.corpus.card.datacard import (
    data_files,
    front_matter,
    make_card,
    size_category,
    words,
    write_card,
)
from residency.corpus.mixing.mixture import Mixture, plan

SECRET = "Zebulon Quackenbush was admitted"


ADMITTED = {
    "admitted": True,
    "sources": [
        {"source": "notes", "why": "receipt", "receipt": "ab" * 32, "recall": 0.99, "bound": 0.97, "waiver": None}
    ],
}


def documents(names, split):
    return [
        Document(
            f"{split}-{i}",
            f"{SECRET} {i}",
            "notes",
            "CC BY 4.0",
            patient=name,
            date="2021-03-05",
            meta={"kind": "note"},
        )
        for i, name in enumerate(names)
    ]


@pytest.fixture
def folder(tmp_path):
    """A corpus of two shards for training and one for the test, with dropped rows beside them."""
    write_documents(tmp_path / "train" / "0.parquet", documents(["p1", "p2"], "a"))
    write_documents(tmp_path / "train" / "1.parquet", documents(["p1"], "b"))
    write_documents(tmp_path / "test.parquet", documents(["p9"], "c"))
    write_documents(tmp_path / "dropped.parquet", documents(["p9", "p9"], "d"))
    return tmp_path


EVEN = {"notes": 1.0, "pubmedqa": 1.0}
SHARDS = {"train": ["train/0.parquet", "train/1.parquet"], "test": ["test.parquet"]}


def facts():
    side = {"documents": 2, "groups": 2, "patients": 1, "first": "2021-03-05", "last": "2021-03-05"}
    return {
        "name": "Ward notes",
        "sources": [
            {"name": "notes", "licence": "not stated (your own data)", "documents": 3, "bad": 1, "left": {"empty": 2}},
            {"name": "pubmedqa", "version": "1cbae8e9", "licence": "MIT", "access": "free", "documents": 1, "bad": 0,
             "acknowledgement": "PubMedQA, Jin et al. 2019"},
            {"name": "papers", "licence": "CC BY-NC 4.0", "documents": 0, "bad": 0},
            {"name": "odd", "licence": "ask Fred | <b>", "documents": 0, "bad": 0},
        ],
        "documents": 4, "characters": 132, "read": 10, "patients": 3,
        "tokens": {"count": 33, "by": None},
        "languages": {"en": 3, "und": 1}, "kinds": {"note": 3, "instruction": 1},
        "dates": {"first": "2021-03-05", "last": "2021-03-05", "without": 1},
        "dropped": {"clean": {"too short": 4}, "dedup": {"near-duplicate": 2}},
        "duplicates": {"exact": 1, "near": 1},
        "contamination": {"sets": [{"set": "medqa", "items": 1273, "rules": {
            "13-grams": {"found": 2, "removed": 2}, "64 characters": {"found": 1, "removed": 0}}}]},
        "splits": {"splits": {"train": side, "test": side}, "in_two": {"patients": 0, "groups": 0}},
        "mixture": plan(Mixture(weights=EVEN, tokens=40, most_epochs=1), {"notes": 30, "pubmedqa": 10}).facts(),
        "shards": SHARDS,
        "settings": {"given": {"clean": {}}, "resolved": {"clean": {"least": 20}}},
        "versions": {"residency": "0.4"}, "time": {"made": "2026-01-01T00:00:00+00:00", "seconds": 12},
    }  # fmt: skip


def test_datasets_loads_the_folder_by_its_card_without_a_network(folder, monkeypatch, tmp_path_factory):
    write_card(folder, facts())
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    moved = tmp_path_factory.mktemp("elsewhere") / "corpus"
    shutil.copytree(folder, moved)
    loaded = datasets.load_dataset(str(moved), cache_dir=str(cache))
    assert {split: rows.num_rows for split, rows in loaded.items()} == {"train": 3, "test": 1}
    assert set(loaded["train"]["id"]) == {"a-0", "a-1", "b-0"} and loaded["test"][0]["patient"] == "p9"


def test_the_front_matter_is_what_the_hub_reads(folder):
    write_card(folder, facts())
    head = yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert head["configs"] == [
        {
            "config_name": "default",
            "data_files": [{"split": "train", "path": "train/*.parquet"}, {"split": "test", "path": ["test.parquet"]}],
        }
    ]
    assert head["size_categories"] == ["n<1K"] and head["language"] == ["en"] and head["pretty_name"] == "Ward notes"
    assert head["license"] == "unknown" and head["task_categories"] == ["question-answering", "text-generation"]
    only = make_card({"sources": [{"name": "a", "licence": "MIT"}, {"name": "b", "licence": "mit"}]})
    assert front_matter(only, folder)["license"] == "mit"
    mixed = make_card({"sources": [{"name": "a", "licence": "MIT"}, {"name": "b", "licence": "Apache-2.0"}]})
    assert front_matter(mixed, folder)["license"] == "other" and front_matter(mixed, folder)["license_name"]


def test_a_file_that_is_no_shard_is_never_caught_by_a_pattern(folder):
    shutil.copy(folder / "dropped.parquet", folder / "train" / "dropped.parquet")
    assert data_files(SHARDS, folder) == {"train": SHARDS["train"], "test": ["test.parquet"]}


def test_the_hub_client_finds_nothing_wrong_with_the_card(folder):
    hub = pytest.importorskip("huggingface_hub")
    write_card(folder, facts())
    card = hub.DatasetCard.load(folder / "README.md")
    assert card.data.pretty_name == "Ward notes" and card.data.configs[0]["config_name"] == "default"


def test_a_committee_reads_the_most_restrictive_licence_and_the_unknown_ones(folder):
    card = write_card(folder, facts())
    assert card["licence"]["commercial"] is False and card["licence"]["derivatives"] is None
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "| commercial use | NO |" in text and "No commercial use, because of CC BY-NC 4.0." in text
    assert r"Licences that are not known here (ask Fred \| \<b\>)" in text
    assert r"ask Fred \| \<b\>" in text  # it cannot break the table
    assert "<b>" not in text.replace(r"\<b\>", "")
    assert "- **pubmedqa**: PubMedQA, Jin et al. 2019" in text


def test_what_is_not_known_is_said(folder):
    card = write_card(folder, facts())
    assert card["deidentification_words"] == "Not de-identified: no receipt."
    text = (folder / "README.md").read_text(encoding="utf-8")
    for line in (
        "Not de-identified: no receipt.",
        "The exact number of tokens: it is estimated by characters.",
        "The date of 1 document.",
        r"The licence of odd: ask Fred \| \<b\>.",
    ):
        assert line in text, line
    bare = make_card({})
    assert any("nothing was compared" in line for line in bare["not_known"]) and bare["licence"]["commercial"] is None
    told = make_card(
        {**facts(), "tokens": {"count": 30, "by": "the tokenizer of smollm2"}, "deidentification": ADMITTED}
    )
    assert "What each source was let in" in told["deidentification_words"]
    assert not any("estimated" in line or "name people" in line for line in told["not_known"])


def test_contamination_that_was_not_removed_is_not_hidden(folder):
    write_card(folder, facts())
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "Compared with 1 evaluation set (1,273 items): 3 found, of which 1 were NOT removed." in text
    assert "| medqa | 1,273 | 64 characters | 1 | 0 |" in text


def test_items_that_were_too_short_to_be_looked_for_are_said():
    card = make_card({"contamination": {"sets": [{"set": "own", "items": 3, "short": 2, "rules": {}}]}})
    assert "(3 items, of which 2 are too short for any rule, and not looked for): 0 found" in words(card)


def test_numbers_stand_in_the_readme_and_in_the_words_alike(folder):
    card = write_card(folder, facts())
    text, told = (folder / "README.md").read_text(encoding="utf-8"), words(card)
    assert "| clean | too short | 4 | 40.00% |" in text
    assert "clean  too short               4  40.00%" in told
    assert "| tokens | 33 (estimated by characters) |" in text
    assert "0 patients and 0 groups stand in two splits." in text
    assert "(cap)" in text and "(cap)" in told
    for heading in ("Sources", "Contamination", "Splits", "Mixture", "De-identification", "What is not known"):
        assert f"## {heading}\n" in text, heading
    assert "\n\n\n" not in text and "None" not in text


def test_the_card_holds_everything_as_data_with_the_hashes_of_its_shards(folder):
    card = write_card(folder, facts())
    held = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert held == json.loads(json.dumps(card))
    assert held["hashes"]["shards"]["test.parquet"] == sha256_file(folder / "test.parquet")
    assert set(held["hashes"]["shards"]) == {path for paths in SHARDS.values() for path in paths}
    assert held["settings"] == facts()["settings"] and held["sources"][1]["spdx"] == "MIT"


def test_the_card_never_quotes_a_document(folder):
    write_card(folder, facts())
    for name in ("README.md", "card.json"):
        assert "Quackenbush" not in (folder / name).read_text(encoding="utf-8")


def test_a_fact_that_no_card_knows_is_an_error():
    with pytest.raises(ValueError, match="knows nothing of token; it knows"):
        make_card({"token": 3})


@pytest.mark.parametrize(
    ("count", "name"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1000, "1K<n<10K"),
        (10_000, "10K<n<100K"),
        (5_000_000, "1M<n<10M"),
        (2 * 10**9, "1B<n<10B"),
    ],
)
def test_size_categories_are_the_hubs(count, name):
    assert size_category(count) == name
