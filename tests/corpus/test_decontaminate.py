"""Planted leaks of each kind are found; what only looks like one is left alone."""

import random
import string
import time

import pytest

from residency.core.types import Example
from residency.corpus.decontaminate import decontaminate

LETTERS = string.ascii_lowercase


def example(key, fact):
    return Example(key, [{"role": "user", "content": "What is this?"}], ["x"], meta={"fact": fact})


def noise(purpose, length, alphabet=LETTERS):
    return "".join(random.Random(purpose).choices(alphabet, k=length))


def sentence(purpose, count):
    chooser = random.Random(purpose)
    return [noise(f"{purpose}-{i}", chooser.randint(1, 4)) for i in range(count)]


def drops(train_fact, test_fact, **settings):
    kept, dropped = decontaminate([example("a", train_fact)], [example("t", test_fact)], **settings)
    assert len(kept) + len(dropped) == 1
    return [reason for _, reason in dropped]


@pytest.mark.parametrize("before", range(70))
def test_a_run_of_64_characters_is_found_wherever_it_stands(before):
    run = noise("run", 64)
    train = noise("left", before) + run + noise("right", 90)
    assert drops(train, noise("x", 13) + run + noise("y", 5)) == ["64 characters in common with held-out item t"]


@pytest.mark.parametrize("before", range(70))
def test_a_run_of_63_characters_is_no_leak(before):
    run = noise("run", 63)
    assert drops("0" * before + run + "1" * 40, "2" * 13 + run + "3" * 9) == []


@pytest.mark.parametrize("before", range(15))
def test_a_run_of_13_words_is_found_whatever_the_punctuation(before):
    run = sentence("words", 13)
    train = " ".join([*sentence("left", before), *run, *sentence("right", 6)])
    test = "; ".join(["q", *run, "z"])
    assert drops(train, test, characters=1000) == ["13 words in common with held-out item t"]


@pytest.mark.parametrize("before", range(15))
def test_a_run_of_12_words_is_no_leak(before):
    run = sentence("words", 12)
    assert drops(" ".join(["a1"] * before + run + ["b1"] * 9), " ".join(["c1", *run, "d1"])) == []


def test_case_line_breaks_and_compatibility_forms_do_not_hide_a_leak():
    fact = "Head circumference below 2 standard deviations below the mean for age and gender"
    disguised = fact.upper().replace(" ", "\n  ").replace("FI", "\ufb01")
    assert drops(disguised, fact)


def test_words_in_another_order_are_no_leak():
    words = sentence("order", 40)
    assert drops(" ".join(reversed(words)), " ".join(words)) == []


def test_facts_given_one_by_one_do_not_run_into_each_other():
    run = noise("split", 64)
    assert drops([run[:40], run[40:]], run) == []
    assert drops([noise("other", 80), "x" + run], ["short", run]) == ["64 characters in common with held-out item t"]


def test_text_rows_are_held_against_test_items():
    leak = noise("text", 100)
    rows = [{"id": "1", "text": noise("clean", 300)}, {"id": "2", "text": "Intro. " + leak}]
    kept, dropped = decontaminate(
        rows, [example("t9", leak)], fact=lambda row: row["text"], test_fact=lambda item: item.meta["fact"]
    )
    assert [row["id"] for row in kept] == ["1"]
    assert [(row["id"], reason) for row, reason in dropped] == [("2", "64 characters in common with held-out item t9")]


def test_the_reason_tells_nothing_of_the_text():
    leak = "Ada Lovelace of Marylebone was seen for a cough that had lasted since early December last year"
    assert "Ada" not in drops(leak, leak)[0]


def test_a_hundred_thousand_rows_take_seconds():
    chooser = random.Random("speed")
    words = [noise(f"w{i}", chooser.randint(3, 9)) for i in range(5000)]
    facts = [" ".join(chooser.choices(words, k=25)) for _ in range(2000)]
    train = [example(str(i), facts[i % 2000] + str(i)) for i in range(100_000)]
    leaks = [example(f"leak{i}", facts[i]) for i in range(0, 1000, 100)]
    test = [example(f"t{i}", " ".join(chooser.choices(words, k=25))) for i in range(990)]
    test += [example(f"t{i}", leak.meta["fact"] + " end") for i, leak in enumerate(leaks, 990)]
    began = time.process_time()
    _, dropped = decontaminate(train, test)
    assert time.process_time() - began < 15
    assert {reason.split("item ")[1] for _, reason in dropped} == {f"t{i}" for i in range(990, 1000)}
    assert len(dropped) == 10 * 50
