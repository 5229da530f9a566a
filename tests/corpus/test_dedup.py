"""Of documents that are the same the first is kept, whatever the order of files; copied-forward paragraphs go."""

import random
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residency.core.types import Document
from residency.corpus.compare.dedup import Dedup, decide, keys, parts_of
from residency.corpus.compare.paragraphs import paragraphs, without_paragraphs


def query(sql: str, out: Path, **files) -> Path:
    with duckdb.connect() as database:
        for name, paths in files.items():
            listed = ", ".join(f"'{path}'" for path in paths)
            database.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{listed}])")
        database.execute(f"COPY ({sql}) TO '{out}' (FORMAT parquet)")
    return out


def note(text, **fields):
    return Document("", text, fields.pop("source", "s"), "none", **fields)


def decided(documents, folder, *, rules=None, order=None, batch=3):
    """Return {row: (reason, kept row)} and {row: paragraphs}; ``order`` shuffles the files that keys come in."""
    rules = rules or Dedup()
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    batches = [(n, documents[n : n + batch]) for n in range(0, len(documents), batch)]
    for begin, part in batches:
        for name, table in keys(part, list(range(begin, begin + len(part))), rules).items():
            path = folder / f"{name}-{begin:04d}.in"
            pq.write_table(table, path)
            files.setdefault(name, []).append(path)
    if order:
        for paths in files.values():
            random.Random(order).shuffle(paths)
    found = decide(files, query, rules, folder / "out")
    drops, repeats = pq.read_table(found.drops).to_pylist(), pq.read_table(found.repeats).to_pylist()
    assert [row["row"] for row in drops] == sorted({row["row"] for row in drops})
    assert repeats == sorted(repeats, key=lambda row: (row["row"], row["paragraph"]))
    gone = {}
    for row in repeats:
        gone.setdefault(row["row"], []).append(row["paragraph"])
    return {row["row"]: (row["reason"], row["kept_row"]) for row in drops}, gone


def sentence(seed, count=80):
    draw = random.Random(seed)
    return [f"w{draw.randrange(10**9)}" for _ in range(count)]


def changed(words, count, seed):
    """Return the words with ``count`` of them replaced, side by side, so that few runs of five are touched."""
    at = random.Random(seed).randrange(len(words) - count)
    return [*words[:at], *sentence(f"new-{seed}", count), *words[at + count :]]


def test_texts_of_equal_words_are_exact_duplicates_of_the_first(tmp_path):
    texts = ["Mild fever, no cough.", "other", "MILD FEVER\nNO COUGH", "mild fever no coughs", "mild; fever: no cough"]
    drops, _ = decided([note(text) for text in texts], tmp_path, rules=Dedup(near=None))
    assert drops == {2: ("exact duplicate", 0), 4: ("exact duplicate", 0)}


def test_the_lowest_priority_number_is_kept_before_the_first_row(tmp_path):
    documents = [note("the same text", meta={"priority": 2}), note("the same text", meta={"priority": 1})]
    assert decided(documents, tmp_path)[0] == {0: ("exact duplicate", 1)}


def test_titles_count_from_four_words_and_within_one_source_and_kind(tmp_path):
    title = "Asthma in young children"
    documents = [
        note("one", meta={"title": title, "kind": "article"}),
        note("two", meta={"title": "ASTHMA in young children.", "kind": "article"}),
        note("three", meta={"title": title, "kind": "book"}),
        note("four", meta={"title": title, "kind": "article"}, source="other"),
        note("five", meta={"title": "Asthma in children", "kind": "article"}),
        note("six", meta={"title": "asthma in children", "kind": "article"}),
        note("seven"),
        note("eight"),
    ]
    assert decided(documents, tmp_path / "a", rules=Dedup(title=True))[0] == {1: ("the same title", 0)}
    assert decided(documents, tmp_path / "b")[0] == {}


def test_near_duplicates_go_and_documents_that_are_merely_alike_stay(tmp_path):
    base = sentence("base", 300)
    near = " ".join(changed(base, 10, 1))  # 282 of 310 runs of five in common: 0.91
    alike = " ".join(changed(base, 60, 2))  # 232 of 360: 0.64
    drops, _ = decided([note(text) for text in (" ".join(base), near, alike, "short")], tmp_path)
    assert drops == {1: ("near-duplicate", 0)}


def test_a_chain_of_near_duplicates_is_one_group_and_its_first_stays(tmp_path):
    texts = [sentence("chain", 300)]
    for step in range(12):
        texts.append(changed(texts[-1], 6, step))
    drops, _ = decided([note(" ".join(text)) for text in reversed(texts)], tmp_path)
    assert drops == {row: ("near-duplicate", 0) for row in range(1, 13)}


