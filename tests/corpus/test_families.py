"""The task families: answers are right, splits share nothing, and no item gives itself away."""

import json
import random
import re

import pytest

from fixture_facts import documents
from residency.corpus.concepts import normal, read_facts, stems
from residency.corpus.families import View, draw, finish, gen, ie, lower, nli, portions, qa
from residency.corpus.families.level import level

FAMILIES = {"qa": qa.PATTERNS, "nli": nli.PATTERNS, "ie": ie.PATTERNS, "gen": gen.PATTERNS}


@pytest.fixture(scope="module")
def facts():
    return read_facts(documents(), seed=1)


@pytest.fixture(scope="module")
def views(facts):
    return {split: View(facts, split) for split in ("train", "test")}


def items(view, task, count=120):
    rng = random.Random(0)
    return [
        finish(task, view.split, pattern, n, d) for n, (pattern, d) in enumerate(draw(view, FAMILIES[task], count, rng))
    ]


@pytest.mark.parametrize("task", sorted(FAMILIES))
def test_every_pattern_makes_items_and_each_says_what_its_scoring_needs(views, task):
    made = items(views["train"], task)
    assert {row.meta["pattern"] for row in made} == set(FAMILIES[task])
    for row in made:
        assert row.meta["task"] == task and row.meta["template"] and row.meta["fact"] and row.group
        assert row.unwanted and not set(row.unwanted) & set(row.wanted)


@pytest.mark.parametrize("task", sorted(FAMILIES))
def test_some_wordings_stand_in_test_only(views, task):
    trained = {row.meta["template"] for row in items(views["train"], task)}
    tested = {row.meta["template"] for row in items(views["test"], task)}
    assert not {name for name in trained if name.startswith("u")}
    assert {name for name in tested if name.startswith("u")} and tested & trained


@pytest.mark.parametrize("count", [7, 50, 300, 1601])
def test_the_portions_of_a_family_sum_to_what_was_asked_for(count):
    for patterns in FAMILIES.values():
        assert sum(share for share, _ in patterns.values()) == pytest.approx(1)
        found = portions(patterns, count)
        assert sum(found.values()) == count
        assert all(abs(found[name] - count * share) <= 1 for name, (share, _) in patterns.items())


@pytest.mark.parametrize("task", ["qa", "nli"])
def test_the_right_choice_is_among_the_choices_once(views, task):
    for row in items(views["test"], task):
        assert row.choices.count(row.wanted[0]) == 1
        assert sorted([*row.wanted, *row.unwanted]) == sorted(row.choices)


# --- questions -----------------------------------------------------------------------------------------------------


def test_a_definition_never_holds_the_term_it_defines():
    text = qa.mask("Short nose is a nose that is short.", ["Short nose"])
    assert text == "This finding is a nose that is short."


def test_distractors_are_placed_above_the_answer_where_there_are_any():
    scored = [(0.1, "a"), (0.9, "b"), (0.8, "c"), (0.2, "d"), (0.7, "e")]
    tops = [max(level(0.5, scored, 3, random.Random(n)), key=dict(map(reversed, scored)).get) for n in range(50)]
    assert all(top in {"b", "c", "e"} for top in tops)
    picked = [len({"b", "c", "e"} & set(level(0.5, scored, 3, random.Random(n)))) for n in range(200)]
    assert {1, 2, 3} == set(picked)


def test_no_distractor_is_above_or_below_the_answer_in_the_ontology(views, facts):
    names = {lower(term.name): term.id for term in facts.terms.values()}
    view = views["train"]
    for row in items(view, "qa"):
        if row.meta["pattern"] in ("definition", "lay_term"):
            right = names[row.wanted[0]]
            assert not [wrong for wrong in row.unwanted if view.related(right, names[wrong])]


def test_each_profile_of_an_exact_reading_item_holds_all_words_of_the_finding(views):
    rows = [row for row in items(views["train"], "qa", 400) if row.meta["pattern"] == "findings_exact"]
    assert rows
    for row in rows:
        lines = dict(zip(row.choices, row.meta["lines"], strict=True))
        assert all(stems(row.meta["question"]) <= stems(line) for line in lines.values())
        holding = [choice for choice, line in lines.items() if row.meta["question"] in line.split(", ")]
        assert holding == row.wanted


def test_no_profile_of_a_lay_reading_item_shares_a_word_with_the_findings(views):
    rows = [row for row in items(views["train"], "qa", 400) if row.meta["pattern"] == "findings_lay"]
    assert rows
    for row in rows:
        assert not any(stems(row.meta["question"]) & stems(line) for line in row.meta["lines"])


def test_yes_and_no_come_in_pairs(views):
    rows = [row.wanted[0] for row in items(views["train"], "qa", 400) if row.meta["pattern"] in ("kind", "coded")]
    assert abs(rows.count("yes") - rows.count("no")) <= 2


# --- inference -----------------------------------------------------------------------------------------------------


def test_labels_are_balanced_within_each_pattern_of_negation(views):
    rows = items(views["train"], "nli", 900)
    for pattern in FAMILIES["nli"]:
        labels = [row.wanted[0] for row in rows if row.meta["pattern"] == pattern]
        counts = [labels.count(label) for label in sorted(set(labels))]
        assert len(counts) == (2 if pattern in ("note_negated", "both_negated") else 3)
        assert max(counts) - min(counts) <= 2, pattern


def test_a_question_of_the_ontology_is_asked_once_for_every_label(views):
    labels = {}
    for row in items(views["train"], "nli", 900):
        if row.meta["pattern"] in ("affirmed", "claim_negated"):
            labels.setdefault((row.meta["pattern"], row.meta["fact"].split("\n")[1]), []).append(row.wanted[0])
    whole = [sorted(found) for found in labels.values() if len(found) == 3]
    assert whole and all(found == ["no", "unknown", "yes"] for found in whole)


