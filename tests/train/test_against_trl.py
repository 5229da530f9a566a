"""The preference losses, the reward loss and their gradients against TRL's own trainers, on the same pairs, in fp32."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from residency.core.store import read_jsonl, read_manifest, write_jsonl
from residency.models.attention import use_packed
from residency.models.load import of_stage, open_source
from residency.models.local import read_net
from residency.models.pack import collate
from residency.models.reward import with_head
from residency.train.forward import forward
from residency.train.instruct import instruct
from residency.train.pairs import encode_pair
from residency.train.prefer import prefer, preference_loss
from residency.train.rated import blocks_of
from residency.train.reward import reward_loss
from residency.train.schedule import Schedule
from residency.train.tuning import Tuning

SCHEDULE = Schedule(learning_rate=1e-2, batch_tokens=64, precision="fp32")
PAIRS = [  # answers of many lengths, the chosen now the longer and now the shorter
    ("sky ?", "the sky is blue", "red"),
    ("grass ?", "green", "the grass is red is it"),
    ("blood is", "red red red", "blue cat"),
    ("the dog ?", "one two", "three cat the dog is red"),
    ("cat ?", "the cat is one", "is the sky"),
    ("one two ?", "three", "one"),
]


@pytest.fixture(autouse=True)
def quiet_trl(monkeypatch):
    """TRL tells its maker of its use; here it must not try to."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    pytest.importorskip("trl")


@pytest.fixture(scope="module")
def stages(toy_base, toy_examples, tmp_path_factory):
    """Return a base and a tuned model as stages, their networks as folders, and a folder with the pairs."""
    root = tmp_path_factory.mktemp("against-trl")
    instruct(toy_base, toy_examples, out=root / "tuned", tuning=Tuning(rank=8), schedule=SCHEDULE)
    open_source(of_stage(root / "tuned"), type="fp32").net.save_pretrained(root / "merged")
    rows = [{"id": str(i), "prompt": p, "chosen": c, "rejected": r} for i, (p, c, r) in enumerate(PAIRS)]
    write_jsonl(root / "pairs" / "preference.jsonl", rows)
    weights = read_manifest(toy_base)["model"]["path"]
    return SimpleNamespace(root=root, stage={"base": toy_base, "tuned": root / "tuned"}, pairs=root / "pairs",
                           net={"base": weights, "tuned": root / "merged"})  # fmt: skip


def rows_of(stages, loss, reference):
    """Return the pairs as the stage makes them, with the log-probabilities of the reference."""
    out = stages.root / f"{loss}-{reference}"
    prefer(stages.stage[reference], stages.pairs, out=out, loss=loss, schedule=SCHEDULE)
    rows = list(read_jsonl(out / "pairs.jsonl"))
    assert len(rows) == len(PAIRS)
    return rows


def ours(stages, rows, policy, **settings):
    """Return our loss of all pairs in one packed row, and the gradient of every weight of the policy."""
    local = open_source(of_stage(stages.stage["base"]), type="fp32")
    blocks = [encode_pair(row, local) for row in rows]
    owner = 0
    for block in blocks:
        block.owners = list(range(owner, owner := owner + len(block.branches)))
    batch = collate(blocks)
    net = use_packed(read_net(stages.net[policy], "fp32")).requires_grad_(True)
    value, _ = preference_loss(forward(net, batch), batch, **settings)
    return value, gradients(value, net)


def gradients(value, net):
    value.backward()
    return {name: p.grad for name, p in net.named_parameters()}


def same(ours, theirs):
    assert ours[0].item() == pytest.approx(theirs[0].item(), abs=1e-5)
    assert ours[1].keys() == theirs[1].keys()
    for name, gradient in ours[1].items():
        assert torch.allclose(gradient, theirs[1][name], atol=1e-5, rtol=1e-3), name
    assert max(float(g.abs().max()) for g in ours[1].values()) > 1e-2, "nothing was learned here"


# --- TRL's side ------------------------------------------------------------------------------------------------------

HOW = {
    "use_cpu": True,
    "bf16": False,
    "report_to": "none",
    "per_device_train_batch_size": len(PAIRS),
    "gradient_checkpointing": False,
    "disable_dropout": True,
}


