"""Rules: what each finds and what it lets stand, with Hyperscan and without."""

import pytest

from fixture_rules import made
from residency.corpus.identify.detector import SURE
from residency.corpus.identify.kinds import KINDS
from residency.corpus.identify.rules import rules_for
from residency.corpus.identify.view import view_of

FOUND = [
    ("en", "Mr. Okonjo came in", "NAME", "Okonjo"),
    ("en", "Tamsin Okonjo, RN", "NAME", "Tamsin Okonjo"),
    ("en", "Attending: Quill Adebayo", "NAME", "Quill Adebayo"),
    ("en", "Pt.Adebayo seen", "NAME", "Adebayo"),
    ("en", "his niece Tamsin called", "NAME", "Tamsin"),
    ("en", "it is O-K-O-N-J-O", "NAME", "O-K-O-N-J-O"),
    ("en", "lives at 4821 Brixford Lane, Apt 7C now", "LOCATION", "4821 Brixford Lane, Apt 7C"),
    ("en", "at 4821 n. brixford\nroad unit 7", "LOCATION", "4821 n. brixford\nroad unit 7"),
    ("en", "Brixford, OH 44101", "LOCATION", "44101"),
    ("en", "Brixford, OH 44101", "LOCATION", "Brixford"),
    ("en", "P.O. Box 5512", "LOCATION", "P.O. Box 5512"),
    ("en", "from Brixford Junction", "LOCATION", "Brixford Junction"),
    ("en", "to Brixford Memorial Hospital", "HOSPITAL", "Brixford Memorial Hospital"),
    ("en", "went to brixford hospital", "HOSPITAL", "brixford hospital"),
    ("en", "on 03/14/2021", "DATE", "03/14/2021"),
    ("en", "seen on3/14/21", "DATE", "3/14/21"),
    ("en", "March 14th, 2021", "DATE", "March 14th, 2021"),
    ("en", "14 March 2021", "DATE", "14 March 2021"),
    ("en", "on march fourteenth nineteen sixty one", "DATE", "march fourteenth nineteen sixty one"),
    ("en", "2021-03-14T08:00", "DATE", "2021-03-14"),
    ("en", "born l2/23/199O", "DATE", "l2/23/199O"),
    ("en", "a 93-year-old man", "AGE", "93"),
    ("en", "she is ninety-four years old", "AGE", "ninety-four"),
    ("en", "call (212) 555-0199 x12", "PHONE", "(212) 555-0199 x12"),
    ("en", "five five five oh one two three", "PHONE", "five five five oh one two three"),
    ("en", "fax: 212-555-0199", "FAX", "212-555-0199"),
    ("en", "t.okonjo@mail.example", "EMAIL", "t.okonjo@mail.example"),
    ("en", "t dot okonjo at mail dot example", "EMAIL", "t dot okonjo at mail dot example"),
    ("en", "SSN 219-09-9999", "SSN", "219-09-9999"),
    ("en", "social security ending in xxx-xx-9999", "SSN", "xxx-xx-9999"),
    ("en", "MRN: 00471123", "MRN", "00471123"),
    ("en", "Member ID ZHR-8378-52", "HEALTH_PLAN", "ZHR-8378-52"),
    ("en", "Medicare 1EG4-TE5-MK73", "HEALTH_PLAN", "1EG4-TE5-MK73"),
    ("en", "Acct 8837261", "ACCOUNT", "8837261"),
    ("en", "card 4111 1111 1111 1111", "ACCOUNT", "4111 1111 1111 1111"),
    ("en", "NPI 1234567893", "LICENSE", "1234567893"),
    ("en", "DEA AB1234563", "LICENSE", "AB1234563"),
    ("en", "plate KTR 4412", "VEHICLE", "KTR 4412"),
    ("en", "1M8GDM9AXKP042788", "VEHICLE", "1M8GDM9AXKP042788"),
    ("en", "S/N PM-88213-A", "DEVICE", "PM-88213-A"),
    ("en", "(01)00614141999996(21)A22", "DEVICE", "(01)00614141999996(21)A22"),
    ("en", "see https://ward.example/p?id=7", "URL", "https://ward.example/p?id=7"),
    ("en", "from 192.168.17.44", "IP", "192.168.17.44"),
    ("en", "photo IMG_0475.jpg", "OTHER_ID", "IMG_0475.jpg"),
    ("en", "accession S21-4471", "OTHER_ID", "S21-4471"),
    ("es", "DNI: 12345678Z", "SSN", "12345678Z"),
    ("es", "NHC: 3418821", "MRN", "3418821"),
    ("es", "nacido el 3 de mayo de 1961", "DATE", "3 de mayo de 1961"),
    ("es", "C/ Alondra 14", "LOCATION", "C/ Alondra 14"),
    ("es", "CP: 28041", "LOCATION", "28041"),
    ("es", "Dra. Zubizarreta Iriarte", "NAME", "Zubizarreta Iriarte"),
    ("es", "Tfno: 916 554 433", "PHONE", "916 554 433"),
    ("es", "ingresa en el Hospital Alcotán", "HOSPITAL", "Hospital Alcotán"),
    ("es", "Nº colegiado: 28 28 12345", "LICENSE", "28 28 12345"),
]
NOTHING = [
    "BP 138/76, P 88, RR 18, strength 4/5, pain 7/10",
    "a 43-year-old man, 5 mg BID, 250 mL at 12:30",
    "Patient: Yes, I have. Doctor: Okay.",
    "went to the hospital and then to a clinic",
    "13/45/2021 is no day",
    "take 2000mg or 10000IU, HLA-B27, CA-125, SARS-CoV-2",
]


@pytest.mark.parametrize(("language", "text", "kind", "wanted"), FOUND)
def test_a_rule_finds_it(language, text, kind, wanted):
    found = made(language).find(view_of(text))
    assert wanted in [text[f.start : f.end] for f in found if f.entity_type == kind], found


@pytest.mark.parametrize("text", NOTHING)
def test_what_identifies_nobody_is_let_stand(text):
    assert not [f for f in made("en").find(view_of(text)) if f.score >= 0.75]


@pytest.mark.parametrize(("language", "text", "kind", "wanted"), FOUND)
def test_re_alone_finds_the_same(language, text, kind, wanted):
    view = view_of(f"{text} and {text}. {'filler words, ' * 40}{text}\n")
    assert made(language).find(view) == made(language, compiled=False).find(view)


def test_every_rule_has_a_bound_and_a_known_kind():
    for language in ("en", "es"):
        for rule in rules_for(language):
            assert rule.room < 1000, f"{rule.name} may match any length"
            assert rule.kind in KINDS and 0 < rule.score <= 1


def test_each_safe_harbor_kind_of_text_has_a_rule():
    direct = {name for name, kind in KINDS.items() if kind.direct}
    assert direct <= {rule.kind for rule in rules_for("en")}


def test_places_lead_back_to_the_original():
    text = "caf\u00e9\u200b MRN:\u00a0004\u00ad71123 \u2014 Dr.\u202eOkonjo"
    (found,) = [f for f in made("en").find(view_of(text)) if f.why == "rule:mrn"]
    assert text[found.start : found.end] == "004\u00ad71123"
    assert found.score >= SURE


@pytest.mark.parametrize("text", ["SSN ending in 4471", "last four of her social: 4471", "ss# xxx-xx-4471"])
def test_the_last_digits_of_a_social_security_number_are_found(text):
    found = made("en").find(view_of(text))
    assert any(f.entity_type == "SSN" and text[f.start : f.end].endswith("4471") for f in found)
