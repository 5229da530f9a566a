"""From a model's answer to a scored row, by hand-worked items."""

import pytest

from residency.core.errors import RecipeError, Unsupported
from residency.core.types import Example, Reply
from residency.corpus.general import general_instructions, general_text
from residency.evaluate import answer as answers
from residency.evaluate.answer import answer
from residency.evaluate.protocol import Protocol
from residency.evaluate.score import row_of
from residency.evaluate.tasks import TASKS, named
from residency.evaluate.tasks.form import Ask, example_of
from residency.infer.likelihood import choose
from residency.infer.prompts.shots import pick_shots, prefix_ids
from residency.models.load import of_stage, open_source
from residency.models.scripted import ScriptedModel


def ask(text):
    return [{"role": "user", "content": text}]


def extraction(said):
    example = Example("1", ask("note"), ['["fever", "cough"]'], group="g", meta={"pattern": "p"})
    return answer(TASKS["ie"], ScriptedModel({"note": said}), [example])[0]


def test_an_exact_list_scores_one():
    row = extraction('["cough", "fever"]')
    assert row["score"] == 1.0 and row["counts"] == {"tp": 2, "fp": 0, "fn": 0} and row["parsed"]


def test_a_wrong_and_a_missing_mention_are_counted():
    assert extraction('["cough", "rash"]')["counts"] == {"tp": 1, "fp": 1, "fn": 1}


def test_a_list_cut_short_is_unparsed_and_finds_nothing():
    row = extraction('["cough", "fev')
    assert row["parsed"] is False and row["counts"] == {"tp": 0, "fp": 0, "fn": 2} and row["score"] == 0.0


def test_the_stop_bracket_is_given_back_to_the_list():
    class Stops(ScriptedModel):
        def generate(self, prompts, **settings):
            assert settings["stop"] == ("]",)
            return super().generate(prompts, **settings)

    example = Example("1", ask("note"), ['["fever"]'])
    assert answer(TASKS["ie"], Stops({"note": '["fever"'}), [example])[0]["score"] == 1.0


def test_an_abstention_is_not_scored_rather_than_wrong():
    example = Example("1", ask("note"), ['["fever"]'])
    row = answer(TASKS["ie"], ScriptedModel({"note": None}.get), [example])[0]
    assert row["score"] is None and row["counts"] is None and row["prediction"] is None


def test_an_instruction_is_followed_when_the_reply_holds_a_wanted_word():
    task, example = TASKS["general_instructions"], Example("1", ask("capital?"), ["Paris"])
    assert answer(task, ScriptedModel({"capital?": "It is PARIS."}), [example])[0]["score"] == 1
    assert answer(task, ScriptedModel({"capital?": "London"}), [example])[0]["score"] == 0


def test_likelihood_tasks_refuse_a_model_without_likelihoods():
    with pytest.raises(Unsupported, match="runs/latest:aligned"):
        answer(TASKS["qa"], ScriptedModel({}), [])


@pytest.mark.parametrize("method", ["generate", "cot"])
def test_a_model_without_likelihoods_writes_its_choices(method):
    example = Example("1", ask("q"), ["yes"], choices=["yes", "no"])
    (row,) = answer(TASKS["qa"], ScriptedModel(lambda said: "Answer: yes"), [example], protocol=Protocol(method))
    assert row["score"] == 1.0 and row["prediction"] == "yes"


def test_reading_needs_likelihoods_however_it_is_asked():
    with pytest.raises(Unsupported, match="compares likelihoods"):
        answer(TASKS["general_text"], ScriptedModel({}), [], protocol=Protocol("generate"))


def test_a_rule_and_a_model_get_the_same_row_for_the_same_answer():
    example = Example("1", ask("q"), ["yes"], choices=["yes", "no"], group="g", meta={"pattern": "kind"})
    row = row_of(TASKS["qa"], example, "yes")
    assert row["score"] == 1.0 and row["group"] == "g" and row["pattern"] == "kind"
    assert row_of(TASKS["qa"], example, "no")["score"] == 0.0


def test_the_choice_is_the_option_with_the_highest_likelihood(toy_base):
    model = open_source(of_stage(toy_base), type="fp32")
    options = ["red", "green", "blue"]
    example = Example("1", ask("sky ?"), ["blue"], choices=options)
    rows = answer(TASKS["qa"], model, [example])
    blocks = {o: model.encode(o) for o in options}
    totals = {o: model.loglik([example.prompt], [o])[0].total for o in options}
    assert all(len(b) == 1 for b in blocks.values())
    without_end = choose(model, [example], end=False)[0]
    assert options[without_end.index] == max(totals, key=totals.get)
    assert rows[0]["prediction"] == options[choose(model, [example])[0].index]
    assert 1 / 3 <= rows[0]["confidence"] <= 1


