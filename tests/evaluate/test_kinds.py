"""Numbers on a scale and sets of labels: how they are put, every mistake by line, what a reply says, scores by hand."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn.metrics import f1_score

from fixture_kinds import ITEMS, LABELS, PAIR, TAGGED, many, put, task_file
from residency.core.errors import RecipeError, UserError
from residency.core.types import Reply
from residency.evaluate.answer import answer
from residency.evaluate.kinds import similar, tag
from residency.evaluate.ledger import figures
from residency.evaluate.protocol import Protocol
from residency.evaluate.schema import schema_of
from residency.evaluate.tasks import Task, named
from residency.evaluate.tasks.form import Ask, example_of
from residency.evaluate.tasks.own import read_declaration
from residency.evaluate.tasks.read import examples_of
from residency.infer.prompts.words import WORDINGS
from residency.measure.metrics import metric_for
from residency.models.remote import RemoteModel

# --- how they are put ------------------------------------------------------------------------------------------------


def test_two_texts_become_a_question_for_a_number(tmp_path):
    (task,) = named(str(task_file(tmp_path, "similar", more="instruction: Look well.\n")))
    (example,), _ = examples_of(task)
    assert example.prompt[0]["content"] == (
        "the sky is blue\n\nblue the sky\n\nLook well.\n\nHow alike are the two in meaning? Answer with a number from "
        "0 (nothing in common) to 5 (the same)."
    )
    assert example.choices == ["0", "1", "2", "3", "4", "5"] and example.wanted == ["3.4"]
    assert task.metric == "pearson" and example.meta["facts"] == ["the sky is blue", "blue the sky"]


def test_a_text_becomes_a_question_for_all_its_labels_and_one_for_each(tmp_path):
    (task,) = named(str(task_file(tmp_path, "tag", more="instruction: Look well.\n")))
    (example,), _ = examples_of(task)
    assert example.prompt[0]["content"] == (
        "the sky is blue\n\nLook well.\n\nGive all labels that apply as a JSON list of strings, [] where none does. "
        "The labels are: blue, green, red."
    )
    assert example.wanted == ['["blue", "red"]'] and task.metric == "micro_f1" and task.stop == ("]",)
    assert tag._prompt(example, "green")[0]["content"] == (
        "the sky is blue\n\nLook well.\n\nAnswer with yes or no: does this label apply? green"
    )


@pytest.mark.parametrize("language", WORDINGS)
def test_every_wording_in_every_language_is_another_prompt_with_the_same_answer(language):
    for kind in ITEMS:
        made = [put(kind, wording=n, language=language) for n in range(4)]
        assert len({e.prompt[0]["content"] for e in made}) == 4
        assert len({json.dumps([e.wanted, e.choices]) for e in made}) == 1
        assert all("the sky is blue" in e.prompt[0]["content"] and "Look." in e.prompt[0]["content"] for e in made)
    asked = [tag._prompt(put("tag", wording=n, language=language), "green")[0]["content"] for n in range(4)]
    assert len(set(asked)) == 4 and all("{}" not in one and one.count("green") == 1 for one in asked)
    assert all("the sky is blue" in one and "Look." in one for one in asked)
    for words in WORDINGS[language]:
        assert words.scaled.format(0, 5).count("5") == 1 and "JSON" in words.several
        assert len(set(words.verdict)) == 2


def test_a_label_with_a_bracket_does_not_end_the_list(tmp_path):
    path = task_file(tmp_path, "tag", [{**TAGGED, "labels": ["grade [2]"]}])
    path.write_text(path.read_text().replace("[blue, green, red]", '["grade [1]", "grade [2]"]'))
    (task,) = named(str(path))
    assert task.stop == () and examples_of(task)[0][0].wanted == ['["grade [2]"]']


# --- every mistake at once, by line ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, old, new, words",
    [
        ("similar", "scale: [0, 5]\n", "", "scale is missing: a task of kind similar names the ends of its scale"),
        ("similar", "[0, 5]", "[5, 0]", r"line 4: scale is \[5, 0\]; expected two whole numbers, the lower first"),
        ("similar", "[0, 5]", "[0, 11]", r"line 4: scale is \[0, 11\]; .* at most 10 apart"),
        ("similar", "[0, 5]", "[0, 2.5]", r"line 4: scale is \[0, 2.5\]; expected two whole numbers"),
        ("similar", "[0, 5]", "[no, yes]", r"line 4: scale is \[False, True\]; expected two whole numbers"),
        ("similar", "[0, 5]", "5", "line 4: scale is 5; expected a list"),
        ("similar", "scale", "labels: [a, b]\nscale", "line 4: labels is for tasks of kind classify, tag and extract"),
        ("similar", "kind: similar", "kind: choice", "line 4: scale is for tasks of kind similar"),
        ("similar", "kind: similar", "kind: similer", "line 3: kind is 'similer'; did you mean similar"),
        ("similar", "scale", "metric: macro_f1\nscale", "line 4: metric is 'macro_f1'. Legal are pearson, spearman"),
        ("tag", "labels: [blue, green, red]\n", "", "labels is missing: a task of kind tag names its labels"),
        ("tag", "[blue, green, red]", "[]", "line 4: labels holds no label"),
        ("tag", "[blue, green, red]", "[red, red]", "line 4: labels holds a label twice"),
        ("tag", "labels", "metric: accuracy\nlabels", "Legal are micro_f1, label_f1, exact_match"),
    ],
)
def test_mistakes_of_a_declaration_are_told_by_line(kind, old, new, words, tmp_path):
    path = task_file(tmp_path, kind)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(RecipeError, match=words):
        read_declaration(path)


@pytest.mark.parametrize("kind, old, new", [("similar", "[0, 5]", "[5, 0]"), ("tag", "[blue, green, red]", "[1, 2]")])
def test_items_are_not_read_where_their_scale_or_labels_are_not_known(kind, old, new, tmp_path):
    path = task_file(tmp_path, kind)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(RecipeError, match="line 4") as found:
        named(str(path))
    assert len(str(found.value).splitlines()) == 1


def test_every_bad_item_is_named_by_line_without_a_word_of_it(tmp_path):
    pairs = [
        PAIR,
        {**PAIR, "id": "2", "score": 5.5},
        {**PAIR, "id": "3", "score": "four"},
        {**PAIR, "id": "4", "score": True},
        {**PAIR, "id": "5", "text_b": " "},
        {**PAIR, "id": "6", "score": math.nan},
        {**PAIR, "id": "7", "label": "secret"},
        {**PAIR, "id": "8", "score": 10**400},
    ]
    with pytest.raises(UserError) as found:
        named(str(task_file(tmp_path, "similar", pairs)))
    assert [line.removeprefix("items.jsonl: ") for line in str(found.value).splitlines()] == [
        'lines 2, 6, 8: "score" does not lie on the scale of 0 to 5',
        'lines 3, 4: "score" is missing, or is not a number',
        'line 5: "text_b" is empty',
        'line 7: unknown key "label". Legal are id, text, text_b, score, group, meta',
    ]
    assert "secret" not in str(found.value) and "sky" not in str(found.value)
    texts = [
        {**TAGGED, "labels": []},
        {**TAGGED, "id": "2", "labels": ["secret"]},
        {**TAGGED, "id": "3", "labels": "red"},
        {**TAGGED, "id": "4", "labels": ["red", "red"]},
        {"id": "5", "text": "secret"},
        {**TAGGED, "id": "6", "labels": [1]},
    ]
    with pytest.raises(UserError) as found:
        named(str(task_file(tmp_path, "tag", texts)))
    assert [line.removeprefix("items.jsonl: ") for line in str(found.value).splitlines()] == [
        'line 2: "labels" holds one that is none of blue, green, red',
        'lines 3, 5, 6: "labels" is missing, or is not a list of texts',
        'line 4: "labels" holds a label twice',
    ]


def test_another_kind_is_suggested_where_items_look_like_it(tmp_path):
    path = task_file(tmp_path, "tag", [PAIR])
    with pytest.raises(UserError, match="line 1: unknown key .*did you mean kind: similar"):
        named(str(path))


# --- scores by hand --------------------------------------------------------------------------------------------------


def tagged(wanted, reply):
    example = example_of("tag", Ask(labels=LABELS), {"id": "1", "text": "x", "labels": wanted}, task="t")
    return {"id": "1", "group": wanted[0] if wanted else "none", **tag.scored(example, reply)}


def test_f1_over_labels_by_hand():
    rows = [
        tagged(["blue", "red"], '["blue"]'),  # blue right, red missed
        tagged([], '["red", "pink"]'),  # two false ones, of which pink is no label
        tagged(["green"], '["green"]'),  # right
        tagged(["green"], "green"),  # no list: green is missed
    ]
    assert [row["counts"] for row in rows] == [
        {"tp": 1, "fp": 0, "fn": 1}, {"tp": 0, "fp": 2, "fn": 0}, {"tp": 1, "fp": 0, "fn": 0},
        {"tp": 0, "fp": 0, "fn": 1},
    ]  # fmt: skip
    assert [row["parsed"] for row in rows] == [True, True, True, False]
    assert [row["score"] for row in rows] == [pytest.approx(2 / 3), 0, 1, 0]
    values = {name: figures(rows, metric_for(name, rows)) for name in ("micro_f1", "label_f1", "exact_match")}
    assert values["micro_f1"]["value"] == pytest.approx(2 * 2 / (2 * 2 + 2 + 2))
    assert values["label_f1"]["value"] == pytest.approx((1 + 2 / 3 + 0) / 3)  # blue, green, red
    assert values["exact_match"]["value"] == pytest.approx(1 / 4) and values["exact_match"]["unparsed"] == 1


def test_f1_over_labels_equals_scikit_learn():
    rng = np.random.default_rng(0)
    wanted, given = rng.integers(0, 2, (60, 3)), rng.integers(0, 2, (60, 3))
    sets = [[[label for label, on in zip(LABELS, row, strict=True) if on] for row in side] for side in (wanted, given)]
    rows = [{**tagged(w, json.dumps(g)), "group": str(i)} for i, (w, g) in enumerate(zip(*sets, strict=True))]
    for name, average in (("micro_f1", "micro"), ("label_f1", "macro")):
        found = figures(rows, metric_for(name, rows))
        assert found["value"] == pytest.approx(f1_score(wanted, given, average=average))
        assert found["low"] < found["value"] < found["high"] and found["n"] == 60
        assert found["groups"] == (wanted | given).any(axis=1).sum()  # none wanted and none given says nothing of F1


def test_a_reply_that_cannot_be_read_is_not_right_where_no_label_is_wanted():
    row = tagged([], "none of them")
    assert not row["parsed"] and row["score"] == row["exact_match"] == 0 and sum(row["counts"].values()) == 0
    assert figures([row], metric_for("micro_f1", [row]))["value"] is None
    assert tagged([], "[]")["exact_match"] == tagged([], "[]")["score"] == 1


def test_a_number_is_as_near_as_its_share_of_the_scale():
    example = example_of("similar", Ask(scale=(1, 5)), {**PAIR, "score": 4}, task="t")
    row = similar.scored(example, "2")
    assert row == {"pair": [0.75, 0.25], "score": 0.5}


# --- in words --------------------------------------------------------------------------------------------------------


class Endpoint(RemoteModel):
    """An endpoint's place, without an endpoint: says one reply after the other."""

    def __init__(self, *replies):
        self.name, self.replies, self.settings = "there", list(replies), []

    def generate(self, prompts, **settings):
        self.settings.append(settings)
        return [Reply(self.replies.pop(0)) for _ in prompts]


