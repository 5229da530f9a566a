"""The mixture: every number of a plan by hand, and rows that follow it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.core.check import Place, as_node, check
from residency.core.errors import UserError
from residency.core.settings import call_settings
from residency.corpus.mixing.mixture import Mixture, Stage, fill, plan, token_counts
from residency.corpus.mixing.ordering import chosen, order
from residency.corpus.mixing.splits import Splits

NONE, WHOLE = Mixture(), Splits()


def tokens(made, stage=0):
    return {rate.source: rate.tokens for rate in made.rates if rate.stage == stage}


def corpus(sizes, each=10):
    """Rows of ``each`` tokens that make up the sizes, their sources in a jumble."""
    source = [name for name, size in sizes.items() for _ in range(size // each)]
    at = np.random.default_rng(0).permutation(len(source))
    source = [source[i] for i in at]
    return {"id": [f"{name}-{i}" for i, name in enumerate(source)], "source": source, "tokens": [each] * len(source)}


def test_without_settings_each_token_is_seen_once():
    made = plan(Mixture(), {"a": 900, "b": 100})
    assert tokens(made) == pytest.approx({"a": 900, "b": 100}) and made.tokens == pytest.approx(1000)
    assert [rate.epochs for rate in made.rates] == pytest.approx([1, 1]) and made.words() == []


def test_weights_are_proportions_of_the_budget():
    made = plan(Mixture(weights={"a": 1, "b": 3}, tokens=400), {"a": 900, "b": 100})
    assert tokens(made) == {"a": 100, "b": 300}
    assert [(rate.share, rate.epochs) for rate in made.rates] == [(0.25, pytest.approx(1 / 9)), (0.75, 3)]


def test_temperature_two_takes_sources_by_the_root_of_their_size():
    """Sizes 900 and 100 have roots 30 and 10, so 3/4 and 1/4 of 400."""
    made = plan(Mixture(temperature=2, tokens=400), {"a": 900, "b": 100})
    assert tokens(made) == pytest.approx({"a": 300, "b": 100})


def test_the_temperature_of_mt5_makes_small_sources_larger_as_published():
    """Alpha 0.3 on sizes 1 and 1000: 1000^0.3 = 7.943, so the small one has 1/8.943 = 11.18%."""
    made = plan(Mixture(temperature=1 / 0.3, tokens=100, most_epochs=100), {"small": 1000, "large": 1_000_000})
    assert made.rates[1].share == pytest.approx(0.11182, abs=1e-5)


def test_what_a_full_source_cannot_give_goes_to_the_others_in_their_proportions():
    """Of 1,000 by 5:3:2, a may have 200; b and c share 800 by 3:2: 480 and 320. c may have 250, so b has 550."""
    assert fill({"a": 5, "b": 3, "c": 2}, 1000, {"a": 200, "b": 1e9, "c": 1e9}) == (
        {"a": 200, "b": 480, "c": 320},
        {"a"},
    )
    taken, full = fill({"a": 5, "b": 3, "c": 2}, 1000, {"a": 200, "b": 1e9, "c": 250})
    assert taken == {"a": 200, "c": 250, "b": 550} and full == {"a", "c"}


def test_a_source_is_never_repeated_more_often_than_allowed_and_the_rest_falls_short_in_words():
    made = plan(Mixture(tokens=1000, most_epochs=2), {"a": 100, "b": 200})
    assert tokens(made) == {"a": 200, "b": 400} and made.tokens == 600
    assert all(rate.epochs == 2 for rate in made.rates)
    assert made.words() == ["600 of 1,000 tokens: the sources hold no more at the epochs that are allowed"]


def test_a_share_that_a_source_at_its_cap_does_not_come_to_is_said():
    """Of 1,000 tokens half are asked of each; a has 100 and is seen twice at most, so b is 800 of 1,000."""
    made = plan(Mixture(weights={"a": 1, "b": 1}, tokens=1000, most_epochs=2), {"a": 100, "b": 900})
    told = "a is 20.0% of the tokens and not the 50.0% that is asked for: it may be seen no more often (most_epochs)"
    assert made.words() == [told] and [rate.asked for rate in made.rates] == [0.5, 0.5]
    staged = Mixture(stages=(Stage(0.8, {"a": 1, "b": 1}), Stage(0.2)), tokens=1000, most_epochs=2)
    assert [words.split(":")[0] for words in plan(staged, {"a": 100, "b": 900}).words()] == [
        "a is 22.5% of the tokens of stage 1 and not the 50.0% that is asked for"
    ]
    enough = plan(Mixture(weights={"a": 1, "b": 1}, tokens=1000, most_epochs=5), {"a": 100, "b": 900})
    assert enough.words() == []


def test_replay_is_its_share_of_the_total_also_where_the_rest_is_short():
    settings = Mixture(general=("web",), replay=0.05)
    made = plan(settings, {"notes": 600, "papers": 350, "web": 10_000})
    assert tokens(made) == pytest.approx({"notes": 600, "papers": 350, "web": 50})  # 950 are 95% of 1,000
    short = plan(Mixture(general=("web",), replay=0.05, most_epochs=1, tokens=5000), {"notes": 950, "web": 10_000})
    assert tokens(short) == pytest.approx({"notes": 950, "web": 50}) and short.budget == 5000
    few = plan(Mixture(general=("web",), replay=0.5, most_epochs=2, tokens=5000), {"notes": 950, "web": 100})
    assert tokens(few) == pytest.approx({"notes": 200, "web": 200})


def test_two_stages_have_their_own_weights_and_the_last_one_is_served_first():
    """Of 1,000: 800 in bulk, 200 of the good. The good has 150, at most twice: 300, of which 200 go to stage two, so
    stage one, which wants 400 of it, gets 100, and 700 of the bulk."""
    stages = (Stage(0.8, {"bulk": 1, "good": 1}), Stage(0.2, {"bulk": 0, "good": 1}))
    made = plan(Mixture(stages=stages, tokens=1000, most_epochs=2), {"bulk": 2000, "good": 150})
    assert tokens(made, 0) == pytest.approx({"bulk": 700, "good": 100})
    assert tokens(made, 1) == {"bulk": 0, "good": 200}
    assert sum(rate.epochs for rate in made.rates if rate.source == "good") == pytest.approx(2)


def test_rows_are_taken_as_the_plan_says_to_half_a_row():
    sizes = {"a": 9000, "b": 1000}
    table = corpus(sizes)
    made = plan(Mixture(weights={"a": 1, "b": 1}, tokens=5050), sizes)  # 2,525 each: 0.28 and 2.525 epochs
    rows = chosen(made, **table)
    names = np.array(table["source"])[rows.row]
    for name, epochs in (("a", 2525 / 9000), ("b", 2.525)):
        assert abs((names == name).sum() * 10 - 2525) <= 10 * 0.5 + 1e-9, (name, epochs)
    times = np.bincount(rows.row[names == "b"], minlength=1000)
    assert set(times[times > 0]) == {2, 3} and (times > 0).sum() == 100


def test_no_row_comes_again_before_all_of_its_source_were_seen():
    sizes = {"a": 1000, "b": 500}
    table = corpus(sizes)
    made = plan(Mixture(weights={"a": 1, "b": 2}, tokens=2250), sizes)
    seen = order(made, **table)
    b = [i for i in seen if table["source"][i] == "b"]
    assert sorted(b[:50]) == sorted(b[50:100]) == sorted(b[100:]) and b[:50] != b[50:100]


def test_the_mixture_is_the_same_at_every_point_of_a_stage():
    sizes = {"a": 60_000, "b": 20_000, "c": 1000}
    table = corpus(sizes)
    made = plan(Mixture(weights={"a": 6, "b": 2, "c": 2}, tokens=40_000, most_epochs=10), sizes)
    names = np.array(table["source"])[order(made, **table)]
    for quarter in np.array_split(names, 4):
        for name, share in (("a", 0.6), ("b", 0.2), ("c", 0.2)):
            assert abs((quarter == name).mean() - share) < 4 * np.sqrt(share * (1 - share) / len(quarter)), name


def test_the_order_does_not_depend_on_how_the_rows_lie_and_changes_with_the_seed():
    sizes = {"a": 3000, "b": 1000}
    table = corpus(sizes)
    made = plan(Mixture(weights={"a": 1, "b": 1}, tokens=3000), sizes)
    ids = np.array(table["id"])
    first = ids[order(made, **table)]
    at = np.random.default_rng(1).permutation(len(ids))
    again = {name: [column[i] for i in at] for name, column in table.items()}
    assert (np.array(again["id"])[order(made, **again)] == first).all()
    assert (ids[order(made, **table, seed=1)] != first).any()


def test_a_larger_budget_keeps_the_rows_of_a_smaller_one():
    sizes = {"a": 5000}
    table = corpus(sizes)
    small, large = (set(order(plan(Mixture(tokens=n), sizes), **table)) for n in (1000, 2000))
    assert len(small) == 100 and len(large) == 200 and small < large


def test_stages_follow_one_another_and_go_on_in_a_source_where_the_stage_before_stopped():
    sizes = {"bulk": 2000, "good": 1000}
    table = corpus(sizes)
    stages = (Stage(0.5, {"bulk": 1, "good": 1}), Stage(0.5, {"bulk": 0, "good": 1}))
    made = plan(Mixture(stages=stages, tokens=1200, most_epochs=1), sizes)
    seen = order(made, **table)
    names = [table["source"][i] for i in seen]
    assert set(names[60:]) == {"good"} and set(names[:60]) == {"bulk", "good"} and len(names) == 120
    assert len(set(seen)) == 120


def test_priority_draws_one_row_after_another_in_proportion_to_what_is_left():
    """Of rows a (priority 3), b and c (1 each), a comes first with 3/5, then b before c with 1/2; over 4,000 seeds."""
    table = {"id": ["a", "b", "c"], "source": ["x", "y", "y"], "tokens": [1, 1, 1]}
    made = plan(Mixture(priority={"x": 3.0}), {"x": 1, "y": 2})
    seen = [tuple(order(made, **table, seed=seed)) for seed in range(4000)]
    shares = {perm: seen.count(perm) / 4000 for perm in sorted(set(seen))}
    wanted = {(0, 1, 2): 0.3, (0, 2, 1): 0.3, (1, 0, 2): 0.15, (2, 0, 1): 0.15, (1, 2, 0): 0.05, (2, 1, 0): 0.05}
    for perm, share in wanted.items():
        assert abs(shares[perm] - share) < 4 * np.sqrt(share * (1 - share) / 4000), perm


def race(made, steps=4):
    """Return each source's share of the rows drawn at 0, 1/steps … of a stage without end: how priority falls.

    Of a source of weight w and n tokens, n e^(-wt) are left at time t, and w n e^(-wt) of its tokens come next; t is
    where that share of all tokens has been drawn. Only for plans of one stage.
    """
    tokens = {rate.source: rate.tokens for rate in made.rates if rate.tokens}
    weight = {name: made.priority.get(name, 1.0) for name in tokens}
    found = []
    for step in range(steps):
        t = time_of(tokens, weight, step / steps)
        rates = {name: weight[name] * n * np.exp(-weight[name] * t) for name, n in tokens.items()}
        found.append({name: float(rate / sum(rates.values())) for name, rate in rates.items()})
    return found


def time_of(tokens, weight, drawn):
    """Return when a share of all tokens has been drawn, by bisection."""
    low, high, total = 0.0, 64.0 / min(weight.values()), sum(tokens.values())
    for _ in range(200):
        middle = (low + high) / 2
        left = sum(n * np.exp(-weight[name] * middle) for name, n in tokens.items()) / total
        low, high = (middle, high) if left > 1 - drawn else (low, middle)
    return high


def test_the_rate_of_a_priority_falls_as_training_goes_on_as_foretold():
    sizes = {"web": 40_000, "tuning": 40_000}
    table = corpus(sizes)
    made = plan(Mixture(priority={"web": 8.0}), sizes)
    names = np.array(table["source"])[order(made, **table)]
    foretold = race(made)
    assert foretold[0]["web"] == pytest.approx(8 / 9)
    for step, shares in enumerate(foretold):
        at = step * len(names) // 4
        window = names[at : at + 300]
        assert abs((window == "web").mean() - shares["web"]) < 0.08, (step, shares)
    assert [shares["web"] for shares in foretold] == sorted((s["web"] for s in foretold), reverse=True)
    assert (names == "web").sum() == 4000


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"replay": 0.1}, "needs both"),
        ({"general": ("a",), "replay": 1.0}, "leaves nothing"),
        ({"weights": {"a": 1}, "temperature": 2.0}, "give one of them"),
        ({"stages": (Stage(0.5),)}, "they must be 1"),
    ],
)
def test_settings_that_contradict_each_other_are_told(settings, words):
    with pytest.raises(UserError, match=words):
        Mixture(**settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weights": {"pubmad": 1}}, "no source pubmad; did you mean pubmed"),
        ({"weights": {"pubmed": 1}}, "not notes; name all"),
        ({"weights": {"pubmed": 0, "notes": 0}}, "all weights are 0"),
        ({"general": ("web",), "replay": 0.1}, "no source web"),
        ({"general": ("notes",), "replay": 0.1, "weights": {"pubmed": 1, "notes": 0}}, "leave no general source"),
    ],
)
def test_names_that_there_are_not_and_weights_that_miss_some_are_told(settings, words):
    with pytest.raises(UserError, match=words):
        plan(Mixture(**settings), {"pubmed": 100, "notes": 100, "empty": 0})


def test_rows_of_a_source_that_the_plan_does_not_know_are_not_lost_in_silence():
    made = plan(Mixture(), {"a": 100})
    with pytest.raises(ValueError, match="knows nothing of the sources b"):
        order(made, id=["1", "2"], source=["a", "b"], tokens=[100, 5])
    assert list(order(made, id=["1", "2"], source=["a", "b"], tokens=[100, 0])) == [0]


def test_a_source_without_text_may_be_named_and_gives_nothing():
    """It was emptied by the cleaning: no reason to end a night's work."""
    wish = Mixture(weights={"pubmed": 1, "notes": 1, "empty": 2}, priority={"empty": 3}, tokens=100)
    assert tokens(plan(wish, {"pubmed": 100, "notes": 100, "empty": 0})) == {"pubmed": 50, "notes": 50}
    with pytest.raises(UserError, match="holds no text to train on; text is in pubmed"):
        plan(Mixture(weights={"pubmed": 0, "empty": 1}), {"pubmed": 100, "empty": 0})


