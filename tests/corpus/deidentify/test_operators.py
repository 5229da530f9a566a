"""Presidio's operators and results, spoken by name."""

from __future__ import annotations

import hashlib
import hmac
from types import SimpleNamespace

import pytest

from residency.core.errors import UserError
from residency.corpus.deidentify.hide import Hider
from residency.corpus.deidentify.operators import from_presidio, presidio_found
from residency.corpus.deidentify.settings import Hiding

KEY = b"o" * 32
TEXT = "Ada Okonjo, 312-555-7890, Springfield"
RESULTS = [
    {"start": 12, "end": 24, "entity_type": "PHONE_NUMBER", "score": 0.75},
    {"start": 0, "end": 10, "entity_type": "PERSON", "score": 0.85},
    {"start": 26, "end": 37, "entity_type": "LOCATION", "score": 0.85},
]


def hidden(config: dict) -> str:
    hider = Hider(Hiding(), KEY, "en", own=from_presidio(config, KEY))
    return hider.hide(TEXT, presidio_found(RESULTS), "p").text


def test_presidios_operators_do_what_presidio_does() -> None:
    config = {
        "PERSON": {"type": "replace", "new_value": "<HER>"},
        "PHONE_NUMBER": {"type": "mask", "masking_char": "#", "chars_to_mask": 4, "from_end": True},
        "LOCATION": {"type": "redact"},
    }
    assert hidden(config) == "<HER>, 312-555-####, "
    assert hidden({"DEFAULT": {"type": "replace"}}) == "<PERSON>, <PHONE_NUMBER>, <LOCATION>"
    assert hidden({"DEFAULT": {"type": "keep"}}) == TEXT
    assert hidden({"PERSON": {"type": "keep"}}) == "Ada Okonjo, [PHONE], [LOCATION]"


def test_a_hash_needs_the_key() -> None:
    found = hidden({"PERSON": {"type": "hash"}}).split(",")[0]
    assert found == hmac.new(KEY, b"Ada Okonjo", hashlib.sha256).hexdigest()
    assert found != hashlib.sha256(b"Ada Okonjo").hexdigest()
    assert len(hidden({"PERSON": {"type": "hash", "hash_type": "sha512"}}).split(",")[0]) == 128


@pytest.mark.parametrize(
    "config",
    [
        {"PERSON": {"type": "encrypt", "key": "x"}},
        {"PERSON": {"type": "hash", "salt": "x"}},
        {"PERSON": {"type": "hash", "hash_type": "md5"}},
        {"PERSON": {"type": "mask", "masking_char": "**"}},
        {"PERSON": {}},
        {"NOSUCH": {"type": "keep"}},
    ],
)
def test_what_has_no_counterpart_is_refused(config: dict) -> None:
    with pytest.raises(UserError):
        from_presidio(config, KEY)


def test_results_are_taken_as_objects_too_and_refused_where_they_are_none() -> None:
    row = SimpleNamespace(start=0, end=3, entity_type="US_SSN", score=0.5)
    assert presidio_found([row])[0].entity_type == "SSN"
    with pytest.raises(UserError, match="result 0"):
        presidio_found([{"start": 0, "entity_type": "PERSON"}])
