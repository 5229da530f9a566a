"""Training of the linear CRF, its folder, and the weight of one tagger beside another."""

import numpy as np
import pytest

from residency.core.errors import ModelError, Unsupported, UserError
from residency.core.store import read_manifest, write_examples, write_manifest
from residency.core.types import Example, Span
from residency.models.blend import blend
from residency.models.crf import FILE
from residency.models.load import find, load, of_stage, open_source
from residency.models.tagging import INSIDE, tagset, words_of
from residency.train.blend import choose_weight, combine, with_crf
from residency.train.crf import fit

DRUGS = "aspirin ibuprofen warfarin metformin heparin".split()


def example(number, text, *marked, split="train"):
    spans = [Span(text.index(word), text.index(word) + len(word), "Drug") for word in marked]
    return Example(f"{number}", [], [], spans=spans, split=split, meta={"text": text})


def notes(*, split="train"):
    rows = [example(i, f"She was given {drug} at night.", drug, split=split) for i, drug in enumerate(DRUGS)]
    return [*rows, *(example(i + 9, f"She {word} at night.", split=split) for i, word in enumerate(["slept", "woke"]))]


def test_what_was_learned_is_kept_and_opened_by_its_folder(tmp_path):
    model = fit(notes(), ["Drug"], tmp_path / "crf", iterations=30)
    again = open_source(find(str(tmp_path / "crf")))
    text = "He was given digoxin at night."  # no training text has it
    assert model.tag([text]) == again.tag([text]) == [[Span(13, 20, "Drug")]]
    assert again.hash == model.hash == of_stage(tmp_path / "crf").hash
    about = read_manifest(tmp_path / "crf")
    assert about["model"]["kind"] == "crf" and about["model"]["labels"] == ["Drug"]
    assert (about["texts"], about["words"], about["spans"]) == (7, 45, 5) and about["seconds"] >= 0


def test_the_same_texts_give_the_same_bytes(tmp_path):
    for name in "ab":
        fit(notes(), ["Drug"], tmp_path / name)
    assert (tmp_path / "a" / FILE).read_bytes() == (tmp_path / "b" / FILE).read_bytes()


def test_spans_that_tags_cannot_hold_are_counted(tmp_path):
    fit([*notes(), example(20, "Lungenembolie", "embolie")], ["Drug"], tmp_path, iterations=2)
    assert read_manifest(tmp_path)["not_taggable"] == {INSIDE: 1}


def test_labels_of_any_script_are_marked(tmp_path):
    row = example(0, "她服用阿司匹林", "阿司匹林")
    row.spans = [Span(s.start, s.end, "药物") for s in row.spans]
    assert fit([row] * 3, ["药物"], tmp_path / "é", iterations=20).tag([row.meta["text"]]) == [[Span(3, 7, "药物")]]


