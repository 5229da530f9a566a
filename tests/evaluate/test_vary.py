"""The same asked in other ways: what is varied and what is not, and toy models whose weakness is known beforehand."""

from __future__ import annotations

import json

import pytest

from residency.core.errors import UserError
from residency.core.store import read_json, read_jsonl
from residency.core.types import Example
from residency.evaluate import selection
from residency.evaluate.answer import answer
from residency.evaluate.jobs import Job, Worker
from residency.evaluate.overview import overview
from residency.evaluate.protocol import Protocol
from residency.evaluate.run import evaluate_models
from residency.evaluate.schema import choice_in, schema_of
from residency.evaluate.tasks import TASKS, named
from residency.evaluate.tasks.form import Ask, example_of
from residency.evaluate.vary import varied, ways
from residency.infer.prompts.words import WORDINGS
from residency.models.load import of_stage
from residency.models.scripted import ScriptedModel

CHOICE = {"id": "1", "context": "A note.", "question": "Which?", "choices": ["x", "y", "z"], "answer": 1}
EXTRACT = {"id": "1", "text": "Fever, no rash.\n", "entities": [{"start": 0, "end": 5, "label": "Finding"}]}
# fmt: off
USUAL = {
    "choice": "Look.\n\nA note.\n\nWhich?\n\nA. x\nB. y\nC. z\n\nAnswer with the letter.",
    "extract": "Look.\n\nGive the exact phrases as a JSON list of strings.\n\nFever, no rash.\n",
    "generate": "Look.\n\nSay it.",
    "classify": "pain\n\nsince today\n\nLook.\n\nAnswer with one of: a, b.",
}
TURNED = {
    "choice": "Which letter is right? Give the letter only.\n\nLook.\n\nA note.\n\nWhich?\n\nA. x\nB. y\nC. z",
    "extract": "Fever, no rash.\n\n\nLook.\n\nWrite a JSON list that holds the exact phrases as strings.",
    "generate": "Say it.\n\nLook.",
    "classify": "Look.\n\nYour answer must be one of: a, b.\n\npain\n\nsince today",
}
# fmt: on
ITEMS = {
    "choice": CHOICE,
    "extract": EXTRACT,
    "generate": {"id": "1", "input": "Say it.", "reference": "ok"},
    "classify": {"id": "1", "text": "pain", "text_b": "since today", "label": "a"},
}
LABELS = {"extract": ("Finding",), "classify": ("a", "b")}


def put(kind, **how):
    return example_of(kind, Ask("Look.", LABELS.get(kind, ()), **how), ITEMS[kind], task="t")


@pytest.mark.parametrize("kind", ITEMS)
def test_the_usual_words_stay_and_a_turned_wording_asks_from_the_other_side(kind):
    assert put(kind).prompt[0]["content"] == USUAL[kind]
    assert put(kind, wording=2).prompt[0]["content"] == TURNED[kind]


@pytest.mark.parametrize("language", WORDINGS)
@pytest.mark.parametrize("kind", ITEMS)
def test_every_wording_in_every_language_is_another_prompt_with_the_same_answer(kind, language):
    made = [put(kind, wording=n, language=language) for n in range(4)]
    assert len({e.prompt[0]["content"] for e in made}) == (3 if kind == "generate" else 4)
    assert len({json.dumps([e.wanted, e.choices]) for e in made}) == 1
    for words in WORDINGS[language]:
        shown = words.labelled.format("X, Y")
        assert '"text"' in shown and '"label"' in shown and "X, Y" in shown and "JSON" in words.listed + words.paired
        assert words.options.format("X, Y").count("X, Y") == 1


def test_options_are_turned_and_the_right_one_goes_with_them():
    for turn in range(3):
        made = put("choice", turn=turn)
        assert made.meta["options"][ord(made.wanted[0]) - ord("A")] == "y" and made.meta["turn"] == turn
    assert put("choice", turn=1).meta["options"] == ["y", "z", "x"]
    assert put("choice", turn=2, style="options").choices == ["z", "x", "y"]
    assert put("choice", turn=2, style="options").wanted == ["y"]