def test_nothing_at_all_is_told():
    with pytest.raises(UserError, match="nothing to mix"):
        plan(Mixture(), {})


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 10**7), min_size=2),
    temperature=st.floats(1, 10),
    most=st.floats(0.1, 8),
    budget=st.integers(0, 10**8),
    replay=st.sampled_from([0.0, 0.05, 0.5]),
    parts=st.sampled_from([(1.0,), (0.8, 0.2), (0.3, 0.3, 0.4)]),
)
def test_whatever_is_asked_for_caps_budget_and_replay_hold(sizes, temperature, most, budget, replay, parts):
    general = tuple(sorted(sizes))[:1] if replay else ()
    stages = tuple(Stage(share) for share in parts)
    wish = Mixture(
        temperature=temperature, most_epochs=most, tokens=budget, general=general, replay=replay, stages=stages
    )
    made = plan(wish, sizes)
    total = sum(rate.tokens for rate in made.rates)
    assert total == pytest.approx(made.tokens) and total <= made.budget * (1 + 1e-9) and total > 0
    for name, size in sizes.items():
        assert sum(rate.tokens for rate in made.rates if rate.source == name) <= most * size * (1 + 1e-9)
    for stage in range(len(parts)):
        here = tokens(made, stage)
        if sum(here.values()) > 1e-6:
            assert sum(here[name] for name in general) / sum(here.values()) == pytest.approx(replay, abs=1e-6)
    room = sum(size * most for name, size in sizes.items() if name not in general)
    if not replay and made.budget <= room:
        assert total == pytest.approx(made.budget)  # nothing falls short where there is room


