"""The trivial rules, on hand-made items: each finds what it is made to find, and nothing where there is nothing."""

import json
import random

import pytest

from residency.core.types import Example
from residency.measure import rules


def claim(number, premise, hypothesis, label, task="nli"):
    meta = {"task": task, "premise": premise, "hypothesis": hypothesis}
    choices = ["true", "false", "unknown"]
    return Example(f"n{number}", [], [label], [c for c in choices if c != label], choices, meta=meta)


def question(number, text, options, right, lines=None):
    meta = {"task": "qa", "question": text} | ({"lines": lines} if lines else {})
    return Example(f"q{number}", [], [right], [o for o in options if o != right], options, meta=meta)


def note(number, text, mentions, negated=()):
    meta = {"task": "ie", "text": text, "mentions": list(mentions), "negated": list(negated)}
    return Example(f"i{number}", [], [json.dumps(list(mentions))], meta=meta)


def share(predictions, rows):
    return sum(guess == row.wanted[0] for guess, row in zip(predictions, rows, strict=True)) / len(rows)


def test_majority_gives_the_most_frequent_label():
    train = [claim(n, "a", "b", label) for n, label in enumerate(["true", "false", "false", "unknown"])]
    assert rules.majority(train, train[:2]) == ["false", "false"]


def test_majority_gives_the_most_frequent_place_where_choices_differ():
    train = [question(n, "x", [f"a{n}", f"b{n}", f"c{n}"], f"b{n}") for n in range(5)]
    assert rules.majority(train, [question(9, "x", ["d", "e", "f"], "d")]) == ["e"]


def test_majority_gives_the_most_frequent_text_where_there_are_no_choices():
    train = [note(0, "", ["fever"]), note(1, "", ["fever"]), note(2, "", ["rash"])]
    assert rules.majority(train, [note(3, "", ["pain"])]) == ['["fever"]']


def test_hypothesis_only_learns_the_words_that_betray_a_label():
    train = [claim(n, "x", "severe cough" if n % 2 else "mild cough", "true" if n % 2 else "false") for n in range(10)]
    assert rules.hypothesis_only(train, [claim(20, "y", "severe pain", "?"), claim(21, "y", "mild pain", "?")]) == [
        "true",
        "false",
    ]


def test_hypothesis_only_learns_the_words_that_mark_a_right_option():
    train = [question(n, "q", [f"other w{n}", "plain", "usual"], f"other w{n}") for n in range(8)]
    assert rules.hypothesis_only(train, [question(9, "q", ["plain", "other new", "usual"], "plain")]) == ["other new"]


def test_word_overlap_takes_the_option_most_like_the_question():
    rows = [
        question(n, f"swelling of part{n} joint", ["skin rash", f"part{n} swelling", "cough"], f"part{n} swelling")
        for n in range(6)
    ]
    assert share(rules.word_overlap(rows[:4], rows[4:]), rows[4:]) == 1.0


def test_word_overlap_compares_the_lines_of_candidates_where_there_are_any():
    row = question(0, "short nose", ["Alpha", "Beta"], "Beta", lines=["long ear, cough", "short nose, fever"])
    assert rules.word_overlap([row], [row]) == ["Beta"]


def test_word_overlap_of_claims_is_learned_per_amount_of_overlap():
    same = [claim(n, f"word{n}", f"word{n}", "true") for n in range(5)]
    apart = [claim(10 + n, f"word{n}", f"else{n}", "unknown") for n in range(5)]
    assert share(rules.word_overlap(same + apart, same + apart), same + apart) == 1.0


def test_negation_pattern_learns_the_label_of_each_pattern():
    rows = [
        claim(n, "no fever" if n % 2 else "fever", "fever is present", "false" if n % 2 else "true") for n in range(8)
    ]
    assert share(rules.negation_pattern(rows, rows), rows) == 1.0
    balanced = [claim(n, "no fever", "fever is present", "false" if n % 2 else "unknown") for n in range(8)]
    assert share(rules.negation_pattern(balanced, balanced), balanced) == 0.5


def test_clause_reading_looks_at_the_clause_that_names_the_finding():
    def item(number, asked, label):
        return claim(number, "No rash. Has fever. Mother has cough.", f"Is {asked} present?", label)

    rows = [item(n, *pair) for n, pair in enumerate([("rash", "false"), ("fever", "true"), ("cough", "unknown")] * 2)]
    assert share(rules.clause_reading(rows[:3], rows[3:]), rows[3:]) == 1.0
    assert share(rules.negation_pattern(rows[:3], rows[3:]), rows[3:]) == pytest.approx(1 / 3)


def test_copy_takes_the_field_that_does_better_on_train():
    def item(term, definition, lay):
        return Example("g", [], [lay], meta={"task": "gen", "term": term, "definition": definition})

    by_definition = [
        item("microcephaly", "a small head", "small head"),
        item("ptosis", "a drooping lid", "drooping lid"),
    ]
    assert rules.copy(by_definition, by_definition) == ["a small head", "a drooping lid"]
    assert rules.copy([item("small head", "reduced size", "small head")], by_definition) == ["microcephaly", "ptosis"]


def test_the_dictionary_finds_known_names_longest_first_with_their_own_letters():
    rule = rules.dictionary(["fever", "hay fever", "broad thumb"])
    text = "Known for Hay fever and broad thumbs. No rash."
    assert json.loads(rule([], [note(0, text, [])])[0]) == ["Hay fever", "broad thumbs"]


@pytest.mark.parametrize("text", ["No fever.", "Denies cough or fever.", "Fever was ruled out.", "Fever is absent."])
def test_the_dictionary_leaves_out_what_is_denied(text):
    assert rules.dictionary(["fever"])([], [note(0, text, [])]) == ["[]"]


def test_the_training_dictionary_knows_only_what_training_showed():
    train = [note(0, "", ["fever"], ["rash"])]
    assert json.loads(rules.dictionary_train(train, [note(1, "Has fever, a rash and cough.", [])])[0]) == [
        "fever",
        "rash",
    ]


def test_rules_do_no_better_than_chance_where_the_answer_is_drawn():
    rng = random.Random(0)
    words = ["alpha", "bravo", "carol", "delta", "echo", "frost", "golf", "hotel"]
    rows = [
        claim(n, rng.choice(words), rng.choice(words), rng.choice(["true", "false", "unknown"])) for n in range(1200)
    ]
    for name in ("rule:majority", "rule:hypothesis_only", "rule:word_overlap", "rule:negation_pattern"):
        guesses = rules.RULES[name][0](rows[:600], rows[600:])
        assert share(guesses, rows[600:]) == pytest.approx(1 / 3, abs=0.06), name


def test_ties_are_broken_the_same_way_every_time():
    row = question(7, "x", ["a", "b", "c"], "a")
    assert rules.word_overlap([row], [row]) == rules.word_overlap([row], [row])
