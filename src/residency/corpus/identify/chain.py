"""A linear chain over words, compiled: scores, the probability of each tag, and learning.

Lafferty et al. 2001, Conditional Random Fields, eq. 1; forward and backward sums in probabilities, each word scaled
(Rabiner 1989, section V.A). Learning goes text by text, each weight at a rate of its own (Duchi et al. 2011, AdaGrad).
"""

from __future__ import annotations

import numba
import numpy as np

from residency.corpus.identify.seen import ALL, AROUND, NEAR, OWN, around, near, own

CACHED = 1 << 16


@numba.njit(cache=True, nogil=True, error_model="numpy")
def rows_of(codes, spans, facts, gaps, kinds, folded, bits):  # type: ignore[no-untyped-def]
    """Return [W, ALL] int32: the rows of the table of weights that each word's score is the sum of (-1: none)."""
    count = len(spans)
    rows = np.full((count, ALL), -1, np.int64)
    for w in range(count):
        own(codes, spans[w, 0], spans[w, 1], facts[w], kinds, folded, bits, rows[w, :OWN])
        for where in range(4):
            other = w + (where - 2 if where < 2 else where - 1)
            if 0 <= other < count:
                near(facts[other], where, bits, rows[w, OWN + where * NEAR : OWN + (where + 1) * NEAR])
        around(facts, gaps, w, bits, rows[w, OWN + 4 * NEAR :])
    return rows.astype(np.int32)


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def scores_of(codes, spans, facts, gaps, kinds, folded, bits, weights, alive, cache_keys, cache_rows, used):  # type: ignore[no-untyped-def]
    """Return [W, T] fp32 scores. What a word alone brings to itself and its neighbours is kept by word."""
    count, tags = len(spans), weights.shape[1]
    scores = np.zeros((count, tags), np.float32)
    temporary, nearby, placed = np.empty(OWN, np.int64), np.empty(NEAR, np.int64), np.empty(AROUND, np.int64)
    fresh = np.zeros((5, tags), np.float32)
    mask = np.uint64(len(cache_keys) - 1)
    for w in range(count):
        key = facts[w, 1] * np.uint64(0x9E3779B97F4A7C15) ^ facts[w, 2]
        key += np.uint64(key == np.uint64(0))
        at = (key ^ (key >> np.uint64(29))) & mask
        while cache_keys[at] != np.uint64(0) and cache_keys[at] != key:
            at = (at + np.uint64(1)) & mask
        if cache_keys[at] == key:
            made = cache_rows[at]
        else:
            own(codes, spans[w, 0], spans[w, 1], facts[w], kinds, folded, bits, temporary)
            fresh[:] = 0
            for i in range(OWN):
                if temporary[i] >= 0:
                    for t in range(tags):
                        fresh[0, t] += weights[temporary[i], t]
            for where in range(4):
                near(facts[w], where, bits, nearby)
                for i in range(NEAR):
                    for t in range(tags):
                        fresh[1 + where, t] += weights[nearby[i], t]
            made = fresh
            if used[0] * 2 < len(cache_keys):
                cache_keys[at] = key
                cache_rows[at] = fresh
                used[0] += 1
        for t in range(tags):
            scores[w, t] += made[0, t]
        if w + 2 < count:  # this word is two before that one
            for t in range(tags):
                scores[w + 2, t] += made[1, t]
        if w + 1 < count:
            for t in range(tags):
                scores[w + 1, t] += made[2, t]
        if w > 0:
            for t in range(tags):
                scores[w - 1, t] += made[3, t]
        if w > 1:
            for t in range(tags):
                scores[w - 2, t] += made[4, t]
        around(facts, gaps, w, bits, placed)
        for i in range(AROUND):
            row = placed[i]
            if alive[row >> 6] >> np.uint64(row & 63) & np.uint64(1):  # most pairs of words were never learned
                for t in range(tags):
                    scores[w, t] += weights[row, t]
    return scores


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def odds(scores, moves):  # type: ignore[no-untyped-def]
    """Return ([W, T] fp32 probability of each tag, [W] scale of each word, forward [W, T], backward [W, T], local)."""
    count, tags = scores.shape
    steps = np.exp(moves)  # [to, from]
    back_steps = np.ascontiguousarray(steps.T)
    local = np.empty((count, tags), np.float32)
    ahead, behind = np.empty((count, tags), np.float32), np.empty((count, tags), np.float32)
    scale = np.empty(count, np.float32)
    for w in range(count):
        top = scores[w].max()
        for t in range(tags):
            local[w, t] = max(np.exp(scores[w, t] - top), np.float32(1e-12))
    for w in range(count):
        total = np.float32(0)
        for t in range(tags):
            if w == 0:
                value = local[0, t]
            else:
                value = np.float32(0)
                for f in range(tags):
                    value += ahead[w - 1, f] * steps[t, f]
                value *= local[w, t]
            ahead[w, t] = value
            total += value
        scale[w] = total
        for t in range(tags):
            ahead[w, t] /= total
    weighed = np.empty(tags, np.float32)
    for w in range(count - 1, -1, -1):
        if w == count - 1:
            behind[w] = 1
            continue
        for t in range(tags):
            weighed[t] = behind[w + 1, t] * local[w + 1, t] / scale[w + 1]
        for f in range(tags):
            value = np.float32(0)
            for t in range(tags):
                value += weighed[t] * back_steps[f, t]
            behind[w, f] = value
    return ahead * behind, scale, ahead, behind, local


