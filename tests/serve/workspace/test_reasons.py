"""The reasons of no answer in the reader's words: each that infer/ knows, several joined, and what is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from residency.infer.answer import answer, cited
from residency.infer.answer.enough import lacking as missing
from residency.infer.evidence import Evidence, Found
from residency.infer.graph.facts import facts
from residency.serve.workspace.reasons import CONFLICTS, WHY, in_what, lacking, reasons
from residency.serve.workspace.words import words
from serve.workspace.small_graph import small_graph

EN, ES = words("en"), words("es")
GOUT = Evidence("gout#0", "gout", "Gout causes sudden pain in one joint.", 0, 37, title="Gout", language="en")


def why(question, *passages, today=date(2030, 1, 1)):
    return answer(question, None, lambda _: Found(list(passages), "s1"), today=today).why


@pytest.mark.parametrize("key", WHY)
def test_every_reason_has_words_in_each_language(key):
    text = WHY[key].format(names="One; two", question="es", found="en, fr")
    for t in (EN, ES):
        [found] = reasons(text, t)
        assert not found.foreign and found.text != text or key in ("no_passage", "nothing")
        assert "{" not in found.text and ("One; two" in found.text) == ("{names}" in WHY[key])


def test_the_reasons_that_a_search_really_gives_are_known_in_spanish(tmp_path):
    old = replace(GOUT, id="gout#1", valid_until="2020-01-01")
    given = [
        why("What prevents measles?"),
        why("¿Qué causa la gota?", GOUT),
        why("What prevents measles?", GOUT, old, replace(GOUT, id="g#2", language="es")),
        why("What causes gout?", old),
    ]
    graph = small_graph(tmp_path)
    given += [facts(graph, "What is a kangaroo?").why]
    assert all(given)
    for one in given:
        assert all(not reason.foreign for reason in reasons(one, ES)), one
    assert "español" in reasons(given[1], ES)[0].text and "inglés" in reasons(given[1], ES)[0].text
    assert len(reasons(given[2], ES)) > 1


def test_joined_reasons_are_told_one_by_one_and_names_keep_their_semicolons():
    joined = "; ".join([cited.THIN, cited.OLD.format(names="Gout; Old gout"), "something new"])
    joined += "; " + cited.LANGUAGE_TOO.format(question="en", found="es")
    told = reasons(joined, EN)
    assert told[0].text == "What was found does not speak of what is asked."
    assert told[1].text.startswith("No longer valid, and left out: Gout; Old gout")
    assert told[-1].text == "The question is in English, and some of what was found is in Spanish."


def test_a_reason_that_nobody_knows_stands_as_it_came_and_is_marked_as_english():
    [found] = reasons("the moon is full", ES)
    assert found.foreign and found.text == "the moon is full" and reasons(None, ES) == []


def test_words_that_are_missing_are_one_line_that_says_what_they_are_without_the_small_ones():
    told = lacking(["Mi", "padre", "TEP", "dolor", "a passage that answers the question"], ES)
    assert [one.text for one in told] == [
        "Ningún pasaje encontrado habla de: padre, TEP, dolor.", "Falta un pasaje que responda a la pregunta.",
    ]  # fmt: skip
    assert "Old; new" in lacking(["a source that settles what these say: Old; new"], EN)[0].text
    assert lacking([cited.NO_RECORD], EN)[0].text == "The patient's record says nothing of it."


def test_spanish_words_that_only_ask_are_never_told_as_missing():
    asked = "¿Cuánto paracetamol puede tomar un adulto?"
    label = Evidence("l#0", "l", "Ibuprofeno: cada ocho horas.", 0, 28, title="Ibuprofeno", language="es")
    (said,) = lacking(missing(asked, [label]), ES)
    told = set(said.text.replace(",", " ").split())
    assert "paracetamol" in said.text and told.isdisjoint({"Cuánto", "puede", "tomar", "adulto"})


def test_in_what_sources_differ_is_told_in_words():
    assert {in_what(one, ES) for one in CONFLICTS}.isdisjoint(CONFLICTS) and in_what("tone", ES) == "tone"
