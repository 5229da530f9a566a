"""What is gathered is put in the words of the examination, no test item enters, and what falls is counted."""

from __future__ import annotations

import json

import pytest
from pyarrow.parquet import read_table

from fixture_sets import write_judged, write_medquad, write_ncbi, write_pubmedqa
from residency import pipeline
from residency.core.errors import Contradiction, RecipeError, UserError
from residency.core.recipe import resolve
from residency.core.store import read_examples, read_json, read_jsonl, read_manifest
from residency.corpus.assemble import collect
from residency.corpus.benchmarks import frozen_split
from residency.corpus.mixing.mixture import Mixture, Stage
from residency.evaluate.contamination import found_in_training
from residency.evaluate.selection import solved_items, train_items
from residency.evaluate.selection import test_items as items_of_test
from residency.evaluate.tasks import TASKS, task_of
from residency.evaluate.tasks.own import files_of, read_declaration
from residency.gathering import gather
from residency.making import across
from residency.plan import left_out, make_plan


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Return the folder that public sets are looked for in, and nowhere else."""
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    return tmp_path / "data"


def test_made_up_notes_are_gathered_with_their_identifiers(tmp_path):
    pytest.importorskip("faker", reason="what makes up notes is not installed")
    rows = gathered(tmp_path / "one", identifiers=60)
    assert len(rows) == 60 and {row.split for row in rows} == {"train", "dev"}
    labels = set(rows[0].meta["labels"])
    marked = [row for row in rows if row.spans]
    assert {"NAME", "DATE"} <= {span.label for row in marked for span in row.spans} <= labels
    first = marked[0]
    assert all(
        first.meta["text"][s.start : s.end] in first.wanted[0] for s in first.spans if "\n" not in first.meta["text"]
    )
    assert rows == gathered(tmp_path / "two", identifiers=60)
    spanish = gathered(tmp_path / "three", identifiers=60, language="es")
    assert not {row.meta["text"] for row in rows} & {row.meta["text"] for row in spanish}
    card = read_json(tmp_path / "one" / "card.json")
    assert card["sources"][0]["name"] == "identifiers" and card["sources"][0]["public"]


def test_without_anything_to_gather_it_is_said(tmp_path):
    with pytest.raises(Contradiction, match="make up notes"):
        gather({}, out=tmp_path / "out")


def gathered(out, **settings):
    gather({}, out=out, **settings)
    return list(read_examples(out / "examples.jsonl"))


def test_training_parts_are_put_as_their_tasks_are_examined(data, tmp_path):
    write_ncbi(data)
    rows = gathered(tmp_path / "out", tasks=("ncbi_disease",))
    asked = items_of_test(None, TASKS["ncbi_disease"])[0].prompt[0]["content"].partition("\n\nCase ")[0]
    assert "JSON list" in asked
    assert [row.split for row in rows] == ["train"] * 6 + ["dev"] * 2
    for row in rows:
        assert row.prompt[0]["content"].startswith(asked + "\n\nCase ")
        assert (
            row.meta["task"] == "ncbi_disease"
            and row.meta["text"][row.spans[0].start : row.spans[0].end] in row.wanted[0]
        )
    assert {row.meta.get("use") for row in rows} == {"instruct", None}
    manifest, card = read_manifest(tmp_path / "out"), read_json(tmp_path / "out" / "card.json")
    assert manifest["counts"] == card["counts"] == {"ncbi_disease": {"instruct": {"": 6}, "dev": {"": 2}}}
    assert card["sources"][0]["licence"] == "public domain" and card["decontamination"]["left"] == 0
    assert len(list(read_jsonl(tmp_path / "out" / "instruct.jsonl"))) == 6


def test_a_set_without_a_validation_part_holds_out_a_share_of_its_groups_always_the_same(data, tmp_path):
    write_pubmedqa(data)
    first, again = (gathered(tmp_path / n, tasks=("pubmedqa",), dev_share=0.3) for n in ("a", "b"))
    dev = {row.id for row in first if row.split == "dev"}
    assert 0 < len(dev) < 15 and dev == {row.id for row in again if row.split == "dev"}
    assert dev >= {row.id for row in gathered(tmp_path / "c", tasks=("pubmedqa",), dev_share=0.1) if row.split == "dev"}
    row = first[0]
    assert row.choices == ["yes", "no", "maybe"] and row.wanted[0] in row.choices
    assert row.meta["text"].startswith("Does drug") and row.meta["text_b"].startswith("Trial")


def test_a_training_item_that_shares_text_with_a_test_item_falls_and_is_counted(data, tmp_path):
    write_ncbi(data)
    folder = data / "ncbi_disease" / "original"
    long = "The mother of the proband had a long history of tremor and of falls that nobody had looked into."
    for name, key in (("train", 900), ("test", 901)):
        path = folder / f"NCBI{name}set_corpus.txt"
        path.write_text(path.read_text() + f"\n{key}|t|Case {key}.\n{key}|a|{long}\n")
    rows = gathered(tmp_path / "out", tasks=("ncbi_disease",))
    assert "ncbi_disease/900" not in {row.id for row in rows} and len(rows) == 8
    [fallen] = read_jsonl(tmp_path / "out" / "dropped.jsonl")
    assert (
        fallen["id"] == "ncbi_disease/900"
        and fallen["reason"].endswith("held-out item 901")
        and "tremor" not in str(fallen)
    )
    assert read_json(tmp_path / "out" / "card.json")["decontamination"]["dropped_examples"] == {"ncbi_disease": 1}
    assert found_in_training(tmp_path / "out", items_of_test(None, TASKS["ncbi_disease"])) == []


def test_the_short_question_of_a_test_item_falls_too(data, tmp_path):
    write_pubmedqa(data, train=30, test=1)
    path = data / "pubmedqa" / "ori_pqal.json"
    rows = json.loads(path.read_text())
    rows["3"] |= {"CONTEXTS": rows["30"]["CONTEXTS"], "QUESTION": rows["30"]["QUESTION"].upper()}
    path.write_text(json.dumps(rows))
    ids = {row.id for row in gathered(tmp_path / "out", tasks=("pubmedqa",))}
    assert "pubmedqa/3" not in ids and len(ids) == 29
    [fallen] = read_jsonl(tmp_path / "out" / "dropped.jsonl")
    assert fallen["reason"] == "the same question as held-out item 30"


def test_judged_answers_of_training_questions_become_instructions_and_pairs(data, tmp_path):
    rows = [
        ("900001", 4, "A1", "What is gout?", "A painful joint."),
        ("900001", 3, "A2", "Who gets gout?", "Mostly men."),
        ("900001", 1, "A3", "What is a moth?", "An insect."),
        ("900001", 2, "A4", "What is a joint?", "Where bones meet."),
    ]
    key = next(key for key, part in frozen_split("medquad_judged").items() if part == "test")
    rows.append((key.partition(":")[0], 4, key.partition(":")[2], "What is measles?", "A rash."))
    write_judged(data, rows)
    found = {row.id: row for row in gathered(tmp_path / "out", judged=True)}
    assert set(found) == {
        f"medquad_judged/900001:{k}" for k in ("A1/instruct", "A1/prefer-1", "A1/prefer-2", "A2/prefer-1")
    }
    best = found["medquad_judged/900001:A1/prefer-1"]
    assert best.prompt == [{"role": "user", "content": "What is gout?"}] and best.wanted == ["A painful joint."]
    assert best.unwanted == ["An insect."] and best.meta["use"] == "prefer"
    assert found["medquad_judged/900001:A1/prefer-2"].unwanted == ["Where bones meet."]
    assert found["medquad_judged/900001:A2/prefer-1"].unwanted == ["An insect."]
    assert found["medquad_judged/900001:A1/instruct"].group == "liveqa-900001"
    pairs = list(read_jsonl(tmp_path / "out" / "preference.jsonl"))
    assert len(pairs) == 3 and pairs[0]["rejected"][0]["content"] != pairs[0]["chosen"][0]["content"]


def test_a_task_of_judged_pairs_gives_preference_pairs(data, tmp_path):
    rows = [("900001", r, f"A{r}", f"What is it, {r}?", f"Answer {r}.") for r in (1, 2, 4)]
    write_judged(data, rows)
    found = gathered(tmp_path / "out", tasks=("medquad_preferred",), dev_share=0.0)
    assert [(r.id, r.meta["use"], r.wanted, r.unwanted) for r in found] == [
        ("medquad_preferred/900001:A4:A1", "prefer", ["Answer 4."], ["Answer 1."]),
        ("medquad_preferred/900001:A4:A2", "prefer", ["Answer 4."], ["Answer 2."]),
    ]
    assert len(list(read_jsonl(tmp_path / "out" / "preference.jsonl"))) == 2


def test_a_narrower_gap_makes_more_pairs_and_never_prefers_what_is_only_related(data, tmp_path):
    rows = [("900001", r, f"A{r}", f"What is it, {r}?", f"Answer {r}.") for r in (1, 2, 3, 4)]
    write_judged(data, rows)
    rows = [r for r in gathered(tmp_path / "out", judged=True, gap=1, pairs=2) if r.meta["use"] == "prefer"]
    assert [(r.wanted[0], r.unwanted) for r in rows] == [
        ("Answer 3.", ["Answer 1."]),
        ("Answer 3.", ["Answer 2."]),
        ("Answer 4.", ["Answer 1.", "Answer 3."]),
        ("Answer 4.", ["Answer 2."]),
    ]


def test_a_judged_answer_whose_question_is_examined_falls(data, tmp_path):
    key = next(key for key, part in frozen_split("medquad").items() if part == "test")
    write_judged(data, [("900001", 4, "A1", "What is gout?", "Joints."), ("900001", 4, "A2", "Who has it?", "Men.")])
    file, _, number = key.partition("#")
    write_medquad(data, [{"file": file, "id": number, "question": "What is gout?", "answer": "A disease."}])
    assert [row.id for row in gathered(tmp_path / "out", judged=True)] == ["medquad_judged/900001:A2/instruct"]


CHAT = [
    {"role": "user", "content": "Does it hurt?"},
    {"role": "assistant", "content": "Sometimes."},
    {"role": "user", "content": "When?"},
    {"role": "assistant", "content": "At night."},
]


@pytest.fixture
def corpus(tmp_path):
    """Return a corpus of dialogues, a judged pair and texts, with a mixture of two stages."""
    (tmp_path / "in").mkdir()
    chats = [{"id": f"c{i}", "messages": CHAT} for i in range(2)]
    pair = {"id": "p", "prompt": "Is it safe?", "chosen": "Yes, in most people.", "rejected": "No idea."}
    (tmp_path / "in" / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chats))
    (tmp_path / "in" / "pairs.jsonl").write_text(json.dumps(pair) + "\n")
    note = "The patient walks to the market every day without any pain, and feels well on the new tablets."
    notes = [{"id": f"n{i}", "text": f"Note {i}. {note}", "patient": f"p{i}"} for i in range(3)]
    (tmp_path / "in" / "notes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in notes))
    sources = [{"files": tmp_path / "in" / f"{name}.jsonl"} for name in ("chats", "pairs", "notes")]
    weights = ({"files": 0.0, "files-2": 0.0, "files-3": 1.0}, {"files": 1.0, "files-2": 1.0, "files-3": 0.0})
    mixture = Mixture(stages=tuple(Stage(0.5, each) for each in weights), most_epochs=2.0)
    collect(out=tmp_path / "corpus", sources=sources, mixture=mixture, shapes=("text", "instruct", "preference"))
    return tmp_path / "corpus"


def test_a_corpus_brings_dialogues_pairs_and_text_in_the_order_of_its_mixture(corpus, tmp_path):
    gather({"corpus": corpus}, out=tmp_path / "out", corpus=True)
    rows = {row.id: row for row in read_examples(tmp_path / "out" / "examples.jsonl")}
    chats = [row for row in rows.values() if row.meta["use"] == "instruct"]
    assert len(chats) == 2 and chats[0].prompt == CHAT[:-1] and chats[0].wanted == ["At night."]
    [pair] = [row for row in rows.values() if row.meta["use"] == "prefer"]
    assert pair.wanted == ["Yes, in most people."] and pair.unwanted == ["No idea."]
    texts = list(read_jsonl(tmp_path / "out" / "text.jsonl"))
    assert len(texts) == 3 and all(row["id"].startswith("corpus/") for row in texts)
    order = list(read_jsonl(tmp_path / "out" / "order.jsonl"))
    by_stage = [{row["id"] for row in order if row["stage"] == stage} for stage in (0, 1)]
    assert by_stage[0] and by_stage[0] <= {row["id"] for row in texts}
    assert by_stage[1] and by_stage[1] <= set(rows) and len(order) == read_table(corpus / "order.parquet").num_rows
    assert not read_json(tmp_path / "out" / "card.json")["sources"][0].get("public")


def test_the_tasks_of_a_recipe_hold_the_corpus_apart_from_their_tests(corpus, data, tmp_path):
    write_ncbi(data)
    path = data / "ncbi_disease" / "original" / "NCBItestset_corpus.txt"
    leak = "The patient walks to the market every day without any pain, and feels well on the new tablets."
    path.write_text(path.read_text() + f"\n902|t|Case 902.\n902|a|{leak}\n")
    gather({"corpus": corpus}, out=tmp_path / "out", corpus=True, against=("ncbi_disease",))
    assert list(read_jsonl(tmp_path / "out" / "text.jsonl")) == []
    assert read_json(tmp_path / "out" / "card.json")["decontamination"]["dropped_text"] == 3


def test_what_cannot_be_gathered_is_told(data, tmp_path):
    with pytest.raises(Contradiction, match="nothing is gathered: name tasks"):
        gather({}, out=tmp_path / "out")
    with pytest.raises(UserError, match="this run has none"):
        gather({}, out=tmp_path / "out", corpus=True)
    with pytest.raises(UserError, match="residency data get ncbi_disease|the data set ncbi_disease is not here"):
        gather({}, out=tmp_path / "out", tasks=("ncbi_disease",))


def recipe_of(text, *arguments):
    return resolve(text, arguments, pipeline.sections(), across=across)


def test_gather_stands_for_the_examples_of_a_recipe_without_a_corpus(data):
    write_ncbi(data)
    recipe = recipe_of("corpus: false\ngather: {tasks: [ncbi_disease]}\ntrain: [instruct]\n")
    plan = make_plan(recipe, pipeline.STAGES)
    assert [step.name for step in plan] == ["base", "examples", "instruct", "evaluate", "report", "card"]
    assert plan[1].kind == "gather" and plan[1].inputs == [{}] and plan[2].inputs == ["base", "examples"]
    assert left_out(recipe, pipeline.STAGES) == {"corpus": "switched off"}


def test_gather_beside_examples_and_without_a_corpus_to_gather_is_a_contradiction(data, tmp_path):
    write_ncbi(data)
    (tmp_path / "note.txt").write_text("Seen for a cough.")
    own = f"corpus: {{sources: [files: {tmp_path / 'note.txt'}]}}\n"
    with pytest.raises(RecipeError, match="gather: it stands for the examples stage: write examples: false"):
        recipe_of(own + "gather: {tasks: [ncbi_disease]}\n")
    with pytest.raises(RecipeError, match="line 2: gather.corpus: the recipe has no corpus to gather from"):
        recipe_of("corpus: false\ngather: {corpus: true}\n")
    with pytest.raises(RecipeError, match="corpus.shapes: gather learns its rows"):
        recipe_of(own + "examples: false\ngather: {corpus: true}\n")
    shaped = own.replace("]}", "], shapes: [text]}")
    plan = make_plan(recipe_of(shaped + "examples: false\ngather: {corpus: true}\n"), pipeline.STAGES)
    assert [step.name for step in plan][:3] == ["base", "corpus", "examples"] and plan[2].inputs == [
        {"corpus": "corpus"}
    ]


def test_a_task_that_there_is_not_is_told_with_the_nearest(data):
    with pytest.raises(RecipeError, match="no task of a public set is called ncbi_diseases; did you mean ncbi_disease"):
        recipe_of("corpus: false\ngather: {tasks: [ncbi_diseases]}\n")
    with pytest.raises(RecipeError, match="gather.tasks.0: the data set ncbi_disease is not here"):
        recipe_of("corpus: false\ngather: {tasks: [ncbi_disease]}\n")


def test_texts_of_tasks_are_running_text_where_they_are_asked_for(data, tmp_path):
    write_ncbi(data)
    gather({}, out=tmp_path / "out", tasks=("ncbi_disease",), texts=True)
    texts = [row["text"] for row in read_jsonl(tmp_path / "out" / "text.jsonl")]
    assert len(texts) == 6 and all(text.startswith("Case ") for text in texts)


def test_a_limit_draws_the_same_examples_and_leaves_what_is_held_out(data, tmp_path):
    write_ncbi(data)
    rows = gathered(tmp_path / "out", tasks=("ncbi_disease",), limit=3)
    assert [row.split for row in rows].count("train") == 3 and [row.split for row in rows].count("dev") == 2


# --- labels of one's own ---------------------------------------------------------------------------------------------


def write_own(folder, **fields):
    """Return a task's YAML in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "mine.yaml"
    path.write_text("\n".join(f"{key}: {json.dumps(value)}" for key, value in fields.items()))
    return path


