"""What cannot teach is refused before training, with how many and which, and not a word of it."""

from __future__ import annotations

import json

import pytest

from residency.core.errors import UserError
from residency.core.store import read_examples, write_examples, write_jsonl, write_manifest
from residency.core.types import Example
from residency.models.pack import Block
from residency.train import check
from residency.train.instruct import instruct
from residency.train.prefer import prefer
from residency.train.pretrain import pretrain
from residency.train.reward import reward
from residency.train.schedule import Schedule
from residency.train.tuning import Tuning

SHORT = Schedule(batch_tokens=64, precision="fp32")


def folder_of(tmp_path, examples=(), texts=()):
    folder = tmp_path / "examples"
    write_examples(folder / "examples.jsonl", examples)
    write_jsonl(folder / "text.jsonl", texts)
    write_manifest(folder, stage="examples")
    return folder


def asked(key, answer, **more):
    return Example(key, [{"role": "user", "content": "sky ?"}], [answer] if answer is not None else [], **more)


def test_examples_without_an_answer_are_refused_with_their_ids(toy_base, tmp_path):
    examples = [asked("a", "blue"), asked("b", " "), asked("c", None), asked("d", "red")]
    with pytest.raises(UserError, match=r"2 of 4 examples \(b, c\) hold no answer to learn") as told:
        instruct(toy_base, folder_of(tmp_path, examples), out=tmp_path / "out", schedule=SHORT)
    assert "sky" not in str(told.value) and not (tmp_path / "out").exists()


def test_a_text_that_is_all_masked_is_refused(toy_base, tmp_path):
    texts = [{"id": "t1", "text": "the sky is blue"}, {"id": "t2", "text": ""}]
    with pytest.raises(UserError, match=r"1 of 2 texts \(t2\) hold nothing to learn"):
        pretrain(toy_base, folder_of(tmp_path, texts=texts), out=tmp_path / "out", schedule=SHORT)
    masked = Block([1, 2], [[3, 4]], id="m", scored=[[False, False]])
    with pytest.raises(UserError, match=r"1 of 2 texts \(m\) hold nothing to learn"):
        check.learnable([masked, Block([1], [[2]], id="n")])


def test_a_text_longer_than_the_models_context_is_refused_and_not_cut(toy_base, tmp_path):
    texts = [{"id": "short", "text": "the sky is blue"}, {"id": "long", "text": "the cat is red " * 40}]
    wide = Schedule(batch_tokens=256, precision="fp32")
    with pytest.raises(
        UserError, match=r"1 of 2 texts \(long\) are longer than the model's context of 128 tokens"
    ) as told:
        pretrain(toy_base, folder_of(tmp_path, texts=texts), out=tmp_path / "out", tokens=0, schedule=wide)
    assert "schedule.batch_tokens to 128" in str(told.value)
    pretrain(toy_base, tmp_path / "examples", out=tmp_path / "out", tokens=0, schedule=SHORT)


def test_a_long_answer_counts_with_its_prompt_and_branches_side_by_side():
    assert check.span_of(Block([1] * 10, [[2] * 5, [3] * 8])) == 17
    check.within([Block([1] * 10, [[2] * 5, [3] * 8])], 17)


def test_a_pair_whose_answers_are_the_same_is_refused(toy_base, tmp_path):
    pairs = [asked("p1", "blue", unwanted=["red"], meta={"use": "prefer"})]
    pairs += [asked("p2", "blue", unwanted=["blue "], meta={"use": "prefer"})]
    with pytest.raises(UserError, match=r"1 of 2 preference pairs \(p2\) have a rejected answer that"):
        prefer(toy_base, folder_of(tmp_path, pairs), out=tmp_path / "out", schedule=SHORT)


def test_a_pair_longer_than_the_models_context_is_refused_by_both_that_learn_from_pairs(toy_base, tmp_path):
    pairs = [asked("p1", "blue", unwanted=["red"], meta={"use": "prefer"})]
    pairs += [asked("p2", "the cat is red " * 40, unwanted=["red"], meta={"use": "prefer"})]
    folder, wide = folder_of(tmp_path, pairs), Schedule(batch_tokens=1024, precision="fp32")
    for stage, more in ((prefer, {"loss": "simpo"}), (reward, {"held_out": 0.0})):
        with pytest.raises(UserError, match=r"1 of 2 texts \(p2\) are longer than the model's context of 128 tokens"):
            stage(toy_base, folder, out=tmp_path / stage.__name__, schedule=wide, **more)


def test_many_ids_are_counted_and_the_first_named():
    told = check.counted([str(i) for i in range(12)], 40, "examples")
    assert told == "12 of 40 examples (0, 1, 2, 3, 4, 5, 6, 7 and 4 more)"


def test_a_base_without_a_chat_template_is_refused_for_instructions(toy_base, toy_examples, tmp_path):
    import shutil

    from residency.core.store import read_manifest

    about = read_manifest(toy_base)["model"]
    bare = tmp_path / "weights"
    shutil.copytree(about["path"], bare)
    (bare / "chat_template.jinja").unlink(missing_ok=True)
    config = json.loads((bare / "tokenizer_config.json").read_text())
    config.pop("chat_template", None)
    (bare / "tokenizer_config.json").write_text(json.dumps(config))
    write_manifest(tmp_path / "base", stage="base", model={**about, "path": str(bare)})
    with pytest.raises(UserError, match="has no chat template"):
        instruct(tmp_path / "base", toy_examples, out=tmp_path / "out", schedule=SHORT)
    pretrain(tmp_path / "base", toy_examples, out=tmp_path / "read", schedule=SHORT)


def test_held_out_examples_decide_which_weights_are_left(toy_base, toy_examples, tmp_path):
    rows = list(read_examples(toy_examples / "examples.jsonl"))
    for row in rows[:6]:
        row.split = "dev"
    schedule = Schedule(learning_rate=2e-2, batch_tokens=64, precision="fp32", evaluate=2)
    instruct(toy_base, folder_of(tmp_path, rows), out=tmp_path / "out", tuning=Tuning(rank=4), schedule=schedule)
    measured = [json.loads(line) for line in (tmp_path / "out" / "measured.jsonl").read_text().splitlines()]
    assert len(measured) >= 2 and measured[-1]["held_out_loss"] < measured[0]["held_out_loss"]
