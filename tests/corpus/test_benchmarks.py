"""The public sets: read whole, split as published or as frozen, never one group on both sides."""

from __future__ import annotations

import hashlib

import pytest

from residency.core.errors import SourceError
from residency.corpus import benchmarks
from residency.corpus.benchmarks import annotated
from residency.corpus.benchmarks.annotated import pubtator

PUBLISHED = {
    ("pubmedqa", "test"): 500,
    ("medmcqa", "test"): 2093,
    ("apollo_zh", "test"): 357,
    ("apollo_es", "test"): 137,
    ("apollo_fr", "test"): 16,
    ("ncbi_disease", "train"): 592,
    ("ncbi_disease", "validation"): 100,
    ("ncbi_disease", "test"): 100,
    ("bc5cdr", "test"): 500,
    ("meddocan", "test"): 250,
    ("presidio_synth", "test"): 466,
    ("evidence_inference", "test"): 247,
    ("medec", "test"): 597,
    ("mts_dialog", "train"): 1201,
    ("mts_dialog", "test"): 200,
    ("aci_bench", "test"): 20,
    ("mts_next_turn", "test"): 164,
    ("aci_next_turn", "test"): 98,
    ("meqsum", "test"): 221,
    ("medquad", "test"): 1784,
    ("medquad_judged", "test"): 1114,
}
"""Items a part has: as published where a split was, else as frozen here."""


def here(name):
    try:
        benchmarks.folder_of(name)
    except SourceError:
        pytest.skip(f"the data set {name} is not here (RESIDENCY_DATA)")


@pytest.mark.parametrize("name", benchmarks.SETS)
def test_a_set_is_read_whole_and_no_group_lies_in_two_parts(name):
    here(name)
    seen: dict[str, str] = {}
    ids = set()
    for split in ("train", "validation", "test"):
        items = benchmarks.items(name, split).items
        wanted = PUBLISHED.get((name, split))
        assert wanted is None or len(items) == wanted, (split, len(items))
        for item in items:
            assert item["id"] not in ids
            ids.add(item["id"])
            assert seen.setdefault(item["group"], split) == split, item["group"]
    assert ids


def test_a_term_is_to_be_coded_among_codes_of_its_own_category():
    items = benchmarks.items("icd10_coding", "test").items
    assert len(items) > 300
    for item in items:
        assert len(set(item["choices"])) == 4 and item["choices"][item["answer"]] == item["id"]
    near = sum(len({c.partition(".")[0] for c in item["choices"]}) == 1 for item in items)
    assert near > 0.8 * len(items)
    assert {item["answer"] for item in items} == {0, 1, 2, 3}


def test_spans_are_where_their_labels_say():
    here("ncbi_disease")
    items = benchmarks.items("ncbi_disease", "test").items
    mentions = [item["text"][e["start"] : e["end"]] for item in items for e in item["entities"]]
    assert len(mentions) == 960 and all(m == m.strip() for m in mentions)


def draw_split(rows, name, *, test, validation):
    """Return ids of test and validation, whole groups drawn by the hash of their name; how a split was frozen."""
    drawn: dict[str, list[str]] = {"validation": [], "test": []}
    for row in rows:
        if "skip" in row:
            continue
        mark = hashlib.sha256(f"{name}:{row.get('group', row['id'])}".encode()).digest()
        share = int.from_bytes(mark[:8], "big") / 2**64
        if share < test:
            drawn["test"].append(row["id"])
        elif share < test + validation:
            drawn["validation"].append(row["id"])
    return {split: sorted(ids) for split, ids in drawn.items()}


def test_the_frozen_parts_are_what_the_draw_gives():
    for name, test, validation in (("meqsum", 0.2, 0.1), ("medquad", 0.1, 0.05), ("medmcqa", 0.5, 0.1)):
        here(name)
        rows = list(benchmarks.SETS[name].read(benchmarks.folder_of(name)))
        drawn = draw_split(rows, name, test=test, validation=validation)
        frozen = benchmarks.frozen_split(name)
        assert {i: s for s, ids in drawn.items() for i in ids} == frozen


def test_an_absent_set_says_where_it_was_looked_for_and_where_it_comes_from(monkeypatch, tmp_path):
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path))
    with pytest.raises(SourceError, match=r"pubmedqa is not here: looked for .*github.com/pubmedqa/pubmedqa"):
        benchmarks.items("pubmedqa", "test")
    with pytest.raises(SourceError, match="no data set is called pubmed; known are pubmedqa, medmcqa"):
        benchmarks.items("pubmed", "test")


def test_a_damaged_set_is_refused_without_a_word_of_it(monkeypatch, tmp_path):
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path))
    (tmp_path / "pubmedqa").mkdir()
    (tmp_path / "pubmedqa" / "test_ground_truth.json").write_text("{}")
    (tmp_path / "pubmedqa" / "ori_pqal.json").write_text('{"1": {"QUESTION": "secret"}}')
    with pytest.raises(SourceError, match="does not hold pubmedqa as published .KeyError.") as found:
        benchmarks.items("pubmedqa", "test")
    assert "secret" not in str(found.value)


def test_pubtator_and_brat_by_hand(tmp_path):
    path = tmp_path / "one.txt"
    path.write_text(
        "7|t|Aspirin and ulcer\n7|a|It hurts.\n7\t0\t7\tAspirin\tChemical\tC1\n"
        "7\t12\t17\tulcer\tDisease\tD1|D2\n7\tCID\tC1\tD1\n"
    )
    (item,) = pubtator(path)
    assert item["text"] == "Aspirin and ulcer It hurts." and item["relations"] == [["C1", "D1"]]
    assert item["entities"][1] == {"start": 12, "end": 17, "label": "Disease", "concepts": ["D1", "D2"]}
    lines = ["T1\tNAME 3 8;10 12\tx", "#1\tnote", "R1\tr Arg1:T1 Arg2:T1"]
    assert list(annotated.brat(lines)) == [{"start": 3, "end": 12, "label": "NAME"}]
    path.write_text("7|t|Aspirin\n7|a|x\n7\t0\t3\tulc\tChemical\tC1\n")
    with pytest.raises(ValueError, match="0 to 3 of 7 is not where"):
        list(pubtator(path))
