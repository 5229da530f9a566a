"""Public sets as documents: each form in its shape, only the training part unless another is named."""

from __future__ import annotations

import json
import pickle

import pytest

from residency.core.errors import SourceError
from residency.core.types import Document, Span
from residency.corpus import benchmarks
from residency.corpus.benchmarks.instructed import huatuo_zh, spoken
from residency.corpus.named import read_set, shape
from residency.corpus.records import Left

PUBMEDQA = {
    "1": {"CONTEXTS": ["We asked ten people."], "QUESTION": "Does rest help?", "final_decision": "yes"},
    "2": {"CONTEXTS": ["Nobody came."], "QUESTION": "Does noise help?", "final_decision": "no"},
}


@pytest.fixture
def pubmedqa(tmp_path, monkeypatch):
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path))
    folder = tmp_path / "pubmedqa"
    folder.mkdir()
    (folder / "ori_pqal.json").write_text(json.dumps(PUBMEDQA))
    (folder / "test_ground_truth.json").write_text('{"2": "no"}')
    return folder


def read(source):
    return [record for part in source.parts for record in part()]


def test_a_set_is_a_source_with_its_licence_commit_and_files(pubmedqa):
    source = read_set(name="pubmedqa")
    assert (source.name, source.version, source.licence) == ("pubmedqa", "1cbae8e9", "MIT")
    assert "github.com/pubmedqa/pubmedqa at 1cbae8e9" in source.acknowledgement and "access:" in source.acknowledgement
    assert [file.name for file in source.files] == ["ori_pqal.json", "test_ground_truth.json"]
    assert len(pickle.loads(pickle.dumps(source.parts))) == 1  # a part can be sent to another process
    assert read_set(name="pubmedqa", licence="ours").licence == "ours"


def test_only_the_training_part_is_read_and_the_rest_is_counted(pubmedqa):
    records = read(read_set(name="pubmedqa"))
    (found,) = [record for record in records if isinstance(record, Document)]
    assert found.id == "1" and found.source == "pubmedqa" and found.licence == "MIT" and found.language == "en"
    assert found.meta["kind"] == "instruction" and "evaluation" not in found.meta
    assert found.meta["messages"] == [
        {"role": "user", "content": "We asked ten people.\n\nDoes rest help?\n\n(yes / no / maybe)"},
        {"role": "assistant", "content": "yes"},
    ]
    assert found.text == "We asked ten people.\n\nDoes rest help?\n\n(yes / no / maybe)\n\nyes"
    assert [record for record in records if record != found] == [Left("of the part test, which was not asked for")]


def test_a_part_for_the_test_says_so_on_each_document(pubmedqa):
    (found,) = [r for r in read(read_set(name="pubmedqa", split="test")) if isinstance(r, Document)]
    assert found.id == "2" and found.meta["split"] == "test" and found.meta["evaluation"] is True


def test_a_part_or_a_set_that_there_is_not_is_told(pubmedqa):
    with pytest.raises(SourceError, match="pubmedqa has no part 'dev' to read; it has: test, train"):
        read(read_set(name="pubmedqa", split="dev"))
    with pytest.raises(SourceError, match="no data set is called nothing"):
        read_set(name="nothing")
    with pytest.raises(SourceError, match="medec is not here"):
        read_set(name="medec")


def test_options_of_several_words_have_letters():
    item = {"question": "Which?", "choices": ["the left one", "both"], "answer": 1}
    text, meta = shape("medqa", item)
    assert meta["messages"][0]["content"] == "Which?\n\nA. the left one\nB. both"
    assert meta["messages"][1]["content"] == "B. both" and text.endswith("\n\nB. both")


