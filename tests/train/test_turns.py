"""A dialogue with the loss on every turn of the assistant, against its answers one by one, and against TRL."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from residency.core.errors import UserError
from residency.core.store import read_manifest
from residency.core.types import Example
from residency.models.attention import use_packed
from residency.models.load import of_stage, open_source
from residency.models.local import read_net
from residency.models.pack import collate
from residency.train.check import speakable
from residency.train.forward import forward
from residency.train.instruct import block_of, instruction_loss
from residency.train.schedule import Schedule
from residency.train.stage import pack_rows
from residency.train.turns import turned

MARKED = (
    "{% for m in messages %}<|im_start|> {{ m.role }} {% if m.role == 'assistant' %}{% generation %}{{ m.content }} "
    "<|im_end|>{% endgeneration %}{% else %}{{ m.content }} <|im_end|>{% endif %} {% endfor %}"
    "{% if add_generation_prompt %}<|im_start|> assistant {% endif %}"
)
WITHOUT_END = MARKED.replace(" <|im_end|>{% endgeneration %}", "{% endgeneration %} <|im_end|>")
FORGETS = (
    "{% for m in messages %}{% if m.role == 'user' or loop.last %}<|im_start|> {{ m.role }} {{ m.content }} <|im_end|> "
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|> assistant {% endif %}"
)
"""A template that drops what the assistant said before, as some do with thoughts."""


def said(*texts):
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


LONG = said("sky ?", "the blue", "grass ?", "green", "blood ?", "red the red")
SHORT = said("cat", "dog", "dog ?", "the cat is blue")
DIALOGUES = [LONG, SHORT]


@pytest.fixture
def model(toy_base):
    return open_source(of_stage(toy_base), type="fp32")


def example(turns):
    return Example("x", turns[:-1], [turns[-1]["content"]])


def logprobs_of(model, blocks):
    [row] = pack_rows(blocks, Schedule(batch_tokens=120), fill=model.end)
    batch = row()
    return forward(model.net, batch), batch


def one_by_one(model, turns):
    """Return the log-probabilities of each answer, computed alone behind all that was said before it."""
    places = [i for i, turn in enumerate(turns) if turn["role"] == "assistant"]
    blocks = [block_of(Example("x", turns[:i], [turns[i]["content"]]), model, options=False) for i in places]
    return torch.cat([forward(model.net, collate([block])) for block in blocks])


def test_the_answers_are_scored_with_their_ends_and_nothing_else_is(model):
    block = turned(LONG, model, id="a")
    scored = [token for token, mark in zip(block.branches[0], block.scored[0], strict=True) if mark]
    assert model.tokenizer.decode(scored) == "the blue <|im_end|> green <|im_end|> red the red <|im_end|>"
    whole = block.context + block.branches[0]
    assert whole == model.encode_prompt(LONG, reply=False) and block.id == "a"


@torch.no_grad()
def test_each_answer_of_a_packed_dialogue_has_the_likelihood_that_it_has_alone(model):
    found, batch = logprobs_of(model, [turned(turns, model) for turns in DIALOGUES])
    order = [int(batch.owners[0]), int(batch.owners[-1])]
    wanted = [one_by_one(model, turns) for turns in DIALOGUES]
    first = 0 if len(wanted[0]) == int((batch.owners == order[0]).sum()) else 1
    expected = torch.cat([wanted[first], wanted[1 - first]])
    assert torch.allclose(found, expected, atol=1e-5)
    value, figures = instruction_loss(found, batch, per_example=True, contrast=1.0)
    means = torch.stack([-each.mean() for each in wanted])
    assert float(value) == pytest.approx(float(means.mean()), abs=1e-5) and figures["answers"] == 2


@torch.no_grad()
def test_what_one_dialogue_says_changes_nothing_in_its_neighbour(model):
    other = said("cat", "cat", "dog ?", "the cat is blue")
    both = [logprobs_of(model, [turned(LONG, model), turned(turns, model)]) for turns in (SHORT, other)]
    wanted = one_by_one(model, LONG)
    for found, batch in both:
        mine = next(o for o in (0, 1) if int((batch.owners == o).sum()) == len(wanted))
        assert torch.allclose(found[batch.owners == mine], wanted, atol=1e-5)


def test_of_a_single_turn_both_settings_make_the_same_block(model):
    plain = example(said("sky ?", "blue"))
    assert block_of(plain, model, options=True, turns="all") == block_of(plain, model, options=True)
    assert block_of(example(LONG), model, options=True, turns="last").branches == [
        [*model.encode("red the red"), model.end]
    ]


def test_a_template_with_marks_tells_the_same_turns(model):
    plain = [turned(turns, model) for turns in DIALOGUES]
    model.tokenizer.chat_template = MARKED
    assert [turned(turns, model) for turns in DIALOGUES] == plain


def test_an_answer_that_opens_a_dialogue_is_not_learned(model):
    block = turned([{"role": "assistant", "content": "blue"}, *SHORT], model)
    scored = [token for token, mark in zip(block.branches[0], block.scored[0], strict=True) if mark]
    assert model.tokenizer.decode(scored) == "dog <|im_end|> the cat is blue <|im_end|>"


@torch.no_grad()
def test_without_answer_only_every_token_is_learned(model, toy_base):
    block = block_of(example(LONG), model, options=True, answer_only=False)
    found, batch = logprobs_of(model, [block])
    ids = model.encode_prompt(LONG[:-1]) + [*model.encode("red the red"), model.end]
    assert len(found) == len(ids) - 1
    net = AutoModelForCausalLM.from_pretrained(read_manifest(toy_base)["model"]["path"], attn_implementation="eager")
    wanted = net(torch.tensor([ids])).logits[0, :-1].log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
    assert torch.allclose(found, wanted, atol=1e-5)
    value, _ = instruction_loss(found, batch, per_example=False, contrast=1.0)
    assert float(value) == pytest.approx(float(-wanted.mean()), abs=1e-5)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (FORGETS, "has no generation marker"),
        (WITHOUT_END, "do not hold the token that ends them"),
        ("", "has no chat"),
    ],
)
def test_a_template_that_does_not_tell_the_turns_is_refused_and_the_last_turn_can_be_learned(model, template, words):
    model.tokenizer.chat_template = template
    with pytest.raises(UserError, match=words):
        speakable(model, "all")
    if template:
        speakable(model, "last")


def test_the_loss_and_its_gradients_are_those_of_trls_assistant_only_loss(toy_base, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)
    datasets, trl = pytest.importorskip("datasets"), pytest.importorskip("trl")
    folder = read_manifest(toy_base)["model"]["path"]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = MARKED
    trainer = trl.SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager"),
        args=trl.SFTConfig(
            output_dir=str(tmp_path / "trl"),
            assistant_only_loss=True,
            use_cpu=True,
            bf16=False,
            report_to="none",
            per_device_train_batch_size=2,
            gradient_checkpointing=False,
            max_length=None,
        ),
        train_dataset=datasets.Dataset.from_list([{"messages": turns} for turns in DIALOGUES]),
        processing_class=tokenizer,
    )
    theirs = trainer.compute_loss(trainer.model.eval(), next(iter(trainer.get_train_dataloader())))
    theirs.backward()

    model = open_source(of_stage(toy_base), type="fp32")
    model.tokenizer.chat_template = MARKED
    net = use_packed(read_net(folder, "fp32")).requires_grad_(True)
    [row] = pack_rows([turned(turns, model) for turns in DIALOGUES], Schedule(batch_tokens=120), fill=model.end)
    batch = row()
    ours, _ = instruction_loss(forward(net, batch), batch, per_example=False, contrast=0.0)
    ours.backward()
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    gradients = {name: p.grad for name, p in trainer.model.named_parameters()}
    for name, parameter in net.named_parameters():
        assert torch.allclose(parameter.grad, gradients[name], atol=1e-5, rtol=1e-3), name