def test_opposites_contradict_and_broader_terms_do_not_decide(views, facts):
    names = {term.name: term for term in facts.terms.values()}
    view, checked = views["train"], 0
    for row in items(view, "nli", 900):
        if row.meta["pattern"] == "affirmed":
            premise, claim = (names.get(name) for name in row.meta["fact"].split("\n"))
            if premise:
                checked += 1
                follows = claim.id in view.above(premise.id)
                contradicts = premise.id in view.opposites.get(claim.id, ())
                assert row.wanted[0] == ("yes" if follows else "no" if contradicts else "unknown")
    assert checked > 20


def test_a_status_question_follows_the_clause_that_names_the_finding(views):
    checked = 0
    for row in items(views["test"], "nli", 300):
        if not row.meta["pattern"].startswith("status"):
            continue
        *_, asked = (normal(name) for name in row.meta["fact"].split("\n"))
        clauses = [c for c in row.meta["premise"].split(".") if asked in normal(c)]
        if len(clauses) != 1:
            continue  # the question is reworded, or the names nest
        checked += 1
        denied = bool(re.search(r"\b(no|not|denies|negative)\b", clauses[0], re.I))
        other = bool(re.search(r"mother|father|brother|sister|possible|suspected", clauses[0], re.I))
        asks_absence = row.meta["pattern"] == "status_negated"
        assert row.wanted[0] == ("unknown" if other else "yes" if denied == asks_absence else "no")
    assert checked > 30


def test_a_reworded_status_question_keeps_its_label_along_the_ontology(views, facts):
    names = {normal(term.name): term for term in facts.terms.values()}
    view, steps = views["train"], 0
    for row in items(view, "nli", 900):
        if row.meta["pattern"] != "status":
            continue
        *three, asked = (names.get(normal(name)) for name in row.meta["fact"].split("\n"))
        if asked and asked not in three:
            steps += 1
            place = ("yes", "no", "unknown").index(row.wanted[0])
            assert place != 0 or asked.id in view.above(three[0].id)
            assert place != 1 or three[1].id in view.above(asked.id)
    assert steps > 10


# --- extraction ----------------------------------------------------------------------------------------------------


def test_every_mention_stands_in_the_text_as_it_is_and_no_denied_one_is_wanted(views):
    for row in items(views["test"], "ie"):
        wanted = json.loads(row.wanted[0])
        assert wanted == row.meta["mentions"] and all(mention in row.meta["text"] for mention in wanted)
        assert not set(wanted) & set(row.meta["negated"])
        assert [row.meta["text"][span.start : span.end] for span in row.spans] == wanted


def test_mentions_are_rarely_the_plain_name(views):
    kinds = [kind for row in items(views["test"], "ie", 200) for kind in row.meta["kinds"]]
    assert kinds.count("plain") / len(kinds) < 0.3
    assert {"told", "inflected", "synonym"} <= set(kinds)


def test_a_third_of_the_texts_is_heavy_in_negation(views):
    rows = items(views["train"], "ie")
    heavy = [row for row in rows if row.meta["pattern"] == "denied"]
    assert len(heavy) / len(rows) == pytest.approx(1 / 3, abs=0.02)
    assert all(row.meta["negated"] for row in heavy)


def test_the_wrong_lists_take_in_a_denied_finding_drop_one_or_spoil_a_string(views):
    for row in items(views["train"], "ie"):
        wrong = [json.loads(text) for text in row.unwanted]
        if row.meta["negated"]:
            assert any(set(found) & set(row.meta["negated"]) for found in wrong)
        assert all(sorted(found) != sorted(row.meta["mentions"]) for found in wrong)


@pytest.mark.parametrize(
    ("name", "many"),
    [("broad thumb", "broad thumbs"), ("short ribs", "short rib"), ("ptosis", "ptosis"), ("ataxia", "ataxia")],
)
def test_plurals_are_made_only_where_it_is_safe(name, many):
    assert ie.plural(name) == many


def test_two_findings_of_one_noun_are_joined_but_opposites_are_not(views):
    view = views["train"]
    by_name = {normal(term.name): term for term in view.terms}
    part = next(name.split()[1] for name in by_name if name.startswith("short "))
    pair = [by_name[f"short {part}"], by_name[f"broad {part}"]]
    assert ie.joined(view, pair) == (f"short and broad {part}", pair)
    assert ie.joined(view, [by_name[f"short {part}"], by_name[f"long {part}"]]) is None


# --- explanation ---------------------------------------------------------------------------------------------------


def test_rouge_l_is_that_of_the_published_package():
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeL"])
    for one, other in [
        ("a small head", "small head size"),
        ("x", "y"),
        ("fluid on the brain", "the brain fluid"),
        ("a a b", "a b a"),
    ]:
        assert gen.rouge_l(one, other) == pytest.approx(scorer.score(one, other)["rougeL"].fmeasure)


def test_no_single_reference_repeats_the_term(views):
    for row in items(views["train"], "gen"):
        if row.meta["pattern"] != "profile":
            assert all(gen.rouge_l(text, row.meta["term"]) <= gen.MOST_COPIED for text in row.wanted)
        assert row.meta["term"] in row.unwanted


def test_a_term_is_explained_either_alone_or_with_its_definition(views):
    rows = items(views["train"], "gen")
    alone, defined = ({row.meta["term"] for row in rows if row.meta["pattern"] == p} for p in ("term", "defined"))
    assert alone and defined and not alone & defined
