"""The way in: the same finding for the same settings, kept taggers, learning anew, and what else may find."""

import json
import subprocess
import sys

import pytest

from residency.core.errors import UserError
from residency.corpus.identify import trained
from residency.corpus.identify.finder import finder, learn
from residency.corpus.identify.tagger import load
from residency.models.encoder import open_encoder
from toy_encoder import toy_tokenizer

NOTE = "Tamsin Okonjo, MRN 00471123, was seen on 03/14/2021 by Dr. Adebayo at Brixford Hospital; tel 212-555-0199."


def spans(found, text=NOTE):
    return {(text[f.start : f.end], f.entity_type) for f in found}


def test_at_first_use_a_tagger_is_trained_and_kept(kept, capsys):
    first = finder(language="en")
    assert {("00471123", "MRN"), ("03/14/2021", "DATE"), ("212-555-0199", "PHONE")} <= spans(first.find(NOTE))
    (folder,) = kept.glob("en-*")
    assert "training the tagger of identifiers (en)" in capsys.readouterr().err
    before = (folder / "tagger.safetensors").stat().st_mtime_ns
    trained._opened.cache_clear()
    again = finder(language="en")
    assert again.about() == first.about() and again.find(NOTE) == first.find(NOTE)
    assert (folder / "tagger.safetensors").stat().st_mtime_ns == before
    assert trained.facts_of(folder)["hash"] == first.about()["tagger"]["hash"]


def test_the_same_practice_gives_the_same_bytes(tmp_path):
    labelled = [("Tamsin Okonjo came.", [(0, 13, "NAME")]), ("Nobody came.", [])]
    hashes = [learn(labelled, language="en", out=tmp_path / name, practice=30)["hash"] for name in "ab"]
    assert hashes[0] == hashes[1]
    assert load(tmp_path / "a").hash == hashes[0]
    assert learn(labelled, language="en", out=tmp_path / "c", practice=31)["hash"] != hashes[0]


def test_what_decides_a_tagger_names_its_folder(kept):
    here = trained._kept("en")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trained, "SEED", 2)
        assert trained._kept("en") != here


def test_a_tagger_learns_a_hospitals_own_ways(kept, tmp_path):
    def told(number):
        return f"case {number % 7} zz{number:03}q ok", [(7, 13, "ID")]

    facts = learn([told(n) for n in range(60)], language="en", out=tmp_path / "own", practice=0)
    assert facts["labelled"] == 60 and facts["labels"] == ["OTHER_ID"]
    text = "case 3 zz777q ok"
    own = finder(mode="default", tagger=tmp_path / "own")
    assert spans(own.find(text), text) == {("zz777q", "OTHER_ID")}
    assert own.about()["tagger"]["labelled"] == 60
    with pytest.raises(UserError, match="nothing can be learned"):
        learn([("text", [])], language="en", out=tmp_path / "none", practice=0)


def test_recall_finds_whatever_default_finds(kept):
    text = f"{NOTE} tamsin okonjo slept. no. l2-33-57"
    more, less = (finder(mode=mode).find(text) for mode in ("recall", "default"))
    covered = {place for f in more for place in range(f.start, f.end)}
    assert all(place in covered for f in less for place in range(f.start, f.end) if text[place].isalnum())
    assert sum(f.end - f.start for f in finder(threshold=0.001).find(text)) >= sum(f.end - f.start for f in more)


def test_a_patients_fields_are_used(kept):
    patient = {"name": [{"family": "Zzyx"}]}
    found = finder(mode="default").find("then zzyx slept", patient)
    assert [(f.start, f.end, f.why[:10]) for f in found] == [(5, 9, "field:name")]


def test_about_is_json_and_says_what_decides(kept):
    about = finder(language="es", threshold=0.2).about()
    assert json.loads(json.dumps(about)) == about
    assert about["threshold"] == 0.2 and about["language"] == "es" and len(about["rules"]) == 64
    assert finder(language="en").about()["rules"] != about["rules"]


@pytest.mark.parametrize("wrong", [{"detector": "x"}, {"language": "de"}, {"mode": "x"}, {"threshold": 1.5},
                                   {"detector": "encoder"}])  # fmt: skip
def test_what_is_not_known_is_said(wrong):
    with pytest.raises(UserError):
        finder(**wrong)


def test_a_folder_without_a_tagger_is_said(tmp_path):
    with pytest.raises(UserError, match="train it again"):
        finder(tagger=tmp_path)


def test_an_encoder_is_a_tagger_too(toy_bert, tmp_path):
    from transformers import AutoModelForTokenClassification

    named = {"id2label": {0: "O", 1: "B-PERSON", 2: "I-PERSON"}, "label2id": {"O": 0, "B-PERSON": 1, "I-PERSON": 2}}
    AutoModelForTokenClassification.from_pretrained(toy_bert, **named).save_pretrained(tmp_path)
    toy_tokenizer().save_pretrained(tmp_path)
    found = finder(
        "encoder",
        tagger=tmp_path,
        threshold=0.01,
        opened=lambda name: open_encoder(name, name="toy", hash="h", type="fp32"),
    )
    text = "the patient has anemia, SSN 219-09-9999"
    assert found.about()["tagger"] == {"encoder": "toy", "hash": "h"}
    made = found.find(text)
    assert {f.entity_type for f in made if f.why.startswith("encoder")} == {"NAME"}
    covered = {place for f in made for place in range(f.start, f.end)}
    assert set(range(text.index("219"), len(text))) <= covered


def test_presidio_finds_through_the_same_interface_and_asks_no_network():
    pytest.importorskip("presidio_analyzer")
    text = "SSN 078-05-1120 is none; mail to tamsin.okonjo@mail.example.com, card 4111 1111 1111 1111"
    found = finder("presidio-regex")
    assert {("tamsin.okonjo@mail.example.com", "EMAIL"), ("4111 1111 1111 1111", "ACCOUNT")} <= spans(
        found.find(text), text
    )
    assert all(f.why.startswith("presidio:") for f in found.find(text))
    assert found.about()["software"]["presidio-analyzer"]


def test_presidio_that_is_not_installed_is_said(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "presidio_analyzer"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(UserError, match="pip install presidio-analyzer"):
        finder("presidio")


def test_compiled_code_is_kept_where_one_may_write(tmp_path):
    code = (
        "from residency.corpus.identify import words; print(words.cut(words.codes_of('a b'), words.tables()[0]).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=_without_home(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(2, 2)"


def _without_home(folder):
    import os

    return {**os.environ, "HOME": str(folder), "RESIDENCY_CACHE": str(folder / "cache"), "NUMBA_CACHE_DIR": ""}