@pytest.mark.parametrize("examples", [[], [example(0, "nothing here")]])
def test_texts_without_a_marked_span_are_refused(examples, tmp_path):
    with pytest.raises(UserError, match=f"none of {len(examples)} training texts has a span marked Drug"):
        fit(examples, ["Drug"], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_that_has_changed_is_not_opened(tmp_path):
    fit(notes(), ["Drug"], tmp_path / "crf", iterations=2)
    with (tmp_path / "crf" / FILE).open("ab") as handle:
        handle.write(b"x")
    with pytest.raises(ModelError, match="has changed since it was trained"):
        open_source(find(str(tmp_path / "crf")))


def test_what_only_reads_cannot_be_asked_for_words(tmp_path):
    fit(notes(), ["Drug"], tmp_path / "crf", iterations=2)
    with pytest.raises(Unsupported, match="of kind crf: it reads a text and writes none. `residency evaluate`"):
        load(str(tmp_path / "crf"))


# --- two taggers and their weight ------------------------------------------------------------------------------------


class Says:
    """A tagger that is as sure as it was told to be that a word is a drug, by the word."""

    def __init__(self, name, sure, tags=None):
        self.name, self.hash, self.sure, self.tags = name, f"h:{name}", sure, tags or tagset(["Drug"])

    def tag_probabilities(self, texts):
        return [(words_of(text), np.array([self._row(text[a:b]) for a, b in words_of(text)])) for text in texts]

    def _row(self, word):
        odds = {"B-Drug": self.sure.get(word, 0.0), "I-Drug": 0.0}
        return [odds.get(tag, 1 - odds["B-Drug"]) for tag in self.tags]


def test_the_mean_of_two_taggers_is_weighed_and_goes_by_the_names_of_the_tags():
    one, other = Says("a", {"aspirin": 0.9}), Says("b", {"aspirin": 0.2}, ["I-Drug", "B-Drug", "O"])
    words, odds = blend([one, other], [3, 1]).tag_probabilities(["aspirin daily"])[0]
    assert words == words_of("aspirin daily")
    assert odds == pytest.approx(np.array([[0.275, 0.725, 0.0], [1.0, 0.0, 0.0]]))  # (3 x 0.9 + 0.2) / 4


def test_taggers_of_other_labels_or_other_words_are_not_blended():
    with pytest.raises(UserError, match="only taggers of the same labels"):
        blend([Says("a", {}), Says("b", {}, tagset(["Sign"]))], [1, 1])
    with pytest.raises(UserError, match="each needs one, at least 0, not all 0"):
        blend([Says("a", {}), Says("b", {})], [0, 0])
    cut = Says("c", {})
    cut.tag_probabilities = lambda texts: [([(0, 3)], np.zeros((1, 3)))] * len(texts)
    with pytest.raises(UserError, match="not cut a text into the same words"):
        blend([Says("a", {}), cut], [1, 1]).tag_probabilities(["two words"])


def test_the_weight_is_the_one_that_does_best_on_the_development_part():
    finds, misses = Says("a", {"aspirin": 0.8, "night": 0.8}), Says("b", {"aspirin": 0.4, "night": 0.0})
    dev = [example(0, "aspirin at night", "aspirin", split="validation")]
    weight, scores = choose_weight(finds, misses, dev, (0.0, 0.5, 1.0))
    # alone, the first takes "night" too (F1 2/3) and the second takes nothing; together 0.6 and 0.4
    assert scores == pytest.approx({0.0: 0.0, 0.5: 1.0, 1.0: 2 / 3}) and weight == 0.5


def test_no_weight_is_chosen_on_a_test():
    with pytest.raises(UserError, match="no test item"):
        choose_weight(Says("a", {}), Says("b", {}), notes(split="test"))
    with pytest.raises(UserError, match="no test item"):
        choose_weight(Says("a", {}), Says("b", {}), [])


def test_the_stage_fits_a_crf_beside_the_tagger_before_it_and_weighs_both_on_what_is_held_out(tmp_path):
    fit(notes()[:2], ["Drug"], tmp_path / "few", iterations=30)
    rows = [*notes(), *notes(split="dev")]
    write_examples(tmp_path / "examples" / "examples.jsonl", rows)
    with_crf(tmp_path / "few", tmp_path / "examples", out=tmp_path / "blend", weights=(0.0, 0.5))
    about = read_manifest(tmp_path / "blend")
    assert [row["weight"] for row in about["tried"]] == [0.0, 0.5] and about["n"] == 7
    opened = open_source(of_stage(tmp_path / "blend", "blended"))
    assert opened.tags == ["O", "B-Drug", "I-Drug"]
    write_examples(tmp_path / "nothing" / "examples.jsonl", notes())
    with pytest.raises(UserError, match="development items"):
        with_crf(tmp_path / "few", tmp_path / "nothing", out=tmp_path / "none")


def test_a_model_that_tags_nothing_is_refused(toy_base, tmp_path):
    with pytest.raises(UserError, match="is no tagger; blend follows"):
        with_crf(toy_base, tmp_path, out=tmp_path / "none")


def test_two_stages_become_one_that_is_opened_by_its_folder(tmp_path):
    few, many = (fit(notes()[:n], ["Drug"], tmp_path / name, iterations=30) for n, name in ((2, "few"), (7, "many")))
    dev = notes(split="validation")
    made = combine(tmp_path / "few", tmp_path / "many", dev, tmp_path / "both", weights=(0.25, 0.5))
    about = read_manifest(tmp_path / "both")
    assert [row["weight"] for row in about["tried"]] == [0.25, 0.5] and about["n"] == 7
    opened = open_source(find(str(tmp_path / "both")))
    text = "She was given digoxin at night."
    parts = [model.tag_probabilities([text])[0][1] for model in (few, many)]
    mean = about["weight"] * parts[0] + (1 - about["weight"]) * parts[1]
    assert opened.tag_probabilities([text])[0][1] == pytest.approx(mean) and opened.hash == made.hash
    write_manifest(tmp_path / "other", stage="x", model={"name": "x", "path": ".", "hash": "h", "kind": "none"})
    assert not find(str(tmp_path / "other")).reader