@numba.njit(cache=True, nogil=True, error_model="numpy")
def learn(rows, tags_right, weights, sums, moves, move_sums, barred, rate, penalty, drop, state):  # type: ignore[no-untyped-def]
    """Go one step on one text by the gradient of its log-likelihood; return minus that (nats)."""
    count, tags = len(rows), weights.shape[1]
    scores = np.zeros((count, tags), np.float32)
    limit = np.uint64(drop * 4294967296.0)
    x = state[0]
    rows = rows.copy()
    keep = np.float32(1.0 / (1.0 - drop))
    for w in range(count):
        for i in range(ALL):
            x ^= x << np.uint64(13)
            x ^= x >> np.uint64(7)
            x ^= x << np.uint64(17)
            if (x >> np.uint64(32)) < limit:
                rows[w, i] = -1
    state[0] = x
    for w in range(count):
        for i in range(ALL):
            if rows[w, i] >= 0:
                for t in range(tags):
                    scores[w, t] += keep * weights[rows[w, i], t]
    both, scale, ahead, behind, local = odds(scores, moves)
    loss = 0.0
    for w in range(count):
        loss -= np.log(max(both[w, tags_right[w]], np.float32(1e-30)))
    # gradient of moves: expected minus found
    move_grad = np.zeros((tags, tags), np.float32)
    steps = np.exp(moves)
    for w in range(1, count):
        for t in range(tags):
            value = behind[w, t] * local[w, t] / scale[w]
            if value > 1e-12:
                for f in range(tags):
                    move_grad[t, f] -= ahead[w - 1, f] * steps[t, f] * value
        move_grad[tags_right[w], tags_right[w - 1]] += 1
    for t in range(tags):
        for f in range(tags):
            if not barred[t, f] and move_grad[t, f] != 0:
                move_sums[t, f] += move_grad[t, f] ** 2
                moves[t, f] += rate * move_grad[t, f] / np.sqrt(move_sums[t, f] + np.float32(1e-6))
    for w in range(count):
        for t in range(tags):
            both[w, t] = (1.0 if t == tags_right[w] else 0.0) - both[w, t]
        sure = True
        for t in range(tags):
            if abs(both[w, t]) > 1e-4:
                sure = False
        if sure:
            continue
        for i in range(ALL):
            row = rows[w, i]
            if row >= 0:
                for t in range(tags):
                    slope = both[w, t] - penalty * weights[row, t]
                    sums[row, t] += slope * slope
                    weights[row, t] += rate * slope / np.sqrt(sums[row, t] + np.float32(1e-6))
    return loss
