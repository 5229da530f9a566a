"""A query finds what fits, never what is unknown, and says how much it left out and which values are legal."""

from __future__ import annotations

from typing import Any

import pytest

from residency.catalog.entries import Catalog
from residency.catalog.query import WISHES, Query, answer, find
from residency.catalog.search import called, score, search, words_of
from residency.catalog.wanted import ASKED
from residency.core.errors import UserError


def ids(catalog: Catalog, which: str, **wishes: Any) -> list[str]:
    """Return the ids of what a query finds."""
    return [entry.id for entry in find(catalog, which, Query(**wishes))]


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ({}, ["alpha", "beta", "gamma", "root"]),
        ({"task": ("ner",)}, ["alpha", "beta"]),
        ({"task": ("NER",)}, ["alpha", "beta"]),
        ({"task": ("lm", "qa")}, ["alpha", "root"]),
        ({"task": ("ner+qa",)}, ["alpha"]),
        ({"task": ("ner+qa", "lm")}, ["alpha", "root"]),
        ({"task": ("ner",), "care": ("diagnosis",)}, ["alpha"]),
        ({"kind": ("general",)}, ["root"]),
        ({"language": ("es",)}, ["alpha"]),
        ({"paradigm": ("instruction-tuning",)}, ["alpha"]),
        ({"compression": ("distillation",)}, ["beta"]),
        ({"base": ("root",)}, ["alpha", "beta"]),
        ({"base": ("Alpha-Chat",)}, ["beta"]),
        ({"data": ("Notes",)}, ["alpha"]),
        ({"max_params": "5B"}, ["beta", "root"]),
        ({"min_params": "5b"}, ["alpha", "root"]),
        ({"min_params": "2B", "max_params": "3B"}, ["root"]),
        ({"licence": ("apache 2.0",)}, ["alpha"]),
        ({"licence": ("open",)}, ["alpha"]),
        ({"access": ("open",)}, ["alpha"]),
        ({"since": "2023"}, ["alpha", "beta"]),
        ({"since": "2023-06"}, ["beta"]),
        ({"named_in": ("mine",)}, ["alpha", "beta", "gamma", "root"]),
        ({"named_in": ("A",)}, ["alpha"]),
        ({"named_in": ("mine+A",)}, ["alpha"]),
        ({"text": "alpha child"}, ["beta"]),
    ],
)
def test_what_fits_is_found(small: Catalog, wishes: dict[str, Any], expected: list[str]) -> None:
    assert ids(small, "models", **wishes) == expected


def test_data_sets_methods_and_metrics_are_found(small: Catalog) -> None:
    assert ids(small, "datasets", use=("pretrain",)) == ["notes"]
    assert ids(small, "datasets", form=("multiple_choice",), metric=("accuracy",)) == ["exam"]
    assert ids(small, "datasets", licence=("gated",)) == ["notes"]
    assert ids(small, "methods", kind=("agents",)) == ["panel"]
    assert ids(small, "metrics", text="mean") == ["f1"]


def test_what_is_unknown_is_left_out_and_counted_by_wish(small: Catalog) -> None:
    found = answer(small, "models", Query(task=("ner",), licence=("open",)))
    assert [entry.id for entry in found.entries] == ["alpha"]
    assert found.left_out == {"task": {"unknown": 1}, "licence": {"unknown": 2}}  # gamma lacks both, beta a licence
    assert found.undecided == 2


def test_what_fails_a_known_cell_is_not_counted_as_unknown(small: Catalog) -> None:
    found = answer(small, "models", Query(task=("lm",), care=("triage",)))
    assert found.entries == () and found.undecided == 2  # root (care unknown) and gamma; alpha and beta do not fit
    assert found.left_out == {"task": {"unknown": 1}, "care": {"unknown": 2}}


def test_a_year_alone_does_not_tell_whether_it_was_before_a_month_of_it(small: Catalog) -> None:
    found = answer(small, "models", Query(since="2024-06"))
    assert found.entries == () and found.left_out == {"since": {"unknown": 3}}  # beta says 2024; root, gamma nothing


def test_a_general_model_without_base_was_made_from_none_and_is_not_unknown(small: Catalog) -> None:
    assert answer(small, "models", Query(base=("alpha",))).left_out == {"base": {"unknown": 1}}  # gamma


def test_firm_takes_what_is_from_memory_or_weak_as_unknown(small: Catalog) -> None:
    found = answer(small, "models", Query(task=("ner",), firm=True))
    assert [entry.id for entry in found.entries] == ["alpha"]
    assert found.left_out["task"] == {"from memory or weak": 1, "unknown": 1}
    assert found.left_out["firm"] == {"from memory or weak": 1}  # beta, whom a survey names by memory alone
    assert ids(small, "models", named_in=("A",), firm=True) == []
    numbers = find(small, "results", Query(firm=True))
    assert [one.value for one in numbers] == [70.0, 61.5, 66.0]


def test_results_are_found_by_set_metric_task_size_and_text(small: Catalog) -> None:
    def values(**wishes: Any) -> list[float]:
        return sorted(one.value for one in find(small, "results", Query(**wishes)))

    assert values(set=("The Exam",)) == [50.0, 61.5, 66.0, 70.0]
    assert values(set=("Notes",)) == values(set=("exam",))  # the exam lies within
    assert values(set=("a private set",)) == [0.4]
    assert values(metric=("F1",)) == [0.4]
    assert values(task=("qa",)) == [50.0, 61.5, 66.0, 70.0]
    assert values(max_params="1B") == [0.4, 50.0, 66.0]
    assert values(text="alpha five") == [70.0]
    assert values(base=("alpha",), metric=("accuracy",)) == [50.0, 66.0]
    found = answer(small, "results", Query(language=("en",)))
    assert found.left_out == {"language": {"unknown": 1}}  # of a set in words nobody knows the language