def write_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(row) for row in rows))


def triage(part, count):
    return [
        {"id": f"{part}{i}", "text": f"{part} patient {i} has {'chest pain' if i % 2 else 'a cough'}.",
         "label": "urgent" if i % 2 else "routine"} for i in range(count)
    ]  # fmt: skip


def test_labels_of_ones_own_are_learned_in_the_words_of_their_examination(data, tmp_path):
    for part, count in (("train", 8), ("dev", 4), ("test", 4)):
        write_lines(tmp_path / "own" / f"{part}.jsonl", triage(part, count))
    given = {"items": "test.jsonl", "train": "train.jsonl", "dev": "dev.jsonl"}
    mine = write_own(tmp_path / "own", task="triage", kind="classify", labels=["urgent", "routine"], **given)
    rows = gathered(tmp_path / "out", tasks=(str(mine),))
    assert [row.split for row in rows] == ["train"] * 8 + ["dev"] * 4
    assert {row.wanted[0] for row in rows} == {"urgent", "routine"} and {row.meta["task"] for row in rows} == {"triage"}
    [source] = read_json(tmp_path / "out" / "card.json")["sources"]
    assert source["name"] == "triage" and not source["public"]


def test_what_is_shown_solved_and_what_is_learned_are_told_apart(data, tmp_path):
    for part in ("train", "shots", "test"):
        write_lines(tmp_path / "own" / f"{part}.jsonl", triage(part, 2))
    given = {name: f"{file}.jsonl" for name, file in (("items", "test"), ("train", "train"), ("shots", "shots"))}
    mine = write_own(tmp_path / "own", task="t", kind="classify", labels=["urgent", "routine"], **given)
    task = task_of(str(mine))
    assert [e.id for e in train_items(None, task)] == [row["id"] for row in triage("train", 2)]
    assert [e.meta["text"][:5] for e in solved_items(None, task)] == ["shots"] * 2
    assert [e.meta["text"][:5] for e in train_items(None, task)] == ["train"] * 2