def test_other_forms_have_the_shape_that_suits_them():
    text, meta = shape("evidence_inference", {"text": "It fell.", "text_b": "Pain: a against b", "label": "decreased"})
    assert (text, meta) == ("It fell.\n\nPain: a against b", {"kind": "label", "label": "decreased"})
    text, meta = shape("mts_dialog", {"input": "Doctor: Well?", "reference": "Well.", "meta": {"section": "plan"}})
    assert meta["messages"][0]["content"].startswith("Write the section “plan” of the note")
    assert meta["messages"][1]["content"] == "Well." and text.endswith("\n\nWell.")
    turns = [{"role": "user", "content": "I cough."}]
    text, meta = shape("mts_next_turn", {"turns": turns, "reference": "Since when?"})
    assert meta["kind"] == "dialogue" and len(meta["messages"]) == 2 and len(turns) == 1
    text, meta = shape("medquad_judged", {"question": "", "answer": "Rest.", "rating": 3})
    assert text == "Rest." and meta == {"kind": "label", "prompt": "", "completion": "Rest.", "score": 3}
    entities = [{"start": 0, "end": 4, "label": "Disease", "concepts": ["D1"]}]
    text, meta = shape("ncbi_disease", {"text": "Gout hurts.", "entities": entities})
    assert text == "Gout hurts." and meta == {"kind": "article", "concepts": [["D1"]]}
    assert shape("meddocan", {"text": "Hoy.", "entities": []})[1]["kind"] == "note"
    text, meta = shape("medec", {"text": "A. B.", "sentences": ["A.", "B."], "wrong": 1, "corrected": "C."})
    assert meta["label"] == "error" and meta["sentence"] == 1 and meta["corrected"] == "C."


def test_marked_texts_keep_their_spans(tmp_path, monkeypatch):
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path))
    (tmp_path / "bc5cdr").mkdir()
    for name in ("Training", "Development", "Test"):
        text = "7|t|Gout and aspirin\n7|a|It hurts.\n7\t0\t4\tGout\tDisease\tD1\n7\tCID\tC1\tD1\n"
        (tmp_path / "bc5cdr" / f"CDR_{name}Set.PubTator.txt").write_text(text)
    (found,) = [r for r in read(read_set(name="bc5cdr")) if isinstance(r, Document)]
    assert (
        found.spans == [Span(0, 4, "Disease")]
        and found.text[0:4] == "Gout"
        and found.meta["relations"] == [["C1", "D1"]]
    )


def test_huatuo_has_instructions_and_conversations(tmp_path, monkeypatch):
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path))
    folder = tmp_path / "huatuo_zh"
    folder.mkdir()
    (folder / "llama_data.json").write_text('{"instruction": "问", "input": "一", "output": "答"}\n', encoding="utf-8")
    talks = [
        {"instruction": " <user>: 甲 <bot>: 乙 <user>: 丙", "input": "", "output": "丁"},
        {"instruction": " <user>: 甲 <bot>: 乙", "input": "", "output": "丁"},
    ]
    (folder / "liver_cancer.json").write_text(json.dumps(talks), encoding="utf-8")
    assert [turn["role"] for turn in spoken(talks[0]["instruction"])] == ["user", "assistant", "user"]
    assert len(list(huatuo_zh(folder))) == 3
    records = read(read_set(name="huatuo_zh"))
    talk, told = [r for r in records if isinstance(r, Document)][::-1]
    assert told.text == "问\n\n一\n\n答" and told.language == "zh" and told.meta["kind"] == "instruction"
    assert [m["content"] for m in talk.meta["messages"]] == ["甲", "乙", "丙", "丁"] and talk.meta["kind"] == "dialogue"
    assert Left("a conversation that does not end with a question") in records


@pytest.mark.parametrize("name", [name for name in benchmarks.SETS if name != "icd10_coding"])
def test_every_set_that_is_here_becomes_documents_with_nothing_lost(name):
    try:
        folder = benchmarks.folder_of(name)
    except SourceError:
        pytest.skip(f"the data set {name} is not here (RESIDENCY_DATA)")
    parts = benchmarks.items(name, "none")
    split = "train" if parts.elsewhere["train"] else sorted(parts.elsewhere)[0]
    records = read(read_set(name=name, split=split))
    found = [record for record in records if isinstance(record, Document)]
    assert len(records) == sum(1 for _ in benchmarks.SETS[name].read(folder))
    assert len(found) == len({document.id for document in found}) and found
    assert all(0 <= s.start < s.end <= len(d.text) for d in found for s in d.spans)
    assert all(document.meta["kind"] and document.meta["split"] == split for document in found)
