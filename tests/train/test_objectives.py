"""Losses against hand-worked numbers and torch's cross-entropy; test_against_trl.py holds them against TRL's."""

import math

import pytest
import torch
from torch.nn import functional as F

from residency.train.head import token_logprobs
from residency.train.objectives import choice, dpo, ipo, kto, next_token, orpo, reward, simpo, summed


def test_every_answer_weighs_the_same_however_long():
    logprobs = torch.tensor([-1.0, -3.0, -8.0])
    owners = torch.tensor([0, 0, 1])
    assert float(next_token(logprobs, owners, 2)) == pytest.approx((2.0 + 8.0) / 2)
    assert float(next_token(logprobs, owners, 2, per_example=False)) == pytest.approx(4.0)


def test_an_owner_without_tokens_is_left_out_of_the_mean():
    assert float(next_token(torch.tensor([-2.0]), torch.tensor([1]), 3)) == pytest.approx(2.0)


def test_summed_adds_up_each_answer():
    assert summed(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1, 0, 1]), 3).tolist() == [2.0, 5.0, 0.0]


@pytest.mark.parametrize("count", [3, 300, 512])
def test_token_logprobs_and_gradients_are_those_of_cross_entropy(count):
    torch.manual_seed(0)
    weight = torch.randn(50, 16, requires_grad=True)
    hidden = torch.randn(count, 16, requires_grad=True)
    targets = torch.randint(50, (count,))
    weights = torch.rand(count)
    ours = token_logprobs(hidden, weight, targets)
    theirs = -F.cross_entropy(hidden @ weight.T, targets, reduction="none")
    assert torch.allclose(ours, theirs, atol=1e-5)
    got = torch.autograd.grad((ours * weights).sum(), [hidden, weight])
    wanted = torch.autograd.grad((theirs * weights).sum(), [hidden, weight])
    for g, w in zip(got, wanted, strict=True):
        assert torch.allclose(g, w, atol=1e-4)


def test_dpo_of_one_pair_by_hand():
    # margin = 0.5 * ((-1 - -2) - (-4 - -3)) = 0.5 * 2 = 1; loss = -log sigmoid(1)
    value = dpo(torch.tensor([-1.0]), torch.tensor([-4.0]), torch.tensor([-2.0]), torch.tensor([-3.0]), beta=0.5)
    assert float(value) == pytest.approx(math.log(1 + math.exp(-1)))


def test_dpo_at_the_reference_is_log_two_and_pushes_the_pair_apart():
    chosen, rejected = torch.tensor([-3.0], requires_grad=True), torch.tensor([-3.0], requires_grad=True)
    value = dpo(chosen, rejected, torch.tensor([-3.0]), torch.tensor([-3.0]))
    value.backward()
    assert float(value) == pytest.approx(math.log(2))
    assert float(chosen.grad) == pytest.approx(-0.05)
    assert float(rejected.grad) == pytest.approx(0.05)


def test_the_choice_of_one_question_by_hand():
    # likelihoods 1/2, 1/4, 1/4: the right one has half of all
    sums = torch.tensor([0.5, 0.25, 0.25]).log() - 7
    right = torch.tensor([True, False, False])
    assert float(choice(sums, torch.zeros(3, dtype=torch.long), right)) == pytest.approx(math.log(2))
    assert float(choice(sums, torch.zeros(3, dtype=torch.long), right.roll(1))) == pytest.approx(math.log(4))


def test_choice_and_its_gradient_are_those_of_cross_entropy_over_each_questions_options():
    torch.manual_seed(0)
    sizes = [4, 2, 3, 5]
    sums = (torch.randn(sum(sizes)) * 9 - 200).requires_grad_()
    groups = torch.repeat_interleave(torch.arange(4), torch.tensor(sizes))
    answers = [2, 0, 1, 4]
    right = torch.zeros(sum(sizes), dtype=torch.bool)
    rows = sums.split(sizes)
    for start, answer in zip([0, 4, 6, 9], answers, strict=True):
        right[start + answer] = True
    ours = choice(sums, groups, right)
    theirs = torch.stack([F.cross_entropy(r[None], torch.tensor([a])) for r, a in zip(rows, answers, strict=True)])
    assert float(ours) == pytest.approx(float(theirs.mean()), abs=1e-5)
    got, wanted = (torch.autograd.grad(value, sums)[0] for value in (ours, theirs.mean()))
    assert torch.allclose(got, wanted, atol=1e-6) and float(got.abs().sum()) > 0.1


