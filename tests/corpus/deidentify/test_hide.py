"""Hiding: operators, spans that overlap, offsets, and what is refused."""

from __future__ import annotations

import pytest

from residency.core.errors import UserError
from residency.corpus.deidentify.hide import Hider, settled
from residency.corpus.deidentify.settings import Hiding
from residency.corpus.deidentify.surrogates import shifts
from residency.corpus.identify.found import Found

KEY = bytes(range(32))


def found(text: str, *marked: tuple[str, str]) -> list[Found]:
    """Return spans for pieces of a text."""
    return [Found(text.index(piece), text.index(piece) + len(piece), kind, 0.9, "test") for piece, kind in marked]


def test_each_operator_changes_the_span_and_nothing_else() -> None:
    text = "Seen by Ada Okonjo on 3/4/2020 ."
    spans = found(text, ("3/4/2020", "DATE"), ("Ada Okonjo", "NAME"))
    hidden = {
        name: Hider(Hiding(operator=name), KEY, "en").hide(text, spans, "p").text  # type: ignore[arg-type]
        for name in ("tag", "mask", "drop")
    }
    assert hidden["tag"] == "Seen by [NAME] on [DATE] ."
    assert hidden["mask"] == "Seen by *** ****** on */*/**** ."
    assert hidden["drop"] == "Seen by  on  ."


def test_changes_map_the_old_offsets_to_the_new() -> None:
    text = "Ada Okonjo, 3/4/2020, stable"
    hidden = Hider(Hiding(), KEY, "en").hide(text, found(text, ("Ada Okonjo", "NAME"), ("3/4/2020", "DATE")), "p")
    assert [text[c.start : c.end] for c in hidden.spans] == ["Ada Okonjo", "3/4/2020"]
    assert [hidden.text[c.new_start : c.new_end] for c in hidden.spans] == ["[NAME]", "[DATE]"]
    assert hidden.text[hidden.place(text.index("stable")) :] == "stable"
    assert hidden.place(3) == 0


def test_overlapping_and_nested_spans_become_one_of_the_longest_kind() -> None:
    spans = [
        Found(5, 9, "NAME", 1.0, ""),
        Found(0, 8, "HOSPITAL", 0.5, ""),
        Found(9, 12, "DATE", 0.5, ""),
        Found(10, 11, "NAME", 1.0, ""),
    ]
    assert settled(spans, 12) == [(0, 9, "HOSPITAL"), (9, 12, "DATE")]
    assert settled(reversed(spans), 12) == settled(spans, 12)


def test_of_spans_of_one_length_the_surer_says_the_kind() -> None:
    assert settled([Found(0, 4, "NAME", 0.4, ""), Found(0, 4, "LOCATION", 0.8, "")], 4) == [(0, 4, "LOCATION")]


@pytest.mark.parametrize("span", [(3, 3), (4, 2), (-1, 2), (2, 99)])
def test_a_span_that_is_empty_or_outside_is_refused_without_a_word_of_the_text(span: tuple[int, int]) -> None:
    with pytest.raises(UserError) as refused:
        Hider(Hiding(), KEY, "en").hide("Okonjo", [Found(*span, "NAME", 1.0, "")], "p")
    assert "Okonjo" not in str(refused.value)


def test_a_mask_leaves_no_letter_of_any_script_and_keeps_the_length() -> None:
    text = "José\u0301 Ω🇦🇧 ١٢ \ue000\ud83d-(x)"
    hidden = Hider(Hiding(operator="mask"), KEY, "en").hide(text, [Found(0, len(text), "NAME", 1.0, "")], "p")
    assert hidden.text == "***** *** ** **-(*)"
    assert len(hidden.text) == len(text)


def test_kept_kinds_stay_and_kinds_without_a_surrogate_get_a_tag() -> None:
    text = "female, Spain"
    spans = found(text, ("female", "SEX"), ("Spain", "COUNTRY"))
    hidden = Hider(Hiding(operator="surrogate", keep=("SEX",)), KEY, "en").hide(text, spans, "p")
    assert hidden.text == "female, [COUNTRY]"


def test_what_cannot_be_read_or_is_too_long_gets_a_tag() -> None:
    for unreadable in ("Ada \ue000", "\ud800", "Jos\ufffd", "🇯🇴", "x" * 301):
        spans = [Found(0, len(unreadable), "NAME", 1.0, "")]
        assert Hider(Hiding(operator="surrogate"), KEY, "en").hide(unreadable, spans, "p").text == "[NAME]"


def test_where_every_name_is_taken_there_is_a_tag() -> None:
    hider = Hider(Hiding(operator="surrogate"), KEY, "en", taken=lambda word: True)
    text = "Okonjo 4567890123 Springfield"
    spans = found(text, ("Okonjo", "NAME"), ("4567890123", "MRN"), ("Springfield", "LOCATION"))
    assert hider.hide(text, spans, "p").text == "[NAME] [MRN] [LOCATION]"


def test_labels_of_other_tools_are_understood() -> None:
    assert Hider(Hiding(), KEY, "en").hide("Ada", [Found(0, 3, "PERSON", 1.0, "")], "p").text == "[NAME]"


@pytest.mark.parametrize("wrong", [{"sign": "x"}, {"sign": "**"}, {"days": 0}, {"latest": 3}, {"keep": ("NOSE",)}])
def test_settings_that_make_no_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(UserError):
        Hiding(**wrong)


def test_a_short_key_and_another_language_are_refused() -> None:
    with pytest.raises(UserError, match="32"):
        Hider(Hiding(), b"short", "en")
    with pytest.raises(UserError, match="en and es"):
        Hider(Hiding(), KEY, "de")


def test_what_a_receipt_is_told_holds_no_key() -> None:
    about = Hider(Hiding(operator="surrogate"), KEY, "en").about()
    assert about["operator"] == "surrogate"
    assert about["lists"].startswith("faker ")
    assert KEY.hex() not in str(about)
    assert str(KEY) not in str(about)


def test_a_number_that_only_may_be_an_identifier_gets_a_tag_and_no_false_value():
    hider = Hider(Hiding(operator="surrogate"), KEY, "en")
    text = "day 3/7, seen 3/7"
    found = [Found(4, 7, "DATE", 0.2, "tagger:perhaps"), Found(14, 17, "DATE", 0.9, "rule:date")]
    made = hider.hide(text, found, "p").text
    assert made.startswith("day [DATE], seen ") and "[DATE]" not in made[12:] and "3/7" not in made
    kept = Hider(Hiding(operator="surrogate", keep=("DATE",)), KEY, "en").hide(text, found, "p").text
    assert kept == text


def test_dates_never_move_by_about_whole_years_or_hardly_at_all():
    moves = shifts(800)
    assert min(moves) > 7 and not {359, 365, 366, 372, 730, 731} & set(moves) and 180 in moves
    assert shifts(3) == (1, 2, 3)


def test_an_age_over_89_inside_what_was_taken_for_a_name_does_not_become_another_age():
    made = Hider(Hiding(operator="surrogate"), KEY, "en").hide("F/90 came", [Found(0, 4, "NAME", 0.9, "tagger")], "p")
    assert made.text == "[NAME] came"
