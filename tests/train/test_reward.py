"""The reward model: it learns who is better, is loaded by peft as TRL's are, and judges once its scores are cut."""

from __future__ import annotations

import json

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification

from residency import pipeline
from residency.core.errors import Unsupported, UserError
from residency.core.recipe import resolve
from residency.core.store import read_jsonl, read_manifest, sha256_file, write_jsonl
from residency.core.texts import shortened
from residency.corpus.benchmarks import Items
from residency.evaluate.judges import passport
from residency.evaluate.judges.axes import AXES
from residency.evaluate.judges.model import prefer, rate
from residency.models.load import load
from residency.models.reward import RewardModel
from residency.plan import make_plan
from residency.train import loop
from residency.train.rated import blocks_of, given_pairs, parted, rated_pairs
from residency.train.reward import reward
from residency.train.schedule import Schedule

FAST = Schedule(learning_rate=2e-2, batch_tokens=128, epochs=6, precision="fp32", checkpoint=5)
THINGS = ("sky", "grass", "blood", "cat", "dog", "one", "two", "three")
FILL = ("the", "is", "red", "green")


def user(text):
    return [{"role": "user", "content": text}]


def says(text):
    return [{"role": "assistant", "content": text}]


@pytest.fixture
def given(tmp_path):
    """Pairs of eight questions, of which the answer that says blue is the better one."""
    rows = [
        {"id": f"{thing}-{i}", "group": thing, "prompt": user(f"{thing} ?"),
         "chosen": says(f"{FILL[i]} blue"), "rejected": says(f"{FILL[i]} {FILL[(i + 1) % 4]}")}
        for thing in THINGS
        for i in range(4)
    ]  # fmt: skip
    write_jsonl(tmp_path / "given" / "preference.jsonl", rows)
    return tmp_path / "given"


def rated_items():
    """Return answers to eight questions, rated 1 to 4 by how often they say blue."""
    return [
        {"id": f"{thing}:{n}{word}", "group": thing, "question": f"{thing} ?", "rating": n + 1,
         "answer": " ".join([word, *["blue"] * n, *["is"] * (3 - n)])}
        for thing in THINGS
        for n in range(4)
        for word in FILL
    ]  # fmt: skip


@pytest.fixture
def set_of_ratings(monkeypatch):
    """The set of judged answers is the toy's, and its training part alone may be read."""

    def found(name, *splits):
        assert (name, splits) == ("medquad_judged", ("train",))
        return Items(rated_items())

    monkeypatch.setattr("residency.train.rated.items", found)


def weights_hash(folder):
    return sha256_file(folder / "adapter" / "adapter_model.safetensors")


# --- learning --------------------------------------------------------------------------------------------------------


def test_the_better_answer_scores_more_also_to_questions_that_were_held_out(toy_base, given, tmp_path):
    reward(toy_base, given, out=tmp_path / "judge", held_out=0.25, rank=8, schedule=FAST)
    curve = list(read_jsonl(tmp_path / "judge" / "curve.jsonl"))
    assert curve[-1]["accuracy"] == 1.0 and curve[-1]["loss"] < 0.1 < curve[0]["loss"]
    found = read_manifest(tmp_path / "judge")["held_out"]
    assert (found["pairs"], found["questions"], found["held_out_accuracy"]) == (8, 2, 1.0)
    model = load(str(tmp_path / "judge"), type="fp32")
    assert isinstance(model, RewardModel)
    good, bad = model.score_answers([user("sky ?")] * 2, ["the blue", "the green"])
    assert good > bad + 1


def test_a_margin_parts_the_scores_further(toy_base, given, tmp_path):
    leads = []
    for margin in (0.0, 20.0):
        reward(toy_base, given, out=tmp_path / str(margin), margin=margin, rank=8, schedule=FAST)
        leads.append(list(read_jsonl(tmp_path / str(margin) / "curve.jsonl"))[-1]["margin"])
    assert leads[1] > leads[0] + 1


