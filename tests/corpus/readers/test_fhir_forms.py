"""Every way that FHIR comes in: packed, by content, in pieces, in attachments of other formats."""

import gzip
import io
import json
import pickle
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixture_fhir import attachment, bundle, composition, concept, condition, medication, read, write_lines
from residency.core.errors import SourceError
from residency.core.types import Document
from residency.corpus.readers import fhir, read_file
from residency.corpus.readers.fhir import joint as fhir_joint
from residency.corpus.readers.fhir import read_fhir
from residency.corpus.readers.guard import Given, Limits
from residency.corpus.records import Bad, Left


def text_of(folder, resource):
    (folder / "a.json").write_text(json.dumps(resource))
    notes, bad, left = read(folder)
    assert not bad, bad
    return next(iter(notes.values())).text


# --- files -----------------------------------------------------------------------------------------------------------


def test_packed_files_and_lines_named_json_are_read_by_what_they_hold(tmp_path):
    note, row = composition("n1", "e1", "<div>Text.</div>"), condition("c1", "I10", encounter="e1")
    (tmp_path / "Composition.ndjson.gz").write_bytes(gzip.compress(json.dumps(note).encode()))
    write_lines(tmp_path / "rows.json", row, row)
    (tmp_path / "log.txt").write_text("exported")
    notes, bad, left = read(tmp_path)
    assert [row["code"] for row in notes["n1"].meta["conditions"]] == ["I10"] and not bad
    assert left["file that is no .json or .ndjson"] == 1