@pytest.mark.parametrize(
    ("kind", "wishes", "words"),
    [
        ("models", {"task": ("nerr",)}, r"--task nerr: there is none such; did you mean ner\? legal: ner, "),
        ("models", {"task": ("ner+qaa",)}, r"--task qaa: .* did you mean qa\?"),
        ("models", {"care": ("diagnose",)}, r"did you mean diagnosis\? legal: diagnosis, "),
        ("models", {"language": ("Spanish",)}, "--language Spanish: .* legal: en, es|--language Spanish"),
        ("models", {"licence": ("MIT",)}, "--licence MIT: there is none such; .*legal: .*open"),
        ("models", {"access": ("Apache-2.0",)}, "--access Apache-2.0"),
        ("models", {"base": ("alpah",)}, r"did you mean alpha\?"),
        ("models", {"named_in": ("D",)}, "--named-in D: there is none such; .*legal: .*garg2025"),
        ("results", {"set": ("exams",)}, r"did you mean exam\? legal: exam, "),
        ("results", {"metric": ("accuracies",)}, r"did you mean accuracy\?"),
        ("models", {"max_params": "3 billion"}, "'3 BILLION' is no size; legal: a number of parameters such as 347M"),
        ("models", {"since": "last year"}, "--since last year: no such month; legal: a year or a month"),
        ("models", {"sort": "best"}, "--sort best: .*legal: .*smallest"),
        ("models", {"form": ("spans",)}, "--form says nothing about models; of models one can ask: --task"),
        ("metrics", {"licence": ("open",)}, "--licence says nothing about metrics"),
        ("systems", {}, "there is no kind systems; .*legal: .*models"),
    ],
)
def test_an_unknown_value_is_answered_with_the_legal_ones(
    small: Catalog, kind: str, wishes: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        answer(small, kind, Query(**wishes))


def test_of_very_many_legal_values_the_nearest_are_listed(ours: Catalog) -> None:
    with pytest.raises(UserError) as caught:
        answer(ours, "models", Query(base=("mistrall",)))
    assert "did you mean mistral" in str(caught.value) and " more" in str(caught.value)
    assert len(str(caught.value)) < 300


def test_order_is_by_name_date_or_size_and_unknown_comes_last(small: Catalog) -> None:
    assert ids(small, "models", sort="newest") == ["beta", "alpha", "gamma", "root"]
    assert ids(small, "models", sort="oldest") == ["alpha", "beta", "gamma", "root"]
    assert ids(small, "models", sort="smallest") == ["beta", "root", "alpha", "gamma"]
    assert ids(small, "models", sort="largest")[-1] == "gamma"


def test_search_wants_every_word_and_puts_names_first(small: Catalog) -> None:
    assert [entry.id for entry in search(small, "alpha")] == ["alpha", "beta"]
    assert [entry.id for entry in search(small, "tenth")] == ["alpha"]  # a note
    assert [entry.id for entry in search(small, "exam")] == ["exam"]
    assert [entry.id for entry in search(small, "beta2")] == ["beta"]
    assert search(small, "alpha nowhere") == [] and search(small, "pha") == []
    alpha = small.entries["models"]["alpha"]
    assert score(alpha, words_of("alpha")) > 100 > score(alpha, words_of("alph")) > score(alpha, words_of("mark")) > 0


def test_an_entry_is_called_by_id_or_any_name_and_near_ones_are_offered(small: Catalog) -> None:
    for name in ("beta", "Beta 2", "beta-2", "BETA2"):
        assert [entry.id for entry in called(small, name)] == ["beta"]
    assert [entry.kind for entry in called(small, "mine")] == ["sources"]
    with pytest.raises(UserError, match=r"there is no entry alhpa; did you mean Alpha\?"):
        called(small, "alhpa")
    with pytest.raises(UserError, match="no entry diseases; named in 1 entries, see: residency catalog models --text"):
        called(small, "diseases")


def test_every_wish_can_be_asked_of_some_kind_and_every_kind_by_text() -> None:
    wishes = {wish for kind in ASKED for wish in WISHES[kind]}
    assert wishes == set(Query.__dataclass_fields__)
    assert all("text" in WISHES[kind] and "firm" in WISHES[kind] for kind in ASKED)


# --- our own entries -------------------------------------------------------------------------------------------------


def test_hand_picked_entries_of_ours_are_found(ours: Catalog) -> None:
    assert "biogpt" in ids(ours, "models", task=("re",), named_in=("A",), max_params="3B")
    assert {"biomistral", "meerkat"} <= set(ids(ours, "models", base=("mistral_7b",)))
    assert "zhongjing" in ids(ours, "models", paradigm=("continued_pretraining+alignment",), language=("zh",))
    assert "med_palm_2" not in ids(ours, "models", licence=("open",))
    assert {"pubmedqa", "medqa"} <= set(ids(ours, "datasets", task=("qa",), form=("multiple_choice", "yes_no")))
    assert "mdagents" in ids(ours, "methods", kind=("agents",))
    assert "rouge_l" in ids(ours, "metrics", task=("sum",))
    assert [entry.id for entry in search(ours, "biogpt")][0] == "biogpt"


def test_every_entry_is_named_by_a_survey_or_known_to_residency(ours: Catalog) -> None:
    for kind in ("models", "datasets", "methods", "metrics"):
        for entry in ours.entries[kind].values():
            assert entry.named or entry.here, f"{kind}/{entry.id} is named by no survey and is nothing of ours"
