"""CoNLL's columns become texts whose spans hold the labelled words, in any scheme; entities as conlleval finds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.core.types import Document
from residency.corpus.readers import read_file
from residency.corpus.readers.conll import entities
from residency.corpus.readers.guard import Given, Limits
from residency.corpus.records import Bad, Left


def read(tmp_path, content, **fields):
    path = tmp_path / "a.conll"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_file(Given(path, "a.conll", "made", "CC0-1.0", **fields), "conll"))


def said(document):
    return [(document.text[span.start : span.end], span.label) for span in document.spans]


ROWS = "-DOCSTART- -X- O O\n\n"
ROWS += "Anna NNP B-NP B-PER\nhas VBZ B-VP O\nMarfan NNP B-NP B-DIS\nsyndrome NN I-NP I-DIS\n\n"
ROWS += "In IN O O\n"


def test_words_become_a_text_with_a_sentence_a_line_and_labels_become_spans(tmp_path):
    (found,) = read(tmp_path, ROWS)
    assert found.text == "Anna has Marfan syndrome\nIn" and found.id == "a.conll:3" and found.place == ("a.conll", 3)
    assert said(found) == [("Anna", "PER"), ("Marfan syndrome", "DIS")]
    assert found.meta == {"kind": "note", "format": "conll", "sentences": 2}


@pytest.mark.parametrize(
    "labels", ["B-D I-D O B-D", "I-D I-D O I-D", "B-D E-D O S-D", "B-D L-D O U-D", "B-D M-D O B-D"]
)
def test_all_schemes_give_the_same_spans_and_none_is_mended(tmp_path, labels):
    words = zip(["Marfan", "syndrome", "or", "gout"], labels.split(), strict=True)
    (found,) = read(tmp_path, "\n".join("\t".join(pair) for pair in words) + "\n\n")
    assert said(found) == [("Marfan syndrome", "D"), ("gout", "D")] and "labels_mended" not in found.meta


def test_labels_that_cannot_follow_are_mended_and_counted(tmp_path):
    (found,) = read(tmp_path, "a\tB-D\nb\tO\nc\tI-D\nd\tI-E\ne\tI-E\n")
    assert said(found) == [("a", "D"), ("c", "D"), ("d e", "E")] and found.meta["labels_mended"] == 2


@pytest.mark.parametrize(
    ("mark", "key"),
    [("-DOCSTART-", ""), ("-DOCSTART- (d1) O", "d1"), ("###d1", "d1"), ("# doc d1", "d1"), ("# newdoc id = d1", "d1")],
)
def test_documents_begin_at_their_marks_also_without_an_empty_line(tmp_path, mark, key):
    found = read(tmp_path, f"a\tO\n{mark}\n# a comment\nb\tB-X\n\n#\tO\n\nc\tO\n")
    assert [d.text for d in found] == ["a", "b\n# \nc".replace(" ", "")]
    assert [d.id for d in found] == ["a.conll:1", key or "a.conll:4"]


def test_without_marks_twenty_sentences_make_a_document_or_as_many_as_asked(tmp_path):
    rows = "w\tO\n\n" * 45
    assert [d.meta["sentences"] for d in read(tmp_path, rows)] == [20, 20, 5]
    assert [d.meta["sentences"] for d in read(tmp_path, rows, options={"sentences": 30})] == [30, 15]
    assert [d.meta["sentences"] for d in read(tmp_path, "###1\n" + rows)] == [45]
    sizes = [d.meta["sentences"] for d in read(tmp_path, "###1\n" + rows, limits=Limits(record_mb=0.00002))]
    assert sum(sizes) == 45 and max(sizes) == 11


def test_a_sentence_with_a_wrong_line_is_bad_and_the_others_are_read(tmp_path):
    found = read(tmp_path, b"a\tB-X\n\nArkwright\nb\tO\n\nc\tsecret\n\nd\xff\tO\n\n\tO\n\ne\tO\n")
    assert [d.text for d in found if isinstance(d, Document)] == ["a\ne"]
    bad = [record for record in found if isinstance(record, Bad)]
    assert [record.line for record in bad] == [3, 6, 8, 10]
    assert not any("Arkwright" in record.reason or "secret" in record.reason for record in bad)


def test_a_file_without_a_sentence_holds_no_record(tmp_path):
    assert [type(record) for record in read(tmp_path, "-DOCSTART-\n\n# nothing\n\n")] == [Left]


def by_conlleval(labels):
    """Entities by the start and end conditions of the Perl script of the shared task (here for B, I, E, S and O)."""
    found, start, last, kind = [], None, "O", ""
    for at, label in enumerate([*labels, "O"]):
        tag, _, now = label.partition("-")
        ends = (
            last in ("E", "S")
            or (last in ("B", "I") and tag in ("B", "S", "O"))
            or (last != "O" and last != "." and kind != now)
        )
        begins = (
            tag in ("B", "S")
            or (last in ("E", "S", "O") and tag in ("E", "I"))
            or (tag not in ("O", ".") and kind != now)
        )
        if ends and start is not None:
            found.append((start, at - 1, kind))
            start = None
        if begins:
            start = at
        last, kind = tag, now
    return found


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(["O", *(f"{tag}-{kind}" for tag in "BIES" for kind in "XY")]), max_size=12))
def test_entities_are_those_of_conlleval(labels):
    assert entities(labels)[0] == by_conlleval(labels)
