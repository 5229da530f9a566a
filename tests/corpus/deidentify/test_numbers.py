"""Numbers and codes that have the form of real ones and are nobody's."""

from __future__ import annotations

import re

import pytest

from residency.corpus.deidentify.numbers import Numbers, valid
from residency.corpus.deidentify.plain import compared
from residency.corpus.identify import proofs

PATIENTS = [str(number) for number in range(150)]


def numbers(language: str = "en", taken: frozenset[str] = frozenset()) -> Numbers:
    return Numbers(b"z" * 32, lambda run: compared(run) in taken, language)


@pytest.mark.parametrize(
    ("kind", "text", "form"),
    [
        ("PHONE", "(312) 456-7890", r"\([2-9][0-8]\d\) 555-01\d\d"),
        ("PHONE", "+1 312.456.7890 x12", r"\+1 [2-9][0-8]\d\.555\.01\d\d x\d\d"),
        ("FAX", "456-7890", r"555-01\d\d"),
        ("PHONE", "07911 123456", r"07700 900\d{3}"),
        ("PHONE", "+44 7911 123456", r"\+44 7700 900\d{3}"),
        ("SSN", "123-45-6789", r"9\d\d-0\d-\d{4}"),
        ("SSN", "123456789", r"9\d\d0\d{5}"),
        ("EMAIL", "ada.okonjo@clinic.org", r"[a-z]{8}@example\.(org|com|net)"),
        ("URL", "https://clinic.org/ada", r"https://example\.(org|com|net)/[a-z]{8}"),
        ("IP", "10.1.2.33", r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}"),
        ("IP", "fe80::1", r"2001:db8::[0-9a-f:]+"),
        ("MRN", "AB-0012345/7", r"[A-Z]{2}-\d{7}/\d"),
        ("ACCOUNT", "4111 1111 1111 1111", r"\d{4} \d{4} \d{4} \d{4}"),
        ("VEHICLE", "1HGCM82633A004352", r"\d[A-Z]{4}\d{5}[A-Z]\d{6}"),
    ],
)
def test_the_form_stays_and_the_number_is_nobodys(kind: str, text: str, form: str) -> None:
    for patient in PATIENTS:
        now = numbers().of(patient, kind, text)
        assert now is not None
        assert re.fullmatch(form, now)
        assert compared(now) != compared(text)


def test_spanish_numbers_begin_as_no_user_s_does() -> None:
    for text, form in (("+34 912 345 678", r"\+34 [2-4]\d\d \d{3} \d{3}"), ("612345678", r"[2-4]\d{8}")):
        assert all(re.fullmatch(form, str(numbers("es").of(patient, "PHONE", text))) for patient in PATIENTS)


@pytest.mark.parametrize(
    ("kind", "text", "proof"),
    [
        ("ACCOUNT", "4111111111111111", proofs.card),
        ("LICENSE", "1234567893", proofs.npi),
        ("LICENSE", "AB1234563", lambda text: proofs.dea(text[2:])),
        ("MRN", "12345678Z", proofs.dni),
        ("ACCOUNT", "GB82WEST12345698765432", proofs.iban),
        ("SSN", "123-45-6789", proofs.ssn),
        ("HEALTH_PLAN", "281234567840", lambda text: int(text[:10]) % 97 == int(text[10:])),
    ],
)
def test_every_check_digit_is_wrong(kind: str, text: str, proof: object) -> None:
    assert callable(proof)
    assert proof(text) or kind == "HEALTH_PLAN"
    drawn = [str(numbers().of(patient, kind, text)) for patient in PATIENTS]
    assert not [now for now in drawn if proof(now) or valid(now)]


def test_a_number_is_the_same_however_it_is_parted_and_whatever_kind_it_is_taken_for() -> None:
    of = numbers().of
    plain = str(of("p", "MRN", "123456789012"))
    assert compared(str(of("p", "MRN", "1234-5678-9012"))) == plain
    assert of("p", "OTHER_ID", "123456789012") == plain
    assert of("q", "MRN", "123456789012") != plain


def test_no_number_occurs_in_the_texts() -> None:
    first = str(numbers().of("p", "MRN", "4567"))
    assert numbers(taken=frozenset([first])).of("p", "MRN", "4567") not in (first, None)
    everything = frozenset(f"{n}" for n in range(10))
    assert numbers(taken=everything).of("p", "MRN", "7") is None


@pytest.mark.parametrize("text", ["", "--", "five five five", "\ue0001234", "Lactante"])
def test_what_is_no_number_has_no_surrogate(text: str) -> None:
    assert numbers().of("p", "MRN", text) is None
