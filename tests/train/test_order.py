"""The order of a corpus's mixture is the order of learning: stage by stage, as often as it says."""

from __future__ import annotations

from functools import partial

import pytest

from residency.core.errors import Contradiction, UserError
from residency.core.store import read_examples, read_jsonl, read_manifest, write_examples, write_jsonl
from residency.train import instruct as instructing
from residency.train import pretrain as reading
from residency.train.loop import steps_of
from residency.train.order import in_stages, step_by_step
from residency.train.schedule import Schedule

ORDER = [("b", 0), ("a", 0), ("b", 0), ("c", 1), ("gone", 1), ("a", 1)]


@pytest.fixture
def ordered(toy_examples, tmp_path):
    """Return examples with the order of a mixture: the last ten first, twice, then twenty others."""
    rows = [row for row in read_examples(toy_examples / "examples.jsonl") if row.meta["use"] == "instruct"]
    folder = tmp_path / "examples"
    write_examples(folder / "examples.jsonl", rows)
    texts = [{"id": str(i), "text": f"{w} the sky is blue"} for i, w in enumerate(["cat", "dog", "red", "one"] * 5)]
    write_jsonl(folder / "text.jsonl", texts)
    ids = [row.id for row in rows]
    order = [{"id": key, "stage": 0} for key in [*ids[-10:], *ids[-10:]]] + [{"id": k, "stage": 1} for k in ids[:15]]
    order += [{"id": row["id"], "stage": 0} for row in reversed(texts)]
    write_jsonl(folder / "order.jsonl", order)
    return folder


def test_items_come_stage_by_stage_and_what_no_stage_names_comes_last(tmp_path):
    write_jsonl(tmp_path / "order.jsonl", [{"id": key, "stage": stage} for key, stage in ORDER])
    assert in_stages(tmp_path, ["a", "b", "c", "d"], str) == [["b", "a", "b"], ["c", "a"], ["d"]]


def test_without_an_order_it_is_said_how_to_get_one(tmp_path):
    with pytest.raises(UserError, match=r"holds no order\.jsonl; gather the rows"):
        in_stages(tmp_path, ["a"], str)


def test_phases_of_a_step_each_keep_the_order_of_the_rows():
    assert step_by_step([5, 2], 2) == [2, 2, 1, 2]
    steps = steps_of(step_by_step([5, 2], 2), Schedule(accumulate=2))
    assert [sorted(step) for step in steps] == [[0, 1], [2, 3], [4], [5, 6]]


def seen(monkeypatch, module, run):
    """Return the ids in the order in which a stage has the loop learn them, a list a step."""
    steps = []

    def train(net, rows, loss, schedule, *, phases, **more):
        steps.extend([key for i in step for key in rows[i].ids] for step in steps_of(phases, schedule))
        return {}

    monkeypatch.setattr(module, "train", train)
    run()
    return steps


def test_instructions_are_learned_in_the_order_of_the_mixture(toy_base, ordered, tmp_path, monkeypatch):
    schedule = Schedule(batch_tokens=16, accumulate=2, precision="fp32")  # four examples a step
    run = partial(instructing.instruct, toy_base, ordered, out=tmp_path / "out", order="corpus", schedule=schedule)
    steps = seen(monkeypatch, instructing, run)
    order = [row["id"] for row in read_jsonl(ordered / "order.jsonl")][:35]
    learned = [key for step in steps for key in step]
    assert sorted(learned[:20]) == sorted(order[:20]), "the first stage comes first, each of its examples twice"
    assert sorted(learned[20:35]) == sorted(order[20:]) and len(learned) == 35 + 5
    place = {key: order.index(key) for key in order[20:]}
    assert max(place[key] for key in learned[20:26]) < min(place[key] for key in learned[29:35])
    assert read_manifest(tmp_path / "out")["phases"] and read_manifest(tmp_path / "out")["order"] == "corpus"


def test_texts_are_read_in_the_order_of_the_mixture(toy_base, ordered, tmp_path, monkeypatch):
    schedule = Schedule(batch_tokens=16, precision="fp32")
    run = partial(reading.pretrain, toy_base, ordered, out=tmp_path / "out", order="corpus", schedule=schedule)
    steps = seen(monkeypatch, reading, run)
    wanted = [str(i) for i in reversed(range(20))]
    assert [key for step in steps for key in sorted(step, key=wanted.index)] == wanted


def test_an_order_of_ones_own_beside_that_of_the_corpus_is_a_contradiction(toy_base, ordered, tmp_path):
    with pytest.raises(Contradiction, match="give one of them"):
        instructing.instruct(toy_base, ordered, out=tmp_path / "out", order="corpus", first={"nli": 3})
    with pytest.raises(Contradiction, match="leave turns out"):
        instructing.instruct(toy_base, ordered, out=tmp_path / "out", turns="all", answer_only=False)
