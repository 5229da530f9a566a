"""Names for names: one person, one name, however it is written."""

from __future__ import annotations

import itertools
import unicodedata

import pytest

from residency.corpus.deidentify.lists import lists_of
from residency.corpus.deidentify.names import Names
from residency.corpus.deidentify.plain import compared

KEY = b"n" * 32


def names(language: str = "en", taken: frozenset[str] = frozenset(), **settings: str) -> Names:
    return Names(KEY, lists_of(language), lambda word: compared(word) in taken, language, **settings)


def test_a_person_has_one_name_in_any_form_and_order() -> None:
    of = names().of
    full = of("p", "Ada Okonjo")
    assert full is not None
    given, family = full.split()
    assert of("p", "OKONJO, Ada M.") == f"{family.upper()}, {given} {names().initial('p', 'm').upper()}."
    assert of("p", "Mr. Okonjo") == f"Mr. {family}"
    assert of("p", "okonjo") == family.lower()
    assert of("p", "Okonjo's") == f"{family}'s"
    assert of("p", "Dr. Ada Okonjo-Okonjo, MD") == f"Dr. {given} {family}-{family}, MD"


def test_a_new_maker_gives_the_same_names_in_another_order() -> None:
    words = ["Ada Okonjo", "John Smith", "J. Smith", "Zoltán Kovács"]
    one, other = names(), names()
    assert {w: one.of("p", w) for w in words} == {w: other.of("p", w) for w in reversed(words)}


def test_another_patient_has_other_names_and_so_has_another_key() -> None:
    assert names().of("p", "Okonjo") != names().of("q", "Okonjo")
    assert Names(b"m" * 32, lists_of("en"), lambda word: False, "en").of("p", "Okonjo") != names().of("p", "Okonjo")


@pytest.mark.parametrize(
    "looks", ["O\u200bkonjo", "Оkonjo", "Ökonjo", "O\u0301konjo", "Ｏｋｏｎｊｏ", "𝐎𝐤𝐨𝐧𝐣𝐨", "\u202eOkonjo\u202c"]
)
def test_what_looks_the_same_is_the_same_person(looks: str) -> None:
    assert names().of("p", looks) == names().of("p", "Okonjo")
    assert names().of("p", unicodedata.normalize("NFD", looks)) == names().of("p", "Okonjo")


def test_an_apostrophe_and_an_accent_make_no_other_name() -> None:
    of = names().of
    assert of("p", "O’Brien") == of("p", "O'Brien")
    assert of("p", "José") == of("p", "Jose\u0301") == of("p", "Jose")


@pytest.mark.parametrize("language", ["en", "es"])
def test_an_initial_becomes_the_first_letter_of_the_name_that_it_stands_for(language: str) -> None:
    of = names(language).of
    for name in ("John", "Ada", "Xavier", "Quentin", "Zsofia", "Okonjo", "Ygritte"):
        surrogate, initial = of("p", name), of("p", f"{name[0]}.")
        assert surrogate is not None
        assert initial == f"{surrogate[0]}."
    both = of("p", "John Smith")
    assert both is not None
    assert of("p", "JS") == "".join(word[0] for word in both.split())


def test_initials_may_stay_or_be_masked() -> None:
    kept = names(initials="keep")
    assert all(kept.of("p", name)[0] == name[0] for name in ("John", "Okonjo", "Xu", "Quin"))  # type: ignore[index]
    assert kept.of("p", "J. Okonjo")[:2] == "J."  # type: ignore[index]
    assert names(initials="mask").of("p", "J. Okonjo")[:2] == "*."  # type: ignore[index]


def test_a_name_of_women_gets_one_of_women() -> None:
    lists = lists_of("en")
    given = names()
    for name, gender in (("Mary", "women"), ("Elizabeth", "women"), ("Robert", "men"), ("George", "men")):
        other = {"women": "men", "men": "women"}[gender]
        drawn = [given.of(str(patient), name) for patient in range(60)]
        assert not [n for n in drawn if lists.gender(compared(n or "")) == other]
        listed = [n for n in drawn if lists.gender(compared(n or "")) == gender]
        assert len(listed) > 45


def test_gender_may_be_dropped() -> None:
    given, lists = names(gender="drop"), lists_of("en")
    genders = {lists.gender(compared(given.of(str(patient), "Mary") or "")) for patient in range(40)}
    assert {"women", "men"} <= genders


def test_no_surrogate_occurs_in_the_texts_and_the_same_is_passed_over_everywhere() -> None:
    free = names()
    first = {patient: free.of(patient, "Mary Okonjo") or "" for patient in map(str, range(30))}
    taken = frozenset(compared(word) for name in first.values() for word in name.split())
    for patient in first:
        again = names(taken=taken).of(patient, "Mary Okonjo")
        assert again is not None
        assert not {compared(word) for word in again.split()} & taken
        assert again == names(taken=taken).of(patient, "Mary Okonjo")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Dr. Do", ["Dr"]),
        ("Ludwig van der Berg", ["van", "der"]),
        ("Van Morrison", []),
        ("Ravi De", []),
        ("DE LA CRUZ, MARIA", ["DE", "LA"]),
        ("Al Smith", []),
        ("Sra. García de la Torre", ["Sra", "de", "la"]),
        ("MD Rahman", []),
        ("John Smith III", ["III"]),
        ("Ben Ode, RN", ["RN"]),
        ("Don Smith", []),
        ("RAVI DO", []),
        ("RAVI DO, DO", ["DO"]),
        ("Du Wei", []),
        ("Mr.", []),
        ("de la", ["de"]),
    ],
)
def test_titles_and_particles_stay_and_names_never_do(text: str, kept: list[str]) -> None:
    now = names().of("p", text)
    assert now is not None
    before, behind = (set(t.replace(".", "").replace(",", "").split()) for t in (text, now))
    assert before & behind == set(kept)


@pytest.mark.parametrize("text", ["-", " ", "''", "\ue000", "Ada\ud800"])
def test_what_holds_no_readable_word_has_no_surrogate(text: str) -> None:
    assert names().of("p", text) is None


def test_digits_in_a_name_are_drawn_anew() -> None:
    now = names().of("p", "Okonjo 4711")
    assert now is not None
    assert now.split()[1].isdecimal()
    assert now.split()[1] != "4711"


@pytest.mark.parametrize("language", ["en", "es"])
def test_two_names_of_a_patient_seldom_get_one_surrogate(language: str) -> None:
    """The chance that the docstring of ``names`` states, over listed names of all sorts and unlisted ones."""
    lists, maker = lists_of(language), names(language)
    listed = sorted(lists.family | lists.women | lists.men)
    pairs = same = alike = alike_same = 0
    for patient in range(120):
        some = [listed[(patient * 7919 + step * 104729) % len(listed)] for step in range(40)]
        drawn = {name: maker.word(str(patient), name) for name in some if name.isascii()}
        for one, other in itertools.combinations(sorted(drawn), 2):
            pairs, same = pairs + 1, same + (drawn[one] == drawn[other])
            if one[0] == other[0]:
                alike, alike_same = alike + 1, alike_same + (drawn[one] == drawn[other])
    assert pairs > 60_000
    assert same / pairs < 1 / 3_000
    assert alike_same / alike < 1 / 200
    print(f"{language}: {same} of {pairs}, of one letter {alike_same} of {alike}")
