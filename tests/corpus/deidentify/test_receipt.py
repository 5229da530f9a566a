"""A receipt proves which texts it is of and who stands behind it, and says when it proves nothing."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from fixture_deidentified import ENGINE, PLANTED, content, hidden, missing, notes, receipt, scored
from residency.core.errors import GateError, UserError
from residency.core.store import sha256_json
from residency.corpus.deidentify.receipt import (
    Waiver,
    checked,
    content_hash,
    measured,
    read_receipt,
    signed,
    verify,
    write_receipt,
)
from residency.corpus.deidentify.signing import public_key

DOCUMENTS = notes(120)
AFTER = content(hidden(DOCUMENTS))
GOOD = receipt(DOCUMENTS, scored(DOCUMENTS), made={"time": "2026-01-02T03:04:05", "user": "officer"})


def key_file(path, key=None, password=None):
    """Return the path of a private key in PEM, and write its public key beside it."""
    key = key or ed25519.Ed25519PrivateKey.generate()
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, lock))
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    path.with_suffix(".pub").write_bytes(public)
    return path


def reason(found, **more) -> str:
    with pytest.raises(GateError) as error:
        verify(found, **{"after": AFTER, **more})
    assert PLANTED not in str(error.value) and error.value.exit_code == 2
    return error.value.reason


def test_a_good_receipt_is_accepted_and_nobody_signed_it():
    assert verify(GOOD, after=AFTER, before=content(DOCUMENTS), floor=0.95) is None


def test_the_same_work_gives_the_same_hash_whenever_and_by_whomever_it_is_done():
    again = receipt(DOCUMENTS[::-1], scored(DOCUMENTS[::-1]), made={"time": "later", "user": "somebody else"})
    assert content_hash(again) == content_hash(GOOD) == GOOD["content_hash"]
    assert again["made"] != GOOD["made"]
    assert content_hash(receipt(DOCUMENTS[1:])) != content_hash(receipt(DOCUMENTS))


def test_it_comes_back_from_its_file_as_it_was(tmp_path):
    path = write_receipt(tmp_path / "out", GOOD)
    assert path.name == "receipt.json" and read_receipt(path) == read_receipt(tmp_path / "out") == GOOD
    assert verify(read_receipt(path), after=AFTER) is None
    assert PLANTED not in path.read_text(encoding="utf-8")


def test_the_hospitals_key_signs_and_any_other_is_told_apart(tmp_path):
    mine, other = key_file(tmp_path / "a.pem"), key_file(tmp_path / "b.pem")
    public = public_key(mine.with_suffix(".pub"))
    assert public == public_key(mine, own=True) != public_key(other, own=True)
    found = signed(GOOD, mine)
    assert verify(found, after=AFTER, key=public) == public == verify(found, after=AFTER)
    assert signed(GOOD, mine) == found
    assert reason(GOOD, key=public) == "unsigned"
    assert reason(signed(GOOD, other), key=public) == "other_key"
    moved = {**found, "made": {"time": "another"}}
    assert verify(moved, after=AFTER, key=public) == public


def test_what_was_changed_is_found_out(tmp_path):
    found = signed(GOOD, key_file(tmp_path / "a.pem"))
    better = copy.deepcopy(found)
    better["content"]["measured"]["masked"]["bound"] = 0.999
    assert reason(better) == "forged"
    better["content_hash"] = content_hash(better)
    assert reason(better) == "forged"
    for part in ("value", "public_key", "algorithm"):
        spoilt = copy.deepcopy(found)
        spoilt["signature"][part] = "00" * 32
        assert reason(spoilt) == "forged"
    for bad in ({}, {"algorithm": "Ed25519", "public_key": 5, "value": None}):
        assert reason({**found, "signature": bad or {"algorithm": "none"}}) == "forged"
    borrowed = {**receipt(notes(60)), "signature": found["signature"]}
    assert reason(borrowed, after=content(hidden(notes(60)))) == "forged"


def test_other_texts_than_it_was_made_for():
    grown, changed = hidden(notes(121)), hidden(DOCUMENTS)
    changed[7] = replace(changed[7], text=changed[7].text + f" {PLANTED}")
    assert reason(GOOD, after=content(grown)) == reason(GOOD, after=content(changed)) == "stale"
    assert reason(GOOD, after=content(hidden(DOCUMENTS)[1:])) == "stale"
    assert reason(GOOD, after=content(DOCUMENTS)) == "original"
    assert reason(GOOD, before=content(notes(121))) == "wrong_source"


def test_recall_must_be_measured_and_reach_the_floor():
    assert reason(receipt(DOCUMENTS)) == "not_measured"
    assert reason(GOOD, floor=0.99) == "under_floor"
    low = receipt(DOCUMENTS, scored(DOCUMENTS, missing(*[d.id for d in DOCUMENTS[:12]])))
    assert low["content"]["measured"]["masked"]["value"] > 0.95
    assert reason(low) == "under_floor"
    assert verify(low, after=AFTER, floor=0.9) is None
    with pytest.raises(
        GateError, match=r"recall of direct identifiers is 0\.9\d+ with a lower 95% limit of 0\.9\d+ on"
    ):
        verify(low, after=AFTER)


def test_a_waiver_stands_in_for_the_measure_and_only_for_that():
    waived = receipt(DOCUMENTS, waiver=Waiver("ward", "synthetic", "the reader of a simulated hospital"))
    assert verify(waived, after=AFTER) is None
    assert reason(waived, after=content(DOCUMENTS)) == "original"


def test_a_sample_of_other_texts_or_another_engine_is_refused():
    with pytest.raises(UserError, match="labels are of other texts"):
        receipt(DOCUMENTS, scored(notes(121)))
    with pytest.raises(UserError, match="scored with another engine"):
        receipt(DOCUMENTS, replace(scored(DOCUMENTS), engine={**ENGINE, "threshold": 0.4}))
    smuggled = copy.deepcopy(GOOD)
    smuggled["content"]["measured"]["content"] = content(notes(121)).hash
    smuggled["content_hash"] = content_hash(smuggled)
    assert reason(smuggled) == "wrong_source"


def test_a_measure_can_be_added_later_and_takes_the_signature_away(tmp_path):
    first = signed(receipt(DOCUMENTS, made=GOOD["made"]), key_file(tmp_path / "a.pem"))
    assert measured(first, scored(DOCUMENTS)) == GOOD and GOOD["signature"] is None


def test_what_is_no_receipt_is_refused_for_what_it_is(tmp_path):
    def read(text: str | None) -> str:
        if text is not None:
            (tmp_path / "receipt.json").write_text(text, encoding="utf-8")
        with pytest.raises(GateError) as error:
            read_receipt(tmp_path)
        assert PLANTED not in str(error.value)
        return error.value.reason

    assert read(None) == "missing"
    for text in ("", PLANTED, "[1]", "{}", f'{{"receipt": 1, "content": "{PLANTED}"}}', "[" * 100_000):
        assert read(text) == "malformed"
    assert read('{"receipt": 2}') == "version"
    with pytest.raises(GateError) as error:
        checked({**GOOD, "content": {**GOOD["content"], "counts": {PLANTED: 1}}})
    assert error.value.reason == "malformed" and PLANTED not in str(error.value)


ODD = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}))


def places(value, path=()):
    yield path
    for key in value if isinstance(value, dict) else ():
        yield from places(value[key], (*path, key))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([path for path in places(GOOD) if path]), ODD)
def test_a_receipt_with_any_part_replaced_is_refused_by_name_or_proves_the_same(path, odd):
    found = copy.deepcopy(GOOD)
    inner = found
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = odd
    try:
        verify(found, after=AFTER)
    except GateError:
        return
    assert (
        path[0] in ("made", "signature") or json.dumps(odd) == json.dumps(_at(GOOD, path)) or found["receipt"] is True
    )


def _at(value, path):
    for key in path:
        value = value[key]
    return value


def test_keys_that_are_none_are_refused_with_how_to_make_one(tmp_path):
    (tmp_path / "text.pem").write_text(PLANTED)
    wrong = key_file(tmp_path / "ec.pem", ec.generate_private_key(ec.SECP256R1()))
    locked = key_file(tmp_path / "locked.pem", password=b"secret")
    for path, said in (
        (tmp_path / "absent.pem", "cannot be read"),
        (tmp_path / "text.pem", "no private key"),
        (wrong, "another kind"),
        (locked, "is encrypted"),
    ):
        with pytest.raises(UserError, match=said) as error:
            signed(GOOD, path)
        assert PLANTED not in str(error.value)
    for path in (tmp_path / "absent.pem", tmp_path / "text.pem", wrong.with_suffix(".pub"), locked):
        with pytest.raises(UserError, match="public key"):
            public_key(path)
    assert verify(signed(GOOD, locked, password=b"secret"), after=AFTER) == public_key(locked.with_suffix(".pub"))
    with pytest.raises(UserError, match="password is wrong"):
        signed(GOOD, locked, password=b"wrong")
    with pytest.raises(UserError, match="give no password"):
        signed(GOOD, key_file(tmp_path / "a.pem"), password=b"secret")


def test_the_content_hash_is_that_of_the_canonical_json():
    assert content_hash(GOOD) == sha256_json(json.loads(json.dumps(GOOD["content"])))