def test_a_truncated_gzip_is_named_and_what_was_read_before_is_kept(tmp_path):
    lines = "".join(
        json.dumps(composition(f"n{i}", f"e{i * i}", f"<div>Text {i * 7919}.</div>")) + "\n" for i in range(400)
    )
    packed = gzip.compress(lines.encode())
    (tmp_path / "a.ndjson.gz").write_bytes(packed[: len(packed) // 2])
    notes, bad, _ = read(tmp_path)
    assert 50 < len(notes) < 350
    assert [record.reason for record in bad] == ["its packing (gzip) is broken or cut short"]
    assert bad[0].line == len(notes) + 1


def test_bundles_in_bundles_and_bundles_a_line_are_read(tmp_path):
    inner = bundle(composition("n1", "e1", "<div>One.</div>"))
    write_lines(tmp_path / "a.ndjson", bundle(inner), bundle(composition("n2", "e2", "<div>Two.</div>")), bundle())
    notes, bad, left = read(tmp_path)
    assert sorted(notes) == ["n1", "n2"] and not bad and left == {"Bundle: not a note": 1}


def test_deep_and_overlong_lines_are_named_and_the_others_read(tmp_path):
    good = json.dumps(composition("n1", "e1", "<div>Text.</div>"))
    deep = '{"resourceType":"Composition","section":' + "[" * 500 + "]" * 500 + "}"
    long = '{"resourceType":"Composition","id":"' + "x" * 200_000 + '"}'
    (tmp_path / "a.ndjson").write_text("\n".join([deep, long, good]))
    notes, bad, _ = read(tmp_path, limits=Limits(record_mb=0.1))
    assert list(notes) == ["n1"] and [record.line for record in bad] == [1, 2]


def test_a_broken_coded_line_is_named_though_only_notes_are_documents(tmp_path):
    row = json.dumps(condition("c1", "I10", encounter="e1"))
    (tmp_path / "Condition.ndjson").write_text(row + "\n" + row[:-5] + "\n" + "{}\n")
    write_lines(tmp_path / "notes.ndjson", composition("n1", "e1", "<div>Text.</div>"))
    notes, bad, left = read(tmp_path)
    assert list(notes) == ["n1"] and [(record.file, record.line) for record in bad] == [
        ("Condition.ndjson", 2),
        ("Condition.ndjson", 3),
    ]


def test_a_folder_without_fhir_files_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(SourceError, match="no file that ends in .json, .ndjson"):
        read_fhir(path=tmp_path)


# --- parts -----------------------------------------------------------------------------------------------------------


def export(folder, count=60):
    notes = [composition(f"n{i}", f"e{i}", f"<div>Text {i}.</div>") for i in range(count)]
    lines = [json.dumps(note) for note in notes]
    lines[count // 2] = lines[count // 2][:-9]
    (folder / "Composition.ndjson").write_text("\n".join(lines))
    write_lines(folder / "Condition.ndjson", *(condition(f"c{i}", f"A{i}", encounter=f"e{i}") for i in range(count)))


def test_pieces_of_a_large_file_give_what_the_whole_gives_with_the_same_line_numbers(tmp_path, monkeypatch):
    export(tmp_path)
    whole = read(tmp_path)
    monkeypatch.setattr(fhir, "PART_BYTES", 3000)
    monkeypatch.setattr(fhir_joint, "PART_BYTES", 3000)
    assert len(read_fhir(path=tmp_path).parts) > 5
    pieces = read(tmp_path)
    assert pieces == whole
    assert [record.line for record in whole[1]] == [31]
    assert {key: note.place for key, note in pieces[0].items()} == {key: note.place for key, note in whole[0].items()}


def listed(part):
    return list(part())


def test_parts_may_run_in_other_processes_and_the_last_removes_the_table(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    export(tmp_path / "in")
    monkeypatch.setattr(fhir, "PART_BYTES", 4000)
    monkeypatch.setattr(fhir_joint, "PART_BYTES", 4000)
    scratch = tmp_path / "scratch"
    source = read_fhir(path=tmp_path / "in", scratch=scratch, record=True)
    alone = [listed(part) for part in source.parts]
    assert list(scratch.iterdir()) == []
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
        beside = list(pool.map(listed, pickle.loads(pickle.dumps(source.parts))))
    assert beside == alone and len(alone) > 5
    assert list(scratch.iterdir()) == []


def test_a_table_that_a_killed_run_left_half_built_is_built_anew(tmp_path):
    (tmp_path / "in").mkdir()
    export(tmp_path / "in", 4)
    source = read_fhir(path=tmp_path / "in", scratch=tmp_path / "scratch")
    folder = source.parts[0].args[0].folder
    folder.mkdir(parents=True)
    (folder / "building.sqlite").write_bytes(b"half")
    assert len([record for part in source.parts for record in part() if isinstance(record, Document)]) == 3


def test_a_single_file_is_joined_with_the_rows_in_it(tmp_path):
    path = tmp_path / "a.ndjson"
    write_lines(path, composition("n1", "e1", "<div>Text.</div>"), condition("c1", "I10", encounter="e1"))
    asked = Given(path, "a.ndjson", "files", "CC0", options={"record": True})
    note, record = (one for one in read_file(asked, "fhir") if isinstance(one, Document))
    assert [row["code"] for row in note.meta["conditions"]] == ["I10"] and note.source == "files"
    assert record.text == "Problems:\n- name of I10" and record.meta["kind"] == "record"


# --- attachments -----------------------------------------------------------------------------------------------------


def test_the_charset_of_an_attachment_is_honoured(tmp_path):
    latin = attachment("d1", "Müller-Zeichen: größer".encode("latin-1"), kind="text/plain; charset=ISO-8859-1")
    assert text_of(tmp_path, latin) == "Müller-Zeichen: größer"
    (tmp_path / "a.json").write_text(
        json.dumps(bundle(attachment("d2", b"\xff\xe4"), attachment("d3", b"x", "text/plain;charset=foo")))
    )
    notes, bad, _ = read(tmp_path)
    assert not notes and len(bad) == 2 and "encoding" in bad[0].reason


def test_of_several_formats_of_a_note_the_plainest_is_read_and_parts_of_one_are_joined(tmp_path):
    note = attachment("d1", "<p>Same.</p>", kind="text/html")
    note["content"] += (
        attachment("x", "Same.")["content"] + attachment("x", b"{\\rtf1 Same.}", kind="text/rtf")["content"]
    )
    assert text_of(tmp_path, note) == "Same."
    note["content"] += attachment("x", "More.")["content"]
    assert text_of(tmp_path, note) == "Same.\n\nMore."


def test_a_binary_of_the_same_export_is_the_attachment_that_points_to_it(tmp_path):
    binary = {"resourceType": "Binary", "id": "b1", "contentType": "text/plain", "data": "U2VlbiBhZ2Fpbi4="}
    write_lines(tmp_path / "Binary.ndjson", binary)
    write_lines(tmp_path / "notes.ndjson", attachment("d1", url="Binary/b1"), attachment("d2", url="Binary/b2"))
    notes, bad, left = read(tmp_path)
    assert notes["d1"].text == "Seen again." and list(notes) == ["d1"]
    assert left["attachment kept elsewhere"] == 1 and not bad


def test_word_and_rtf_attachments_are_read_by_their_readers_and_a_broken_pdf_is_named(tmp_path):
    import docx

    paper, held = docx.Document(), io.BytesIO()
    paper.add_paragraph("Seen in clinic.")
    paper.save(held)
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    assert text_of(tmp_path, attachment("d1", held.getvalue(), kind=word)) == "Seen in clinic."
    rtf = rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\f0 Caf\'e9 \b bold\b0\par Next \u8804? 5{\*\hid den}\par}"
    assert text_of(tmp_path, attachment("d1", rtf, kind="application/rtf")) == "Café bold\nNext ≤ 5"
    (tmp_path / "a.json").write_text(json.dumps(attachment("d1", "no PDF", kind="application/pdf")))
    _, bad, _ = read(tmp_path)
    assert "application/pdf" in bad[0].reason and "no PDF" not in bad[0].reason


def test_a_report_tells_narrative_conclusion_and_the_results_that_stand_elsewhere(tmp_path):
    sodium = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": concept("2951-2", "Sodium"),
        "valueQuantity": {"value": 128, "unit": "mmol/L"},
        "referenceRange": [{"low": {"value": 135, "unit": "mmol/L"}, "high": {"value": 145, "unit": "mmol/L"}}],
        "interpretation": [{"coding": [{"code": "L"}]}],
    }
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "code": concept("24323-8", "Metabolic panel"),
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2024-03-05",
        "conclusion": "Hyponatraemia.",
        "result": [{"reference": "Observation/o1"}, {"reference": "Observation/elsewhere"}],
    }
    write_lines(tmp_path / "Observation.ndjson", sodium)
    write_lines(tmp_path / "DiagnosticReport.ndjson", report, {**report, "id": "r2", "conclusion": "", "result": []})
    notes, bad, left = read(tmp_path)
    told = "Conclusion: Hyponatraemia.\n\nResults:\n- Sodium: 128 mmol/L, reference 135 to 145 mmol/L, low"
    assert notes["r1"].text == told and notes["r1"].date == "2024-03-05" and not bad
    assert notes["r1"].meta["note_type"] == "Metabolic panel"
    assert left["DiagnosticReport whose content is not in these files"] == 1


def test_a_section_without_text_takes_that_of_its_entries_and_others_do_not(tmp_path):
    allergy = {"resourceType": "AllergyIntolerance", "id": "a1", "text": {"div": "<div>Penicillin: rash</div>"}}
    note = composition("n1", "e1", "<div>Own words.</div>", "")
    for section in note["section"]:
        section["entry"] = [{"reference": "AllergyIntolerance/a1"}]
    note["section"][0]["section"] = [
        {"title": "Inner", "text": {"div": "<table><tr><td>Na</td><td>140</td></tr></table>"}}
    ]
    assert text_of(tmp_path, bundle(note, allergy)) == "Part 0: Own words.\n\nInner: Na 140\n\nPart 1: Penicillin: rash"


# --- nothing is lost -------------------------------------------------------------------------------------------------

RESOURCES = [
    composition("n1", "e1", "<div>Text.</div>", "<div>More</div>"),
    attachment("d1", "Text."),
    attachment("d2", url="Binary/1"),
    condition("c1", "I10", encounter="e1", onsetDateTime="2020"),
    medication(
        "m1", "e1", medicationCodeableConcept=concept("161", "Acetaminophen"), dosageInstruction=[{"text": "1"}]
    ),
    {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "conclusion": "Fine.",
        "result": [{"reference": "Observation/o1"}],
    },
    {
        "resourceType": "Observation",
        "id": "o1",
        "code": concept("1", "Na"),
        "component": [{"valueQuantity": {"value": 1}}],
    },
    {"resourceType": "Patient", "id": "p1", "name": [{"family": "Zzyzx"}]},
]
VALUES = st.sampled_from(
    [None, 7, -1.5, "", "x", [], {}, ["x"], [[]], {"coding": 3}, [None], True, {"reference": ["y"]}]
)


@st.composite
def twisted(draw):
    """Return a resource with a value somewhere in it replaced by one of another shape."""
    resource = json.loads(json.dumps(draw(st.sampled_from(RESOURCES))))
    for _ in range(draw(st.integers(0, 3))):
        place = resource
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and draw(st.booleans()):
                place = place[key]
                continue
            place[key] = json.loads(json.dumps(draw(VALUES)))
            break
    return resource


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(twisted(), min_size=1, max_size=5), st.booleans())
def test_every_resource_of_a_file_is_one_document_bad_record_or_left_out(tmp_path, resources, lined):
    for old in tmp_path.glob("*.*json"):
        old.unlink()
    if lined:
        write_lines(tmp_path / "a.ndjson", *resources)
    else:
        (tmp_path / "a.json").write_text(json.dumps(bundle(*resources)))
    both = [record for part in read_fhir(path=tmp_path).parts for record in part()]
    name = "a.ndjson" if lined else "a.json"
    single = list(read_file(Given(tmp_path / name, name, "fhir", "not stated (your own data)"), "fhir"))
    assert len(both) == len(resources) == len(single)
    assert Counter(map(repr, both)) == Counter(map(repr, single))
    assert all(isinstance(record, Document | Bad | Left) for record in both)
    list(record for part in read_fhir(path=tmp_path, record=True).parts for record in part())
    assert "Zzyzx" not in repr(both)
