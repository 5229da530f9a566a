"""Applications as files: ours are whole, a hospital's own stand beside them, every mistake is told with its line."""

from __future__ import annotations

import copy
import json

import pytest
import yaml

from residency.core.errors import RecipeError
from residency.evaluate.tasks import TASKS
from residency.serve.apps import load
from residency.serve.apps.application import CHECKS
from residency.serve.apps.checks import CHECKS as RUN
from residency.serve.apps.places import paths_of
from residency.serve.apps.read import OURS, read_application
from residency.serve.apps.words import every

ASKED = {
    "triage", "differential", "structure", "discharge", "impression", "coding", "abbreviations", "medication",
    "explanation", "screening", "tutor",
}  # fmt: skip
IMPRESSION = yaml.safe_load((OURS / "impression-1.yaml").read_text(encoding="utf-8"))


def written(folder, found, name="mine-1"):
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(found, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def mine(**change):
    return {**copy.deepcopy(IMPRESSION), "id": "mine", **change}


def test_there_are_the_eleven_of_the_brief_each_in_two_languages_and_with_its_task_or_none():
    found = load()
    assert set(found) == ASKED
    for one in found.values():
        assert set(one.title) == set(one.about) == set(one.prompts) == set(one.fit) == {"en", "es"}
        assert one.task == "none" or one.task in TASKS
        assert one.told("es")["title"] == one.title["es"] and json.dumps(one.told())
    assert {name for name, one in found.items() if one.task != "none"} == {
        "structure",
        "coding",
        "explanation",
        "tutor",
    }


def test_a_hash_changes_with_what_is_asked_or_checked_and_not_with_a_title(tmp_path):
    first = read_application(written(tmp_path, mine())).hash
    for change in (
        {"prompt": {**IMPRESSION["prompt"], "en": "Another wish."}},
        {"checks": {"support": {"at": "impression[]", "remove": True}}},
        {"urgency": {"least": "soon"}},
        {"guard": "clinician"},
        {"tokens": 100},
    ):
        assert read_application(written(tmp_path, mine(**change))).hash != first
    assert read_application(written(tmp_path, mine(title={"en": "Other", "es": "Otro"}))).hash == first


def test_every_check_has_its_function_and_every_mark_its_words():
    assert set(RUN) == set(CHECKS)
    assert all(
        set(said) == {"en", "es"} and said["en"].count("{}") == said["es"].count("{}") for said in every().values()
    )


def test_a_hospitals_own_stands_beside_ours_and_a_later_version_takes_its_place(tmp_path):
    written(tmp_path, mine())
    written(tmp_path, mine(id="impression", version=2), "impression-2")
    found = load(tmp_path)
    assert set(found) == {*ASKED, "mine"} and found["impression"].version == 2 and load()["impression"].version == 1


def test_no_version_is_written_over_and_a_file_is_called_after_what_it_holds(tmp_path):
    written(tmp_path, mine(id="impression", version=1), "impression-1")
    written(tmp_path, mine(), "other-1")
    with pytest.raises(RecipeError) as told:
        load(tmp_path)
    assert "impression-1.yaml: impression-1 is taken" in str(told.value)
    assert "other-1.yaml: it holds mine-1, and is to be called mine-1.yaml" in str(told.value)


def test_every_mistake_of_a_file_is_told_at_once_with_its_line(tmp_path):
    path = written(tmp_path, mine())
    text = path.read_text(encoding="utf-8")
    text = text.replace("output: draft", "output: drat").replace("guard: document", "gaurd: document")
    text = text.replace("says: urgency", "says: urgncy").replace("least: routine", "least: tomorrow")
    text = text.replace("task: none", "task: medmcq").replace("most: 10000", "most: many")
    text = text.replace("impression[]", "impressions[]").replace("maxItems: 6", "minItems: 6")
    path.write_text(text, encoding="utf-8")
    lines = text.splitlines()
    with pytest.raises(RecipeError) as told:
        read_application(path)
    problems = str(told.value).splitlines()
    for word, key in (
        ("did you mean draft", "output:"),
        ("did you mean guard", "gaurd:"),
        ("did you mean medmcqa", "task:"),
        ("did you mean impression[]", "at:"),
        ("inputs.findings.most", "most:"),
        ("urgency.least", "least:"),
    ):
        [found] = [line for line in problems if word in line]
        number = int(found.split("line ")[1].split(":")[0])
        assert lines[number - 1].strip().startswith(key), (found, lines[number - 1])
    assert any("schema.properties.impression: is an array without maxItems" in line for line in problems)
    assert any(line.startswith("mine-1.yaml: guard: is missing") for line in problems)
    assert len(problems) == 9


@pytest.mark.parametrize(
    "change, why",
    [
        ({"schema": {"type": "array"}}, "is a JSON schema of type object"),
        ({"schema": {"type": "object", "properties": {"a": {"type": "wood"}}}}, "is no JSON schema"),
        (
            {"schema": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
                        "additionalProperties": False}},
            "schema.properties.a: is a string without maxLength or enum",
        ),
        ({"schema": {"type": "object", "properties": {"a": {"type": "integer"}}}}, "requires all of its properties"),
        ({"inputs": {}}, "holds no field"),
        ({"inputs": {"Note": {"title": {"en": "a", "es": "b"}}}}, "is a name of small letters"),
        ({"inputs": {"note": {"title": {"en": "a"}}}}, "inputs.note.title.es: is missing"),
        ({"inputs": {"note": {"title": {"en": "a", "es": "b"}, "kind": "choice"}}}, "is a choice without"),
        ({"prompt": {"en": "x" * 5000, "es": "y"}}, "has 5000 characters; legal are 4000"),
        ({"prompt": {"en": "x", "es": "y", "de": "z"}}, "prompt.de: is no language of ours"),
        ({"checks": {"magic": None}}, "checks.magic: is no key"),
        ({"tokens": True}, "tokens: is True"),
        ({"id": "../mine"}, "is a name of small letters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path, change, why):
    with pytest.raises(RecipeError) as told:
        read_application(written(tmp_path, mine(**change)))
    assert why in str(told.value)


def test_a_file_that_is_no_yaml_is_no_application(tmp_path):
    for text in ("a: [", "- 1", "", "a: !!python/object/apply:os.system [ls]"):
        path = tmp_path / "x-1.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(RecipeError, match=r"x-1\.yaml"):
            read_application(path)
    with pytest.raises(RecipeError, match="there is no application file"):
        read_application(tmp_path / "none-1.yaml")


def test_all_texts_of_a_reply_can_be_looked_at_by_a_path():
    found = list(paths_of(load()["differential"].schema))
    assert found == ["differential[].diagnosis", "differential[].for", "differential[].against", "next_test"]
