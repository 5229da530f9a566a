"""Leaks are found exactly: everything that a plain search finds, nothing else, and by the rule that it says."""

import random
import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.core.store import read_json
from residency.corpus.compare.hashing import normal
from residency.corpus.compare.held_out import held_out, index_of
from residency.corpus.compare.leaks import Decontaminate, Leak, Leaks, build

LETTERS = string.ascii_lowercase


def noise(purpose, length, alphabet=LETTERS):
    return "".join(random.Random(str(purpose)).choices(alphabet, k=length))


def sentence(purpose, count):
    return [noise(f"{purpose}-{i}", 5) for i in range(count)]


@pytest.fixture
def index(tmp_path):
    def made(*texts, **given):
        items = [text if isinstance(text, tuple) else (f"t{n}", text) for n, text in enumerate(texts)]
        return Leaks.load(build(items, tmp_path / "index", Decontaminate(**given)))

    return made


# --- a plain search --------------------------------------------------------------------------------------------------


def plain(text, items, rules):
    """Return every (item, rule) by looking for each run of each item in turn."""
    found = set()
    mine, my_words = normal(text), re.findall(r"\w+", normal(text))
    for key, item in items:
        theirs, their_words = normal(item), re.findall(r"\w+", normal(item))
        n, w = rules.characters, rules.words
        if any(theirs[i : i + n] in mine for i in range(len(theirs) - n + 1)):
            found.add(Leak(key, f"{n} characters"))
        if any(within(their_words[i : i + w], my_words) for i in range(len(their_words) - w + 1)):
            found.add(Leak(key, f"{w} words"))
        if len(theirs) >= rules.whole and 0 < len(their_words) < w and within(their_words, my_words):
            found.add(Leak(key, "whole item"))
    return found


def within(part, whole):
    return any(whole[i : i + len(part)] == part for i in range(len(whole) - len(part) + 1))


PIECE = st.sampled_from(["a", "b", "ab", "Ba", "heart", "é", "ﬁ", "糖尿", " ", "  ", "\n", ", ", ". ", "-", "_", "\0"])
SOME = st.lists(PIECE, max_size=30).map("".join)


@given(st.lists(SOME, max_size=5), st.lists(SOME, max_size=5), st.integers(1, 12), st.integers(1, 6), st.integers(1, 9))
@settings(max_examples=120, deadline=None)
def test_what_is_found_is_what_a_plain_search_finds(tmp_path_factory, tests, texts, run, words, whole):
    rules = Decontaminate(characters=run, words=words, whole=whole)
    items = [(f"t{n}", text) for n, text in enumerate(tests)]
    index = Leaks.load(build(items, tmp_path_factory.mktemp("leaks") / "index", rules))
    wanted = [plain(text, [item for item in items if item[1].strip()], rules) for text in texts]
    assert set(index.all(texts)) == set().union(*wanted)
    for leak, expected in zip(index.find(texts), wanted, strict=True):
        assert (leak is None) == (not expected)
        assert leak is None or leak in expected


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_runs_of_64_characters_and_13_words_are_found_as_a_plain_search_finds_them(tmp_path_factory, data):
    draw = random.Random(data.draw(st.integers(0, 2**32)))
    names = ["fever", "of", "the", "liver", "an", "acute", "x", "pain"]
    test = " ".join(draw.choices(names, k=draw.randint(5, 60)))
    begin, length = draw.randrange(len(test)), draw.randint(40, 90)
    text = " ".join(draw.choices(names, k=draw.randint(0, 9))) + test[begin : begin + length] + "x pain, of the liver"
    rules, items = Decontaminate(), [("t", test)]
    index = Leaks.load(build(items, tmp_path_factory.mktemp("leaks") / "index", rules))
    assert set(index.all([text])) == plain(text, items, rules)


# --- planted leaks and near-misses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("behind", range(13))
def test_a_run_of_64_characters_is_found_wherever_it_stands(index, behind):
    run = noise("run", 64)
    leaks = index("2" * behind + run + "3" * 5)
    texts = ["0" * before + run + noise("right", 90, "01") for before in range(70)]
    assert leaks.find(texts) == [Leak("t0", "64 characters")] * 70


@pytest.mark.parametrize("behind", range(13))
def test_a_run_of_63_characters_is_no_leak(index, behind):
    run = noise("run", 63)
    leaks = index("2" * behind + run + "3" * 9)
    assert leaks.find(["0" * before + run + "1" * 40 for before in range(70)]) == [None] * 70


def test_a_run_with_one_character_changed_in_the_middle_is_no_leak(index):
    run = noise("run", 120)
    leaks = index(run[:100], ("short", run[:60]))
    changed = [run[:at] + "0" + run[at + 1 : 100] for at in range(36, 64)]
    assert leaks.find(changed) == [None] * 28
    assert leaks.find([run[:at] + "0" + run[at + 1 : 100] for at in (35, 64)]) == [Leak("t0", "64 characters")] * 2


