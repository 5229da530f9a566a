"""Words and shingles are those of a plain loop, and signatures estimate the Jaccard similarity of their sets."""

import random
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.corpus.compare import minhash
from residency.corpus.compare.hashing import digests, mixed, same_words, shingles, windows, words
from residency.corpus.compare.minhash import band_keys, band_shape, chance, packed, similarity

TEXT = st.text(alphabet=st.sampled_from("abcAB 1_.,-\n\té\u00a0—ÄßﬁµΣ糖尿病。กา\U00020000\0"), max_size=60)


def signatures(texts, **settings):
    return minhash.sketch(words(texts, unspaced=True), **settings)


def plain_words(text):
    folded = unicodedata.normalize("NFKC", text).casefold()
    return re.findall(r"\w+", folded)


def spelt(found):
    data = found.data.tobytes()
    pieces = [data[low:high].decode() for low, high in zip(found.starts, found.ends, strict=True)]
    return [pieces[low:high] for low, high in zip(found.first, found.first[1:], strict=False)]


@given(st.lists(TEXT, max_size=6))
@settings(max_examples=300, deadline=None)
def test_words_are_those_of_a_regular_expression_on_the_folded_text(texts):
    assert spelt(words(texts)) == [plain_words(text) for text in texts]


@given(st.lists(st.text(alphabet="ab", min_size=1, max_size=40), min_size=1, max_size=30))
@settings(max_examples=200, deadline=None)
def test_equal_words_have_equal_hashes_and_others_do_not(texts):
    hashes = words([" ".join(texts)]).hashes
    assert len(set(hashes.tolist())) == len(set(texts))
    assert all((hashes[i] == hashes[j]) == (texts[i] == texts[j]) for i in range(len(texts)) for j in range(i))


def plain_mixed(value):
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value = (value ^ value >> 33) * factor % 2**64
    return value ^ value >> 33


def plain_hash(word):
    content, value = word.encode(), len(word.encode()) * 0x9E3779B97F4A7C15 % 2**64
    for place in range(0, len(content), 8):
        value = plain_mixed(value ^ int.from_bytes(content[place : place + 8], "little"))
    return value


def test_hashes_are_those_of_a_plain_loop_and_the_same_in_every_run():
    names = ["fever", "electroencephalography", "糖尿病", "a", "abcdefgh", "abcdefghi"]
    assert words([" ".join(names)]).hashes.tolist() == [plain_hash(name) for name in names]
    assert plain_hash("fever") == 0x90B81F59F917517


def test_a_word_of_a_million_letters_takes_no_million_steps():
    found = words(["a" * 1_000_000, "a" * 999_999 + "b"])
    assert len(set(found.hashes.tolist())) == 2


def test_characters_of_scripts_without_spaces_are_words_when_asked():
    assert spelt(words(["糖尿病 type2の薬"], unspaced=True)) == [["糖", "尿", "病", "type2", "の", "薬"]]


@given(st.lists(st.integers(0, 2**64 - 1), max_size=40), st.integers(1, 17))
@settings(max_examples=200, deadline=None)
def test_windows_are_polynomials_of_their_values(values, size):
    base = 0x9E3779B97F4A7C15
    wanted = [
        sum(value * base ** (size - 1 - at) for at, value in enumerate(values[start : start + size])) % 2**64
        for start in range(len(values) - size + 1)
    ]
    assert windows(np.array(values, np.uint64), size).tolist() == wanted


@given(st.lists(st.lists(st.sampled_from(["a", "b", "cc"]), max_size=9), max_size=6), st.integers(1, 6))
@settings(max_examples=300, deadline=None)
def test_shingles_are_equal_where_their_words_are(texts, size):
    hashes, counts = shingles(words([" ".join(text) for text in texts]), size)
    runs = []
    for text in texts:
        runs += [tuple(text[i : i + size]) for i in range(len(text) - size + 1)] or ([tuple(text)] if text else [])
    assert counts.tolist() == [max(len(text) - size + 1, min(len(text), 1)) for text in texts]
    assert len(hashes) == len(runs)
    assert len(set(zip(runs, hashes.tolist(), strict=True))) == len(set(runs)) == len(set(hashes.tolist()))


def test_same_words_looks_at_the_spelling():
    mine, theirs = words(["heart attack electroencephalography a"]), words(["HEART attach electroencephalographs b"])
    numbers = np.arange(4)
    assert same_words(mine, theirs, numbers, numbers).tolist() == [True, False, False, False]


def test_digests_do_not_compare_case_spacing_or_punctuation():
    texts = ["Mild fever, no cough.", "mild FEVER\n\nno cough", "mild fever no", "...", "!!!"]
    first, second, third, dots, marks = digests(texts, words(texts))
    assert first == second
    assert len({first, third, dots, marks}) == 4


# --- signatures ------------------------------------------------------------------------------------------------------


