"""Losses as pure functions of log-probabilities and scores; none of them knows a model.

``logprobs`` [M] are the log-probabilities (nats) of the scored tokens and ``owners`` [M] say which answer each
belongs to (0 … count-1); ``counts`` [count] are the answers' lengths in tokens. Where TRL's form of a loss differs from
the paper's, the docstring says so and which one this is.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F


def summed(logprobs: torch.Tensor, owners: torch.Tensor, count: int) -> torch.Tensor:
    """Return the log-probability of each answer, [count] nats."""
    return logprobs.new_zeros(count).index_add(0, owners, logprobs)


def lengths(owners: torch.Tensor, count: int) -> torch.Tensor:
    """Return each answer's tokens, [count]."""
    return torch.bincount(owners, minlength=count)


def next_token(logprobs: torch.Tensor, owners: torch.Tensor, count: int, *, per_example: bool = True) -> torch.Tensor:
    """Return the negative log-likelihood in nats a token.

    ``per_example`` averages inside an answer first, so a long answer weighs no more than a short one; otherwise
    every token weighs the same (the usual choice for running text).
    """
    if not per_example:
        return -logprobs.mean()
    n = lengths(owners, count)
    means = summed(logprobs, owners, count)[n > 0] / n[n > 0]
    return -means.mean()


def choice(sums: torch.Tensor, groups: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return the negative log-probability, in nats a question, that the right option is the likeliest of its group.

    ``sums`` [count] are the options' log-probabilities, ``groups`` [count] their questions, ``right`` [count] bool,
    one True a question. A question is a softmax over its options: the listwise loss of Cao et al. 2007, "Learning to
    Rank: From Pairwise Approach to Listwise Approach" (top one), and what an evaluation by likelihood measures.
    Questions with a single option add nothing; 0 where there is no other.
    """
    count = int(groups.max()) + 1
    top = sums.new_full((count,), -torch.inf).scatter_reduce(0, groups, sums.detach(), "amax")
    total = sums.new_zeros(count).index_add(0, groups, (sums - top[groups]).exp()).log() + top
    several = torch.bincount(groups, minlength=count) > 1
    losses = (total[groups] - sums)[right & several[groups]]
    return losses.mean() if len(losses) else sums.sum() * 0.0


def dpo(
    chosen: torch.Tensor,
    rejected: torch.Tensor,
    chosen_ref: torch.Tensor,
    rejected_ref: torch.Tensor,
    *,
    beta: float = 0.1,
    smoothing: float = 0.0,
) -> torch.Tensor:
    """Return the direct preference loss over pairs, from answer log-probabilities [pairs].

    Rafailov et al. 2023, "Direct Preference Optimization", eq. 7; ``smoothing`` is the label noise of conservative
    DPO (Mitchell 2023, eq. 3).
    """
    margin = beta * ((chosen - chosen_ref) - (rejected - rejected_ref))
    loss = -F.logsigmoid(margin) * (1 - smoothing) - F.logsigmoid(-margin) * smoothing
    return loss.mean()


def ipo(
    chosen: torch.Tensor,
    rejected: torch.Tensor,
    chosen_ref: torch.Tensor,
    rejected_ref: torch.Tensor,
    *,
    beta: float = 0.1,
) -> torch.Tensor:
    """Return the identity preference loss over pairs: the margin over the reference is drawn to 1/(2 beta).

    Azar et al. 2023, "A General Theoretical Paradigm to Understand Learning from Human Preferences", eq. 17; ``beta``
    is its τ. The paper's log-probabilities are those of whole answers; TRL's are a token's mean, which its makers
    confirmed with the authors. ``prefer`` gives means, as TRL does; of sums this is eq. 17 to the letter.
    """
    margin = (chosen - chosen_ref) - (rejected - rejected_ref)
    return ((margin - 1 / (2 * beta)) ** 2).mean()


def simpo(chosen: torch.Tensor, rejected: torch.Tensor, *, beta: float = 2.0, gamma: float = 1.0) -> torch.Tensor:
    """Return the preference loss without a reference, from mean log-probabilities a token [pairs].

    Meng et al. 2024, "SimPO: Simple Preference Optimization with a Reference-Free Reward", eq. 6; ``gamma`` is the
    margin that beta times the difference must reach. TRL's is the same where its ``cpo_alpha`` is 0.
    """
    return -F.logsigmoid(beta * (chosen - rejected) - gamma).mean()


def orpo(chosen: torch.Tensor, rejected: torch.Tensor, *, beta: float = 0.1) -> torch.Tensor:
    """Return the odds-ratio loss from mean log-probabilities a token [pairs]: the chosen's own loss, and their odds.

    Hong et al. 2024, "ORPO: Monolithic Preference Optimization without Reference Model", eqs. 6 and 7; ``beta`` is its
    λ. The first part is that of the chosen answer alone, each answer weighing the same, as in the paper; TRL takes
    prompt and answer, each token weighing the same. The second part is TRL's too.
    """
    ratio = _log_odds(chosen) - _log_odds(rejected)
    return -chosen.mean() - beta * F.logsigmoid(ratio).mean()


def _log_odds(logprob: torch.Tensor) -> torch.Tensor:
    """Return log(p / (1 - p)) of log p, which is held below 0 by a millionth: at p = 1 it has no gradient."""
    low = logprob.clamp(max=-1e-6)
    other = torch.where(low < -math.log(2), torch.log1p(-low.exp()), torch.log(-torch.expm1(low)))
    return low - other


def kto(
    ratios: torch.Tensor,
    good: torch.Tensor,
    mismatched: torch.Tensor,
    *,
    beta: float = 0.1,
    weights: tuple[float, float] = (1.0, 1.0),
) -> torch.Tensor:
    """Return the loss of single answers, each wanted (``good``) or not, from log-ratios to the reference [answers].

    Ethayarajh et al. 2024, "KTO: Model Alignment as Prospect Theoretic Optimization", eq. 8: an answer is worth what it
    lies above (wanted) or below (unwanted) a point of reference, the divergence of the model from the reference.
    That is estimated, as there, from answers to other prompts: ``mismatched`` [any number] are log-ratios of such
    pairs, through which nothing is learned. ``weights`` are λ of wanted and unwanted answers.
    """
    point = mismatched.detach().mean().clamp(min=0)
    value = torch.where(good, ratios - point, point - ratios)
    weight = torch.where(good, *(ratios.new_tensor(w) for w in weights))
    return (weight * (1 - torch.sigmoid(beta * value))).mean()


def reward(chosen: torch.Tensor, rejected: torch.Tensor, margins: torch.Tensor | float = 0.0) -> torch.Tensor:
    """Return the negative log-probability that the chosen answer beats the rejected one, from their scores [pairs].

    Ouyang et al. 2022, "Training language models to follow instructions with human feedback", eq. 1 (the model of
    Bradley and Terry 1952), each pair weighing the same; ``margins`` [pairs] are by how much the chosen must lead
    (Touvron et al. 2023, "Llama 2", eq. 2).
    """
    return -F.logsigmoid(chosen - rejected - margins).mean()
