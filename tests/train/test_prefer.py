"""Pairs as they are given and as they are chosen, and each loss drives its own target on a toy."""

from __future__ import annotations

import math

import pytest
import torch

from residency.core.errors import UserError
from residency.core.store import read_jsonl, read_manifest, write_examples, write_jsonl
from residency.core.types import Document, Example
from residency.corpus.finish import SHAPES, _table
from residency.models.load import of_stage, open_source
from residency.models.local import LocalModel
from residency.train.pairs import encode_pair, hardest_pairs, read_pairs, with_mismatched
from residency.train.prefer import LOSSES, prefer
from residency.train.schedule import Schedule
from residency.train.tuning import Tuning

FAST = Schedule(learning_rate=2e-2, batch_tokens=96, epochs=8, precision="fp32")
ROWS = [
    ("sky ?", "the sky is blue", "red"),
    ("grass ?", "green", "the grass is red"),
    ("blood ?", "red red", "one blue cat"),
    ("cat ?", "the cat is one", "dog"),
]


def user(text):
    return [{"role": "user", "content": text}]


def says(text):
    return [{"role": "assistant", "content": text}]


@pytest.fixture
def given(tmp_path):
    """A folder with pairs in TRL's columns."""
    rows = [
        {"id": f"g{i}", "prompt": user(p), "chosen": says(c), "rejected": says(r)} for i, (p, c, r) in enumerate(ROWS)
    ]
    write_jsonl(tmp_path / "given" / "preference.jsonl", rows)
    return tmp_path / "given"


@pytest.fixture
def model(toy_base):
    return open_source(of_stage(toy_base), type="fp32")


# --- reading ---------------------------------------------------------------------------------------------------------


def test_a_corpus_pairs_are_read_as_it_leaves_them(tmp_path):
    import pyarrow.parquet as pq

    document = Document(
        "d1", "…", "s", "l", meta={"prompt": user("sky ?"), "chosen": says("blue"), "rejected": says("red")}
    )
    (tmp_path / "preference").mkdir()
    pq.write_table(_table([SHAPES["preference"](document)]), tmp_path / "preference" / "part-00000.parquet")
    [example] = read_pairs(tmp_path)
    assert (example.id, example.prompt, example.wanted, example.unwanted) == ("d1", user("sky ?"), ["blue"], ["red"])
    assert example.meta["use"] == "prefer"


def test_a_prompt_may_stand_before_both_answers_and_rows_without_one_are_counted(tmp_path, capsys):
    write_jsonl(
        tmp_path / "preference.jsonl",
        [
            {"chosen": [*user("sky ?"), *says("blue")], "rejected": [*user("sky ?"), *says("red")]},
            {"chosen": says("blue"), "rejected": says("red")},
            {"prompt": "sky ?", "chosen": says("blue"), "rejected": user("red")},
            {"prompt": "sky ?", "chosen": "blue", "rejected": "red"},
        ],
    )
    first, second = read_pairs(tmp_path)
    assert first.prompt == second.prompt == user("sky ?") and first.wanted == second.wanted == ["blue"]
    assert [first.id, second.id] == ["pair-1", "pair-4"]
    said = capsys.readouterr().err
    assert "1 without a prompt" in said and "1 without one answer on each side" in said and "blue" not in said


def test_both_kinds_of_pairs_in_a_folder_are_read(given):
    made = Example("e1", user("dog ?"), ["dog"], ["cat"], meta={"use": "prefer"})
    taught = Example("e2", user("dog ?"), ["dog"], ["cat"], meta={"use": "instruct"})
    write_examples(given / "examples.jsonl", [made, taught])
    assert [e.id for e in read_pairs(given)] == ["e1", "g0", "g1", "g2", "g3"]


def test_a_pair_that_also_stands_among_the_examples_is_read_once_as_the_example(given):
    whole = Example("g0", user("sky ?"), ["blue"], ["red", "green"], meta={"use": "prefer"})
    write_examples(given / "examples.jsonl", [whole])
    found = read_pairs(given)
    assert [e.id for e in found] == ["g0", "g1", "g2", "g3"] and found[0].unwanted == ["red", "green"]