def test_only_what_can_be_varied_is_named():
    assert ways("order, wording,order") == ("wording", "order") and ways("") == ()
    with pytest.raises(UserError, match="--vary has no tone; legal are wording, order, repeat"):
        ways("tone,order")
    with pytest.raises(UserError, match="legal are"):
        ways(",")


# --- whole evaluations ---------------------------------------------------------------------------------------------


@pytest.fixture
def quiz(tmp_path):
    """Return a task of twelve questions with three options, two of them with a fourth."""
    rows = [
        {"id": f"q{n:02}", "group": f"g{n // 2}", "question": f"sky {n} ?", "answer": n % 3,
         "choices": ["red", "green", "blue", *(["cat"] if n < 2 else [])]}
        for n in range(12)
    ]  # fmt: skip
    (tmp_path / "quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    shots = [{**row, "id": f"s{n}", "question": f"grass {n + 2} ?"} for n, row in enumerate(rows[2:6])]
    (tmp_path / "shots.jsonl").write_text("".join(json.dumps(row) + "\n" for row in shots))
    path = tmp_path / "quiz.yaml"
    path.write_text("task: quiz\nitems: quiz.jsonl\nshots: shots.jsonl\nkind: choice\ninstruction: the sky is\n")
    return path


def evaluated(model, quiz, tmp_path, **how):
    return evaluate_models([str(model)], tasks=str(quiz), out=tmp_path / "own", precision="fp32", **how)["rows"]


def by(rows):
    return {(row["model"].partition(".")[2], row["metric"]): row for row in rows}


def test_a_model_that_cannot_read_letters_always_takes_the_first_place(toy_base, quiz, tmp_path):
    """The toy of words has no letters: all options are as likely, and the first is taken, wherever the right one is."""
    rows = by(evaluated(toy_base, quiz, tmp_path, vary=("order",)))
    assert rows["order", "consistency"]["value"] == 0 and rows["order", "consistency"]["n"] == 12
    assert rows["", "accuracy"]["value"] == pytest.approx(4 / 12)
    bias = rows["order", "position_bias"]
    # All 38 answers (10 items in 3 orders, 2 in 4) say the first place, which is right once an item: 12 times.
    assert bias["value"] == pytest.approx(26 / 38) and bias["n"] == 38 and bias["groups"] == 6
    assert [place["chosen"] for place in bias["places"]] == [1, 0, 0, 0]
    assert bias["places"][3]["n"] == 8 and bias["places"][3]["right"] == pytest.approx(2 / 8)
    assert rows["order", "accuracy_averaged"]["value"] == pytest.approx((10 / 3 + 2 / 4) / 12)
    assert rows["order-3", "accuracy"]["n"] == 2, "only two items have a fourth place to begin with"
    assert rows["order", "accuracy_highest"]["n"] == 12 and rows["order", "accuracy_lowest"]["n"] == 12


def test_variants_are_jobs_with_protocols_and_are_not_done_twice(toy_bytes, quiz, tmp_path, monkeypatch):
    rows = evaluated(toy_bytes, quiz, tmp_path, vary=("wording", "order"), limit=6)
    names = [row["model"] for row in rows if row["metric"] == "accuracy"]
    assert names == ["bytes", *(f"bytes.wording-{n}" for n in (1, 2, 3)), *(f"bytes.order-{n}" for n in (1, 2, 3))]
    about = read_json(tmp_path / "own" / "items" / "quiz" / "bytes.wording-2.protocol.json")
    assert about["variant"] == "wording-2" and about["n"] == 6 and about["seconds"] >= 0
    asked = {read_json(p)["fingerprint"] for p in (tmp_path / "own" / "items" / "quiz").glob("*.protocol.json")}
    assert len(asked) == 7
    values = {row["model"]: row["value"] for row in rows if row["metric"] == "accuracy"}
    summed = by(rows)
    wordings = [v for name, v in values.items() if "order" not in name]
    assert summed["wording", "accuracy_lowest"]["value"] == min(wordings)
    assert summed["wording", "accuracy_highest"]["value"] == max(wordings)
    assert summed["wording", "consistency"]["protocol"]["variants"] == 4
    monkeypatch.setattr(Worker, "do", lambda *_: pytest.fail("done before"))
    assert evaluated(toy_bytes, quiz, tmp_path, vary=("wording", "order"), limit=6) == rows


def test_consistency_is_what_the_kept_items_say(toy_bytes, quiz, tmp_path):
    rows = by(evaluated(toy_bytes, quiz, tmp_path, vary=("wording",)))
    folder = tmp_path / "own" / "items" / "quiz"
    said = [[row["prediction"] for row in read_jsonl(path)] for path in sorted(folder.glob("*.jsonl"))]
    assert len(said) == 4
    same = [len(set(answers)) == 1 for answers in zip(*said, strict=True)]
    assert rows["wording", "consistency"]["value"] == pytest.approx(sum(same) / 12)


def test_likelihoods_are_not_asked_for_again_and_written_answers_are(toy_bytes, quiz, tmp_path, capsys):
    evaluated(toy_bytes, quiz, tmp_path / "a", vary=("repeat",))
    told = capsys.readouterr().err
    assert "quiz is not varied by repeat: it compares likelihoods, which are the same" in told
    written = Protocol(method="generate", constrained=True, seed=5)
    rows = by(evaluated(toy_bytes, quiz, tmp_path / "b", vary=("repeat",), protocol=written))
    assert rows["repeat", "consistency"]["value"] < 1 and rows["repeat", "consistency"]["n"] == 12
    drawn = rows["repeat-2", "accuracy"]
    assert drawn["unparsed"] == 0
    assert drawn["protocol"]["method"] == (
        "generation of the choice at temperature 0.7, seed 7, constrained to a JSON schema"
    )
    assert rows["", "accuracy"]["protocol"]["method"].startswith("greedy generation of the choice, constrained")


def test_a_constraint_is_in_the_fingerprint_and_makes_every_choice_readable(toy_bytes, quiz, tmp_path):
    free, held = Protocol(method="generate"), Protocol(method="generate", constrained=True)
    one = evaluated(toy_bytes, quiz, tmp_path / "a", protocol=free)[0]
    two = evaluated(toy_bytes, quiz, tmp_path / "b", protocol=held)[0]
    assert one["unparsed"] > 0 == two["unparsed"]
    assert one["protocol"]["fingerprint"] != two["protocol"]["fingerprint"]
    assert one["protocol"]["extractor"] == "the choice behind the last answer:, or that the reply begins with"
    assert two["protocol"]["constrained"] and not one["protocol"]["constrained"]


def test_the_tasks_of_a_run_are_varied_by_repetition_only(toy_base):
    source = of_stage(toy_base)
    for way, task, why in (("wording", "qa", "made with the run"), ("order", "nli", "made with the run"),
                           ("repeat", "general_text", "compares likelihoods")):  # fmt: skip
        found, said = varied(Job("x", task, source), None, way)
        assert not found and why in said
    found, said = varied(Job("x", "ie", source), None, "repeat")
    assert [job.state for job in found] == ["x.repeat-1", "x.repeat-2", "x.repeat-3"] and not said
    assert [job.protocol.sampling["seed"] for job in found] == [1, 2, 3]


def test_the_page_shows_variants_apart_and_where_options_stood(toy_base, quiz, tmp_path):
    rows = evaluated(toy_base, quiz, tmp_path, vary=("order",))
    html = overview("toy", rows)
    families, other = html.split("The same, asked in other ways")
    assert "order 1" not in families and "order 1" in other and "order, 4 variants" in other
    assert "answered the same by all" in other and "lowest accuracy" in other and "option 4" in other
    assert "asked in other ways" not in overview("toy", [row for row in rows if row["model"] == "toy"])


def test_solved_examples_keep_their_order_when_options_are_turned(toy_base, quiz):
    (task,) = named(str(quiz))
    job = Job("x", task.name, of_stage(toy_base), 2, own=task.own, protocol=Protocol(turn=1))
    turned, shown = selection.test_items(None, job.declaration()), selection.train_items(None, job.declaration())
    assert {e.meta["turn"] for e in turned} == {1} and {e.meta["turn"] for e in shown} == {0}


# --- how replies are held to a schema ------------------------------------------------------------------------------


class Noted(ScriptedModel):
    """Remembers the settings that it was asked with."""

    def generate(self, prompts, **settings):
        self.settings = [*getattr(self, "settings", []), (len(prompts), settings)]
        return super().generate(prompts, **settings)


def test_a_list_is_held_to_its_schema_and_not_to_a_stop_text():
    model = Noted({"note": '["a ] b", "fever"]'})
    example = Example("1", [{"role": "user", "content": "note"}], ['["fever"]'])
    [row] = answer(TASKS["ie"], model, [example], protocol=Protocol(constrained=True))
    assert row["counts"] == {"tp": 1, "fp": 1, "fn": 0}
    [(_, settings)] = model.settings
    assert settings["stop"] == () and settings["schema"] == {"type": "array", "items": {"type": "string"}}
    [row] = answer(TASKS["ie"], Noted({"note": '["fever", "co'}), [example], protocol=Protocol(constrained=True))
    assert row["parsed"] is False


def test_choices_are_written_together_where_their_schema_is_the_same():
    from residency.models.remote import RemoteModel

    class Remote(Noted, RemoteModel):
        """An endpoint's place, without an endpoint."""

        __init__ = Noted.__init__

    said = {"a": '"B"', "b": "B, I think", "c": '"maybe"', "d": '"A"'}
    model = Remote(said)
    examples = [
        Example(key, [{"role": "user", "content": key}], ["B"], choices=["A", "B"] if key != "c" else ["yes", "maybe"])
        for key in said
    ]
    rows = answer(TASKS["qa"], model, examples, protocol=Protocol(constrained=True))
    assert [row["prediction"] for row in rows] == ["B", "B", "maybe", "A"]
    assert [(count, s["schema"]["enum"]) for count, s in model.settings] == [(3, ["A", "B"]), (1, ["yes", "maybe"])]


def test_a_reply_that_knows_no_schema_is_read_as_any_other():
    assert choice_in('"yes"', ["yes", "no"]) == "yes" and choice_in("No.", ["Yes", "No"]) == "No"
    assert choice_in('"a \\"b\\""', ['a "b"']) == 'a "b"' and choice_in('"perh', ["yes", "no"]) is None


def test_each_kind_has_the_schema_of_its_answer():
    labelled = schema_of("extract", Example("1", [], [], meta={"labels": ["A", "B"]}))["items"]
    assert labelled["properties"]["label"]["enum"] == ["A", "B"] and labelled["required"] == ["text", "label"]
    assert schema_of("extract", Example("1", [], [], meta={"labels": ["A"]}))["items"] == {"type": "string"}
    pair = schema_of("relate", Example("1", [], []))["items"]
    assert pair["minItems"] == pair["maxItems"] == 2
    assert schema_of("generate", Example("1", [], [])) is None


# --- solved examples that are drawn for each question ---------------------------------------------------------------


@pytest.mark.parametrize("pick", ["random", "nearest"])
def test_an_item_stays_the_same_item_whatever_it_is_shown(pick, toy_base, quiz, tmp_path):
    rows = {}
    for how in ("fixed", pick):
        evaluated(toy_base, quiz, tmp_path / how, shots=2, protocol=Protocol(pick=how))
        rows[how] = list(read_jsonl(tmp_path / how / "own" / "items" / "quiz" / "toy.jsonl"))
    assert [r["hash"] for r in rows["fixed"]] == [r["hash"] for r in rows[pick]]
    assert all(len(r["shots"]) == 2 for r in rows[pick]) and "shots" not in rows["fixed"][0]
    about = read_json(tmp_path / pick / "own" / "items" / "quiz" / "toy.protocol.json")
    other = read_json(tmp_path / "fixed" / "own" / "items" / "quiz" / "toy.protocol.json")
    assert about["shots"] == 2 and about["items_sha256"] == other["items_sha256"]


def test_a_task_without_solved_examples_says_that_none_were_shown(toy_base, quiz, tmp_path):
    quiz.write_text(quiz.read_text().replace("shots: shots.jsonl\n", ""))
    [row, *_] = evaluated(toy_base, quiz, tmp_path, shots=3, protocol=Protocol(pick="nearest"))
    assert row["protocol"]["shots"] == 0