def test_a_question_with_a_single_option_teaches_no_choice():
    sums = torch.tensor([-3.0, -1.0, -2.0], requires_grad=True)
    alone = choice(sums, torch.tensor([0, 1, 1]), torch.tensor([True, True, False]))
    assert float(alone) == pytest.approx(float(choice(sums[1:], torch.tensor([0, 0]), torch.tensor([True, False]))))
    nothing = choice(sums, torch.tensor([0, 1, 2]), torch.tensor([True, True, True]))
    nothing.backward()
    assert float(nothing) == 0 and sums.grad.tolist() == [0, 0, 0]


def test_smoothed_dpo_by_hand():
    # margin 1 again: 0.9 of -log sigmoid(1) and 0.1 of -log sigmoid(-1)
    value = dpo(
        torch.tensor([-1.0]), torch.tensor([-4.0]), torch.tensor([-2.0]), torch.tensor([-3.0]), beta=0.5, smoothing=0.1
    )
    assert float(value) == pytest.approx(0.9 * math.log(1 + math.exp(-1)) + 0.1 * math.log(1 + math.e))


def one(value):
    return torch.tensor([value])


def test_ipo_of_one_pair_by_hand():
    # the margin is (-1 + 2) - (-4 + 3) = 2, and 1 / (2 * 0.1) = 5: of whole answers this is eq. 17
    assert float(ipo(one(-1.0), one(-4.0), one(-2.0), one(-3.0), beta=0.1)) == pytest.approx(9.0)
    assert float(ipo(one(-1.0), one(-4.0), one(-2.0), one(-3.0), beta=0.25)) == pytest.approx(0.0)


def test_simpo_of_one_pair_by_hand():
    # 2 * (-0.5 + 1.5) - 1 = 1
    assert float(simpo(one(-0.5), one(-1.5), beta=2.0, gamma=1.0)) == pytest.approx(math.log(1 + math.exp(-1)))


def test_orpo_of_one_pair_by_hand():
    # likelihoods 1/2 and 1/4: odds 1 and 1/3, whose ratio is 3; sigmoid(log 3) = 3/4
    value = orpo(one(0.5).log(), one(0.25).log(), beta=0.1)
    assert float(value) == pytest.approx(math.log(2) + 0.1 * math.log(4 / 3))


def test_orpo_has_a_gradient_where_an_answer_is_certain():
    chosen = torch.zeros(1, requires_grad=True)
    value = orpo(chosen, one(-2.0))
    value.backward()
    assert math.isfinite(float(value.detach())) and math.isfinite(float(chosen.grad))


def test_kto_by_hand():
    # the point of reference is (3 - 1) / 2 = 1; wanted: 1 - sigmoid(2 - 1), unwanted: 1 - sigmoid(1 - 0)
    ratios, good = torch.tensor([2.0, 0.0]), torch.tensor([True, False])
    miss = 1 / (1 + math.e)
    assert float(kto(ratios, good, torch.tensor([3.0, -1.0]), beta=1.0)) == pytest.approx(miss)
    weighed = kto(ratios, good, torch.tensor([3.0, -1.0]), beta=1.0, weights=(1.0, 3.0))
    assert float(weighed) == pytest.approx(2 * miss)


def test_kto_learns_nothing_through_its_point_of_reference_which_is_never_below_zero():
    mismatched = torch.tensor([5.0], requires_grad=True)
    ratios = torch.tensor([1.0], requires_grad=True)
    kto(ratios, torch.tensor([True]), mismatched).backward()
    assert mismatched.grad is None and float(ratios.grad) < 0
    below, zero = (kto(one(1.0), torch.tensor([True]), one(point)) for point in (-4.0, 0.0))
    assert float(below) == float(zero)


def test_the_reward_loss_of_one_pair_by_hand():
    assert float(reward(one(3.0), one(2.0))) == pytest.approx(math.log(1 + math.exp(-1)))
    assert float(reward(one(3.0), one(2.0), one(1.0))) == pytest.approx(math.log(2))
