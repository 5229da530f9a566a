"""The training stages on a toy: each drives its own target, resumes to the same bits, and refuses what is hopeless."""

import json
import math

import pytest
import torch

from residency.core.errors import UserError
from residency.core.store import read_jsonl, read_manifest, sha256_file, write_manifest
from residency.core.types import TokenScores
from residency.models.load import of_stage, open_source
from residency.models.pack import Block
from residency.train import checkpoint, loop
from residency.train.forward import scored
from residency.train.instruct import instruct
from residency.train.pairs import answers_of, hardest_pairs
from residency.train.prefer import prefer
from residency.train.pretrain import pretrain
from residency.train.schedule import Schedule
from residency.train.tuning import Tuning

FAST = Schedule(learning_rate=2e-2, batch_tokens=64, epochs=6, precision="fp32", checkpoint=5)
ASK = [[{"role": "user", "content": f"{thing} ?"}] for thing in ("blood", "grass", "sky")]
RIGHT = ["red", "green", "blue"]


def adapter_hash(folder):
    return sha256_file(folder / "adapter" / "adapter_model.safetensors")


def totals(scores: list[TokenScores]) -> list[float]:
    return [s.total for s in scores]


def test_instruction_tuning_learns_the_answers(toy_base, toy_examples, tmp_path):
    instruct(toy_base, toy_examples, out=tmp_path / "tuned", tuning=Tuning(rank=8), schedule=FAST)
    before = open_source(of_stage(toy_base), type="fp32").loglik(ASK, RIGHT)
    tuned = open_source(of_stage(tmp_path / "tuned"), type="fp32")
    after = tuned.loglik(ASK, RIGHT)
    assert all(a > math.log(0.8) > b for a, b in zip(totals(after), totals(before), strict=True))
    assert [r.text for r in tuned.generate(ASK, max_tokens=3)] == RIGHT
    manifest = read_manifest(tmp_path / "tuned")
    assert manifest["examples"] == 30 and not (tmp_path / "tuned" / "checkpoint").exists()


def test_continued_pretraining_lowers_the_loss_of_its_text(toy_base, toy_examples, tmp_path):
    pretrain(toy_base, toy_examples, out=tmp_path / "read", tuning=Tuning(rank=8), schedule=FAST)
    curve = [row["loss"] for row in read_jsonl(tmp_path / "read" / "curve.jsonl")]
    assert curve[-1] < 0.5 * curve[0]


def test_preference_alignment_goes_on_from_the_tuned_adapter_and_parts_the_pairs(toy_base, toy_examples, tmp_path):
    instruct(
        toy_base,
        toy_examples,
        out=tmp_path / "tuned",
        tuning=Tuning(rank=8),
        schedule=Schedule(learning_rate=1e-2, batch_tokens=64, precision="fp32"),
    )
    prefer(tmp_path / "tuned", toy_examples, out=tmp_path / "aligned", schedule=FAST, beta=0.5)
    pairs = list(read_jsonl(tmp_path / "aligned" / "pairs.jsonl"))
    curve = list(read_jsonl(tmp_path / "aligned" / "curve.jsonl"))
    assert curve[0]["preference"] == pytest.approx(math.log(2), abs=1e-4)  # it begins at its reference
    assert curve[-1]["accuracy"] == 1.0 and curve[-1]["margin"] > 0.5
    tuned, aligned = (open_source(of_stage(tmp_path / n), type="fp32") for n in ("tuned", "aligned"))
    prompts = [p["prompt"] for p in pairs]
    for side, sign in (("chosen", 1), ("rejected", -1)):
        answers = [p[side][0]["content"] for p in pairs]
        moved = torch.tensor(totals(aligned.loglik(prompts, answers))) - torch.tensor(
            totals(tuned.loglik(prompts, answers))
        )
        assert float(sign * moved.mean()) > 0


