"""A part of the examples, of which each row says how many it stands for, and made-up ones that fit in rows."""

from __future__ import annotations

from residency.core.store import read_examples, read_jsonl, write_examples, write_jsonl, write_manifest
from residency.core.types import Example
from residency.sample import made_up, sample
from residency.train.instruct import block_of
from toy import toy_base, toy_tokenizer  # noqa: F401


def examples(folder):
    """500 instructions, 60 preferences and 20 held out, with text beside them."""
    rows = [
        Example(f"{use}-{i}", [{"role": "user", "content": "sky ?"}], ["blue"], split=split, meta={"use": use})
        for use, split, count in (("instruct", "train", 500), ("prefer", "train", 60), ("instruct-dev", "dev", 20))
        for i in range(count)
    ]
    folder.mkdir()
    write_examples(folder / "examples.jsonl", rows)
    write_jsonl(folder / "text.jsonl", [{"id": f"t{i}", "text": "the sky is blue"} for i in range(100)])
    write_jsonl(folder / "names.jsonl", [{"name": "cyst"}])
    write_manifest(folder)
    return folder


def test_a_sample_keeps_a_share_of_each_use_and_all_that_is_held_out(tmp_path):
    found = sample(examples(tmp_path / "all"), tmp_path / "some", tokens=300)
    kept = list(read_examples(tmp_path / "some" / "examples.jsonl"))
    uses = {use: [e for e in kept if e.meta["use"] == use] for use in ("instruct", "prefer", "instruct-dev")}
    assert 10 < len(uses["instruct"]) < 100 and 0 < len(uses["prefer"]) <= 60 and len(uses["instruct-dev"]) == 20
    for use, count in (("instruct", 500), ("prefer", 60)):  # what is kept stands for all there are
        ids = [e.id for e in uses[use]]
        assert abs(len(ids) * found.weight(ids) - count) <= found.weight(ids)
    assert not found.whole and found.built
    assert list(read_jsonl(tmp_path / "some" / "names.jsonl")) == [{"name": "cyst"}]


def test_a_sample_of_little_is_the_whole(tmp_path):
    found = sample(examples(tmp_path / "all"), tmp_path / "some", tokens=10**6)
    assert found.whole and found.weight(["instruct-1"]) == 1.0
    assert len(list(read_examples(tmp_path / "some" / "examples.jsonl"))) == 580


def test_made_up_examples_fit_in_the_rows_and_are_of_every_use(tmp_path, toy_base):  # noqa: F811
    from residency.models.load import of_stage, open_source

    local = open_source(of_stage(toy_base), type="fp32")
    for row in (32, 64, 256):
        found = made_up(tmp_path / str(row), row=row, tokens=500)
        items = list(read_examples(found.folder / "examples.jsonl"))
        assert all(block_of(item, local, options=False).read <= row for item in items)
        assert {item.meta["use"] for item in items} == {"instruct", "prefer"} and not found.built
        assert all(item.unwanted and item.wanted[0] not in item.unwanted for item in items)
        assert {item.split for item in items} == {"train", "dev"}