@pytest.mark.parametrize("where", ["preference.jsonl", "examples.jsonl"])
def test_a_chosen_answer_that_is_the_rejected_one_is_refused_by_its_id(where, tmp_path):
    if where == "preference.jsonl":
        rows = [{"id": f"p{i}", "prompt": "sky ?", "chosen": "the sky", "rejected": "the  sky "} for i in range(10)]
        write_jsonl(tmp_path / where, [*rows, {"id": "good", "prompt": "sky ?", "chosen": "blue", "rejected": "red"}])
    else:
        same = [Example(f"p{i}", user("sky ?"), ["the sky"], ["the sky"], meta={"use": "prefer"}) for i in range(10)]
        write_examples(tmp_path / where, [*same, Example("good", [], ["a"], ["b"], meta={"use": "prefer"})])
    with pytest.raises(UserError, match=r"10 of 11 preference pairs \(p0, p1, .*, p7 and 2 more\)") as told:
        read_pairs(tmp_path)
    assert "the sky" not in str(told.value)


def test_a_folder_without_pairs_is_refused_before_training(toy_base, tmp_path):
    with pytest.raises(UserError, match="no preference pair fits: 0 examples"):
        prefer(toy_base, tmp_path, out=tmp_path / "out", schedule=FAST)
    assert not (tmp_path / "out" / "curve.jsonl").exists()


# --- choosing --------------------------------------------------------------------------------------------------------


def test_without_a_reference_only_several_wrong_answers_are_scored(model, monkeypatch):
    scored = []
    real = LocalModel.score
    monkeypatch.setattr(LocalModel, "score", lambda self, blocks: scored.extend(blocks) or real(self, blocks))
    items = [
        Example("one", user("sky ?"), ["blue"], ["red"]),
        Example("two", user("sky ?"), ["blue"], ["red", "green"]),
    ]
    first, second = hardest_pairs(items, model, 1000, 64, reference=False)
    assert len(scored) == 1 and len(scored[0].branches) == 3
    assert "chosen_logprob" not in first and "chosen_logprob" in second
    scored.clear()
    assert all("chosen_logprob" in pair for pair in hardest_pairs(items, model, 1000, 64))
    assert len(scored) == 2


def test_what_makes_no_pair_is_counted(model, capsys):
    items = [
        Example("silent", user("sky ?"), ["[]"], ["red"]),
        Example("long", user("sky ?"), ["the " * 80], ["red"]),
        *(Example(str(i), user("sky ?"), ["blue"], ["red"]) for i in range(5)),
    ]
    pairs = hardest_pairs(items, model, 40, 64)
    said = capsys.readouterr().err
    assert len(pairs) == 3 and "1 with an empty list or nothing wrong" in said
    assert "1 longer than a row" in said and "2 beyond the tokens" in said


def test_kto_gets_answers_to_other_prompts_by_turns_and_their_likelihood(given, model):
    pairs = with_mismatched(hardest_pairs(read_pairs(given), model, 1000, 64), model, 64)
    assert [p["mismatched"][0]["content"] for p in pairs] == ["green", "one blue cat", "the cat is one", "red"]
    for pair in pairs:
        block = encode_pair(pair, model)
        [found] = model.loglik([pair["prompt"]], [pair["mismatched"][0]["content"] + " <|im_end|>"])
        assert block.notes[2] == pytest.approx(found.total, abs=1e-4) and len(block.branches) == 3


def test_kto_is_refused_where_all_pairs_have_one_prompt_or_no_room(given, model):
    pairs = hardest_pairs(read_pairs(given), model, 1000, 64)
    with pytest.raises(UserError, match="none of 2 pairs has an answer to another prompt .* two prompts or more"):
        with_mismatched([pairs[0], {**pairs[1], "prompt": pairs[0]["prompt"]}], model, 64)
    with pytest.raises(UserError, match="fits in its row of 12 tokens"):
        with_mismatched(pairs, model, 12)