def test_what_is_decided_does_not_hang_on_the_order_of_files_or_the_size_of_batches(tmp_path):
    draw = random.Random(3)
    documents = []
    for number in range(60):
        base = sentence(number % 20, 120)
        text = " ".join(changed(base, draw.choice([1, 2, 30]), number) if number > 19 else base)
        documents.append(note(text, patient=f"p{number % 7}", date=draw.choice([None, "2021", "2021-03-05"])))
    first = decided(documents, tmp_path / "first")
    assert first[0]
    for order in (1, 2, 3):
        assert decided(documents, tmp_path / f"order-{order}", order=order, batch=7 * order) == first


def test_short_and_empty_documents_are_compared_whole(tmp_path):
    texts = ["no fever", "No fever!", "no cough", "", "...", "?"]
    drops, _ = decided([note(text) for text in texts], tmp_path)
    assert drops == {1: ("exact duplicate", 0)}


def test_nothing_is_a_duplicate_when_nothing_is_asked_for(tmp_path):
    assert decided([note("the same")] * 3, tmp_path, rules=Dedup.none()) == ({}, {})


# --- paragraphs of one patient's record ------------------------------------------------------------------------------

HISTORY = "Known hypertension since 2009, treated with ramipril 5 mg; no known drug allergies."
NEW = "Today the patient reports chest pain on exertion, without radiation, since four days."


def test_a_paragraph_copied_forward_stays_in_the_earliest_note(tmp_path):
    documents = [
        note(f"{NEW}\n\n{HISTORY.upper()}", patient="a", date="2021-03-05"),
        note(f"First visit.\n\n{HISTORY}", patient="a", date="2021-03-01"),
        note(f"Another patient.\n\n{HISTORY}", patient="b", date="2022-01-01"),
        note(f"No patient.\n\n{HISTORY}"),
    ]
    assert decided(documents, tmp_path, rules=Dedup(near=None)) == ({}, {0: [1]})


def test_a_note_without_a_date_counts_as_the_latest(tmp_path):
    documents = [note(f"One.\n\n{HISTORY}", patient="a"), note(f"Two.\n\n{HISTORY}", patient="a", date="2021")]
    assert decided(documents, tmp_path, rules=Dedup(near=None)) == ({}, {0: [1]})


def test_a_note_of_which_nothing_is_left_drops_with_its_own_reason(tmp_path):
    documents = [
        note(f"{HISTORY}\n\n{NEW}", patient="a", date="2021-03-01"),
        note(f"{NEW}\n\n{HISTORY}", patient="a", date="2021-03-02"),
        note(f"{NEW}\n\nShort.", patient="a", date="2021-03-03"),
    ]
    drops, repeats = decided(documents, tmp_path, rules=Dedup(near=None))
    assert drops == {1: ("nothing new in the patient's record", 0)}
    assert repeats == {2: [0]}


def test_short_paragraphs_may_repeat(tmp_path):
    documents = [note(f"No allergies.\n\nVisit {n}.", patient="a", date=f"202{n}") for n in range(3)]
    assert decided(documents, tmp_path) == ({}, {})


def test_a_dropped_duplicate_does_not_keep_a_paragraph_for_itself(tmp_path):
    documents = [
        note(f"Later.\n\n{HISTORY}", patient="a", date="2021-03-09"),
        note(f"LATER\n\n{HISTORY}", patient="a", date="2021-03-01"),
    ]
    assert decided(documents, tmp_path) == ({1: ("exact duplicate", 0)}, {})


@given(st.text(alphabet="ab \n\t\r", max_size=60))
@settings(max_examples=400, deadline=None)
def test_paragraphs_hold_all_of_a_text_but_white_space(text):
    places = paragraphs(text)
    pieces = [text[low:high] for low, high in places]
    assert all(piece == piece.strip() and piece for piece in pieces)
    assert "".join(text.split()) == "".join("".join(pieces).split())
    assert without_paragraphs(text, []) == text
    assert not without_paragraphs(text, range(len(places))).strip()
    for gone in range(len(places)):
        left = without_paragraphs(text, [gone])
        assert "".join(left.split()) == "".join("".join(pieces[:gone] + pieces[gone + 1 :]).split())


def test_a_text_without_its_middle_paragraph_reads_on():
    assert without_paragraphs("One.\n\nTwo.\n\nThree.\n", [1]) == "One.\n\nThree.\n"
    assert without_paragraphs("One.\nTwo.\nThree.", [2]) == "One.\nTwo."


# --- groups ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=60))
@settings(max_examples=300, deadline=None)
def test_groups_are_the_connected_components(pairs):
    csgraph = pytest.importorskip("scipy.sparse.csgraph")
    sparse = pytest.importorskip("scipy.sparse")
    low, high = (np.array([pair[side] for pair in pairs], np.uint64) for side in (0, 1))
    names, part = parts_of(low, high)
    graph = sparse.coo_matrix((np.ones(len(pairs)), (low.astype(int), high.astype(int))), (31, 31))
    _, labels = csgraph.connected_components(graph, directed=False)
    assert names.tolist() == sorted({name for pair in pairs for name in pair})
    for name, least in zip(names.tolist(), part.tolist(), strict=True):
        assert least == min(n for n in range(31) if labels[n] == labels[name])