@pytest.mark.parametrize("form", ["brat", "conll"])
def test_annotated_texts_of_ones_own_are_learned(form, data, tmp_path):
    for part in ("train", "test"):
        folder = tmp_path / "own" / part
        folder.mkdir(parents=True)
        for i in range(4):
            if form == "brat":
                (folder / f"{part}{i}.txt").write_text(f"{part} {i}: she has gout today.\n")
                place = len(f"{part} {i}: she has ")
                spans = f"T1\tDisease {place} {place + 4}\tgout\nT2\tTime {place + 5} {place + 10}\ttoday\n"
                (folder / f"{part}{i}.ann").write_text(spans)
            else:
                words = [(part, "O"), (str(i), "O"), ("gout", "B-Disease"), ("today", "B-Time")]
                (folder / f"{part}{i}.conll").write_text("\n".join(f"{w} {label}" for w, label in words) + "\n")
    mine = write_own(tmp_path / "own", task="mine", kind="extract", labels=["Disease"], items="test", train="train")
    rows = gathered(tmp_path / "out", tasks=(str(mine),), dev_share=0.0)
    assert len(rows) == 4
    assert len(files_of(read_declaration(mine), mine.parent)) == (16 if form == "brat" else 8)
    for row in rows:
        assert [row.meta["text"][s.start : s.end] for s in row.spans] == ["gout"]
        assert json.loads(row.wanted[0]) == ["gout"]


