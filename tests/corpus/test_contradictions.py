"""Settings of a corpus that do not go together: all are told in one go, with their lines, before anything is read."""

import json

import pytest

from residency import cli
from residency.core import runs
from residency.core.errors import Contradiction, RecipeError, SourceError, UserError
from residency.core.recipe import resolve
from residency.corpus.assemble import Checks, collect
from residency.corpus.compare.own_items import own_items
from residency.corpus.mixing.mixture import Mixture, Stage
from residency.corpus.mixing.splits import Splits
from residency.pipeline import sections

WRONG = """\
corpus:
  sources:
    - jsonl: {path: a.jsonl, name: ward}
    - jsonl: {path: a.jsonl, name: clinic}
  clean: {shortest: 50, longest: 20, quality: {least_word_length: 5, most_word_length: 3}}
  dedup: {near: 0.1}
  decontaminate:
    characters: 0
    words: 0
    whole: 0
    files: [torn.jsonl, empty.jsonl, other.json, gone.jsonl]
  splits:
    by: time
  mixture:
    weights: {wart: 1, clinic: 2}
    temperature: 2
    general: [web]
make:
  rows: [questions: {}, ranked: {}]
  sources: [ward, wart]
"""
ANSWERS = [
    "line 5: corpus.clean.quality.least_word_length: least_word_length 5 is more than most_word_length 3",
    "line 5: corpus.clean.shortest: shortest 50 is more than longest 20: all fall",
    "line 6: corpus.dedup.near: 0.1 is out of range",
    "line 8: corpus.decontaminate.characters: characters, words and whole are all 0: nothing is looked for",
    "line 11: corpus.decontaminate.files.0: torn.jsonl, line 2: not JSON",
    "line 11: corpus.decontaminate.files.1: empty.jsonl holds no item",
    "line 11: corpus.decontaminate.files.2: other.json, item 2: no text to compare",
    "line 11: corpus.decontaminate.files.3: gone.jsonl: No such file or directory",
    "line 13: corpus.splits.time: splits by time need the day from which on documents are test",
    "line 14: corpus.mixture: general: there is no source web; legal: ward, clinic",
    "line 14: corpus.mixture: weights: there is no source wart; did you mean ward?",
    "line 14: corpus.mixture: weights: weights name wart, clinic and not ward; name all",
    "line 16: corpus.mixture.temperature: weights and temperature both say how much of each source",
    "line 17: corpus.mixture.replay: replay needs both",
    "line 19: make.model: questions needs model: NAME",
    "line 19: make.model: ranked needs model: NAME",
    "line 19: make.judge: ranked needs judge: NAME",
    "line 20: make.sources: the corpus has no source wart; did you mean ward?",
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": "a", "text": "Seen today."}) + "\n")
    (tmp_path / "torn.jsonl").write_text('{"question": "What is told?"}\n{"question": "a secret\n')
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "other.json").write_text('[{"question": "What is told?"}, {"frage": "a secret"}]')
    return tmp_path


def test_all_that_does_not_go_together_is_told_in_one_go_before_any_folder_is_made(here, capsys):
    (here / "wrong.yaml").write_text(WRONG)
    assert cli.main(["corpus", "wrong.yaml"]) == 2
    told = capsys.readouterr().err
    found = [line.strip() for line in told.splitlines()[1:]]
    assert [line for line in ANSWERS if not any(said.startswith(line) for said in found)] == []
    assert len(found) == len(ANSWERS) and "secret" not in told
    assert not runs.runs_root().exists()


def test_names_of_sources_are_held_against_the_mixture_and_the_makers(here, capsys):
    (here / "names.yaml").write_text(
        "corpus:\n  sources:\n    - jsonl: {path: a.jsonl, name: ward}\n    - jsonl: a.jsonl\n"
        "  mixture: {weights: {wart: 1}, priority: {web: 2}}\nmake:\n  sources: [wart]\n  rows: [graph_text: {}]\n"
    )
    assert cli.main(["corpus", "names.yaml"]) == 2
    assert [line.strip() for line in capsys.readouterr().err.splitlines()[1:]] == [
        "line 5: corpus.mixture: priority: there is no source web; legal: ward, jsonl",
        "line 5: corpus.mixture: weights: there is no source wart; did you mean ward? legal: ward, jsonl",
        "line 5: corpus.mixture: weights: weights name wart and not ward, jsonl; name all (0 leaves one out)",
        "line 7: make.sources: the corpus has no source wart; did you mean ward? legal: ward, jsonl",
    ]