def test_what_is_held_out_is_measured_on_the_way_and_the_best_is_kept(toy_base, given, tmp_path):
    schedule = Schedule(learning_rate=2e-2, batch_tokens=128, epochs=4, precision="fp32", evaluate=2)
    reward(toy_base, given, out=tmp_path / "judge", held_out=0.25, rank=8, schedule=schedule)
    rows = list(read_jsonl(tmp_path / "judge" / "measured.jsonl"))
    best = min(row["held_out_loss"] for row in rows)
    assert len(rows) > 2 and read_manifest(tmp_path / "judge")["held_out"]["held_out_loss"] == pytest.approx(best)


def test_a_reward_model_stopped_at_any_step_ends_with_the_bits_of_one_that_was_not(
    toy_base, given, tmp_path, monkeypatch
):
    reward(toy_base, given, out=tmp_path / "whole", rank=8, schedule=FAST)
    real, calls = loop.rows_once, []

    def stops_after_7(*args, **named):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return real(*args, **named)

    monkeypatch.setattr(loop, "rows_once", stops_after_7)
    with pytest.raises(KeyboardInterrupt):
        reward(toy_base, given, out=tmp_path / "parts", rank=8, schedule=FAST)
    monkeypatch.setattr(loop, "rows_once", real)
    assert json.loads((tmp_path / "parts/checkpoint/position.json").read_text())["step"] == 5
    reward(toy_base, given, out=tmp_path / "parts", rank=8, schedule=FAST)
    assert weights_hash(tmp_path / "parts") == weights_hash(tmp_path / "whole")
    manifests = [read_manifest(tmp_path / name) for name in ("parts", "whole")]
    assert manifests[0]["held_out"] == manifests[1]["held_out"]


# --- as others read it -----------------------------------------------------------------------------------------------


def test_transformers_and_peft_load_it_with_the_same_scores(toy_base, given, tmp_path):
    reward(toy_base, given, out=tmp_path / "judge", rank=8, schedule=FAST)
    model = load(str(tmp_path / "judge"), type="fp32")
    net = AutoModelForSequenceClassification.from_pretrained(
        read_manifest(toy_base)["model"]["path"], num_labels=1, dtype=torch.float32, pad_token_id=19
    )
    untrained = net.score.weight.clone()
    theirs = PeftModel.from_pretrained(net, tmp_path / "judge" / "adapter").eval()
    chats = [[*user("sky ?"), *says("the blue")], [*user("dog ?"), *says("is is one two three red")]]
    scores = model.score_answers([chat[:-1] for chat in chats], [chat[-1]["content"] for chat in chats])
    for chat, score in zip(chats, scores, strict=True):
        ids = torch.tensor([model.local.encode_prompt(chat, reply=False)])
        with torch.no_grad():
            assert float(theirs(input_ids=ids).logits) == pytest.approx(score, abs=1e-4)
    assert not torch.allclose(theirs.base_model.model.score.weight, untrained)


def test_answers_score_the_same_alone_and_in_company(toy_base, given, tmp_path):
    reward(toy_base, given, out=tmp_path / "judge", rank=4, schedule=FAST)
    model = load(str(tmp_path / "judge"), type="fp32")
    prompts, answers = [user(f"{thing} ?") for thing in THINGS], ["blue " * (i + 1) for i in range(8)]
    together = model.score_answers(prompts, answers)
    alone = [model.score_answers([p], [a])[0] for p, a in zip(prompts, answers, strict=True)]
    assert together == pytest.approx(alone, abs=1e-4) and len({round(s, 3) for s in together}) > 4


def test_a_reward_model_writes_nothing_and_is_not_trained_further(toy_base, given, tmp_path):
    reward(toy_base, given, out=tmp_path / "judge", rank=4, schedule=FAST)
    model = load(str(tmp_path / "judge"), type="fp32")
    with pytest.raises(Unsupported, match="it scores answers and writes none"):
        model.generate([user("sky ?")], max_tokens=3)
    with pytest.raises(UserError, match="is a reward model, which is not trained further"):
        reward(tmp_path / "judge", given, out=tmp_path / "again", schedule=FAST)


# --- pairs -----------------------------------------------------------------------------------------------------------


