"""Passages on a page: by document, the used ones first, quoted words marked, facts in plain words."""

from __future__ import annotations

from residency.infer.evidence import GRAPH, Evidence
from residency.serve.workspace.passages import grouped, plainly, used_first
from residency.serve.workspace.words import words


def told(id, text="A text.", **more):
    return Evidence(id, id.partition("#")[0], text, **more).told()


def test_what_is_cited_stands_first_in_the_order_of_citing_and_the_rest_behind_it():
    found, used = used_first([told("a#0"), told("b#0"), told("c#0"), told("d#0")], ["c#0", "gone#0", "b#0", "c#0"])
    assert [one["id"] for one in found] == ["c#0", "b#0", "a#0", "d#0"] and used == 2


def test_passages_of_one_document_stand_under_one_title_and_keep_their_numbers():
    rows = [told("a#0", title="Gout"), told("hpo", title="Gout", shelf=GRAPH), told("a#1", title="Gout"), told("b#0")]
    groups = grouped(rows, first=3)
    assert [(one.title, [each.number for each in one.passages], one.facts) for one in groups] == [
        ("Gout", [3, 5], False), ("Gout", [4], True), ("b", [6], False),
    ]  # fmt: skip


def test_quoted_words_are_marked_and_what_else_the_passage_says_is_counted_without_headings():
    text = "# Acute gout\n\nColchicine is given. It is halved in renal failure. Naproxen is avoided."
    [group] = grouped(
        [told("a#0", text, title="Acute gout")], [("a#0", "It is halved in renal failure."), ("b#0", "x")]
    )
    [one] = group.passages
    assert [(part.text, part.quoted) for part in one.parts][1] == ("It is halved in renal failure.", True)
    assert "".join(part.text for part in one.parts) == text and one.more == 2


def test_quotes_that_overlap_lose_and_double_no_word():
    [group] = grouped([told("a#0", "One two three four.")], [("a#0", "two three"), ("a#0", "three four.")])
    parts = group.passages[0].parts
    assert "".join(part.text for part in parts) == "One two three four." and not parts[0].quoted
    assert "".join(part.text for part in parts if part.quoted) == "two three four."


def test_a_passage_of_which_nothing_is_quoted_is_not_said_to_have_more():
    assert grouped([told("a#0", "One. Two.")])[0].passages[0].more == 0


def test_the_share_of_a_finding_is_told_in_words():
    text = "Marfan syndrome has the finding Tall stature (38/53)."
    assert plainly(text, words("en")).endswith("Tall stature (in 38 of 53 people studied).")
    assert plainly(text, words("es")).endswith("Tall stature (en 38 de 53 personas estudiadas).")
    assert plainly("It is frequent (frequent).", words("en")) == "It is frequent (frequent)."


def test_a_licence_that_nobody_stated_is_none():
    first, second = (
        grouped([told("a#0", licence=one)])[0].passages[0] for one in ("not stated (your own data)", "CC0")
    )
    assert first.named_licence == "" and second.named_licence == "CC0"
