"""Passwords: what is refused, how they are hashed, and that trying one takes as long whoever it is for."""

from __future__ import annotations

import time
from statistics import median

import pytest
from argon2 import PasswordHasher
from argon2.low_level import Type

from residency.core.errors import UserError
from residency.serve.access.access import Access
from residency.serve.access.passwords import check, common, fits, nobody
from serve.access.house import QUICK

GOOD = (
    "seven brown teapots sing",
    "el perro come zanahorias crudas",
    "tmbrl-vkq9-wexo",
    "Übergangsjacke im Regen",
    "手術室の窓は東を向いている",
    "    leading and trailing spaces    ",
    "correct horse battery staple",
)
COMMON = (
    "password1234",
    "Password123!",
    "P@ssw0rd2026",
    "qwertyuiop12",
    "1q2w3e4r5t6y",
    "iloveyou2024",
    "letmeinletmein!",
    "123456789012",
    "1234567890ab",
    "WelcomeHospital1",
    "adminadmin12",
    "Administrator1!",
    "contraseña123",
    "Sommer2026qwertz!"[6:],
    "abcdefghijkl",
    "MedicalDoctor99",
    "changeme_changeme",
    "trustno1trustno1",
    "0987654321qw",
    "liverpoolfc1892!"[:9] + "2020",
)


@pytest.mark.parametrize("password", GOOD)
def test_a_long_password_of_ones_own_is_taken(password: str) -> None:
    check(password, user="anna")


@pytest.mark.parametrize("password", COMMON)
def test_what_everyone_tries_first_is_refused(password: str) -> None:
    with pytest.raises(UserError):
        check(password.ljust(12, "1"))


def test_length_is_counted_in_characters_and_has_two_ends() -> None:
    check("ωβγδεζηθικλμ")
    with pytest.raises(UserError, match="at least 12"):
        check("elevenchars")
    check("long words and so on " * 12 + "!")
    with pytest.raises(UserError, match="at most 256"):
        check("long words and so on " * 13)


def test_no_rule_asks_for_digits_or_signs() -> None:
    check("onlysmallletterswithoutsense")
    check("847201936650")


@pytest.mark.parametrize("password", ["aaaaaaaaaaaaaaaa", "abababababababab", "xkvbxkvbxkvb", "1212121212121"])
def test_a_piece_written_again_and_again_is_refused(password: str) -> None:
    with pytest.raises(UserError, match="again and again"):
        check(password)


def test_the_name_of_the_user_does_not_make_a_password() -> None:
    assert common("Okonkwo.Adaeze1", user="adaeze.okonkwo")
    assert not common("Okonkwo.Adaeze1", user="bea")


def test_a_lone_surrogate_is_refused_and_not_a_fault() -> None:
    with pytest.raises(UserError, match="character of Unicode"):
        check("seven brown teapots \ud800")
    assert not fits(QUICK, QUICK.hash("seven brown teapots ?"), "seven brown teapots \ud800")


def test_the_words_of_a_refusal_do_not_hold_the_password() -> None:
    for password in ("password1234", "short", "aaaaaaaaaaaaaa"):
        with pytest.raises(UserError) as refused:
            check(password)
        assert password not in str(refused.value)


def test_a_password_is_taken_exactly_as_typed() -> None:
    hashed = QUICK.hash(" Seven brown teapots sing")
    assert fits(QUICK, hashed, " Seven brown teapots sing")
    for other in ("Seven brown teapots sing", " seven brown teapots sing", " Seven brown teapots sing ", ""):
        assert not fits(QUICK, hashed, other)


def test_hashes_are_argon2id_with_the_memory_that_rfc_9106_names() -> None:
    hasher = Access.__dataclass_fields__["hasher"].default_factory()  # type: ignore[misc]
    assert (hasher.type, hasher.memory_cost, hasher.time_cost) == (Type.ID, 65536, 3)
    assert len(hasher.hash("x")) <= 256  # the column holds it


def test_nothing_fits_no_hash() -> None:
    assert not fits(QUICK, None, "")
    assert not fits(QUICK, None, "there is no such user: this is tried so that trying takes as long")
    assert not fits(QUICK, "no hash at all", "seven brown teapots sing")


def test_a_user_that_is_none_takes_as_long_as_one_that_is() -> None:
    hasher = PasswordHasher(time_cost=2, memory_cost=4096, parallelism=1)
    hashed = hasher.hash("seven brown teapots sing")
    nobody(hasher)
    taken: dict[str, list[float]] = {"someone": [], "nobody": [], "too long": []}
    for _ in range(15):
        for who, hash, typed in (
            ("someone", hashed, "x" * 20),
            ("nobody", None, "x" * 20),
            ("too long", hashed, "x" * 999),
        ):
            start = time.thread_time()
            assert not fits(hasher, hash, typed)
            taken[who].append(time.thread_time() - start)
    times = {who: median(each) for who, each in taken.items()}
    assert max(times.values()) < 1.5 * min(times.values())