def written(kind, rows, *replies, **how):
    ask = Ask(labels=LABELS if kind == "tag" else (), scale=(0, 5) if kind == "similar" else ())
    examples = [example_of(kind, ask, row, task="t") for row in rows]
    model = Endpoint(*replies)
    return answer(_task(kind), model, examples, protocol=Protocol(**how)), model.settings


def _task(kind):
    return Task("t", "own", kind, "pearson", "", "", 64 if kind == "tag" else 0, own="t.yaml")


def test_an_endpoint_writes_numbers_and_what_names_none_is_counted_and_not_guessed():
    rows, settings = written("similar", list(many("similar", 5)), "2.5", "very alike", "7", None, "Score: 4")
    assert [row["prediction"] for row in rows] == ["2.5", "", "", None, "4"]
    assert [row["parsed"] for row in rows] == [True, False, False, True, True]
    assert [row["score"] is None for row in rows] == [False, True, True, True, False]
    found = figures(rows, metric_for("pearson", rows))
    assert (found["n"], found["unparsed"], found["not_scored"], found["value"]) == (2, 2, 3, None)
    assert settings[0]["max_tokens"] == 16 and "schema" not in settings[0]


def test_an_endpoint_writes_labels_and_none_is_no_label():
    rows, settings = written("tag", list(many("tag", 4)), "[]", '["blue"]', "green", '["pink"]')
    assert [row["counts"] for row in rows] == [
        {"tp": 0, "fp": 0, "fn": 0}, {"tp": 1, "fp": 0, "fn": 0}, {"tp": 0, "fp": 0, "fn": 1},
        {"tp": 0, "fp": 1, "fn": 2},
    ]  # fmt: skip
    assert [row["parsed"] for row in rows] == [True, True, False, True] and settings[0]["max_tokens"] == 64


def test_what_is_thought_first_is_kept_and_not_read():
    (row,), _ = written("tag", [TAGGED], 'First ["green"].\nAnswer: ["blue", "red"]', method="cot")
    assert row["exact_match"] == 1 and row["reasoning"].startswith("First")
    rows, settings = written("similar", [PAIR, PAIR], "2 words differ.\nAnswer: 4", "2", method="cot")
    assert [row["prediction"] for row in rows] == ["4", "2"] and settings[0]["max_tokens"] == 256 - 16


def test_each_is_held_to_its_schema():
    assert schema_of("similar", put("similar")) == {"type": "integer", "enum": [0, 1, 2, 3, 4, 5]}
    found = schema_of("tag", put("tag"))
    assert found["items"]["enum"] == list(LABELS) and found["maxItems"] == 3
    rows, (settings,) = written("similar", [PAIR], "3", constrained=True)
    assert settings["schema"]["enum"][-1] == 5 and rows[0]["prediction"] == "3"
    rows, (settings,) = written("tag", [TAGGED], '["red", "blue"]', constrained=True)
    assert settings["schema"]["items"]["enum"] == list(LABELS) and rows[0]["exact_match"] == 1
