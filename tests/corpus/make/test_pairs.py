"""Preference pairs: who is chosen over whom, by ratings, by a judge, by two models, by people."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from residency.core.errors import SourceError
from residency.core.types import Document, Reply
from residency.corpus.make.pairs import (
    CUT,
    EMPTY,
    NO_GAP,
    NO_PROMPT,
    SAME,
    UNRATED,
    WORSE,
    Pairing,
    Rated,
    contrast,
    judged,
    paired,
    ranked,
)
from residency.corpus.make.people import SPLIT, people
from residency.corpus.make.rows import Refused, Tally, kept
from residency.corpus.make.support import NUMBER
from residency.models.scripted import ScriptedModel

BASE = Document("", "", "judged", "CC BY 4.0")


def rated(*ratings: float, group: str = "g") -> list[Rated]:
    return [Rated(f"{group}{i}", group, f"question {i}?", f"answer {group} {i}", r) for i, r in enumerate(ratings)]


def tallied(outcomes: Any) -> tuple[list[Document], Tally]:
    tally = Tally()
    return list(kept(outcomes, tally)), tally


def texts(row: Document) -> tuple[str, str, str]:
    return tuple(row.meta[key][-1]["content"] for key in ("prompt", "chosen", "rejected"))  # type: ignore[return-value]


def test_pairs_are_all_that_the_gap_and_the_least_allow() -> None:
    rows, _ = tallied(paired(rated(4, 4, 3, 2, 1), BASE, Pairing(gap=2, least=3, per_question=99)))
    by_hand = {(a, b) for (a, ra), (b, rb) in product(enumerate((4, 4, 3, 2, 1)), repeat=2) if ra >= 3 and ra - rb >= 2}
    assert {tuple(int(key[1:]) for key in row.meta["from"]) for row in rows} == by_hand and len(by_hand) == 5
    assert all(row.meta["ratings"][0] - row.meta["ratings"][1] >= 2 for row in rows)


def test_the_prompt_is_the_better_answers_question() -> None:
    (row,), _ = tallied(paired(rated(1, 4), BASE))
    assert texts(row) == ("question 1?", "answer g 1", "answer g 0") and row.licence == "CC BY 4.0"


def test_pairs_never_cross_questions_and_a_question_without_a_gap_is_counted() -> None:
    rows, tally = tallied(paired([*rated(4, 1), *rated(3, 3, group="h")], BASE))
    assert {row.meta["group"] for row in rows} == {"g"} and tally.refused == {NO_GAP: 1}


def test_few_pairs_a_question_use_its_answers_in_turn() -> None:
    rows, _ = tallied(paired(rated(4, 4, 4, 1, 1, 1), BASE, Pairing(per_question=3)))
    assert len({key for row in rows for key in row.meta["from"]}) == 6


def test_the_same_answer_and_an_empty_one_make_no_pair() -> None:
    same = [
        Rated("a", "g", "q?", "Take rest.", 4),
        Rated("b", "g", "q?", "take  rest", 1),
        Rated("c", "g", "q?", " ", 1),
    ]
    assert tallied(paired(same, BASE))[1].refused == {SAME: 1, EMPTY: 1}


def test_a_published_set_of_judged_answers_is_paired_with_its_licence(tmp_path: Path, monkeypatch: Any) -> None:
    folder = tmp_path / "medquad" / "QA-TestSet-LiveQA-Med-Qrels-2479-Answers"
    folder.mkdir(parents=True)
    rows = "".join(f'T_{n},"Question: What is {n}?\nURL: x\nAnswer: It is {n}."\n' for n in range(3))
    qrels = folder / "All-qrels_LiveQAMed2017-TestQuestions_2479_Judged-Answers.txt"
    (folder / "All-2479-Answers-retrieved-from-MedQuAD.csv").write_text("AnswerID,Answer\n" + rows, encoding="utf-8")
    qrels.write_text("901 4-Excellent T_0\n901 1-Incorrect T_1\n902 4-Excellent T_2\n", encoding="utf-8")
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path))
    (row,), tally = tallied(judged())
    assert texts(row) == ("What is 0?", "It is 0.", "It is 1.") and row.licence == "CC BY 4.0"
    assert row.meta["from"] == ["901:T_0", "901:T_1"] and row.meta["group"] == "liveqa-901"
    assert tally.refused == {NO_GAP: 1}


def asking(key: str, question: str, **meta: Any) -> Document:
    return Document(key, question, "own", "internal", patient="p", meta={"prompt": question, **meta})


STRONG = {"Q1": "Rest for 2 days.", "Q2": "Same.", "Q3": "", "Q4": "Rest for 9 days."}
WEAK = {"Q1": "Do nothing.", "Q2": "same", "Q3": "x", "Q4": "Nothing."}


def test_the_strong_models_answer_is_chosen_unless_empty_equal_or_unsupported() -> None:
    source = "Patients rest for 2 days."
    documents = [*(asking(q, q, passage=source) for q in STRONG), Document("none", "t", "own", "internal")]
    strong, weak = ScriptedModel(STRONG, name="strong"), ScriptedModel(WEAK, name="weak")
    rows, tally = tallied(contrast(documents, strong, weak))
    assert [texts(row) for row in rows] == [("Q1", "Rest for 2 days.", "Do nothing.")]
    assert rows[0].patient == "p" and rows[0].meta["models"] == ["strong", "weak"]
    assert tally.refused == {SAME: 1, EMPTY: 1, NUMBER: 1, NO_PROMPT: 1} and tally.asked == 5


def test_a_judge_may_overrule_the_strong_model() -> None:
    ratings = {"Rest for 2 days.": 1.0, "Do nothing.": 2.0, "Rest for 9 days.": 3.0}
    documents = [asking("Q1", "Q1"), asking("Q4", "Q4")]
    _, tally = tallied(
        contrast(documents, ScriptedModel(STRONG), ScriptedModel(WEAK), rate=lambda q, a: ratings.get(a))
    )
    assert tally.refused == {WORSE: 1, UNRATED: 1}


def test_a_strong_answer_that_was_cut_short_is_refused() -> None:
    class Short(ScriptedModel):
        def generate(self, prompts: Any, **settings: Any) -> list[Reply]:
            return [Reply("Rest for", 2, "length") for _ in prompts]

    assert tallied(contrast([asking("Q1", "Q1")], Short(STRONG), ScriptedModel(WEAK)))[1].refused == {CUT: 1}


def test_of_several_answers_the_best_is_chosen_over_the_worst() -> None:
    class Drawing(ScriptedModel):
        def generate(self, prompts: Any, *, n: int = 1, **settings: Any) -> list[Reply]:
            return [Reply(f"{p[-1]['content']} {i}") for p in prompts for i in range(n)]

    def rate(question: str, answer: str) -> float | None:
        return None if question == "Q3" else 0.0 if question == "Q2" else {"0": 2.0, "1": 5.0, "2": 1.0}[answer[-1]]

    documents = [asking(q, q) for q in ("Q1", "Q2", "Q3")]
    rows, tally = tallied(ranked(documents, Drawing({}), rate, drawn=3))
    assert [texts(row) for row in rows] == [("Q1", "Q1 1", "Q1 2")] and rows[0].meta["ratings"] == [5.0, 1.0]
    assert tally.refused == {NO_GAP: 1, UNRATED: 1}


PAIRWISE = "line,question,answer 1,answer 2,helpful,remark\n"


def test_more_raters_decide_a_pairwise_line(tmp_path: Path) -> None:
    lines = ["Q1,good,bad,{},\n", "Q2,bad,good,{},\n", "Q3,a,b,{},\n", "Q4,c,d,{},\n", "Q5,e,f,{},\n"]
    votes = [("1", "1", "2"), ("2", "2", ""), ("1", "2", ""), ("0", "0", "0"), ("", "", "")]
    paths = []
    for rater in range(3):
        body = "".join(
            f"{n:04d}," + line.format(v[rater]) for n, (line, v) in enumerate(zip(lines, votes, strict=True), 1)
        )
        paths.append(tmp_path / f"r{rater}.csv")
        paths[-1].write_text(PAIRWISE + body, encoding="utf-8")
    rows, tally = tallied(people(forms=paths))
    assert [texts(row) for row in rows] == [("Q1", "good", "bad"), ("Q2", "good", "bad")]
    assert rows[0].meta["votes"] == {"for": 2, "against": 1, "neither": 0}
    assert tally.refused == {SPLIT: 1, NO_GAP: 1, "nobody rated it": 1}


def test_individual_ratings_are_averaged_and_paired_within_a_question(tmp_path: Path) -> None:
    one, two = tmp_path / "a.csv", tmp_path / "b.csv"
    head = "line;question;answer;helpful;remark\n"
    one.write_text(head + "1;Q;'-good;5;\n2;Q;bad;1;\n3;R;only;3;\n", encoding="cp1252")
    two.write_text(head + "1;Q;'-good;4;\n2;Q;bad;2;\n3;R;only;;\n", encoding="cp1252")
    rows, tally = tallied(people(forms=[one, two], pairing=Pairing(gap=2, least=0)))
    assert [texts(row) for row in rows] == [("Q", "-good", "bad")] and rows[0].meta["ratings"] == [4.5, 1.5]
    assert tally.refused == {NO_GAP: 1}
    assert tallied(people(forms=[one, two], pairing=Pairing(gap=2, least=5.0)))[1].refused == {NO_GAP: 2}


def test_a_form_that_is_none_and_a_rating_that_is_none_are_told_without_the_cell(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(PAIRWISE + "1,Q,a,b,patient Smith said 1,\n", encoding="utf-8")
    with pytest.raises(SourceError, match="row 2") as error:
        list(people(forms=[path]))
    assert "Smith" not in str(error.value)
    with pytest.raises(SourceError, match="no form"):
        list(people(forms=[path], axis="safe"))


def test_a_refusal_is_not_equal_to_a_row() -> None:
    assert Refused(NO_GAP) == Refused(NO_GAP) != Refused(SAME)
