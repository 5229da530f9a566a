"""brat's annotations stand where they say, in characters of the file as it is, and those that do not are named."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.core.types import Document, Span
from residency.corpus.readers import read_file
from residency.corpus.readers.guard import Given, Limits
from residency.corpus.records import Bad

TEXT = "Anna has pain in left arm and leg.\nSince May.\n"
ANN = """T1\tNAME 0 4\tAnna
T2\tDISEASE 9 13;17 25\tpain left arm
T3\tDATE 41 44\tMay
R1\tHasDate Arg1:T2 Arg2:T3
E1\tComplaint:T2 Who:T1
A1\tNegated T2
M1\tCertainty T2 high
N1\tReference T2 ICD10:M79 \tPain in limb
#1\tAnnotatorNotes T2\tcheck again
*\tEquiv T1 T3
"""


def read(tmp_path, text, ann, **fields):
    path = tmp_path / "a.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if ann is not None:
        path.with_suffix(".ann").write_bytes(ann if isinstance(ann, bytes) else ann.encode())
    return list(read_file(Given(path, "ward/a.txt", "made", "CC0-1.0", **fields), "brat"))


def said(document):
    return [(document.text[span.start : span.end], span.label) for span in document.spans]


def test_spans_relations_events_attributes_references_and_notes_are_read(tmp_path):
    (found,) = read(tmp_path, TEXT, ANN)
    assert found.id == "ward/a" and found.text == TEXT
    assert found.spans[0] == Span(0, 4, "NAME")
    assert said(found) == [("Anna", "NAME"), ("pain", "DISEASE"), ("left arm", "DISEASE"), ("May", "DATE")]
    assert found.meta["span_ids"] == ["T1", "T2", "T2", "T3"]
    assert found.meta["relations"] == [
        {"id": "R1", "type": "HasDate", "args": [["Arg1", "T2"], ["Arg2", "T3"]]},
        {"id": "*", "type": "Equiv", "members": ["T1", "T3"]},
    ]
    assert found.meta["events"] == [{"id": "E1", "type": "Complaint", "args": [["Who", "T1"]], "trigger": "T2"}]
    assert found.meta["attributes"][1] == {"id": "M1", "type": "Certainty", "target": "T2", "value": "high"}
    assert found.meta["references"][0]["value"] == "ICD10:M79" and found.meta["notes"][0]["text"] == "check again"
    assert "bad_annotations" not in found.meta


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("T9\tNAME 0 4\tAnne", "T9: its text is not what stands at its offsets"),
        ("T9\tNAME 0 999\tAnna", "T9: its text is not what stands"),
        ("T9\tNAME 4 4\t", "T9: its text is not what stands"),
        ("T9\tNAME four five\tAnna", "T9: not an annotation in brat's form"),
        ("T1\tNAME 0 4\tAnna", "T1: its id was there before"),
        ("Anna secret", "a line: not an annotation"),
    ],
)
def test_a_wrong_annotation_is_bad_by_its_id_and_line_and_the_others_stay(tmp_path, line, words):
    document, bad = read(tmp_path, TEXT, ANN + line + "\n")
    assert (bad.file, bad.line) == ("ward/a.ann", 11) and words in bad.reason
    assert "Ann" not in bad.reason.replace("Annotation", "") and "secret" not in bad.reason
    assert len(document.spans) == 4 and document.meta["bad_annotations"] == 1


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("as_one", [False, True])
def test_marks_and_line_ends_are_counted_as_the_annotations_count_them(tmp_path, mark, counted, end, as_one):
    text = f"Anna is well.{end}Since May.{end}"
    counted = counted if mark else 0
    offset = (text.replace("\r\n", "\n") if as_one else text).index("May") + counted
    (found,) = read(tmp_path, mark + text.encode(), f"T1\tDATE {offset} {offset + 3}\tMay\n")
    assert said(found) == [("May", "DATE")] and not found.text.startswith("\ufeff")


def test_a_missing_a_broken_and_a_large_annotation_file_are_bad_by_name(tmp_path):
    (bad,) = read(tmp_path, TEXT, None)
    assert isinstance(bad, Bad) and bad.file == "ward/a.ann" and "cannot be read" in bad.reason
    (bad,) = read(tmp_path, TEXT, b"T1\tNAME 0 4\tAnn\xe9\n")
    assert (bad.file, bad.reason[:19]) == ("ward/a.ann", "not UTF-8 at byte 1")
    (bad,) = read(tmp_path, TEXT, ANN * 100, limits=Limits(whole_mb=0.01))
    assert bad.file == "ward/a.ann" and "whole_mb" in bad.reason
    assert isinstance(read(tmp_path, " \n", "")[0], Bad)


@settings(max_examples=100, deadline=None)
@given(text=st.text("aé😀 \n", min_size=1, max_size=40), data=st.data())
def test_what_is_annotated_by_offsets_is_what_the_spans_hold(tmp_path_factory, text, data):
    text = "x" + text
    starts = data.draw(st.lists(st.integers(0, len(text) - 1), max_size=5))
    pairs = [(start, data.draw(st.integers(start + 1, len(text)))) for start in starts]
    pairs = [pair for pair in pairs if text[slice(*pair)].strip()]
    lines = [f"T{n}\tX {s} {e}\t{text[s:e]}".replace("\n", " ") for n, (s, e) in enumerate(pairs)]
    (found,) = read(tmp_path_factory.mktemp("brat"), text, "\n".join(lines))
    assert isinstance(found, Document) and sorted((s.start, s.end) for s in found.spans) == sorted(pairs)