def test_gamma_without_simpo_is_refused(toy_base, given, tmp_path):
    with pytest.raises(UserError, match="gamma belongs to the loss simpo, and the loss is ipo"):
        prefer(toy_base, given, out=tmp_path / "out", loss="ipo", gamma=0.5, schedule=FAST)


# --- each loss drives its own target ---------------------------------------------------------------------------------


def likelihoods(stage):
    """Return the log-probabilities a token of the chosen and of the rejected answers, and of whole answers."""
    model = open_source(of_stage(stage), type="fp32")
    sides = [model.loglik([user(p) for p, _, _ in ROWS], [row[i] + " <|im_end|>" for row in ROWS]) for i in (1, 2)]
    means = [torch.tensor([s.total / len(s.logprobs) for s in side]) for side in sides]
    return means, [torch.tensor([s.total for s in side]) for side in sides]


@pytest.mark.parametrize("loss", LOSSES)
def test_each_loss_parts_the_pairs(loss, toy_base, given, tmp_path):
    prefer(toy_base, given, out=tmp_path / "out", loss=loss, tuning=Tuning(rank=8), schedule=FAST)
    curve = list(read_jsonl(tmp_path / "out" / "curve.jsonl"))
    assert curve[-1]["accuracy"] == 1.0 and curve[-1]["preference"] < curve[0]["preference"]
    manifest = read_manifest(tmp_path / "out")
    assert manifest["loss"] == loss and ("gamma" in manifest) == (loss == "simpo")


def test_ipo_draws_the_margin_over_the_reference_to_half_of_one_by_beta(toy_base, given, tmp_path):
    schedule = Schedule(learning_rate=2e-2, batch_tokens=96, epochs=60, precision="fp32")
    prefer(toy_base, given, out=tmp_path / "out", loss="ipo", beta=0.25, tuning=Tuning(rank=8), schedule=schedule)
    before, after = likelihoods(toy_base)[0], likelihoods(tmp_path / "out")[0]
    margins = (after[0] - before[0]) - (after[1] - before[1])
    assert torch.allclose(margins, torch.full((4,), 2.0), atol=0.15)  # 1 / (2 * 0.25), and no further


def test_simpo_makes_the_chosen_likelier_a_token_by_more_than_gamma(toy_base, given, tmp_path):
    prefer(
        toy_base, given, out=tmp_path / "out", loss="simpo", beta=2.0, gamma=3.0, tuning=Tuning(rank=8), schedule=FAST
    )
    chosen, rejected = likelihoods(tmp_path / "out")[0]
    assert bool((2.0 * (chosen - rejected) > 3.0).all())


def test_orpo_teaches_the_chosen_answers_themselves(toy_base, given, tmp_path):
    schedule = Schedule(learning_rate=2e-2, batch_tokens=96, epochs=40, precision="fp32")
    prefer(toy_base, given, out=tmp_path / "out", loss="orpo", tuning=Tuning(rank=8), schedule=schedule)
    model = open_source(of_stage(tmp_path / "out"), type="fp32")
    found = model.loglik([user(prompt) for prompt, _, _ in ROWS], [chosen for _, chosen, _ in ROWS])
    assert all(score.total > math.log(0.8) for score in found)


def test_kto_moves_each_answer_to_its_own_side_of_the_reference(toy_base, given, tmp_path):
    prefer(toy_base, given, out=tmp_path / "out", loss="kto", beta=0.5, tuning=Tuning(rank=8), schedule=FAST)
    (_, before), (_, after) = likelihoods(toy_base), likelihoods(tmp_path / "out")
    assert bool((after[0] > before[0]).all()) and bool((after[1] < before[1]).all())


def test_the_share_of_the_answers_own_loss_is_added_to_any(toy_base, given, tmp_path):
    for name, nll in (("without", 0.0), ("with", 5.0)):
        prefer(toy_base, given, out=tmp_path / name, loss="simpo", nll=nll, tuning=Tuning(rank=8), schedule=FAST)
    chosen = {name: likelihoods(tmp_path / name)[1][0] for name in ("without", "with")}
    assert bool((chosen["with"] > chosen["without"]).all())