@pytest.mark.parametrize("behind", range(4))
def test_a_run_of_13_words_is_found_whatever_the_punctuation_and_12_are_not(index, behind):
    run = sentence("words", 13)
    leaks = index("; ".join(["q"] * behind + run + ["z"]), characters=1000)
    for before in range(15):
        around = (sentence("left", before), sentence("right", 6))
        assert leaks.find([" ".join([*around[0], *run, *around[1]])]) == [Leak("t0", "13 words")]
        assert leaks.find([" ".join([*around[0], *run[:12], *around[1]])]) == [None]
        assert leaks.find([" ".join([*around[0], *run[:6], "0", *run[7:], *around[1]])]) == [None]


def test_items_too_short_for_any_rule_are_named_in_the_index(tmp_path):
    items = [("e/1", "short?"), ("e/2", "What is the dose of metformin?"), ("e/3", "yes"), ("e/3", "a " * 13)]
    items.append(("e/4", "-" * 64))
    short = {"all": ["e/1"], "words": ["e/1"], "characters": ["e/1", "e/4"], "whole": ["e/1", "e/2"]}
    for off, wanted in short.items():
        rules = Decontaminate(**({} if off == "all" else {off: 0}))
        assert read_json(build(items, tmp_path / off, rules) / "index.json")["short"] == wanted


def test_a_title_or_question_that_stands_whole_in_the_text_is_found(index):
    leaks = index("What is Marfan syndrome like?", "Marfan syndrome", ("title", "A review of glomerulonephritis"))
    assert leaks.find(["FAQ\n\nWHAT is Marfan - Syndrome, like. Answer: tall."]) == [Leak("t0", "whole item")]
    assert leaks.find(["A Review of  Glomerulonephritis\nBackground."]) == [Leak("title", "whole item")]
    assert leaks.find(["What is Marfan like?", "the Marfan syndrome", "a review of glomerulonephritides"]) == [None] * 3


def test_case_line_breaks_and_compatibility_forms_do_not_hide_a_leak(index):
    fact = "Head circumference below 2 standard deviations below the mean for age and gender of first degree kin"
    disguised = fact.upper().replace(" ", "\n  ").replace("FI", "\ufb01")
    assert index(fact).find([disguised]) == [Leak("t0", "64 characters")]


def test_a_text_or_an_item_does_not_run_on_into_the_next(index):
    run = noise("split", 64)
    assert index(run, ("a", run[:40]), ("b", run[40:]), whole=0).find([run[:40], run[40:]]) == [None, None]
    words = sentence("halves", 13)
    assert index(" ".join(words), characters=0).find([" ".join(words[:7]), " ".join(words[7:])]) == [None, None]


def test_a_phrase_of_thousands_of_items_is_no_leak_but_one_of_them_is(index):
    phrase = "which of the following is the most likely diagnosis"
    items = [f"{noise(n, 20)} {phrase} {noise(-n, 20)}" for n in range(1, 3000)]
    leaks = index(*items)
    texts = [f"{noise(n, 500)} {phrase} {noise(n, 500, '0123')}" for n in range(100)]
    assert leaks.find(texts) == [None] * 100
    assert leaks.find([f"so {items[1234]}"]) == [Leak("t1234", "64 characters")]


def test_all_counts_the_texts_by_which_each_item_was_found(index):
    one, two = noise("one", 80), noise("two", 80)
    found = index(("1", one), ("2", two), whole=0).all([one, two + " " + one, "nothing"])
    assert found == {Leak("1", "64 characters"): 2, Leak("2", "64 characters"): 1}


def test_a_rule_that_is_not_wanted_is_not_applied(index):
    text = " ".join(sentence("all", 20))
    assert index(text, characters=200, words=0, whole=0).find([text]) == [None]
    assert index(noise("all", 80), characters=0, whole=0).find([noise("all", 80)]) == [None]
    assert index(text, characters=0).find([text]) == [Leak("t0", "13 words")]


def test_an_index_of_nothing_finds_nothing(index):
    assert index().find(["some text", ""]) == [None, None]
    assert index("").find([]) == []


def test_the_index_is_a_small_part_of_the_test_in_memory(index, tmp_path):
    index(*(noise(n, 1000) for n in range(200)))
    looked_up = sum((tmp_path / "index" / f"characters_{part}.npy").stat().st_size for part in ("keys", "bits"))
    assert looked_up < 5 * 200_000


# --- which items are held out ----------------------------------------------------------------------------------------


def test_items_of_a_users_own_file_are_held_out(tmp_path):
    file = tmp_path / "exam.jsonl"
    file.write_text('{"id": "q1", "question": "Which vitamin is missing in scurvy, as sailors knew?"}\n')
    rules = Decontaminate(sets=[], files=[file])
    assert list(held_out(rules)) == [("exam.jsonl/q1", "Which vitamin is missing in scurvy, as sailors knew?")]
    leaks = Leaks.load(index_of(rules, tmp_path / "index"))
    assert leaks.find(["Q: which vitamin is missing in SCURVY as sailors knew - vitamin C"]) == [
        Leak("exam.jsonl/q1", "whole item")
    ]
