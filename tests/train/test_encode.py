"""Training an encoder on a toy: each task drives its own target, resumes to the same bits, refuses what is hopeless."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers
from sklearn.metrics import accuracy_score, f1_score
from torch.nn import functional as F
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

from residency.core.errors import UserError
from residency.core.store import read_examples, read_jsonl, read_manifest, sha256_file
from residency.core.types import Example, Span
from residency.evaluate.answer import answer
from residency.evaluate.tasks import TASKS
from residency.measure.spans import span_counts
from residency.models.load import of_stage, open_source
from residency.models.pack import Layout
from residency.models.reading import head_of
from residency.models.sheet import Form, lay, prepared, scores
from residency.models.windows import Piece
from residency.train import loop
from residency.train.encode import encode, loss_of
from residency.train.freeze import set_dropout
from residency.train.lessons import label_of, lesson_of, text_of
from residency.train.loop import by_rate
from residency.train.masking import hidden
from residency.train.noise import Dropout, drawn_from, with_own_dropout
from residency.train.schedule import Schedule
from toy_encoder import written

FAST = Schedule(learning_rate=3e-3, batch_tokens=96, accumulate=2, epochs=8, precision="fp32", checkpoint=5)


def weights_hash(folder):
    return sha256_file(folder / "model" / "model.safetensors")


def opened(folder):
    return open_source(of_stage(folder), type="fp32")


def test_tags_are_learned_and_plain_transformers_gives_the_same_scores(bert_stage, tag_examples, tmp_path):
    encode(bert_stage, tag_examples, out=tmp_path, schedule=replace(FAST, epochs=60))
    model = opened(tmp_path)
    assert model.tags == ["O", "B-Disease", "I-Disease", "B-Drug", "I-Drug"] and model.name == "toy"
    dev = list(read_examples(tag_examples / "examples.jsonl", split="dev"))
    counts = [span_counts(mine, e.spans) for mine, e in zip(model.tag([text_of(e) for e in dev]), dev, strict=True)]
    assert sum(c["fp"] + c["fn"] for c in counts) == 0 < sum(c["tp"] for c in counts)
    net = AutoModelForTokenClassification.from_pretrained(tmp_path / "model").eval()
    assert type(net) is transformers.BertForTokenClassification
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    text = text_of(dev[1])
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    assert ids.shape[1] == len(text.replace(",", " ,").split()) + 2  # no longer cut at eight tokens
    with torch.no_grad():
        wanted = net(ids).logits[0, 1:-1].softmax(-1).numpy()
    [(_, odds)] = model.tag_probabilities([text])
    assert np.allclose(odds, wanted, atol=1e-5)
    assert [net.config.id2label[i] for i in range(5)] == model.tags
    manifest = read_manifest(tmp_path)
    assert manifest["model"]["encoder"] == "tag" and manifest["model"]["licence"] == "MIT" and manifest["packed"]
    assert manifest["examples"] == 30 and manifest["lesson"]["spans_lost"] == {}
    assert manifest["windows"] > manifest["examples"]  # one text is longer than a window
    assert not (tmp_path / "checkpoint").exists()


def test_pairs_are_learned_and_plain_transformers_gives_the_same_scores(bert_stage, class_examples, tmp_path):
    encode(bert_stage, class_examples, out=tmp_path, task="classify", dropout=0.0, schedule=replace(FAST, epochs=120))
    model = opened(tmp_path)
    train = list(read_examples(class_examples / "examples.jsonl", split="train"))
    texts, others = [e.meta["text"] for e in train], [e.meta["text_b"] for e in train]
    odds = model.classify(texts, others)
    assert model.labels == ["same", "other"] and odds.shape == (35, 2)
    assert [model.labels[i] for i in odds.argmax(1)] == [label_of(e) for e in train]
    net = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").eval()
    given = AutoTokenizer.from_pretrained(tmp_path / "model")(texts, others, return_tensors="pt", padding=True)
    with torch.no_grad():
        assert np.allclose(odds, net(**given).logits.softmax(-1).numpy(), atol=1e-5)


def test_relations_are_learned_from_marked_pairs_of_concepts(bert_stage, relation_examples, tmp_path):
    encode(bert_stage, relation_examples, out=tmp_path, task="relation", schedule=replace(FAST, epochs=40, evaluate=40))
    manifest = read_manifest(tmp_path)
    assert manifest["labels"] == ["none", "related"] and manifest["lesson"]["kinds"] == [["Drug", "Disease"]]
    assert manifest["lesson"]["classes"] == {"related": 20, "none": 20}
    assert max(row["relation_f1"] for row in read_jsonl(tmp_path / "measured.jsonl")) == 1.0
    model, held = opened(tmp_path), list(read_examples(relation_examples / "examples.jsonl", split="dev"))
    assert model.related_types == [("Drug", "Disease")] and head_of(str(tmp_path / "model"), {}) == "relation"
    rows = answer(TASKS["bc5cdr_relations"], model, held)
    assert len(rows) == 4 and all(row["counts"] == {"tp": 1, "fp": 0, "fn": 0} for row in rows)


def test_hidden_words_are_found_again_and_a_tagger_starts_from_there(bert_stage, tag_examples, tmp_path):
    encode(bert_stage, tag_examples, out=tmp_path / "read", task="mlm", schedule=replace(FAST, epochs=40, evaluate=10))
    measured = [row["held_out_loss"] for row in read_jsonl(tmp_path / "read" / "measured.jsonl")]
    assert min(measured) < 0.5 * measured[0]
    assert read_manifest(tmp_path / "read")["model"]["encoder"] == "mlm"
    encode(tmp_path / "read", tag_examples, out=tmp_path / "tags", schedule=replace(FAST, epochs=1, learning_rate=1e-9))
    read, tags = (transformers.AutoModel.from_pretrained(tmp_path / n / "model") for n in ("read", "tags"))
    for (name, mine), theirs in zip(tags.named_parameters(), read.parameters(), strict=True):
        assert "pooler" in name or torch.allclose(mine, theirs, atol=1e-5)


def test_words_are_hidden_whole_in_the_given_share_and_drawn_by_the_row():
    words = [i // 2 for i in range(4000)]
    piece = Piece([7] + [20 + i % 50 for i in range(4000)] + [8], [0] * 4002, [], words=[-1, *words, -1])
    sheet = lay([piece], Form(True))
    with drawn_from("a", torch.device("cpu")):
        once = hidden(sheet, mask=4, vocabulary=90, share=0.15)
    with drawn_from("a", torch.device("cpu")):
        again = hidden(sheet, mask=4, vocabulary=90, share=0.15)
    with drawn_from("b", torch.device("cpu")):
        other = hidden(sheet, mask=4, vocabulary=90, share=0.15)
    assert torch.equal(once.ids, again.ids) and not torch.equal(once.keep, other.keep)
    assert abs(len(once.keep) / 4000 - 0.15) < 0.02 and torch.equal(once.targets, sheet.ids[0, once.keep])
    assert once.keep.view(-1, 2).diff(dim=1).eq(1).all() and once.keep[0] % 2 == 1  # words of two tokens, whole
    shown = once.ids[0, once.keep]
    share = [float((shown == 4).float().mean()), float((shown == once.targets).float().mean())]
    assert abs(share[0] - 0.8) < 0.05 and abs(share[1] - 0.1) < 0.04
    left = torch.ones(4002, dtype=bool)
    left[once.keep] = False
    assert torch.equal(once.ids[0, left], sheet.ids[0, left]) and isinstance(once.layout, Layout)


@pytest.mark.parametrize("task", ["tag", "mlm"])
def test_a_run_stopped_at_any_step_ends_with_the_bits_of_one_that_was_not(
    task, bert_stage, tag_examples, tmp_path, monkeypatch
):
    settings = {"task": task, "schedule": replace(FAST, epochs=6, evaluate=4), "head_rate": 1e-2}
    encode(bert_stage, tag_examples, out=tmp_path / "whole", **settings)
    real, calls = loop.rows_once, []

    def stops(*args, **named):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return real(*args, **named)

    monkeypatch.setattr(loop, "rows_once", stops)
    with pytest.raises(KeyboardInterrupt):
        encode(bert_stage, tag_examples, out=tmp_path / "parts", **settings)
    monkeypatch.setattr(loop, "rows_once", real)
    assert json.loads((tmp_path / "parts/checkpoint/position.json").read_text())["step"] == 5
    torch.manual_seed(99)  # another process draws other numbers
    encode(bert_stage, tag_examples, out=tmp_path / "parts", **settings)
    assert weights_hash(tmp_path / "parts") == weights_hash(tmp_path / "whole")
    steps = [row["step"] for row in read_jsonl(tmp_path / "parts" / "curve.jsonl")]
    assert len(steps) > 8 and steps == list(range(1, len(steps) + 1))


def test_the_seed_decides_the_head_the_order_and_the_dropout(bert_stage, tag_examples, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        encode(bert_stage, tag_examples, out=tmp_path / name, schedule=replace(FAST, epochs=1, seed=seed))
    assert weights_hash(tmp_path / "a") == weights_hash(tmp_path / "b") != weights_hash(tmp_path / "c")


def test_frozen_weights_stay_and_the_head_learns_at_its_own_rate(bert_stage, toy_bert, tag_examples, tmp_path):
    rate = replace(FAST, epochs=8, learning_rate=1e-7)
    encode(bert_stage, tag_examples, out=tmp_path, freeze_layers=1, head_rate=1e-2, schedule=rate)
    before, after = (
        transformers.AutoModel.from_pretrained(toy_bert),
        transformers.AutoModel.from_pretrained(tmp_path / "model"),
    )
    for name, weight in before.named_parameters():
        same = torch.equal(weight, after.get_parameter(name)) if "pooler" not in name else True
        assert same == ("encoder.layer.1" not in name), name
    assert read_manifest(tmp_path)["frozen"] == {"embeddings": True, "layers": 1}
    curve = list(read_jsonl(tmp_path / "curve.jsonl"))
    assert curve[-1]["loss"] < 0.9 * curve[0]["loss"]
    with pytest.raises(UserError, match="freeze_layers is 3; the encoder has 2 layers"):
        encode(bert_stage, tag_examples, out=tmp_path / "x", freeze_layers=3, schedule=rate)


def test_weights_are_grouped_by_their_rate():
    a, b, c = (torch.nn.Parameter(torch.zeros(1)) for _ in range(3))
    b.times = 10.0
    assert [(g["times"], len(g["params"])) for g in by_rate([a, b, c])] == [(1.0, 2), (10.0, 1)]


def test_the_best_measured_weights_are_kept(bert_stage, tag_examples, tmp_path):
    encode(bert_stage, tag_examples, out=tmp_path, schedule=replace(FAST, epochs=4, evaluate=6))
    measured = list(read_jsonl(tmp_path / "measured.jsonl"))
    dev = list(read_examples(tag_examples / "examples.jsonl", split="dev"))
    lesson = lesson_of("tag", dev, dev, ())
    assert lesson.measure(opened(tmp_path), dev)["entity_f1"] == pytest.approx(max(r["entity_f1"] for r in measured))


def test_macro_f1_and_accuracy_are_scikit_learns():
    gold, guess = list("abcabcaab") + ["a"], list("abbabcacb") + ["c"]
    examples = [Example(str(i), [], [w], choices=list("abcd"), meta={"text": "t"}) for i, w in enumerate(gold)]

    class Guesses:
        def classify(self, texts, pairs):
            return np.eye(4)[["abcd".index(g) for g in guess]]

    lesson = lesson_of("classify", examples, examples, ())
    found = lesson.measure(Guesses(), examples)
    assert found["accuracy"] == pytest.approx(accuracy_score(gold, guess))
    assert found["macro_f1"] == pytest.approx(f1_score(gold, guess, average="macro"))


def test_an_option_stands_for_its_letter():
    example = Example("q", [], ["B"], choices=["A", "B"], meta={"options": ["yes", "no"], "text": "t"})
    assert label_of(example) == "no"


def tag_of(number, spans=(), labels=("D",), **meta):
    return Example(f"e{number}", [], [""], spans=list(spans), meta={"text": "no fever", "labels": list(labels), **meta})


def class_of(number, label, text="no fever"):
    return Example(f"e{number}", [], [label], choices=["a", "b"], meta={"text": text})


@pytest.mark.parametrize(
    ("task", "rows", "words"),
    [
        ("tag", [], "nothing to learn: the examples hold none of the part train"),
        ("tag", [tag_of(i) for i in range(3)], "no span of D in 3 training examples"),
        ("tag", [tag_of(0, [Span(3, 8, "X")])], "their spans are {'X': 1}"),
        ("tag", [tag_of(0, [Span(3, 8, "D")])], r"1 classes have one training span: D \(e0\)"),
        ("tag", [tag_of(0, [Span(3, 8, "D")] * 2, text=" ")], r"1 of 1 training examples hold no text to read .*: e0"),
        ("classify", [class_of(i, "a") for i in range(3)], "all 3 are of one class"),
        ("classify", [class_of(i, "a" if i else "b") for i in range(3)], r"one training example: b \(e0\)"),
        (
            "relation",
            [tag_of(i) for i in range(3)],
            "3 of 3 training examples hold no entities with concepts .* e0, e1",
        ),
    ],
)
def test_what_is_hopeless_is_refused_before_training_with_counts_and_ids(task, rows, words, bert_stage, tmp_path):
    folder = tmp_path / "examples"
    folder.mkdir()
    written(folder, rows)
    with pytest.raises(UserError, match=words) as refused:
        encode(bert_stage, folder, out=tmp_path / "out", task=task, schedule=FAST)
    assert "fever" not in str(refused.value) and not (tmp_path / "out").exists()


def test_labels_name_what_is_learned_of_rare_classes(bert_stage, tmp_path):
    folder = tmp_path / "examples"
    folder.mkdir()
    rows = [tag_of(i, [Span(3, 8, "D")], ("D", "Rare")) for i in range(6)]
    rows[0].spans.append(Span(0, 2, "Rare"))
    written(folder, rows)
    with pytest.raises(UserError, match=r"Rare \(e0\).*labels: \[D\]"):
        encode(bert_stage, folder, out=tmp_path / "out", schedule=FAST)
    encode(bert_stage, folder, out=tmp_path / "out", labels=("D",), schedule=replace(FAST, epochs=1))
    assert read_manifest(tmp_path / "out")["labels"] == ["O", "B-D", "I-D"]


def test_a_generator_and_a_folder_without_a_model_are_refused(toy_base, tag_examples, tmp_path):
    with pytest.raises(UserError, match="holds no finished model stage"):
        encode(tmp_path, tag_examples, out=tmp_path / "out", schedule=FAST)
    with pytest.raises(UserError, match="toy is no encoder; encode starts from one, such as base: minilm"):
        encode(toy_base, tag_examples, out=tmp_path / "out", schedule=FAST)


def test_dropout_can_be_set_and_none_leaves_the_encoders_own(toy_bert):
    net = with_own_dropout(transformers.AutoModel.from_pretrained(toy_bert))
    shares = {m.p for m in net.modules() if isinstance(m, Dropout)}
    set_dropout(net, None)
    assert shares == {0.1} == {m.p for m in net.modules() if isinstance(m, Dropout)}
    set_dropout(net, 0.0)
    assert {m.p for m in net.modules() if isinstance(m, Dropout)} == {0.0}


def test_every_target_weighs_the_same_in_rows_of_few_and_of_many(toy_bert):
    net = AutoModelForTokenClassification.from_pretrained(toy_bert, num_labels=3).eval()
    form = prepared(net)
    keeps = ([1, 2, 3], [1])
    many, few = (lay([Piece([2, 5, 6, 7, 3], [0] * 5, keep, targets=[1] * len(keep))], form) for keep in keeps)
    values = [loss_of(form, 2.0)(net, sheet)[0] for sheet in (many, few)]
    alone = [F.cross_entropy(scores(net, s, form), s.targets, reduction="sum") for s in (many, few)]
    assert torch.allclose(sum(values) / 2, sum(alone) / 4)
    assert torch.allclose(loss_of(form)(net, many)[0], alone[0] / 3)