def test_a_recipe_can_say_all_of_it():
    def stage(*, mix: Mixture = NONE, splits: Splits = WHOLE) -> None: ...

    place, said = Place(), {"splits": {"by": "time", "time": "2024-01-01"}}
    said["mix"] = {
        "stages": [{"share": 0.8, "weights": {"a": 1}}, {"share": 0.2}], "general": ["web"], "replay": 0.05,
        "priority": {"a": 2},
    }  # fmt: skip
    found = check(as_node(said, "line 1"), stage, place)
    assert not place.problems
    typed = call_settings(stage, found)
    assert typed["mix"].stages[0] == Stage(0.8, {"a": 1.0}) and typed["mix"].general == ("web",)
    assert typed["splits"] == Splits(by="time", time="2024-01-01")
    check(as_node({"mix": {"replay": 0.1, "most_epochs": 0}, "splits": {"by": "day"}}, "line 1"), stage, place)
    told = " ".join(problem.text for problem in place.problems)
    assert "most_epochs" in told and "splits.by" in told


def test_tokens_are_estimated_by_characters_unless_they_are_counted():
    assert list(token_counts(["", "abcd", "abcde"])) == [1, 1, 2]
    assert list(token_counts(["a b c", "d"], count=lambda texts: [len(text.split()) for text in texts])) == [3, 1]
