"""The gate lets texts of patients train only with a good receipt or a recorded waiver, and says what to do."""

from __future__ import annotations

import copy
import json

import pytest

from fixture_deidentified import PLANTED, content, hidden, missing, notes, receipt, scored
from residency.core.errors import GateError
from residency.corpus.deidentify.content import Content
from residency.corpus.deidentify.gate import Admission, Held, admit, to_do
from residency.corpus.deidentify.receipt import Waiver, content_hash, read_receipt
from residency.corpus.deidentify.score import FLOOR

DOCUMENTS = notes(120)
AFTER = content(hidden(DOCUMENTS))
GOOD = receipt(DOCUMENTS, scored(DOCUMENTS))
FORGED = {**GOOD, "content": {**GOOD["content"], "source": "other"}}
LOW = receipt(DOCUMENTS, scored(DOCUMENTS, missing(*[d.id for d in DOCUMENTS[:20]])))


def held(name="ward", found=None, **more) -> Held:
    return Held(name, **{"patients": True, "content": AFTER, "receipt": found, **more})


def refused(*sources: Held, **more) -> GateError:
    with pytest.raises(GateError) as error:
        admit(sources, **more)
    assert error.value.exit_code == 2 and PLANTED not in str(error.value)
    return error.value


def test_a_good_receipt_lets_the_source_in_and_is_recorded():
    found = admit([held(found=GOOD)])
    [entry] = found.sources
    assert (entry.why, entry.receipt, entry.documents) == ("receipt", content_hash(GOOD), 120)
    assert entry.bound == GOOD["content"]["measured"]["masked"]["bound"] >= FLOOR == found.floor
    assert found.receipts == [content_hash(GOOD)]
    row = json.loads(json.dumps(found.as_row()))
    assert row["sources"][0]["receipt"] == content_hash(GOOD) and len(row["hash"]) == 64
    assert admit([held(found=copy.deepcopy(GOOD))]).as_row() == row


@pytest.mark.parametrize(
    ("source", "why", "said"),
    [
        (held(), "missing", "`residency deidentify PATH --out DIR`"),
        (held(found=FORGED), "forged", "make it anew"),
        (held(found=GOOD, content=content(hidden(DOCUMENTS)[1:])), "stale", "Name the folder as it was written"),
        (held(found=GOOD, content=content(DOCUMENTS)), "original", "Name the folder DIR"),
        (held(found=LOW), "under_floor", "Label more documents"),
        (held(found=receipt(DOCUMENTS)), "not_measured", "`residency deidentify PATH --sample 118`"),
        (held(found={"receipt": 1}), "malformed", "make it anew"),
        (held(found={"receipt": 9}), "version", "Update Residency"),
        (held(found=GOOD, before=Content()), "wrong_source", "make it anew"),
    ],
)
def test_each_way_to_lack_a_good_one_has_its_reason_and_what_to_do(source, why, said):
    error = refused(source)
    assert error.reason == why and "source ward" in str(error) and said.lower() in str(error).lower()


def test_a_receipt_that_cannot_be_read_is_refused_by_its_own_reason(tmp_path):
    with pytest.raises(GateError) as error:
        read_receipt(tmp_path)
    assert refused(held(found=error.value)).reason == "missing"


def test_all_sources_that_may_not_train_are_told_at_once():
    error = refused(held("first"), held("good", GOOD), held("second", FORGED))
    assert "source first:" in str(error) and "source second:" in str(error) and "source good" not in str(error)
    assert error.reason == "missing"


def test_the_recipes_floor_and_key_hold():
    assert refused(held(found=GOOD), floor=0.99).reason == "under_floor"
    assert "--sample 598" in str(refused(held(found=receipt(DOCUMENTS)), floor=0.99))
    assert admit([held(found=LOW)], floor=0.5).floor == 0.5
    assert refused(held(found=GOOD), key="ab" * 32).reason == "unsigned"


WAIVER = Waiver("ward", "consented letters of staff", "the recipe")


def test_a_waiver_lets_its_source_in_and_no_other():
    [entry] = admit([held(waiver=WAIVER)]).sources
    assert (entry.why, entry.receipt) == ("waiver", None)
    assert entry.waiver == {"source": "ward", "reason": "consented letters of staff", "by": "the recipe"}
    assert refused(held(waiver=WAIVER), held("other")).args[0].count("source ") == 1


def test_a_bad_receipt_under_a_waiver_is_recorded_and_a_good_one_counts_first():
    [entry] = admit([held(found=FORGED, waiver=WAIVER)]).sources
    assert (entry.why, entry.refused) == ("waiver", "forged")
    [entry] = admit([held(found=GOOD, waiver=WAIVER)]).sources
    assert (entry.why, entry.refused) == ("receipt", None)


def test_a_source_without_patients_needs_nothing():
    [entry] = admit([held("hpo", patients=False)]).sources
    assert (entry.why, entry.receipt, entry.waiver) == ("no_patients", None, None)
    assert admit([]) == Admission(FLOOR, ())


def test_every_reason_has_something_to_do():
    for why in ("missing", "malformed", "version", "forged", "unsigned", "other_key", "original", "stale"):
        assert len(to_do(why)) > 10
