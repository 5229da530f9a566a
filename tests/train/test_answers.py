"""Held-out answers: graded as an examination would, written on the way, and what they decide is what is left."""

from __future__ import annotations

import pytest

from residency.core.errors import UserError
from residency.core.store import read_examples, read_jsonl, write_examples, write_jsonl
from residency.core.types import Example, Reply, Span
from residency.models.load import of_stage, open_source
from residency.train import instruct as instructing
from residency.train.answers import answering, grade
from residency.train.schedule import Schedule
from residency.train.tuning import Tuning

TEXT = "asthma, and no gout; severe asthma"
SPANS = [Span(0, 6, "Disease"), Span(15, 19, "Disease"), Span(28, 34, "Disease")]


def example(wanted, **more):
    return Example("one", [{"role": "user", "content": "?"}], [wanted], **more)


def graded(wanted, said, **more):
    return grade(example(wanted, **more), Reply(said))


def test_phrases_are_graded_by_their_places():
    about = {"spans": SPANS, "meta": {"text": TEXT, "labels": ["Disease"]}}
    assert graded('["asthma", "gout"]', '["gout", "asthma"]', **about) == 1.0
    assert graded('["asthma", "gout"]', '["asthma"]', **about) == pytest.approx(4 / 5)  # both places, gout missed
    assert graded('["asthma", "gout"]', '["asthma", "gout", "flu"]', **about) == pytest.approx(6 / 7)
    assert graded('["asthma", "gout"]', '["asthma", "gout"', **about) == 0.0  # no list


def test_lists_choices_and_prose_are_graded_too():
    assert graded("[]", "[]") == 1.0 and graded("[]", '["flu"]') == 0.0 and graded('["a", "b"]', "[]") == 0.0
    assert graded('["a", "b"]', '["b", "c"]') == pytest.approx(0.5)
    assert graded("yes", "Yes, because", choices=["yes", "no"]) == 1.0
    assert graded("yes", "no", choices=["yes", "no"]) == 0.0 and graded("yes", "?", choices=["yes", "no"]) == 0.0
    assert graded("rest and fluids", "rest and fluids") == 1.0 and 0 < graded("rest and fluids", "rest") < 1
    assert grade(example("rest"), Reply(None)) == 0.0


def test_what_decides_is_what_is_left(toy_base, toy_examples, tmp_path):
    examples = tmp_path / "examples"
    examples.mkdir()
    rows = [e for e in read_examples(toy_examples / "examples.jsonl") if e.meta.get("use") != "prefer"]
    for i, row in enumerate(rows):
        row.choices, row.split = [], "dev" if i % 10 == 0 else "train"
    write_examples(examples / "examples.jsonl", rows)
    write_jsonl(examples / "text.jsonl", [])
    schedule = Schedule(learning_rate=0.02, batch_tokens=128, epochs=6, evaluate=1, precision="fp32")
    out = tmp_path / "out"
    instructing.instruct(toy_base, examples, out=out, keep="answers", tuning=Tuning(rank=4), schedule=schedule)
    measured = list(read_jsonl(out / "measured.jsonl"))
    values = [row["held_out_answers"] for row in measured]
    assert [row["best"] for row in measured] == [v > max([-1.0, *values[:i]]) for i, v in enumerate(values)]
    assert max(values) > values[0] + 0.3, values  # it has learned to answer
    model = open_source(of_stage(out), type="fp32")
    _, held = instructing.held_apart(examples, schedule)
    assert answering(model, held)()["held_out_answers"] == pytest.approx(max(values))


def test_without_measures_on_the_way_nothing_can_decide(toy_base, toy_examples, tmp_path):
    with pytest.raises(UserError, match="schedule.evaluate"):
        instructing.instruct(toy_base, toy_examples, out=tmp_path / "out", keep="answers")
