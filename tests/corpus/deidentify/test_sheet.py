"""A sheet is drawn at random by type, the same for a seed, and its page needs nothing and tells nothing early."""

from __future__ import annotations

import json
import random
import re
import stat
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixture_deidentified import PLANTED, content, gold, notes
from residency.core.errors import SourceError, UserError
from residency.core.store import sha256_text
from residency.core.types import Document
from residency.corpus.deidentify.labels import read_labels
from residency.corpus.deidentify.sheet import RARE, TYPES, allotted, draw, note_type, page, write_sheet


def typed(sizes: dict[str, int]) -> list[Document]:
    rows = [name for name, size in sizes.items() for _ in range(size)]
    return [Document(f"d{i}", f"text {i}", "s", "own", meta={"note_type": name}) for i, name in enumerate(rows)]


def test_the_order_of_reading_does_not_count_but_the_seed_does():
    documents = notes(200)
    first, drawn = draw(documents, 40, seed=5)
    random.Random(0).shuffle(documents)
    again, same = draw(iter(documents), 40, seed=5)
    assert first == again and drawn == same and len(drawn) == 40
    other, _ = draw(documents, 40, seed=6)
    assert {row.id for row in other.documents} != {row.id for row in first.documents}


def test_the_sheet_tells_what_it_was_drawn_from():
    documents = notes(200)
    labels, drawn = draw(documents, 40, seed=5)
    assert labels.sheet.content == content(documents).hash and labels.sheet.documents == 200
    assert labels.sheet.strata == {"Discharge note": (50, 10), "Progress note": (150, 30)}
    assert Counter(row.stratum for row in labels.documents) == {"Discharge note": 10, "Progress note": 30}
    assert [row.text_sha256 for row in labels.documents] == [sha256_text(document.text) for document in drawn]


def test_every_document_is_as_likely_to_be_drawn():
    times: Counter[str] = Counter()
    documents = notes(40)
    for seed in range(300):
        times.update(row.id for row in draw(documents, 10, seed=seed)[0].documents)
    assert len(times) == 40
    assert min(times.values()) > 40 and max(times.values()) < 115  # 75 are expected, and 7.5 is a standard deviation


def test_rare_types_are_drawn_together_and_none_is_never_drawn():
    labels, _ = draw(typed({"common": 900, "rare": 12, "rarer": 8, "single": 1}), 100)
    assert labels.sheet.strata == {"common": (900, 98), RARE: (21, 2)}
    lone, _ = draw(typed({"common": 900, "next": 80, "single": 1}), 50)
    assert lone.sheet.strata == {"common": (900, 46), RARE: (81, 4)}


def test_a_column_with_too_many_values_is_no_type():
    documents = [
        Document(
            f"d{i}", f"text {i}", "s", "own", meta={"kind": "note" if i % 2 else "record", "type": f"{PLANTED} {i}"}
        )
        for i in range(3 * TYPES)
    ]
    first, _ = draw(documents, 50)
    assert first.sheet.strata == {"note": (96, 25), "record": (96, 25)}
    assert draw(documents[::-1], 50)[0] == first


def test_the_type_of_a_note():
    def kind(**meta):
        return note_type(Document("d", "x", "s", "own", meta=meta))

    assert kind(note_type="Discharge", kind="note") == "Discharge" == kind(type=" Discharge ", kind="note")
    assert kind(kind="page") == "page" == kind(kind="page", type="x" * 200) == kind(kind="page", note_type=None)
    assert kind() == "document"


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=3), st.integers(1, 50), min_size=1, max_size=9), st.integers(1, 120))
def test_shares_add_up_and_none_is_larger_than_its_stratum(sizes, count):
    given = allotted(sizes, count)
    assert sum(given.values()) == min(count, sum(sizes.values()))
    for name, size in sizes.items():
        assert 0 <= given[name] <= size
        assert abs(given[name] - size * min(count, sum(sizes.values())) / sum(sizes.values())) < 1


def test_more_than_there_are_gives_all_and_nothing_gives_an_error():
    assert len(draw(notes(7), 100)[1]) == 7
    with pytest.raises(SourceError, match="no document"):
        draw([], 5)
    with pytest.raises(UserError, match="legal: 1 or more"):
        draw(notes(3), 0)


def test_two_documents_of_one_id_are_refused_wherever_they_stand():
    same = [Document("d1", "another", "s", "own", meta={"note_type": kind}) for kind in ("a", "b")]
    for extra in (same[:1], same[1:]):
        for documents in (typed({"a": 3, "b": 3}) + extra, extra + typed({"a": 3, "b": 3})):
            with pytest.raises(SourceError, match="two documents have the id d1"):
                draw(documents, 7)


def data_of(text: str) -> dict:
    [found] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, flags=re.S)
    return json.loads(found)


def test_the_files_are_written_and_only_the_page_holds_text(tmp_path):
    told = write_sheet(notes(60), 20, tmp_path / "sheet", seed=2)
    assert told["documents"] == 60 and told["drawn"] == 20
    assert told["strata"] == {
        "Discharge note": {"source": 15, "sheet": 5},
        "Progress note": {"source": 45, "sheet": 15},
    }
    labels = read_labels(tmp_path / "sheet" / "labels.csv")
    assert len(labels.documents) == 20 and not any(row.checked for row in labels.documents)
    assert PLANTED not in (tmp_path / "sheet" / "labels.csv").read_text()
    assert PLANTED not in json.dumps(told)
    assert stat.S_IMODE((tmp_path / "sheet" / "sheet.html").stat().st_mode) == 0o600
    data = data_of((tmp_path / "sheet" / "sheet.html").read_text(encoding="utf-8"))
    assert [row["id"] for row in data["documents"]] == [row.id for row in labels.documents]
    assert all(PLANTED in row["text"] for row in data["documents"])
    write_sheet(notes(60), 20, tmp_path / "again", seed=2)
    for name in ("sheet.html", "labels.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "sheet" / name).read_bytes()


def test_the_page_needs_nothing_from_outside_and_shows_nothing_of_the_engine_unless_asked(tmp_path):
    write_sheet(notes(60), 20, tmp_path, seed=2)
    text = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text and not re.search(r"\b(src|href)\s*=\s*[\"']", text)
    assert not re.search(
        r"https?:|localStorage|sessionStorage|indexedDB|fetch\(|XMLHttp|innerHTML|/\*(CSS|JS|DATA)", text
    )
    assert "holds the texts of patients" in text
    assert all(row["found"] is None for row in data_of(text)["documents"])
    write_sheet(notes(60), 20, tmp_path / "shown", seed=2, found=gold)
    shown = data_of((tmp_path / "shown" / "sheet.html").read_text(encoding="utf-8"))
    assert all(len(row["found"]) == 3 for row in shown["documents"])


def test_a_text_cannot_break_out_of_the_page():
    nasty = "</script><script>alert(1)</script><!-- & /*JS*/ \u2028 \r\n\ttab 🙂 e\u0301"
    labels, drawn = draw([Document("</script>", nasty, "s", "own")], 1)
    text = page(labels, drawn, {})
    assert text.count("</script>") == 2 and "alert(1)</script>" not in text
    assert data_of(text)["documents"][0]["text"] == nasty