def test_a_task_of_ones_own_without_training_items_and_a_bad_annotation_are_told(data, tmp_path):
    write_lines(tmp_path / "own" / "test.jsonl", triage("test", 4))
    mine = write_own(tmp_path / "own", task="t", kind="classify", labels=["urgent", "routine"], items="test.jsonl")
    with pytest.raises(UserError, match="train: FILE"):
        recipe_of(f"base: smollm2-135m\ncorpus: false\ngather: {{tasks: [{mine}]}}\ntrain: [{{instruct: {{}}}}]\n")
    (tmp_path / "own" / "bad").mkdir()
    (tmp_path / "own" / "bad" / "a.txt").write_text("she has gout")
    (tmp_path / "own" / "bad" / "a.ann").write_text("T1\tDisease 0 4\tgout\n")
    other = write_own(tmp_path / "own", task="t", kind="extract", items="bad", train="bad")
    with pytest.raises(UserError, match="T1: its text is not what stands at its offsets"):
        gathered(tmp_path / "out", tasks=(str(other),))


def test_a_changed_label_is_something_else_to_learn_from(data, tmp_path):
    from residency.core.store import outside

    write_lines(tmp_path / "own" / "train.jsonl", triage("train", 4))
    write_lines(tmp_path / "own" / "test.jsonl", triage("test", 4))
    mine = write_own(tmp_path / "own", task="t", kind="classify", items="test.jsonl", train="train.jsonl")
    before = outside([str(mine)])
    write_lines(tmp_path / "own" / "train.jsonl", triage("train", 5))
    assert outside([str(mine)]) != before


# --- the base and what is trained on it ------------------------------------------------------------------------------

BASED = "base: {base}\ncorpus: false\ngather: {{tasks: [ncbi_disease]}}\ntrain: [{stages}]\n"


@pytest.mark.parametrize(
    ("base", "stages", "told"),
    [
        ("minilm", "{prefer: {}}", "minilm is an encoder and writes nothing; prefer trains a causal language model"),
        ("smollm2-135m", "{encode: {task: tag}}", "smollm2-135m is no encoder; encode starts from one"),
        ("minilm", "{blend: {}}", "name encode first"),
        ("minilm", "{encode: {task: tag}}, {blend: {}}", ""),
        ("smollm2-135m", "{instruct: {}}, {prefer: {loss: ipo, gamma: 2}}", "gamma belongs to the loss simpo"),
        ("smollm2-135m", "{instruct: {method: ia3, rank: 8}}", "ia3 has no rank"),
    ],
)
def test_stages_that_a_base_cannot_go_through_are_told_with_the_recipe(base, stages, told, data):
    write_ncbi(data)
    text = BASED.format(base=base, stages=stages)
    if not told:
        recipe_of(text)
        return
    with pytest.raises(RecipeError) as caught:
        recipe_of(text)
    assert told in str(caught.value)
