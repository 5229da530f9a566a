"""A row becomes the document that its keys say it is, and what is wrong is said by field, never by value."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from residency.core.types import Document
from residency.corpus.readers.guard import Given
from residency.corpus.readers.shapes import SMALL, Place, row_record
from residency.corpus.records import Bad

SECRET = "Mrs Arkwright"


def read(row, **options):
    given = Given(Path("made.jsonl"), "made.jsonl", "made", "CC0-1.0", options=options)
    return row_record(row, given, Place("made.jsonl:4", "made.jsonl", 4))


def reason(row, **options):
    found = read(row, **options)
    assert isinstance(found, Bad) and (found.file, found.line) == ("made.jsonl", 4)
    assert SECRET not in found.reason
    return found.reason


def user(text):
    return {"role": "user", "content": text}


def says(text):
    return {"role": "assistant", "content": text}


# --- texts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ("Note ID", "Note Text", "Patient ID", "Note Date"),
        ("NoteId", "NoteText", "PatientId", "NoteDate"),
        ("NOTE_ID", "NOTE_TEXT", "PATIENTID", "NOTE_DATE"),
        ("noteID", "noteText", "patientID", "noteDate"),
    ],
)
def test_names_of_columns_are_known_in_capitals_and_in_one_word(names):
    found = read(dict(zip(names, (1, "Cough.", "P0", "2024-05-11"), strict=True)))
    assert (found.id, found.text, found.patient, found.date) == ("1", "Cough.", "P0", "2024-05-11")


def test_a_column_that_is_written_as_it_is_known_goes_before_one_in_capitals():
    found = read({"NoteText": "Other.", "note_text": "Cough.", "PatientId": "p1", "patient_id": "p2"})
    assert (found.text, found.patient) == ("Cough.", "p2") and found.meta["NoteText"] == "Other."


def test_a_plain_row_keeps_its_id_patient_date_language_licence_and_what_else_it_says():
    row = {"id": 7, "text": "Cough.", "subject_id": 12, "date": "2021/3/5", "lang": "de-AT", "license": "MIT"}
    found = read(row | {"title": "Visit", "link": "x://y", "upvotes": "12", "ward": "3B", "empty": None})
    assert (found.id, found.text, found.patient, found.date) == ("7", "Cough.", "12", "2021-03-05")
    assert (found.language, found.licence, found.source, found.place) == ("de", "MIT", "made", ("made.jsonl", 4))
    assert found.meta == {"kind": "note", "shape": "text", "title": "Visit", "url": "x://y", "votes": 12, "ward": "3B"}


def test_a_row_without_an_id_is_called_by_its_place_and_has_the_files_language_and_licence():
    found = read({"text": "Cough.", "id": "", "language": "Klingon"})
    assert (found.id, found.language, found.licence, found.patient) == ("made.jsonl:4", "en", "CC0-1.0", None)


@pytest.mark.parametrize("columns", [{"columns": {"text": "NOTE BODY", "patient": "mrn_no"}}, {"text": "note_body"}])
def test_unusual_columns_are_named_by_an_option_and_capitals_do_not_matter(columns):
    found = read({"Note_Body": "Cough.", "MRN_NO": "p1", "prompt": "unused"}, **columns)
    assert found.text == "Cough." and found.meta["prompt"] == "unused"
    assert found.patient == ("p1" if "columns" in columns else None)


def test_an_omop_note_and_a_mimic_row_are_notes():
    omop = {
        "note_id": 3,
        "person_id": 9,
        "note_date": date(2020, 2, 1),
        "note_text": "Well.",
        "note_title": "Discharge",
    }
    found = read(omop)
    assert (found.id, found.patient, found.date, found.meta["title"]) == ("3", "9", "2020-02-01", "Discharge")
    assert found.meta["shape"] == "omop"
    found = read({"ROW_ID": "3", "SUBJECT_ID": "9", "CHARTDATE": "2101-10-20", "TEXT": "Well."})
    assert (found.id, found.patient, found.date, found.text) == ("3", "9", "2101-10-20", "Well.")


@pytest.mark.parametrize(
    ("written", "iso"), [("20210305", "2021-03-05"), ("2021", "2021"), ("2021-03-05 07:30:00", "2021-03-05T07:30:00")]
)
def test_dates_are_iso_as_precise_as_they_are_known(written, iso):
    assert read({"text": "x", "date": written}).date == iso


def test_a_date_that_could_be_two_days_is_kept_as_written_and_not_guessed():
    found = read({"text": "x", "date": "03/05/2021"})
    assert found.date is None and found.meta["date_as_written"] == "03/05/2021"


def test_meta_holds_what_json_can_keep_and_names_what_is_too_long():
    long = "y" * (SMALL + 1)
    row = {
        "text": "x",
        "dose": Decimal("0.5"),
        "nan": float("nan"),
        "raw": b"1",
        "when": [date(2020, 1, 2)],
        "long": long,
    }
    meta = read(row | {"meta": {"site": "A", "longer": long}}).meta
    assert meta.pop("left_out") == ["longer", "nan", "raw", "long"]
    assert meta == {"kind": "note", "shape": "text", "dose": "0.5", "when": ["2020-01-02"], "site": "A"}
    json.dumps(meta, allow_nan=False)


# --- chats -----------------------------------------------------------------------------------------------------------


def test_messages_stay_in_the_wire_format_and_their_text_is_the_turns():
    turns = [
        {"role": "system", "content": "Be brief."},
        user("Fever?"),
        says("Since when?"),
        user("Today."),
        says("Rest."),
    ]
    found = read({"messages": turns, "id": "c1"})
    assert found.meta == {"kind": "dialogue", "shape": "messages", "messages": turns}
    assert found.text == "Be brief.\n\nFever?\n\nSince when?\n\nToday.\n\nRest." and found.id == "c1"


def test_parts_of_text_and_calls_of_tools_become_texts():
    call = {"function": {"name": "dose", "arguments": "{}"}}
    parts = [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]
    turns = [{"role": "user", "content": parts}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    found = read({"messages": [*turns, {"role": "tool", "content": "5 mg"}]}).meta["messages"]
    assert found[0] == user("One.\nTwo.") and json.loads(found[1]["content"]) == [call]
    assert found[2] == {"role": "tool", "content": "5 mg"}


def test_sharegpt_turns_get_the_roles_of_the_wire_format():
    names = ["human", "function_call", "observation", "gpt"]
    turns = [{"from": name, "value": name.upper()} for name in names]
    found = read({"conversations": turns, "system": "S", "tools": "[]"})
    assert [turn["role"] for turn in found.meta["messages"]] == ["system", "user", "assistant", "tool", "assistant"]
    assert found.text == "S\n\nHUMAN\n\nFUNCTION_CALL\n\nOBSERVATION\n\nGPT"
    assert (found.meta["shape"], found.meta["kind"], found.meta["tools"]) == ("sharegpt", "instruction", "[]")


def test_alpaca_joins_instruction_and_input_after_system_and_history():
    row = {"instruction": "Sum up.", "input": "Cough.", "output": "A cough.", "text": "all of it again"}
    found = read(row | {"system": "S", "history": [["Hi", "Hello"]]})
    assert found.meta["messages"][1:] == [user("Hi"), says("Hello"), user("Sum up.\nCough."), says("A cough.")]
    assert found.meta["shape"] == "alpaca" and found.meta["kind"] == "dialogue"


def test_questions_with_answers_are_one_turn():
    found = read({"question": "Q?", "answer": "A.", "focus": "x"})
    assert found.meta["messages"] == [user("Q?"), says("A.")] and found.text == "Q?\n\nA."
    assert (found.meta["kind"], found.meta["shape"], found.meta["focus"]) == ("instruction", "question-answer", "x")


def test_prompts_with_and_without_completion_as_texts_or_messages():
    assert read({"prompt": "Q?"}).meta == {"kind": "instruction", "shape": "prompt", "prompt": [user("Q?")]}
    plain = read({"prompt": "Q?", "completion": "A."}).meta
    listed = read({"prompt": [user("Q?")], "completion": [says("A.")]}).meta
    written = read({"prompt": json.dumps([user("Q?")]), "completion": "A."}).meta  # as a CSV file holds it
    assert plain["messages"] == listed["messages"] == written["messages"] == [user("Q?"), says("A.")]
    more = read({"prompt": "Q?", "completion": [says("A."), user("B?"), says("C.")]}).meta
    assert more["prompt_turns"] == 1 and more["kind"] == "dialogue"


# --- preferences -----------------------------------------------------------------------------------------------------


def test_preference_pairs_keep_prompt_and_both_answers_as_messages():
    found = read({"prompt": "Q?", "chosen": "Yes.", "rejected": "No.", "score_chosen": 4})
    assert found.meta["prompt"] == [user("Q?")] and found.meta["chosen"] == [says("Yes.")]
    assert found.meta["rejected"] == [says("No.")] and found.text == "Q?\n\nYes.\n\nNo."
    assert (found.meta["kind"], found.meta["shape"], found.meta["score_chosen"]) == ("preference", "preference", 4)


def test_an_implicit_prompt_is_what_both_answers_begin_with():
    chosen, rejected = (
        [user("Q?"), says("W"), user("R?"), says("Yes.")],
        [user("Q?"), says("W"), user("R?"), says("No.")],
    )
    found = read({"chosen": chosen, "rejected": rejected}).meta
    assert found["prompt"] == chosen[:3] and found["chosen"] == [says("Yes.")] and found["rejected"] == [says("No.")]
    found = read({"chosen": "The sky is blue.", "rejected": "The sky is green."}).meta  # the example of TRL's own pages
    assert found["prompt"] == [user("The sky is")] and found["chosen"] == [says("blue.")]


def test_a_prompt_that_the_answers_repeat_is_cut_off_them():
    start = [{"role": "system", "content": "S"}, user("Q?")]
    found = read({"prompt": "Q?", "chosen": [*start, says("Yes.")], "rejected": [*start, says("No.")]}).meta
    assert found["prompt"] == start and found["chosen"] == [says("Yes.")] and found["rejected"] == [says("No.")]


def test_llama_factorys_ranking_sets_are_preference_pairs():
    turn = {"from": "gpt", "value": "Yes."}
    row = {
        "conversations": [{"from": "human", "value": "Q?"}],
        "chosen": turn,
        "rejected": {"from": "gpt", "value": "No."},
    }
    assert read(row).meta["prompt"] == [user("Q?")] and read(row).meta["chosen"] == [says("Yes.")]
    row = {"instruction": "Say", "input": "it", "chosen": "Yes.", "rejected": "No."}
    assert read(row).meta["prompt"] == [user("Say\nit")]


def test_unpaired_and_stepwise_judgements():
    found = read({"prompt": "Q?", "completion": "A.", "label": "true"}).meta
    assert (found["shape"], found["label"], found["completion"]) == ("unpaired", True, [says("A.")])
    found = read({"prompt": "Q?", "completions": ["One.", "Two."], "labels": [True, 0]})
    assert found.meta["labels"] == [True, False] and found.meta["completions"] == ["One.", "Two."]
    assert found.text == "Q?\n\nOne.\n\nTwo." and found.meta["shape"] == "stepwise"


# --- what is wrong ---------------------------------------------------------------------------------------------------


def test_a_row_of_no_known_shape_says_its_keys_and_what_is_legal_and_never_a_value():
    said = reason({"body": SECRET, "Prompt-": 1, SECRET: 2, "k" * 40: 3, "Arkwright": 4, "Chosen": 5})
    assert "its columns: body, Prompt-, Chosen and 3 more" in said and "rkwright" not in said and SECRET not in said
    assert "question + answer" in said and "columns: {text: COLUMN}" in said
    assert "its columns: none;" in reason({})
    assert "no column absent (columns: text); its columns: text;" in reason({"text": "x"}, columns={"text": "absent"})


def test_columns_are_said_where_most_of_them_read_as_columns_and_a_dozen_at_most():
    assert "its columns: note_body, mrn, Verfasser, written;" in reason(
        {"note_body": SECRET, "mrn": 1, "Verfasser": 2, "written": 3}
    )
    assert "its columns: 2 whose names may be values" in reason({"Arkwright": SECRET, "Vornak": SECRET})
    many = reason({f"note_{'x' * 60 if n == 3 else n}": n for n in range(2000)})
    assert "note_11 and" not in many and "note_12 and 1988 more" in many and len(many) < 600


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"text": 5}, "text is no text"),
        ({"text": " \n"}, "text is empty"),
        ({"text": SECRET + "\0"}, "text has a NUL character"),
        ({"text": "x", "id": [SECRET]}, "id is neither a short text nor a number"),
        ({"text": "x", "patient": True}, "patient is neither"),
        ({"text": "x", "date": {"y": 1}}, "date is neither"),
        ({"messages": SECRET}, "messages is no list"),
        ({"messages": []}, "messages is no list, or an empty one"),
        ({"messages": [user("a"), SECRET]}, "messages[1] is no turn"),
        ({"messages": [user("a"), says("b"), user(7)]}, "messages[2].content is no text"),
        (
            {"messages": [user("a"), {"role": SECRET, "content": "x"}]},
            "messages[1].role is no known role; legal: system",
        ),
        ({"messages": [user([{"type": "image", "url": SECRET}])]}, "messages[0].content[0] is no part of type text"),
        ({"messages": [user([{"type": "text", "text": 3}])]}, "messages[0].content[0].text is no text"),
        ({"messages": [{"role": "system", "content": "x"}]}, "the chat has no turn"),
        ({"conversations": [{"from": "human", "value": None}]}, "conversations[0].value is no text"),
        ({"instruction": "x", "output": ""}, "output is empty"),
        ({"instruction": "x", "output": "y", "history": [["a"]]}, "history[0] is no pair of texts"),
        ({"instruction": "x", "output": "y", "history": [["a", 1]]}, "history[0] is no text"),
        ({"question": "x", "answer": [SECRET]}, "answer is no text"),
        ({"prompt": "x", "completion": "y", "label": SECRET}, "label is neither true nor false"),
        ({"prompt": "x", "completions": ["a"], "labels": [2]}, "labels[0] is neither true nor false"),
        ({"prompt": "x", "completions": ["a", "b"], "labels": [True]}, "of different length (2 and 1)"),
        ({"prompt": "x", "chosen": "same", "rejected": "same"}, "chosen and rejected are the same"),
        ({"chosen": "Yes.", "rejected": "No."}, "there is no prompt"),
        ({"chosen": [user("a")], "rejected": [user("b")]}, "there is no prompt"),
    ],
)
def test_a_wrong_type_inside_a_shape_is_bad_with_the_path_of_the_field(row, words):
    assert words in reason(row)


def test_what_a_csv_file_writes_as_text_is_read_as_the_list_that_it_is():
    found = read({"messages": json.dumps([user("Q?"), says("A.")])})
    assert isinstance(found, Document) and found.meta["messages"][1] == says("A.")
    assert read({"prompt": "[sic] Q?"}).meta["prompt"] == [user("[sic] Q?")]
    assert read({"prompt": '[{"a": 1}]'}).meta["prompt"] == [user('[{"a": 1}]')]
