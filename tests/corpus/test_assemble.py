"""The corpus stage as a whole: what falls is counted and kept aside, and the result hangs on nothing but the input."""

import json
from importlib.util import find_spec

import pyarrow.parquet as pq
import pytest

from residency.core.documents import read_documents
from residency.core.errors import SourceError
from residency.core.settings import call_settings
from residency.core.store import read_json, read_manifest
from residency.corpus import assemble as stage
from residency.corpus.assemble import collect
from residency.corpus.clean import Clean
from residency.corpus.compare.dedup import Dedup
from residency.corpus.compare.leaks import Decontaminate
from residency.corpus.mixing.mixture import Mixture
from residency.corpus.mixing.splits import Splits

WORDS = (
    "the patient was seen in clinic today and reports that cough fever and breathlessness have settled since the last "
    "visit so we agreed to stop antibiotics and to repeat the chest film in six weeks with bloods taken before that"
).split()
HELD_OUT = (
    "A seven year old boy has been limping for two weeks and now refuses to put any weight on his left leg at all."
)


def note(number, length=40):
    """Return a note that shares no five words with another: each word carries the number."""
    return " ".join(f"{word}{'' if at % 3 else number}" for at, word in enumerate(WORDS[:length])) + "."


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def source(tmp_path):
    rows = [
        {"id": f"n{n:03}", "text": note(n), "patient": f"p{n % 7}", "date": f"2024-01-{n % 28 + 1:02}"}
        for n in range(60)
    ]
    rows.append({"id": "same", "text": note(3).upper()})
    rows.append({"id": "near", "text": note(4) + " Seen by the registrar."})
    rows.append({"id": "leak", "text": f"{note(90)} {HELD_OUT.upper()} {note(91)}"})
    rows.append({"id": "junk", "text": "ÃƒÂ¼ Ã¢â‚¬Å“ ÃƒÂ¼ " * 40})
    return {"jsonl": write(tmp_path / "in" / "notes.jsonl", rows)}


@pytest.fixture
def held(tmp_path):
    return Decontaminate(sets=[], files=[write(tmp_path / "held.jsonl", [{"id": "h1", "question": HELD_OUT}])])


def run(tmp_path, *sources, name="corpus", **settings):
    out = tmp_path / name
    collect(out=out, sources=sources, **call_settings(collect, settings))
    return {document.id: document for document in read_documents(out / "documents")}, read_json(out / "card.json"), out


def everything(held):
    return {"clean": Clean(), "dedup": Dedup(), "decontaminate": held, "splits": Splits(test=0.3), "shapes": ("text",)}


def test_the_content_hash_is_of_the_documents_and_not_of_the_files(tmp_path):
    def content(name, *shards):
        files = [write(tmp_path / name / f"{at}.jsonl", shard) for at, shard in enumerate(shards)]
        return run(tmp_path, *({"jsonl": file} for file in files), name=f"of-{name}")[1]["hashes"]["content"]

    rows = [{"id": f"n{n}", "text": note(n)} for n in range(3)]
    whole = content("one", rows)
    assert whole == content("two", rows[2:], rows[1::-1]) and len(whole) == 64
    assert whole != content("fewer", rows[1::-1])
    rows[0]["text"] += "."
    assert whole != content("changed", rows)


def test_what_falls_is_counted_by_its_reason_and_kept_aside(tmp_path, source, held):
    kept, card, out = run(tmp_path, source, **everything(held))
    assert len(kept) == 60 and not {"same", "near", "leak", "junk"} & set(kept)
    assert card["dropped"]["dedup"] == {"exact duplicate": 1, "near-duplicate": 1}
    assert card["dropped"]["decontaminate"] == {"contamination: 64 characters in common with a held-out item": 1}
    assert sum(card["dropped"]["clean"].values()) == 1 and card["documents"] == 60 and card["read"] == 64
    aside = {
        row["id"]: row["reason"] for file in (out / "dropped").glob("*") for row in pq.read_table(file).to_pylist()
    }
    assert set(aside) == {"same", "near", "leak", "junk"}
    found = card["contamination"]["sets"]
    rules = {"64 characters": {"found": 1, "removed": 1}}
    assert found == [{"set": "held.jsonl", "items": 1, "short": 0, "rules": rules}]


def test_a_patient_is_in_one_split_and_only_training_text_is_given_to_trainers(tmp_path, source, held):
    kept, card, out = run(tmp_path, source, **everything(held))
    sides = {
        patient: {d.meta["split"] for d in kept.values() if d.patient == patient}
        for patient in map("p{}".format, range(7))
    }
    assert all(len(side) == 1 for side in sides.values()) and len({*map(tuple, sides.values())}) > 1
    assert card["splits"]["in_two"] == {"patients": 0, "groups": 0}
    rows = [row for file in (out / "text").glob("*.parquet") for row in pq.read_table(file).to_pylist()]
    assert {row["id"] for row in rows} == {key for key, d in kept.items() if d.meta["split"] == "train"}


def hashes(out):
    return {file.relative_to(out).as_posix(): file.read_bytes() for file in sorted(out.rglob("*.parquet"))}


def test_a_rerun_and_more_workers_give_the_same_bytes(tmp_path, source, held):
    many = [source, *({"jsonl": write(tmp_path / f"{n}.jsonl", [{"text": note(n + 200)}])} for n in range(3))]
    found = [run(tmp_path, *many, name=str(n), workers=n, **everything(held)) for n in (1, 2)]
    again = run(tmp_path, *many, name="3", workers=2, **everything(held))
    assert hashes(found[0][2]) == hashes(found[1][2]) == hashes(again[2]) and len(hashes(again[2])) > 4
    assert found[0][1]["hashes"] == again[1]["hashes"] and len(found[0][0]) == 63


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (pip install 'residency[ray]')")
def test_a_ray_cluster_gives_the_same_bytes(tmp_path, source, held):
    here = run(tmp_path, source, name="here", **everything(held))
    there = run(tmp_path, source, name="there", engine="ray", workers=2, **everything(held))
    assert hashes(here[2]) == hashes(there[2]) and here[1]["hashes"] == there[1]["hashes"]


