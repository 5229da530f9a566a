"""Losses as pure functions of log-probabilities; none of them knows a model.

``logprobs`` [M] are the log-probabilities (nats) of the scored tokens and ``owners`` [M] say which answer each
belongs to (0 … count-1); ``counts`` [count] are the answers' lengths in tokens.
"""

from __future__ import annotations

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