def test_a_shared_prefix_scores_as_the_same_turns_written_out(toy_base):
    model = open_source(of_stage(toy_base), type="fp32")
    shots = [Example("s", ask("grass ?"), ["green"], meta={"pattern": "a"})]
    example = Example("1", ask("sky ?"), ["blue"], choices=["red", "blue"])
    short = choose(model, [example], prefix=prefix_ids(model, shots))[0]
    long = Example(
        "1",
        [*ask("grass ?"), {"role": "assistant", "content": "green"}, *ask("sky ?")],
        ["blue"],
        choices=["red", "blue"],
    )
    assert short.logprobs == pytest.approx(choose(model, [long])[0].logprobs, abs=1e-4)


def test_shots_differ_in_answer_then_pattern_and_do_not_depend_on_order():
    pool = [Example(str(i), [], [("true", "false", "unknown")[i % 3]], meta={"pattern": i % 2}) for i in range(30)]
    shots = pick_shots(pool, 3)
    assert {s.wanted[0] for s in shots} == {"true", "false", "unknown"}
    assert [s.id for s in pick_shots(pool[::-1], 3)] == [s.id for s in shots]
    assert pick_shots(pool[:2], 3) and not pick_shots([], 3)


def test_general_sets_are_whole_and_every_passage_has_a_perplexity(toy_base):
    assert len(general_text()) == 24 and len(general_instructions()) == 40
    model = open_source(of_stage(toy_base), type="fp32")
    rows = answer(TASKS["general_text"], model, [Example("1", [], [], meta={"text": "the sky is blue"})])
    assert rows[0]["score"] > 0 and rows[0]["tokens"] == 4


def test_an_unknown_task_is_named_with_the_legal_ones():
    with pytest.raises(Exception, match="no task is called tea; legal are qa, nli"):
        named("qa,tea")
    with pytest.raises(Exception, match=r"no task is called pubmeqa \(did you mean pubmedqa\?\), nope; legal"):
        named("pubmeqa,nope")


def test_unknown_names_and_the_mistakes_of_every_file_are_told_together(tmp_path):
    (tmp_path / "label.yaml").write_text("task: one\nitems: gone.jsonl\nkind: clasify\n")
    (tmp_path / "ans.yaml").write_text("task: two\nitems: gone-too.jsonl\nkind: choice\n")
    names = [str(tmp_path / name) for name in ("nope.yaml", "label.yaml", "ans.yaml")]
    with pytest.raises(RecipeError) as found:
        named(",".join([*names, "pubmedqqa"]))
    told = str(found.value)
    for words in ("no task file", "kind is 'clasify'", "gone.jsonl", "gone-too.jsonl", "did you mean pubmedqa?"):
        assert words in told


def test_what_does_not_fit_into_the_models_context_is_not_scored_and_the_rest_is(toy_base):
    model = open_source(of_stage(toy_base), type="fp32")
    made = [
        Example(str(n), [{"role": "user", "content": text}], ["red"], choices=["red", "blue"])
        for n, text in enumerate(["sky ?", "sky " * 200, "blood ?"])
    ]
    rows = answer(TASKS["qa"], model, made)
    assert [row["id"] for row in rows] == ["0", "1", "2"] and [row.get("finish") for row in rows][1] == "too long"
    assert rows[1]["score"] is None and rows[1]["prediction"] is None
    assert all(rows[n]["score"] in (0.0, 1.0) for n in (0, 2))


@pytest.mark.parametrize(
    ("said", "finish", "read"),
    [
        ('["gout", "fever", "gout", "go', "loop", '["gout", "fever", "gout"]'),
        ('[{"text": "gout", "label": "Disease"}, {"text": "go', "loop", '[{"text": "gout", "label": "Disease"}]'),
        ('["gout", "fever", "gout", "go', "length", '["gout", "fever", "gout", "go'),
        ("gout gout gout", "loop", "gout gout gout"),
        ('["gout gout gout', "loop", '["gout gout gout'),
        ('["gout"', "stop", '["gout"]'),
    ],
)
def test_a_list_that_only_repeats_itself_is_closed_behind_its_last_entry(said, finish, read, monkeypatch):
    monkeypatch.setattr(answers, "_generate", lambda *asked: [Reply(said, 9, finish)])
    text = "gout and fever"
    item = {"id": "1", "text": text, "entities": [{"start": 0, "end": 4, "label": "Disease"}]}
    example = example_of("extract", Ask("Find.", ("Disease",)), item, task="ncbi_disease")
    (row,) = answer(TASKS["ncbi_disease"], ScriptedModel({}), [example])
    assert row["prediction"] == read and row["parsed"] is read.endswith("]")
    assert row["finish"] == finish