def test_a_start_that_was_stopped_goes_on_and_other_settings_begin_anew(tmp_path, source, held, monkeypatch):
    asked = []
    prepare = stage.prepare

    def stop(*_):
        raise KeyboardInterrupt

    def watched(task):
        asked.append((task.folder / f"{task.number:06d}" / "facts.json").is_file())
        return prepare(task)

    monkeypatch.setattr(stage, "compare", stop)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, source, **everything(held))
    assert read_manifest(tmp_path / "corpus") is None
    monkeypatch.undo()
    monkeypatch.setattr(stage, "prepare", watched)
    kept, _, out = run(tmp_path, source, **everything(held))
    assert asked == [True] and len(kept) == 60 and not (out / "work").exists() and not (out / "done").exists()
    run(tmp_path, source, dedup=Dedup())
    assert asked == [True, False]


def test_paragraphs_copied_forward_in_one_record_are_cut_and_the_first_stays(tmp_path):
    first, second = note(1), note(2)
    rows = [
        {"id": "b", "text": f"{first}\n\n{second}", "patient": "p", "date": "2024-02-02"},
        {"id": "a", "text": first, "patient": "p", "date": "2024-01-01"},
        {"id": "c", "text": f"{first}\n\n{note(5)}", "patient": "other", "date": "2024-03-03"},
    ]
    kept, card, _ = run(tmp_path, {"jsonl": write(tmp_path / "x.jsonl", rows)}, dedup=Dedup(near=None))
    assert kept["a"].text == first and kept["b"].text == second and kept["c"].text.startswith(first)


def test_the_training_order_follows_the_mixture(tmp_path):
    one = {"jsonl": write(tmp_path / "one.jsonl", [{"id": f"a{n}", "text": note(n)} for n in range(30)])}
    (tmp_path / "two").mkdir()
    for n in range(10):
        (tmp_path / "two" / f"{n}.txt").write_text(note(n + 100))
    settings = {"mixture": Mixture(weights={"jsonl": 1, "notes": 1}, tokens=1200)}
    kept, card, out = run(tmp_path, one, {"notes": tmp_path / "two"}, **settings)
    order = pq.read_table(out / "order.parquet").to_pylist()
    shards = {file.stem: list(read_documents(file)) for file in (out / "documents").glob("*.parquet")}
    seen = [shards[row["shard"]][row["place"]] for row in order]
    tokens = {name: sum(len(d.text) / 4 for d in seen if d.source == name) for name in ("jsonl", "notes")}
    assert tokens["jsonl"] == pytest.approx(600, rel=0.15) and tokens["notes"] == pytest.approx(600, rel=0.15)
    assert card["mixture"]["tokens"] == pytest.approx(1200) and not (out / "rows").exists()


def test_no_source_with_a_document_left_is_a_corpus_of_none(tmp_path):
    kept, card, out = run(tmp_path, {"jsonl": write(tmp_path / "x.jsonl", [{"text": "Ãƒ " * 90}] * 2)}, clean=Clean())
    assert not kept and card["documents"] == 0 and sum(card["dropped"]["clean"].values()) == 2


def test_each_split_is_a_split_for_the_hubs_loader_too(tmp_path, source, held, monkeypatch):
    kept, card, out = run(tmp_path, source, **everything(held))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    from datasets import load_dataset

    found = load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    sizes = {split: sum(d.meta["split"] == split for d in kept.values()) for split in ("train", "validation", "test")}
    assert {split: len(found[split]) for split in found} == {split: n for split, n in sizes.items() if n}
    assert card["splits"]["splits"]["train"]["first"].startswith("2024-01-")


def test_what_is_cut_out_of_a_record_is_counted_in_the_card(tmp_path):
    rows = [{"id": key, "text": f"{note(1)}\n\n{note(n)}", "patient": "p"} for n, key in enumerate("ab", 2)]
    _, card, _ = run(tmp_path, {"jsonl": write(tmp_path / "x.jsonl", rows)}, dedup=Dedup(near=None))
    assert card["duplicates"]["paragraphs copied forward (characters)"] >= len(note(1))
    assert card["settings"]["dedup"]["paragraphs"] is True


def test_held_out_files_without_a_text_to_compare_are_refused(tmp_path, source):
    for rows, words in (([{"frage": HELD_OUT}], "line 1: no text to compare"), ([], "holds no item")):
        settings = Decontaminate(sets=[], files=[write(tmp_path / "h.jsonl", rows)])
        with pytest.raises(SourceError, match=words) as error:
            run(tmp_path, source, decontaminate=settings)
        assert "limping" not in str(error.value)


def test_a_date_that_cannot_be_read_is_not_trained_on_where_the_day_decides(tmp_path):
    dates = ["2024-01-01", "2024-09-01", "01.09.2024", None]
    rows = [{"id": f"n{at}", "text": note(at), "date": date} for at, date in enumerate(dates)]
    settings = {"splits": Splits(by="time", time="2024-07-01", validation=0)}
    kept, card, _ = run(tmp_path, {"jsonl": write(tmp_path / "x.jsonl", rows)}, **settings)
    assert {key: document.meta["split"] for key, document in kept.items()} == {
        "n0": "train",
        "n1": "test",
    }
    assert card["dropped"]["splits"] == {
        "left out of the splits: a date that cannot be read": 1,
        "left out of the splits: no date": 1,
    }