def causal(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")


def tokenizer_of(stages):
    tokenizer = AutoTokenizer.from_pretrained(stages.net["base"])
    tokenizer.pad_token = "[UNK]"  # not the end of a turn, which is scored
    return tokenizer


def made(trainer, config, stages, rows, policy, reference="", **settings):
    import datasets

    given = {"ref_model": causal(stages.net[reference])} if reference else {}
    keep = ("prompt", "chosen", "rejected")
    trainer = trainer(
        model=causal(stages.net[policy]),
        args=config(output_dir=str(stages.root / "trl"), **{**HOW, **settings}),
        train_dataset=datasets.Dataset.from_list([{k: row[k] for k in keep} for row in rows]),
        processing_class=tokenizer_of(stages),
        **given,
    )
    trainer.model.eval()
    return trainer


def batch_of(trainer):
    return next(iter(trainer.get_train_dataloader()))


def result(trainer, value):
    return value, gradients(value, trainer.model)


@pytest.mark.parametrize(("loss", "theirs"), [("dpo", "sigmoid"), ("ipo", "ipo")])
def test_losses_with_a_reference_are_trls_with_their_gradients(loss, theirs, stages):
    """IPO is TRL's, of means a token; the paper's eq. 17 has whole answers."""
    from trl import DPOConfig, DPOTrainer

    rows = rows_of(stages, loss, "base")
    found = ours(stages, rows, "tuned", loss=loss, beta=0.3, nll=0.0)
    trainer = made(DPOTrainer, DPOConfig, stages, rows, "tuned", "base", beta=0.3, loss_type=[theirs])
    wanted = result(trainer, trainer.compute_loss(trainer.model, batch_of(trainer)))
    at_reference = {"dpo": 0.6931, "ipo": (1 / 0.6) ** 2}[loss]
    assert abs(wanted[0].item() - at_reference) > 0.05, "the policy should have left its reference"
    same(found, wanted)


def test_simpo_is_trls_with_its_gradients(stages):
    from trl.experimental.cpo import CPOConfig, CPOTrainer

    rows = rows_of(stages, "simpo", "base")
    assert "chosen_logprob" not in rows[0]
    found = ours(stages, rows, "tuned", loss="simpo", beta=1.5, nll=0.0, gamma=0.7)
    how = {"loss_type": "simpo", "beta": 1.5, "simpo_gamma": 0.7, "cpo_alpha": 0.0, "max_length": 128}
    trainer = made(CPOTrainer, CPOConfig, stages, rows, "tuned", **how)
    same(found, result(trainer, trainer.compute_loss(trainer.model, batch_of(trainer))))


def test_orpo_is_trls_with_its_gradients_but_for_the_prompt_that_trl_learns_too(stages):
    """The chosen answers' own loss is the paper's, each answer weighing the same: here made of TRL's means a token."""
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    rows = rows_of(stages, "orpo", "base")
    found = ours(stages, rows, "tuned", loss="orpo", beta=0.4, nll=0.0)
    trainer = made(ORPOTrainer, ORPOConfig, stages, rows, "tuned", beta=0.4, max_length=128)
    chosen, rejected, *_ = trainer.concatenated_forward(trainer.model, batch_of(trainer))
    odds, *_ = trainer.odds_ratio_loss(chosen, rejected)
    same(found, result(trainer, -chosen.mean() - odds.mean()))


@pytest.mark.parametrize(("policy", "reference"), [("tuned", "base"), ("base", "tuned")])
def test_kto_is_trls_with_its_gradients(policy, reference, stages):
    """Once the point of reference lies above zero, and once it is held there."""
    from trl import KTOConfig, KTOTrainer

    rows = rows_of(stages, "kto", reference)
    found = ours(stages, rows, policy, loss="kto", beta=0.2, nll=0.0)
    trainer = made(KTOTrainer, KTOConfig, stages, rows, policy, reference, beta=0.2)
    local = open_source(of_stage(stages.stage["base"]), type="fp32")
    others = [[*local.encode(row["mismatched"][0]["content"]), local.end] for row in rows]
    data = [{**row, "KL_completion_ids": ids} for row, ids in zip(trainer.train_dataset, 2 * others, strict=True)]
    batch = trainer.data_collator(data)
    wanted = result(trainer, trainer.compute_loss(trainer.model, batch))
    [point] = trainer._metrics["eval"]["kl"]
    assert (point > 0.01) == (policy == "base")
    same(found, wanted)


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_the_reward_loss_is_trls_with_its_gradients(margin, stages):
    import datasets
    from trl import RewardConfig, RewardTrainer

    local = open_source(of_stage(stages.stage["base"]), type="fp32")
    asked = [[{"role": "user", "content": prompt}] for prompt, _, _ in PAIRS]
    rows = [
        {
            "id": str(i),
            "chosen": [*asked[i], {"role": "assistant", "content": chosen}],
            "rejected": [*asked[i], {"role": "assistant", "content": rejected}],
            "steps": float(i % 3),
        }
        for i, (_, chosen, rejected) in enumerate(PAIRS)
    ]
    blocks = blocks_of(rows, local, 3000, margin)
    for number, block in enumerate(blocks):
        block.owners = [2 * number, 2 * number + 1]
    net = use_packed(with_head(read_net(stages.net["tuned"], "fp32"), seed=3)).requires_grad_(True)
    value, _ = reward_loss(SimpleNamespace(get_base_model=lambda: net), collate(blocks))
    value.backward()

    theirs = AutoModelForSequenceClassification.from_pretrained(
        stages.net["tuned"], num_labels=1, dtype=torch.float32, attn_implementation="eager"
    )
    with torch.no_grad():
        theirs.score.weight.copy_(net.score.weight)
    data = [{"chosen": r["chosen"], "rejected": r["rejected"], "margin": margin * r["steps"]} for r in rows]
    trainer = RewardTrainer(
        model=theirs,
        args=RewardConfig(output_dir=str(stages.root / "trl"), **HOW),
        train_dataset=datasets.Dataset.from_list(data),
        processing_class=tokenizer_of(stages),
    )
    loss = trainer.compute_loss(trainer.model.eval(), batch_of(trainer))
    wanted = gradients(loss, trainer.model)
    found = {name: p.grad for name, p in net.named_parameters() if name in wanted}
    assert len(found) == len(wanted) and abs(loss.item() - 0.6931) > 1e-3
    same((value, found), (loss, wanted))
