"""Strategies ask in rounds: many examples go through one together, and each as it would alone."""

import pytest

from residency.core.errors import UserError
from residency.core.types import Example, Reply
from residency.infer.reason import STRATEGIES, alone, together
from residency.infer.reason.ask import Request, ask, fits, shares
from residency.models.load import of_stage, open_source
from residency.models.scripted import ScriptedModel


def question(name, choices=("A", "B")):
    return Example(name, [{"role": "user", "content": f"case {name}"}], ["A"], choices=list(choices))


def rounds(example, *, count):
    """Ask ``count`` times, one after another."""
    said = []
    for number in range(count):
        [[reply]] = yield [Request([{"role": "user", "content": f"{example.id}{number}"}], 4)]
        said.append(reply.text)
    return Reply(" ".join(said), len(said))


def test_what_all_examples_ask_in_a_round_goes_to_the_model_at_once():
    batches = []

    class Counting(ScriptedModel):
        def generate(self, prompts, **settings):
            batches.append(len(prompts))
            return super().generate(prompts, **settings)

    model = Counting(str.upper)
    found = together(rounds, [question("a"), question("b"), question("c")], model, count=2)
    assert [reply.text for reply in found] == ["A0 A1", "B0 B1", "C0 C1"] and batches == [3, 3]
    assert (
        together(rounds, [], model, count=2) == [] and together(rounds, [question("a")], model, count=0)[0].text == ""
    )


def test_alone_is_a_function_of_an_example_and_a_model():
    model = ScriptedModel(str.upper)
    assert alone(rounds, count=3)(question("x"), model).text == "X0 X1 X2"


def test_requests_of_other_settings_are_asked_apart_and_come_back_in_order():
    seen = []

    class Seeing(ScriptedModel):
        def generate(self, prompts, **settings):
            seen.append((len(prompts), settings["max_tokens"], settings["n"]))
            return super().generate(prompts, **settings)

    turns = [[{"role": "user", "content": name}] for name in "abc"]
    requests = [Request(turns[0], 8), Request(turns[1], 9, n=2), Request(turns[2], 8)]
    found = ask(Seeing(str.upper), requests)
    assert [[r.text for r in some] for some in found] == [["A"], ["B", "B"], ["C"]]
    assert seen == [(2, 8, 1), (1, 9, 2)]


def test_what_does_not_fit_into_the_context_is_not_asked_and_says_so():
    model = ScriptedModel(str.upper)
    model.context, model.encode_prompt = 50, lambda turns: turns[-1]["content"].split()
    short, long = ([{"role": "user", "content": "word " * n}] for n in (10, 60))
    assert fits(model, short, 8) and not fits(model, long, 8) and not fits(model, short, 45)
    (first,), (second,) = ask(model, [Request(short, 8), Request(long, 8)])
    assert first.text and (second.text, second.finish) == (None, "too long") and len(model.asked) == 1
    for name, strategy in STRATEGIES.items():
        example = Example("1", long, ["A"], choices=["A", "B"])
        (reply,) = together(strategy, [example], model)
        assert (reply.text, reply.finish, reply.tokens) == (None, "too long", 0), name


def test_tokens_are_divided_by_weight_and_too_few_are_refused_with_what_is_needed():
    assert shares(100, 10, apart=20, a=(1, 2), b=(3, 2)) == {"a": 10, "b": 30}
    with pytest.raises(UserError, match="99 tokens are too few for this way of asking; give 100 or more"):
        shares(99, 10, apart=20, a=(1, 2), b=(3, 2))
    for name in ("cot", "vote", "refine", "decompose", "diagnose"):
        with pytest.raises(UserError, match="tokens are too few"):
            alone(STRATEGIES[name], tokens=8)(question("a"), ScriptedModel({}))


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_strategy_writes_more_than_its_budget_with_a_real_model(name, toy_base):
    model, budget = open_source(of_stage(toy_base), type="fp32"), 300
    made = together(STRATEGIES[name], [question("sky ?"), question("dog ?")], model, tokens=budget)
    assert all(0 < reply.tokens <= budget or reply.finish == "too long" for reply in made)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_model_that_says_nothing_gives_no_answer(name):
    (reply,) = together(STRATEGIES[name], [question("a")], ScriptedModel(lambda said: None))
    assert reply.text is None and reply.finish == "abstain"