def test_the_rejected_answer_is_the_wrong_one_that_the_model_likes_best(toy_base, toy_examples, tmp_path):
    prefer(toy_base, toy_examples, out=tmp_path / "aligned", schedule=FAST)
    model = open_source(of_stage(toy_base), type="fp32")
    for pair in read_jsonl(tmp_path / "aligned" / "pairs.jsonl"):
        wrong = sorted({"red", "green", "blue"} - {pair["chosen"][0]["content"]})
        context = model.encode_prompt(pair["prompt"])
        block = Block(context, [[*model.encode(w), model.end] for w in wrong], [0, 1])
        scores = [model.score([block])[i].total for i in (0, 1)]
        assert pair["rejected"][0]["content"] == wrong[scores.index(max(scores))]


@pytest.mark.parametrize("stage", ["instruct", "prefer"])
def test_a_run_stopped_at_any_step_ends_with_the_bits_of_one_that_was_not(
    stage, toy_base, toy_examples, tmp_path, monkeypatch
):
    make = {"instruct": instruct, "prefer": prefer}[stage]
    make(toy_base, toy_examples, out=tmp_path / "whole", tuning=Tuning(rank=8), schedule=FAST)
    real, calls = loop.rows_once, []

    def stops_after_12(*args, **named):
        calls.append(1)
        if len(calls) == 13:
            raise KeyboardInterrupt
        return real(*args, **named)

    monkeypatch.setattr(loop, "rows_once", stops_after_12)
    with pytest.raises(KeyboardInterrupt):
        make(toy_base, toy_examples, out=tmp_path / "parts", tuning=Tuning(rank=8), schedule=FAST)
    monkeypatch.setattr(loop, "rows_once", real)
    assert json.loads((tmp_path / "parts/checkpoint/position.json").read_text())["step"] == 10
    make(toy_base, toy_examples, out=tmp_path / "parts", tuning=Tuning(rank=8), schedule=FAST)
    assert adapter_hash(tmp_path / "parts") == adapter_hash(tmp_path / "whole")
    steps = [row["step"] for row in read_jsonl(tmp_path / "parts" / "curve.jsonl")]
    assert steps == list(range(1, len(steps) + 1))


def test_another_seed_gives_another_adapter(toy_base, toy_examples, tmp_path):
    for seed in (0, 1):
        instruct(
            toy_base,
            toy_examples,
            out=tmp_path / str(seed),
            schedule=Schedule(batch_tokens=64, seed=seed, precision="fp32"),
        )
    assert adapter_hash(tmp_path / "0") != adapter_hash(tmp_path / "1")


def test_accumulation_over_two_rows_is_the_mean_of_their_gradients(toy_base, toy_examples, tmp_path):
    instruct(
        toy_base, toy_examples, out=tmp_path / "acc", schedule=Schedule(batch_tokens=64, accumulate=2, precision="fp32")
    )
    steps = list(read_jsonl(tmp_path / "acc" / "curve.jsonl"))
    instruct(toy_base, toy_examples, out=tmp_path / "one", schedule=Schedule(batch_tokens=64, precision="fp32"))
    assert len(steps) == math.ceil(len(list(read_jsonl(tmp_path / "one" / "curve.jsonl"))) / 2)


def test_a_loss_that_is_not_a_number_stops_at_that_step(toy_base, toy_examples, tmp_path, monkeypatch):
    monkeypatch.setattr("residency.train.instruct.next_token", lambda logprobs, *_, **__: logprobs.sum() * math.nan)
    with pytest.raises(loop.Diverged, match="step 1"):
        instruct(toy_base, toy_examples, out=tmp_path / "nan", schedule=FAST)
    assert read_manifest(tmp_path / "nan") is None


def test_nothing_that_fits_is_refused_before_training(toy_base, toy_examples, tmp_path):
    with pytest.raises(UserError, match="nothing to learn"):
        instruct(toy_base, toy_examples, out=tmp_path / "none", schedule=Schedule(batch_tokens=4))


def test_a_folder_without_a_model_is_refused(toy_examples, tmp_path):
    write_manifest(tmp_path, stage="corpus")
    with pytest.raises(UserError, match="no finished model stage"):
        instruct(tmp_path, toy_examples, out=tmp_path / "out", schedule=FAST)