def pair(similarity, size, seed):
    """Return two texts of single words whose sets have exactly that Jaccard similarity (as near as whole words go)."""
    draw = random.Random(seed)
    shared = round(2 * size * similarity / (1 + similarity))
    names = [f"w{draw.randrange(10**12)}" for _ in range(2 * size - shared)]
    left, right = names[:size], names[:shared] + names[size:]
    return " ".join(left), " ".join(right), shared / (2 * size - shared)


@pytest.mark.parametrize("size", [3, 20, 60, 300, 3000])
@pytest.mark.parametrize("wanted", [0.2, 0.5, 0.8, 0.95])
def test_the_estimate_is_unbiased_and_as_sharp_as_independent_places(size, wanted):
    pairs = [pair(wanted, size, seed) for seed in range(60 if size > 1000 else 300)]
    left = signatures([p[0] for p in pairs], ngram=1, permutations=128)
    right = signatures([p[1] for p in pairs], ngram=1, permutations=128)
    exact = pairs[0][2]
    estimates = (left == right).mean(axis=1)
    error = np.sqrt(exact * (1 - exact) / 128)
    assert abs(estimates.mean() - exact) < 4 * error / np.sqrt(len(pairs)) + 1e-9
    assert estimates.std() < 1.25 * error + 1e-9


def test_the_estimate_agrees_with_datasketch_within_sampling_error():
    datasketch = pytest.importorskip("datasketch")
    differences = []
    for seed in range(40):
        left, right, exact = pair(0.3 + 0.015 * seed, 200, seed)
        ours = signatures([left, right], ngram=1, permutations=256)
        theirs = [datasketch.MinHash(num_perm=256, seed=7) for _ in range(2)]
        for sketch, text in zip(theirs, (left, right), strict=True):
            sketch.update_batch([word.encode() for word in text.split()])
        differences.append((float((ours[0] == ours[1]).mean()) - exact, theirs[0].jaccard(theirs[1]) - exact))
    ours, theirs = np.array(differences).T
    assert abs(ours.mean()) < 0.02 and abs(theirs.mean()) < 0.02
    assert np.sqrt((ours**2).mean()) < 1.5 * np.sqrt((theirs**2).mean())


def test_signatures_are_of_the_set_of_five_words_in_a_row():
    draw = random.Random(5)
    names = [f"w{draw.randrange(40)}" for _ in range(400)]
    changed = [*names[:200], *names[230:]]
    sets = [{tuple(text[i : i + 5]) for i in range(len(text) - 4)} for text in (names, changed)]
    exact = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
    signed = signatures([" ".join(names), " ".join(changed)], permutations=4096)
    assert abs((signed[0] == signed[1]).mean() - exact) < 4 * np.sqrt(exact * (1 - exact) / 4096)


def test_a_signature_does_not_hang_on_the_texts_beside_it():
    texts = ["one two three four five six", "", "a b", "x " * 400, "fever and cough since May"]
    together = signatures(texts)
    for row, text in enumerate(texts):
        assert (signatures([text])[0] == together[row]).all()


def test_packed_signatures_estimate_the_same():
    left, right, exact = pair(0.8, 500, 1)
    signed = packed(signatures([left, right], ngram=1, permutations=2048))
    assert abs(similarity(signed[:1], signed[1:])[0] - exact) < 4 * np.sqrt(exact * (1 - exact) / 2048)
    unrelated = packed(signatures(["a b c d e f g", "h i j k l m n"], ngram=1, permutations=4096))
    assert abs(similarity(unrelated[:1], unrelated[1:])[0]) < 0.01


# --- bands -----------------------------------------------------------------------------------------------------------


def test_the_bands_of_the_default_threshold_are_those_worked_out_by_hand():
    # 1 - (1 - 0.8**8)**22 = 0.982, with 21 bands 0.979; at 0.4: 0.014. Seven rows: 17 bands, but 0.027 at 0.4.
    assert band_shape(0.8, 256) == (22, 8)
    assert chance(0.8, 22, 8) == pytest.approx(0.9824, abs=1e-4)
    assert chance(0.4, 22, 8) == pytest.approx(0.0143, abs=1e-4)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("permutations", [16, 64, 256])
def test_bands_fit_the_signature(threshold, permutations):
    bands, rows = band_shape(threshold, permutations)
    assert 1 <= bands * rows <= permutations


def test_documents_share_a_band_as_often_as_the_formula_says():
    pairs = [pair(0.7, 200, seed) for seed in range(600)]
    left = band_keys(signatures([p[0] for p in pairs], ngram=1), 17, 8)
    right = band_keys(signatures([p[1] for p in pairs], ngram=1), 17, 8)
    wanted = chance(pairs[0][2], 17, 8)
    assert abs((left == right).any(axis=1).mean() - wanted) < 4 * np.sqrt(wanted * (1 - wanted) / 600)


def test_the_same_values_in_another_band_give_another_key():
    keys = band_keys(np.zeros((1, 256), np.uint32), 17, 8)
    assert len(set(keys[0].tolist())) == 17


def test_stirring_is_one_to_one():
    assert len(set(mixed(np.arange(10_000, dtype=np.uint64)).tolist())) == 10_000