def test_a_call_from_python_is_answered_before_anything_is_read_too(here):
    with pytest.raises(UserError, match="no source wart; did you mean ward"):
        collect(
            out=here / "out",
            sources=[{"jsonl": {"path": "a.jsonl", "name": "ward"}}],
            mixture=Mixture(priority={"wart": 2}),
        )
    assert not (here / "out").exists()


def test_a_test_part_of_a_set_need_not_be_named_in_weights(here):
    text = "corpus: {sources: [{jsonl: a.jsonl}, {set: {name: pubmedqa, split: test}}], mixture: {weights: {jsonl: 1}}}"
    assert resolve(text, [], sections())["corpus"]["mixture"]["weights"] == {"jsonl": 1}
    with pytest.raises(RecipeError, match="and not pubmedqa; name all"):
        resolve(text.replace("split: test", "split: train"), [], sections())


def test_what_hangs_on_a_setting_that_is_wrong_itself_is_not_told_of(here):
    with pytest.raises(RecipeError) as error:
        resolve("corpus: {sources: [{jsonl: a.jsonl}], splits: {by: tiem, time: 2024-01-01, test: 2}}", [], sections())
    assert "2 problems" in str(error.value) and "but splits are by" not in str(error.value)


def test_a_day_that_is_none_is_one_problem_and_not_also_a_missing_day(here):
    text = "corpus: {sources: [{jsonl: a.jsonl}], splits: {by: time, time: 2024-13-40}}"
    with pytest.raises(RecipeError) as error:
        resolve(text, [], sections())
    told = "corpus.splits.time: '2024-13-40' is not a date; legal: a date such as 2024-12-31"
    assert "1 problem" in str(error.value) and told in str(error.value)
    with pytest.raises(RecipeError, match="1 problem\n.*'2024-13-40' is not a date"):
        resolve(text.replace("2024-13-40", "2024-01-01"), ["corpus.splits.time=2024-13-40"], sections())


def test_one_error_holds_all_that_a_mixture_or_splits_contradict_themselves_in():
    with pytest.raises(Contradiction) as error:
        Mixture(weights={"a": 0}, temperature=2, general=("a",), stages=(Stage(0.5),))
    assert len(error.value.found) == 4
    with pytest.raises(Contradiction, match="leave no general source"):
        Mixture(weights={"a": 1, "web": 0}, general=("web",), replay=0.1)
    with pytest.raises(Contradiction) as error:
        Splits(by="patient", time="2024-01-01", test=0.9, validation=0.9)
    assert len(error.value.found) == 2


def test_held_out_items_may_be_one_json_list(here):
    item = "A boy of seven has been limping for two weeks and will not put any weight on his left leg."
    (here / "exam.json").write_text(json.dumps([{"question": item}]))
    (here / "a.jsonl").write_text(
        "".join(json.dumps({"id": key, "text": text}) + "\n" for key, text in (("a", f"So: {item}"), ("b", "Well.")))
    )
    from residency.core.store import read_json
    from residency.corpus.compare.leaks import Decontaminate

    held = Decontaminate(sets=[], files=[here / "exam.json"])
    collect(out=here / "out", sources=[{"jsonl": "a.jsonl"}], checks=Checks(decontaminate=held))
    card = read_json(here / "out" / "card.json")
    assert card["documents"] == 1 and card["contamination"]["sets"][0]["set"] == "exam.json"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("exam.csv", "\ufeffId,Question,Answer\nq1,{0},Rest\nq2,Who?,Nobody\n"),
        ("exam.tsv", "id\tquestion\nq1\t{0}\n"),
        ("exam.txt", 'id;question\nq1;"{0}\nAnd more."\n'),
        ("one.csv", "question\n{0}\n"),
    ],
)
def test_held_out_items_may_be_a_table(tmp_path, name, content):
    item = "A boy of seven has been limping for two weeks and will not put any weight on his left leg."
    (tmp_path / name).write_text(content.format(item))
    [first, *_] = own_items(tmp_path / name)
    assert first[0].startswith(f"{name}/") and first[1][0].startswith(item)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("id,note_body\n1,Seen.\n", "exam.csv: no column to compare; its columns: id, note_body; legal: question, con"),
        ("id,question\n1,Who,What\n", "exam.csv, line 2: 3 columns where the first line names 2"),
        ('id,question\n1,"Who\n', "exam.csv: not CSV"),
        (
            "id,question\n",
            "exam.csv holds no item; decontaminate: files names JSONL files of held-out items, JSON",
        ),
    ],
)
def test_a_table_that_cannot_be_compared_says_what_is_legal(tmp_path, content, words):
    (tmp_path / "exam.csv").write_text(content)
    with pytest.raises(SourceError, match=words):
        list(own_items(tmp_path / "exam.csv"))
