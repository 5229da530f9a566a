"""Words hidden from an encoder, which it is to find again: what continued pretraining of an encoder teaches.

Devlin et al. 2019, BERT, section 3.1 and appendix A.1: 15% of the text, of that 80% hidden, 10% replaced by another
token, 10% left as it is. Words are drawn whole, so that no part of one gives away the rest.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from residency.models.sheet import Sheet
from residency.train.noise import generator

HIDDEN, OTHER = 0.8, 0.1


def hidden(sheet: Sheet, *, mask: int, vocabulary: int, share: float) -> Sheet:
    """Return a row with words hidden, drawn from the row's own generator; the hidden tokens are its targets.

    Each word is drawn with probability ``share``; at least one is.
    """
    words, draw = sheet.words, generator()

    def random(count: int) -> torch.Tensor:
        return torch.rand(count, generator=draw, device=words.device)

    chance = random(int(words.max()) + 1)
    drawn = chance <= max(share, float(chance.min()))
    keep = (drawn[words.clamp_min(0)] & (words >= 0)).nonzero().squeeze(1)
    targets = sheet.ids[0, keep]
    others = torch.randint(vocabulary, (len(keep),), generator=draw, device=words.device)
    how = random(len(keep))
    new = torch.where(how < HIDDEN, mask, torch.where(how < HIDDEN + OTHER, others, targets))
    ids = sheet.ids.clone()
    ids[0, keep] = new
    return replace(sheet, ids=ids, keep=keep, targets=targets)
