"""Training from texts of patients: refused without a good receipt, and without a word of them; let in with one."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from fixture_private import notes, tagger
from residency import cli, pipeline
from residency.core import runs
from residency.core.documents import read_documents, write_documents
from residency.core.store import read_json, write_json, write_manifest
from residency.corpus.deidentify.receipt import content_hash, read_receipt
from residency.evaluate.ledger import build
from residency.plan import Stage
from residency.release.card import card

NAME = "Okonjovic"
TEXTS = {f"n{number:02}": f"MRN: 48-229{number:02}\nMrs. {NAME} came back. No tremor.\n" for number in range(64)}
called: list[str] = []


def base(*, out: Path) -> None:
    write_manifest(out, model={"name": "small", "path": str(out)})


def examples(corpus: Path, *, out: Path) -> None:
    write_manifest(out)


def tune(model: Path, examples: Path, *, out: Path) -> None:
    called.append("tune")
    write_manifest(out, model={"name": "tuned"}, totals={})


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    """Notes, what the verb wrote of them, and its receipt with the recall on a labelled sample of all of them."""
    folder = tmp_path_factory.mktemp("hospital")
    found = {"notes": notes(folder / "notes", TEXTS), "tagger": tagger(folder), "folder": folder}
    common = ["--tagger", str(found["tagger"])]
    assert cli.main(["deidentify", str(found["notes"]), "--out", str(folder / "safe"), "--workers", "1", *common]) == 0
    bare = (folder / "safe" / "receipt.json").read_bytes()
    assert cli.main(["deidentify", str(found["notes"]), "--sample", "63", "--out", str(folder / "sheet"), *common]) == 0
    label(folder / "sheet" / "labels.csv")
    score = ["--score", str(folder / "sheet" / "labels.csv"), "--out", str(folder / "safe")]
    assert cli.main(["deidentify", str(found["notes"]), *score, *common]) == 0
    return {**found, "bare": bare, "labels": folder / "sheet" / "labels.csv"}


def label(path: Path) -> None:
    head, columns, *rows = list(csv.reader(path.open(newline="", encoding="utf-8")))
    marks = [[row[0], 5, 13, "MRN", *row[4:]] for row in rows]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, columns, *[[*row[:3], "CHECKED", *row[4:]] for row in rows], *marks])


@pytest.fixture
def train(tmp_path, monkeypatch, capsys):
    stages = {
        "base": Stage(base, model="base"),
        "corpus": pipeline.STAGES["corpus"],
        "examples": Stage(examples, ("corpus",)),
        "tune": Stage(tune, ("model", "examples"), section="train", model="tuned"),
    }
    monkeypatch.setattr(pipeline, "STAGES", stages)
    monkeypatch.setenv("RESIDENCY_RUNS", str(tmp_path / "runs"))
    called.clear()

    def run(corpus, code=0):
        (tmp_path / "mine.yaml").write_text(json.dumps({"corpus": corpus, "train": ["tune"]}))
        assert cli.main(["train", str(tmp_path / "mine.yaml")]) == code
        said = capsys.readouterr().err
        assert NAME not in said and "48-229" not in said and bool(called) == (code == 0)
        return said if code else (tmp_path / "runs" / "latest").resolve()

    return run


def safe(ward, tmp_path) -> Path:
    """Return a copy of what the verb wrote."""
    folder = tmp_path / "safe"
    folder.mkdir()
    for name in ("documents.jsonl", "receipt.json"):
        (folder / name).write_bytes((ward["folder"] / "safe" / name).read_bytes())
    return folder


def given(folder: Path, **more):
    return {"sources": [{"jsonl": {"path": str(folder / "documents.jsonl")}}], **more}


def test_notes_without_a_receipt_are_refused_before_anything_is_done(train, ward, tmp_path):
    said = train({"sources": [{"notes": str(ward["notes"])}]}, code=2)
    assert "source notes (notes): no receipt lies with it" in said and "residency deidentify PATH --out DIR" in said
    assert not (tmp_path / "runs").exists()


def test_with_a_good_receipt_it_trains_and_lineage_and_card_name_it(train, ward, tmp_path):
    folder = safe(ward, tmp_path)
    run = train(given(folder))
    receipt = content_hash(read_receipt(folder))
    [entry] = build(run)["lineage"]["privacy"]["corpus"]["sources"]
    assert (entry["why"], entry["receipt"]) == ("receipt", receipt) and entry["bound"] >= 0.95
    assert receipt[:16] in card(run, build(run))


def test_a_receipt_without_a_measure_is_refused(train, ward, tmp_path):
    folder = safe(ward, tmp_path)
    (folder / "receipt.json").write_bytes(ward["bare"])
    assert "no labelled sample was scored" in train(given(folder), code=2)


def test_a_forged_receipt_is_refused(train, ward, tmp_path):
    folder = safe(ward, tmp_path)
    receipt = read_json(folder / "receipt.json")
    receipt["content"]["measured"]["masked"]["bound"] = 0.999
    write_json(folder / "receipt.json", receipt)
    assert "forged" in train(given(folder), code=2)


def test_texts_that_were_changed_after_the_receipt_are_refused(train, ward, tmp_path):
    folder = safe(ward, tmp_path)
    lines = (folder / "documents.jsonl").read_text().splitlines()
    row = json.loads(lines[0])
    lines[0] = json.dumps({**row, "text": row["text"] + f"Mrs. {NAME} called."})
    (folder / "documents.jsonl").write_text("\n".join(lines) + "\n")
    assert "stale" in train(given(folder), code=2)


def test_a_limit_under_the_floor_is_refused(train, ward, tmp_path):
    said = train(given(safe(ward, tmp_path), gate={"floor": 0.99}), code=2)
    assert "under the floor of 0.99" in said and "Label more documents" in said


def test_a_key_that_must_have_signed_and_has_not_is_told(train, ward, tmp_path):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = Ed25519PrivateKey.generate().public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "hospital.pub").write_bytes(pem)
    gate = {"signed_by": str(tmp_path / "hospital.pub")}
    assert "not signed" in train(given(safe(ward, tmp_path), gate=gate), code=2)


def test_a_corpus_that_was_changed_after_it_was_let_in_is_refused(train, ward, tmp_path):
    folder = safe(ward, tmp_path)
    run = train(given(folder))
    called.clear()
    (run / "tune" / "manifest.json").unlink()
    [shard] = (run / "corpus" / "documents").glob("*.parquet")
    documents = list(read_documents(shard))
    documents[0].text += f" Mrs. {NAME} called."
    write_documents(shard, documents)
    assert "something was changed since" in train(given(folder), code=2)


def test_identifiers_that_are_hidden_on_the_way_need_labels_and_then_train(train, ward):
    hidden = {"tagger": str(ward["tagger"])}
    source = [{"notes": str(ward["notes"])}]
    assert "names no labels" in train({"sources": source, "deidentify": hidden}, code=2)
    run = train({"sources": source, "deidentify": {**hidden, "labels": str(ward["labels"])}})
    texts = "".join(document.text for document in read_documents(run / "corpus" / "documents"))
    assert NAME not in texts and "tremor" in texts
    for file in run.parent.rglob("*"):
        held = str(pq.read_table(file).to_pylist()) if file.suffix == ".parquet" else ""
        held += file.read_bytes().decode("latin-1") if file.is_file() else ""
        assert NAME not in held and "48-229" not in held, file
    receipt = read_receipt(run / "corpus" / "receipts" / "notes")
    [entry] = runs.read_record(run)["privacy"]["corpus"]["sources"]
    assert entry["receipt"] == content_hash(receipt) and receipt["content"]["measured"]["masked"]["value"] == 1.0


def test_a_waiver_lets_texts_in_and_is_on_record(train, ward):
    run = train({"sources": [{"notes": {"path": str(ward["notes"]), "waiver": "made up for a test"}}]})
    [entry] = runs.read_record(run)["privacy"]["corpus"]["sources"]
    assert entry["waiver"] == {"source": "notes", "reason": "made up for a test", "by": "the recipe"}
    assert "trained on by a waiver (made up for a test)" in card(run, build(run))
