"""The instruction loss of a packed row against the same numbers worked out one answer at a time."""

from __future__ import annotations

import pytest
import torch

from residency.core.errors import UserError
from residency.core.types import Example
from residency.models.load import of_stage, open_source
from residency.models.pack import collate
from residency.train.forward import forward
from residency.train.instruct import block_of, instruction_loss
from residency.train.schedule import Schedule
from residency.train.stage import cut_to_tokens, pack_rows


def ask(text, wanted, choices=()):
    return Example(text, [{"role": "user", "content": text}], [wanted], choices=list(choices))


EXAMPLES = [
    ask("sky ?", "the blue", ["red", "the blue", "green"]),
    ask("the cat is", "one two three"),
    ask("blood ?", "red", ["red", "the dog"]),
    ask("dog", "cat ?"),
]


@pytest.fixture
def model(toy_base):
    return open_source(of_stage(toy_base), type="fp32")


def packed(model, examples, *, options, **settings):
    """Return the loss of the examples in one row, as a stage computes it."""
    blocks = [block_of(e, model, options=options) for e in examples]
    [row] = pack_rows(blocks, Schedule(batch_tokens=120), fill=model.end)
    batch = row()
    return instruction_loss(forward(model.net, batch), batch, **{"per_example": True, "contrast": 1.0, **settings})


def alone(model, example, answer):
    """Return the log-probabilities of one answer and its end, computed alone."""
    block = block_of(ask(example.id, answer), model, options=False)
    batch = collate([block])
    return forward(model.net, batch)


def answer_losses(model):
    return [-alone(model, e, e.wanted[0]).mean() for e in EXAMPLES]


def choice_losses(model):
    losses = []
    for example in EXAMPLES:
        if example.choices:
            sums = torch.stack([alone(model, example, c).sum() for c in example.choices])
            losses.append(-sums.log_softmax(0)[example.choices.index(example.wanted[0])])
    return losses


def test_a_row_of_questions_and_written_answers_has_the_loss_of_both(model):
    with torch.no_grad():
        value, figures = packed(model, EXAMPLES, options=True, contrast=0.5)
        wanted = torch.stack(answer_losses(model)).mean()
        chosen = torch.stack(choice_losses(model)).mean()
    assert figures["answers"] == 4
    assert figures["answer_loss"] == pytest.approx(float(wanted), abs=1e-5)
    assert figures["choice_loss"] == pytest.approx(float(chosen), abs=1e-5)
    assert float(value) == pytest.approx(float(wanted + 0.5 * chosen), abs=1e-5)


def test_without_contrast_the_other_options_are_not_read(model):
    assert [len(block_of(e, model, options=False).branches) for e in EXAMPLES] == [1, 1, 1, 1]
    with torch.no_grad():
        value, figures = packed(model, EXAMPLES, options=False, contrast=0.0)
        assert float(value) == pytest.approx(float(torch.stack(answer_losses(model)).mean()), abs=1e-5)
    assert "choice_loss" not in figures


def test_by_token_a_long_answer_weighs_more(model):
    with torch.no_grad():
        value, _ = packed(model, EXAMPLES, options=True, contrast=0.0, per_example=False)
        every = torch.cat([alone(model, e, e.wanted[0]) for e in EXAMPLES])
    assert float(value) == pytest.approx(float(-every.mean()), abs=1e-5)


def test_the_wanted_answer_stands_first_whatever_the_order_of_the_options(model):
    block = block_of(EXAMPLES[0], model, options=True)
    assert block.branches == [[*model.encode(word), model.end] for word in ("the blue", "red", "green")]
    assert block.notes == [1.0, 0.0, 0.0]


def test_labels_of_one_token_are_not_read_beside_the_answer(model):
    block = block_of(ask("sky ?", "blue", ["red", "blue", "green"]), model, options=True)
    assert block.branches == [[*model.encode("blue"), model.end]] and block.notes == [1.0]


def test_what_does_not_fit_is_left_out_and_counted_by_reason(model):
    blocks = [block_of(e, model, options=False) for e in EXAMPLES]
    sizes = [b.length for b in blocks]
    kept, left = cut_to_tokens(blocks, tokens=sizes[0] + sizes[2], capacity=max(b.read for b in blocks) - 1)
    assert kept == [blocks[0], blocks[2]] and left == {"too_long": 1, "beyond_tokens": 1}
    with pytest.raises(UserError, match="nothing to learn from"):
        cut_to_tokens(blocks, tokens=2, capacity=100)
