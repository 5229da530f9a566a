"""A draft is a draft until someone signs it, and then it never changes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from residency.serve.review import drafts
from residency.serve.review.check import check
from residency.serve.review.content import REASONS, Draft
from residency.serve.store.tables import DRAFTS, VERSIONS
from residency.serve.types import Refused, Unrecorded
from serve.review.desk import Bench, Gone, run

NOTE = "Ms Quill, 71, fell on the stairs. Left wrist swollen, no numbness."


def a_draft(ward: Bench, who: str = "ana", **changes: Any) -> Draft:
    about: dict[str, Any] = {"application": "note-structuring", "input": NOTE, "output": "Injury: left wrist."}
    about |= {"citations": [{"id": "p1", "text": "Wrist fractures."}], "model": "tiny", "model_hash": "a" * 64}
    return run(drafts.make(ward, ward.people[who], **{**about, "request": "r1", **changes}))


def decided(ward: Bench, draft: Draft, decision: str, who: str = "ana", **more: Any) -> Draft:
    return run(drafts.decide(ward, ward.people[who], draft.id, version=draft.version, decision=decision, **more))


def test_a_new_draft_says_what_went_in_and_what_came_out(ward: Bench) -> None:
    found = run(drafts.get(ward, ward.people["ana"], a_draft(ward).id))
    assert (found.status, found.version, found.author) == ("draft", 1, "ana")
    assert found.content.input == NOTE
    assert found.content.output == "Injury: left wrist."
    assert found.content.citations[0]["text"] == "Wrist fractures."


def test_a_draft_is_accepted_edited_and_signed(ward: Bench) -> None:
    draft = decided(ward, a_draft(ward), "accepted")
    draft = decided(ward, draft, "edited", output="Injury: left wrist, no numbness.")
    draft = decided(ward, draft, "signed")
    assert (draft.status, draft.version) == ("signed", 4)
    assert [step.decision for step in run(drafts.history(ward, ward.people["ana"], draft.id))] == [
        "draft",
        "accepted",
        "edited",
        "signed",
    ]
    assert run(drafts.get(ward, ward.people["ana"], draft.id)).content.output == "Injury: left wrist, no numbness."


def test_every_version_keeps_its_own_words(ward: Bench) -> None:
    draft = decided(ward, a_draft(ward), "edited", output="Second.")
    decided(ward, draft, "edited", output="Third.")
    said = [step.content.output for step in run(drafts.history(ward, ward.people["ana"], draft.id))]
    assert said == ["Injury: left wrist.", "Second.", "Third."]


@pytest.mark.parametrize("decision", ["accepted", "edited", "rejected", "signed"])
@pytest.mark.parametrize("last", ["signed", "rejected"])
def test_what_is_signed_or_rejected_never_changes(ward: Bench, last: str, decision: str) -> None:
    reason = {"rejected": "unsafe"}
    draft = decided(ward, a_draft(ward), "accepted")
    draft = decided(ward, draft, last, reason=reason.get(last))
    with pytest.raises(Refused) as refused:
        decided(ward, draft, decision, reason=reason.get(decision), output="Other." if decision == "edited" else None)
    assert refused.value.status == 409
    assert run(drafts.get(ward, ward.people["ana"], draft.id)) == draft


def test_no_one_signs_what_nobody_looked_at(ward: Bench) -> None:
    with pytest.raises(Refused, match="what is draft cannot become signed"):
        decided(ward, a_draft(ward), "signed")


def test_signing_does_not_change_the_words(ward: Bench) -> None:
    draft = decided(ward, a_draft(ward), "accepted")
    with pytest.raises(Refused, match="only an edit changes the words"):
        decided(ward, draft, "signed", output="Something else.")


def test_a_signed_note_goes_on_as_a_new_draft(ward: Bench) -> None:
    signed = decided(ward, decided(ward, a_draft(ward), "accepted"), "signed")
    new = run(drafts.amend(ward, ward.people["ana"], signed.id))
    assert (new.status, new.version, new.content.amends) == ("draft", 1, signed.id)
    assert new.id != signed.id
    assert run(drafts.get(ward, ward.people["ana"], signed.id)).status == "signed"
    assert ward.bodies()[-1]["amends"] == signed.id


def test_only_what_is_signed_is_amended(ward: Bench) -> None:
    with pytest.raises(Refused, match="only what is signed"):
        run(drafts.amend(ward, ward.people["ana"], a_draft(ward).id))


@pytest.mark.parametrize("reason", ["", "because", None])
def test_a_rejection_has_a_reason_of_the_list(ward: Bench, reason: str | None) -> None:
    with pytest.raises(Refused, match=REASONS[0]):
        decided(ward, a_draft(ward), "rejected", reason=reason)


def test_nothing_but_a_rejection_has_a_reason(ward: Bench) -> None:
    with pytest.raises(Refused, match="and nothing else"):
        decided(ward, a_draft(ward), "accepted", reason="unsafe")


def test_free_words_are_kept_and_stay_out_of_the_record(ward: Bench) -> None:
    draft = decided(ward, a_draft(ward), "rejected", reason="wrong", comment="It was the RIGHT wrist.")
    assert run(drafts.get(ward, ward.people["ana"], draft.id)).content.comment == "It was the RIGHT wrist."
    assert "RIGHT" not in str(ward.bodies())
    assert ward.bodies()[-1]["reason"] == "wrong"


def test_an_edit_of_no_words_is_refused(ward: Bench) -> None:
    with pytest.raises(Refused, match="the new words"):
        decided(ward, a_draft(ward), "edited", output="  ")


def test_a_text_that_is_too_long_is_refused(ward: Bench) -> None:
    with pytest.raises(Refused) as refused:
        a_draft(ward, output="x" * 200_001)
    assert refused.value.status == 413
    assert not ward.bodies()


# --- who -------------------------------------------------------------------------------------------------------------


def test_a_clinician_has_their_own_drafts_and_a_reviewer_all(ward: Bench) -> None:
    hers, his = a_draft(ward), a_draft(ward, "ben")
    assert [one.id for one in run(drafts.listed(ward, ward.people["ana"]))] == [hers.id]
    assert {one.id for one in run(drafts.listed(ward, ward.people["rosa"]))} == {hers.id, his.id}
    assert run(drafts.listed(ward, ward.people["rosa"], own=True)) == []


def test_anothers_draft_is_not_there(ward: Bench) -> None:
    draft = a_draft(ward)
    for work in (
        drafts.get(ward, ward.people["ben"], draft.id),
        drafts.decide(ward, ward.people["ben"], draft.id, version=1, decision="accepted"),
        drafts.history(ward, ward.people["ben"], draft.id),
        drafts.amend(ward, ward.people["ben"], draft.id),
    ):
        with pytest.raises(Refused) as refused:
            run(work)
        assert (refused.value.status, str(refused.value)) == (404, "there is no such draft")


@pytest.mark.parametrize("name", ["adam", "otto"])
def test_administrators_and_auditors_see_no_draft(ward: Bench, name: str) -> None:
    draft = a_draft(ward)
    for work in (drafts.get(ward, ward.people[name], draft.id), drafts.listed(ward, ward.people[name])):
        with pytest.raises(Refused) as refused:
            run(work)
        assert refused.value.status == 403
    with pytest.raises(Refused):
        a_draft(ward, name)


def test_a_reviewer_signs_the_draft_of_a_clinician(ward: Bench) -> None:
    draft = decided(ward, decided(ward, a_draft(ward), "accepted", "rosa"), "signed", "rosa")
    assert draft.author == "ana"
    assert run(drafts.history(ward, ward.people["rosa"], draft.id))[-1].by == "rosa"


def test_the_most_urgent_stands_first_then_the_oldest(ward: Bench) -> None:
    order = [a_draft(ward, urgency=one).urgency for one in (None, "routine", "emergency", "soon", "urgent", "soon")]
    found = run(drafts.listed(ward, ward.people["ana"]))
    assert order != [one.urgency for one in found]
    assert [one.urgency for one in found] == ["emergency", "urgent", "soon", "soon", "routine", None]
    assert found[2].made <= found[3].made
    assert all(one.content is None for one in found)


def test_a_list_is_narrowed_and_paged(ward: Bench) -> None:
    ids = [a_draft(ward).id for _ in range(3)]
    run(drafts.decide(ward, ward.people["ana"], ids[1], version=1, decision="accepted"))
    assert [one.id for one in run(drafts.listed(ward, ward.people["ana"], status=("accepted",)))] == [ids[1]]
    assert [one.id for one in run(drafts.listed(ward, ward.people["ana"], most=1, skip=2))] == [ids[2]]


# --- two at once, and a record that is not there ----------------------------------------------------------------------


def test_drafts_are_kept_alike_on_both_databases(any_ward: Bench) -> None:
    draft = decided(any_ward, decided(any_ward, a_draft(any_ward), "edited", output="New."), "signed")
    with pytest.raises(Refused):
        run(drafts.get(any_ward, any_ward.people["ana"], "\0" * 32))
    assert run(drafts.get(any_ward, any_ward.people["rosa"], draft.id)) == draft
    assert [one.id for one in run(drafts.listed(any_ward, any_ward.people["ana"], status=("signed",)))] == [draft.id]
    assert check(any_ward) == []


def test_a_faster_process_is_noticed_too(any_ward: Bench) -> None:
    draft = a_draft(any_ward)
    slow = any_ward.recorder.write_with

    async def late(entry: Any, statements: Any) -> int:
        any_ward.change(DRAFTS.update().values(version=7))
        return int(await slow(entry, statements))

    any_ward.recorder = SimpleNamespace(write_with=late)
    with pytest.raises(Refused) as refused:
        decided(any_ward, draft, "accepted")
    assert refused.value.status == 409
    assert len(any_ward.bodies()) == 1


def test_of_two_who_decide_at_once_one_is_told_to_look_again(ward: Bench) -> None:
    draft = a_draft(ward)

    async def both() -> list[Any]:
        one = drafts.decide(ward, ward.people["ana"], draft.id, version=1, decision="accepted")
        other = drafts.decide(ward, ward.people["rosa"], draft.id, version=1, decision="rejected", reason="wrong")
        return await asyncio.gather(one, other, return_exceptions=True)

    done = [one for one in run(both()) if isinstance(one, Draft)]
    assert len(done) == 1
    found = run(drafts.get(ward, ward.people["ana"], draft.id))
    assert (found.version, found.status) == (2, done[0].status)
    assert len(ward.bodies()) == 2
    assert not check(ward)


def test_a_decision_about_an_older_version_is_refused(ward: Bench) -> None:
    draft = a_draft(ward)
    decided(ward, draft, "edited", output="New.")
    with pytest.raises(Refused) as refused:
        decided(ward, draft, "accepted")
    assert (refused.value.status, refused.value.code) == (409, "changed")


def test_without_a_record_nothing_changes(ward: Bench) -> None:
    draft = decided(ward, a_draft(ward), "accepted")
    ward.recorder = Gone()
    with pytest.raises(Unrecorded):
        decided(ward, draft, "signed")
    with pytest.raises(Unrecorded):
        a_draft(ward)
    assert run(drafts.listed(ward, ward.people["ana"])) == [
        Draft(**{**{name: getattr(draft, name) for name in Draft.__slots__}, "content": None})
    ]


# --- what stands where ------------------------------------------------------------------------------------------------


def test_no_word_of_the_note_stands_in_the_database_or_the_record(ward: Bench, tmp_path: Path) -> None:
    draft = a_draft(ward, output="Quillfeather syndrome.")
    decided(ward, draft, "edited", output="Quillfeather syndrome, mild.", comment="Quillfeather again")
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"Quill" not in file.read_bytes(), file.name
    assert {"digest", "decision", "version", "model_hash"} <= ward.bodies()[-1].keys()


def test_the_record_has_the_hash_of_each_version(ward: Bench) -> None:
    draft = decided(ward, a_draft(ward), "edited", output="New.")
    with ward.database.connect() as connection:
        stored = [digest for (digest,) in connection.execute(select(VERSIONS.c.digest).order_by(VERSIONS.c.version))]
    assert stored == [body["digest"] for body in ward.bodies()]
    assert len(set(stored)) == 2
    assert draft.version == 2


def _all_well_but(ward: Bench, statement: Any) -> list[str]:
    assert check(ward) == []
    ward.change(statement)
    return check(ward)


def test_a_signature_that_nobody_gave_is_found(ward: Bench) -> None:
    draft = a_draft(ward)
    (fault,) = _all_well_but(ward, DRAFTS.update().values(status="signed"))
    assert fault == f"draft {draft.id}: its state is not what was decided last"


def test_a_decision_that_was_changed_is_found(ward: Bench) -> None:
    decided(ward, a_draft(ward), "accepted")
    faults = _all_well_but(ward, VERSIONS.update().where(VERSIONS.c.version == 2).values(decision="signed"))
    assert any("not what the record says" in fault for fault in faults)


def test_a_version_that_is_gone_is_found(ward: Bench) -> None:
    decided(ward, a_draft(ward), "accepted")
    faults = _all_well_but(ward, VERSIONS.delete().where(VERSIONS.c.version == 2))
    assert any("on record, but gone" in fault for fault in faults)


def test_words_that_were_swapped_are_found(ward: Bench) -> None:
    a_draft(ward)
    other = a_draft(ward, output="Something else.")
    with ward.database.connect() as connection:
        sealed = connection.scalar(select(VERSIONS.c.sealed).where(VERSIONS.c.draft == other.id))
    faults = _all_well_but(ward, VERSIONS.update().where(VERSIONS.c.draft != other.id).values(sealed=sealed))
    assert len(faults) == 1
    assert faults[0].endswith("its words do not open")
