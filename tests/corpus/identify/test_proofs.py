"""Check digits and calendars, against numbers that others published."""

import pytest

from residency.corpus.identify import proofs

TRUE = {
    "card": ["4111 1111 1111 1111", "378282246310005"],
    "npi": ["1234567893"],
    "dea": ["AB1234563"],
    "ssn": ["219-09-9999"],
    "vin": ["1M8GDM9AXKP042788"],
    "iban": ["GB82 WEST 1234 5698 7654 32", "ES9121000418450200051332"],
    "dni": ["12345678Z", "X1234567L"],
    "ip": ["192.168.17.44"],
    "day": ["14/03/2021", "3-14-21", "2021.03.14"],
    "compact_day": ["20210314"],
    "old": ["90", "112"],
    "grouped": ["12-34-567", "555 010 2231"],
    "no_range": ["4482-1243"],
    "code": ["UE71513S", "T27B46B2"],
    "code_dashed": ["ZHR-8378-52", "NCT-MM-584"],
    "bare_day": ["6/14", "02/03"],
    "named": ["Okonjo"],
    "road": ["44 Brixford Lane"],
    "initials": ["T.O."],
    "misread": ["Mi11er"],
}
FALSE = {
    "card": ["4111 1111 1111 1112", "1111"],
    "npi": ["1234567890"],
    "dea": ["AB1234567"],
    "ssn": ["000-12-3456", "666-12-3456", "912-34-5678", "219-00-9999", "219-09-0000"],
    "vin": ["1M8GDM9AYKP042788", "ABCDEFGHJKLMNPRST"],
    "iban": ["GB82 WEST 1234 5698 7654 33"],
    "dni": ["12345678A", "1234"],
    "ip": ["300.1.1.1", "1.2.3.4"],
    "day": ["13/45/2021", "31/02/2021"],
    "compact_day": ["20211314"],
    "old": ["89", "130"],
    "grouped": ["12-34"],
    "no_range": ["100-200"],
    "code": ["2000mg", "HLA27", "10000IU"],
    "code_dashed": ["CA-125", "COVID-19", "T4-L5"],
    "bare_day": ["4/5", "9/10"],
    "named": ["Yes, I"],
    "road": ["2022 with Dr"],
    "initials": ["U.S."],
    "misread": ["B12"],
}


@pytest.mark.parametrize(("proof", "text"), [(p, t) for p, texts in TRUE.items() for t in texts])
def test_it_can_be_one(proof, text):
    assert getattr(proofs, proof)(text)


@pytest.mark.parametrize(("proof", "text"), [(p, t) for p, texts in FALSE.items() for t in texts])
def test_it_can_not(proof, text):
    assert not getattr(proofs, proof)(text)


def test_ordinary_words_at_the_beginning_are_cut_off():
    assert proofs.ordinary("To Brixford Pharmacy", 2) == (3, 20)
    assert proofs.ordinary("Last labs", 2) == (-1, -1)
    assert proofs.ordinary("Ana Brixford Email", 1) == (0, 12)