@pytest.mark.parametrize("bad", [{"learning_rate": 0}, {"batch_tokens": -1}, {"decay": "sudden"}])
def test_a_schedule_that_cannot_work_is_refused(bad):
    with pytest.raises(UserError):
        Schedule(**bad)


def test_the_rate_warms_up_and_falls():
    schedule = Schedule(learning_rate=1.0, warmup=0.1)
    rates = [schedule.rate(i, 100) for i in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == 1.0 and rates[-1] == pytest.approx(1 / 90)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_an_empty_list_is_never_preferred_over_a_full_one(toy_base):
    from residency.core.types import Example

    ask = [{"role": "user", "content": "sky ?"}]
    items = [Example("silent", ask, ["[]"], ["red"]), Example("told", ask, ["blue"], ["red"])]
    pairs = hardest_pairs(items, open_source(of_stage(toy_base), type="fp32"), 1000, 64)
    assert [p["id"] for p in pairs] == ["told"]


def test_a_wrong_answer_equal_to_a_wanted_one_is_no_pair():
    from residency.core.types import Example

    example = Example("1", [], ["cyst", "cysts"], ["cysts", "nodule"])
    assert answers_of(example) == ["cyst", "nodule"]


def test_rows_side_by_side_give_the_same_bits_whatever_the_number_of_threads(toy_base, toy_examples, tmp_path):
    before = torch.get_num_threads()
    schedule = Schedule(batch_tokens=64, accumulate=3, precision="fp32", epochs=2)
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            instruct(toy_base, toy_examples, out=tmp_path / str(threads), tuning=Tuning(rank=8), schedule=schedule)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert adapter_hash(tmp_path / "1") == adapter_hash(tmp_path / "2")


def test_a_step_whose_rows_differ_in_what_they_hold_is_logged_by_the_rows_that_have_it():
    figures = [{"loss": 1.0}, {"loss": 3.0, "choice_loss": 0.5}]
    assert loop.mean_figures(figures) == loop.mean_figures(figures[::-1]) == {"loss": 2.0, "choice_loss": 0.5}


def test_the_gradient_of_rows_side_by_side_is_that_of_rows_one_after_another(toy_base, toy_examples):
    from accelerate import Accelerator

    from residency.core.store import read_examples
    from residency.train.instruct import block_of, instruction_loss
    from residency.train.stage import open_model, pack_rows

    schedule = Schedule(batch_tokens=64, precision="fp32")
    net, local = open_model(toy_base, schedule=schedule, tuning=Tuning(rank=4))
    for name, weight in net.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight)
    items = list(read_examples(toy_examples / "examples.jsonl"))[:20]
    batches = [row() for row in pack_rows([block_of(e, local, options=False) for e in items], schedule, fill=1)]
    assert len(batches) > 2

    def loss(logprobs, batch):
        return instruction_loss(logprobs, batch, per_example=True, contrast=0.0)

    accelerator = Accelerator(cpu=True, mixed_precision="no")
    loop.step_once(accelerator, net, batches, scored(loss))
    together = {n: p.grad for n, p in net.named_parameters() if p.requires_grad}
    net.zero_grad()
    for batch in batches:
        loop._backward(accelerator, net, batch, scored(loss), len(batches))
    for name, weight in net.named_parameters():
        if weight.requires_grad:
            assert torch.allclose(together[name], weight.grad, atol=1e-6), name


def test_a_resumed_optimizer_lies_wholly_where_its_weights_do(tmp_path):
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight])
    weight.sum().backward()
    optimizer.step()
    checkpoint.save(tmp_path, 1, [weight], optimizer)
    elsewhere = torch.nn.Parameter(torch.ones(3, device="meta"))  # any device but the CPU: CUDA's AdamW refuses a mix
    optimizer = torch.optim.AdamW([elsewhere])
    assert checkpoint.restore(tmp_path, [elsewhere], optimizer) == 1
    assert {value.device.type for value in optimizer.state[elsewhere].values()} == {"meta"}