def test_rated_answers_make_pairs_within_a_question_each_behind_its_own_question(set_of_ratings):
    pairs = list(rated_pairs("medquad_judged", 2.0, 5, 0))
    by_chat = {(i["question"], i["answer"]): i for i in rated_items()}
    assert len(pairs) == 5 * len(THINGS)
    for pair in pairs:
        better, worse = (by_chat[tuple(m["content"] for m in pair[side])] for side in ("chosen", "rejected"))
        assert better["group"] == worse["group"] == pair["group"]
        assert better["rating"] - worse["rating"] == pair["steps"] >= 2


def test_questions_are_held_out_whole_and_pairs_that_read_the_same_are_left_out(toy_base, given, capsys):
    pairs = list(given_pairs(given, 0))
    learned, held = parted(pairs, 0.25, 0)
    assert len(held) == 8 and not {p["group"] for p in learned} & {p["group"] for p in held}
    assert parted(pairs, 0.0, 0) == (pairs, [])
    assert parted(pairs[:4], 0.5, 0) == (pairs[:4], [])  # the only question stays
    ends = [user("sky ?") + says("red " * 50 + middle + " red" * 50) for middle in ("blue", "green")]
    from residency.models.load import of_stage, open_source

    model = open_source(of_stage(toy_base), type="fp32")
    alike = [{"id": "x", "group": "x", "chosen": ends[0], "rejected": ends[1], "steps": 1.0}]
    assert len(blocks_of(alike, model, 3000, 0.0)) == 1
    assert blocks_of(alike, model, 100, 0.0) == [] and "1 whose answers are the same" in capsys.readouterr().err
    assert shortened(ends[0][1]["content"], 100) == shortened(ends[1][1]["content"], 100)


def test_nothing_to_learn_from_is_refused_before_training(toy_base, tmp_path):
    with pytest.raises(UserError, match="holds no preference example .* set rated"):
        reward(toy_base, tmp_path, out=tmp_path / "judge", schedule=FAST)


def test_in_a_recipe_no_stage_trains_on_it_and_no_task_is_put_to_it():
    text = "corpus: {sources: [hpo: {}]}\ntrain: [reward: {}, prefer: {}]"
    recipe = resolve(text, [], pipeline.sections())
    inputs = {step.name: step.inputs for step in make_plan(recipe, pipeline.STAGES)}
    assert inputs["reward"] == inputs["prefer"] == ["base", "examples"]
    assert set(inputs["evaluate"][1]) == {"base", "aligned"}


# --- judging ---------------------------------------------------------------------------------------------------------


def test_with_ratings_it_judges_and_can_earn_its_passport(toy_base, set_of_ratings, tmp_path):
    schedule = Schedule(learning_rate=2e-2, batch_tokens=256, epochs=8, precision="fp32")
    (tmp_path / "none").mkdir()
    reward(toy_base, tmp_path / "none", out=tmp_path / "judge", rated="medquad_judged", rank=8, schedule=schedule)
    found = read_manifest(tmp_path / "judge")["ratings"]
    assert found["axis"] == "relevance" and found["held_out"] and len(found["cuts"]) == 3
    assert found["answers"] == 32 and found["questions"] == 2  # those of which no pair was learned
    model = load(str(tmp_path / "judge"), type="fp32")
    people = [{**item, "group": f"{item['group']}-{i % 4}"} for i, item in enumerate(rated_items())]
    made = passport.measure(model, "relevance", rated=("toy", "answers", people))
    assert made["kappa"] > 0.8 and made["not_scored"] == 0 and made["judge_hash"] == model.hash
    pair = {"question": "sky ?", "first": "the blue blue blue", "second": "the is is is"}
    assert prefer(model, AXES["relevance"], [pair, {**pair, "second": pair["first"]}]) == [1.0, 0.5]


def test_without_cut_points_of_an_axis_it_does_not_rate(toy_base, given, tmp_path):
    reward(toy_base, given, out=tmp_path / "judge", rank=4, schedule=FAST)
    model = load(str(tmp_path / "judge"), type="fp32")
    with pytest.raises(
        UserError, match=r"no cut points between ratings of relevance \(it has: none\); train it with `ra"
    ):
        rate(model, AXES["relevance"], [{"question": "sky ?", "answer": "blue"}])
