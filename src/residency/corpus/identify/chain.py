"""A linear chain over words, compiled: scores, the likeliest row of tags, the probability of each, and learning.

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


@numba.njit(cache=True, nogil=True, error_model="numpy")
def likeliest(scores, moves, labels):  # type: ignore[no-untyped-def]
    """Return [W] int16: the likeliest row of tags (Viterbi 1967). ``moves`` [T, T] to-from, -1e9 where barred.

    Tags are "O", ``labels`` beginnings, and as many insides, which follow only their own. A tag that cannot be the best
    one before any beginning, by a bound over all of them, is passed over; the row is the same.
    """
    count, tags = scores.shape
    found = np.empty(count, np.int16)
    if not count:
        return found
    heads = labels + 1
    onward = np.ascontiguousarray(moves[:heads].T)  # [from, to]: the inner walk is over what is made
    gain = np.empty(tags, np.float32)
    for f in range(tags):
        gain[f] = (onward[f] - onward[0]).max()
    back = np.empty((count, tags), np.int16)
    best, new = scores[0].copy(), np.full(tags, np.float32(-1e9))
    for w in range(1, count):
        came = back[w]
        for t in range(heads):
            new[t] = best[0] + onward[0, t]
            came[t] = 0
        for f in range(1, heads + labels):
            value = best[f]
            if value + gain[f] <= best[0]:
                continue
            row = onward[f]
            for t in range(heads):
                other = value + row[t]
                better = other > new[t]
                new[t] = other if better else new[t]
                came[t] = np.int16(f) if better else came[t]
        for label in range(labels):
            begin, inside = label + 1, heads + label
            first, second = best[begin] + moves[inside, begin], best[inside] + moves[inside, inside]
            new[inside] = max(first, second)
            came[inside] = np.int16(begin) if first >= second else np.int16(inside)
        for t in range(heads + labels):
            new[t] += scores[w, t]
        best, new = new, best
    found[count - 1] = np.argmax(best)
    for w in range(count - 1, 0, -1):
        found[w - 1] = back[w, found[w]]
    return found


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


LITTLE = np.float32(1e-9)
"""A share of a word's probability that changes nothing in what is reported of it."""


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _forward(local, steps, heads, labels, ahead):  # type: ignore[no-untyped-def]
    """Fill ``ahead`` [W, T]: the probability of each tag by the words up to its own."""
    count = len(local)
    onward = np.ascontiguousarray(steps[:heads].T)
    for w in range(count):
        row, total = ahead[w], np.float32(0)
        if w == 0:
            row[:] = local[0]
        else:
            last = ahead[w - 1]
            row[:] = 0
            for f in range(heads + labels):
                if last[f] > LITTLE:
                    for t in range(heads):
                        row[t] += last[f] * onward[f, t]
            for label in range(labels):
                inside = heads + label
                own = last[label + 1] * steps[inside, label + 1] + last[inside] * steps[inside, inside]
                row[inside] = own * local[w, inside]
            for t in range(heads):
                row[t] *= local[w, t]
        for t in range(heads + labels):
            total += row[t]
        for t in range(heads + labels):
            row[t] /= total


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def chances(scores, moves, labels):  # type: ignore[no-untyped-def]
    """Return ([W] fp32 probability of any tag but "O", [W] int16 likeliest tag, [W] int16 likeliest one but "O").

    As ``odds``, without what is next to nothing: in most of a text few tags are more than that.
    """
    count, heads = len(scores), labels + 1
    tags = heads + labels
    steps = np.exp(moves)
    local, ahead = np.empty((count, tags), np.float32), np.empty((count, tags), np.float32)
    for w in range(count):
        top = scores[w, :tags].max()
        for t in range(tags):
            below = scores[w, t] - top
            local[w, t] = np.exp(below) if below > np.float32(-27.6) else np.float32(1e-12)
    _forward(local, steps, heads, labels, ahead)
    some, likely, other = np.empty(count, np.float32), np.empty(count, np.int16), np.empty(count, np.int16)
    behind, weighed, both = np.ones(tags, np.float32), np.empty(tags, np.float32), np.empty(tags, np.float32)
    for w in range(count - 1, -1, -1):
        if w < count - 1:
            most = np.float32(0)
            for t in range(tags):
                weighed[t] = behind[t] * local[w + 1, t]
                most = max(most, weighed[t])
            behind[:] = 0
            for t in range(heads):
                if weighed[t] > LITTLE * most:
                    for f in range(tags):
                        behind[f] += weighed[t] * steps[t, f]
            for label in range(labels):
                inside = heads + label
                behind[label + 1] += weighed[inside] * steps[inside, label + 1]
                behind[inside] += weighed[inside] * steps[inside, inside]
            for f in range(tags):
                behind[f] /= most
        total, best = np.float32(0), 1
        for t in range(tags):
            both[t] = ahead[w, t] * behind[t]
            total += both[t]
            if t > 1 and both[t] > both[best]:
                best = t
        some[w] = np.float32(1) - both[0] / total
        other[w] = best
        likely[w] = best if both[best] > both[0] else 0
    return some, likely, other


@numba.njit(cache=True, nogil=True, error_model="numpy")
def alone(scores, tags):  # type: ignore[no-untyped-def]
    """Return [W] fp32: the probability of any tag but "O" by a word's own scores."""
    count = len(scores)
    some = np.empty(count, np.float32)
    for w in range(count):
        top, total = scores[w, :tags].max(), np.float32(0)
        for t in range(tags):
            total += np.exp(scores[w, t] - top)
        some[w] = np.float32(1) - np.exp(scores[w, 0] - top) / total
    return some


@numba.njit(cache=True, nogil=True, error_model="numpy")
def picked(some, known, gaps, facts, threshold, strong_from, weak_from, sign, common):  # type: ignore[no-untyped-def]
    """Return [W] bool: words above the threshold, and weaker ones beside strong ones; none that is ``known`` already."""
    count = len(some)
    hot = some > threshold
    for _ in range(2):
        last = hot.copy()
        for w in range(count):
            if last[w] or facts[w, 5] == sign or some[w] <= weak_from or facts[w, 6] & common:
                continue
            for step in (-1, 1):
                other = w + step
                if other < 0 or other >= count or facts[other, 5] == sign or gaps[max(w, other)] >= 2:
                    continue
                if some[other] > strong_from or (last[other] and some[other] <= threshold):
                    hot[w] = True
    for w in range(count):
        if known[w]:
            hot[w] = False
    return hot


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
