"""Splits: whole patients, the same for ever, near-duplicates together, and nothing after the day in training."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from residency.core.errors import UserError
from residency.corpus.mixing.splits import BOTH, NO_DATE, UNREADABLE, Splits, codes, hashes, part, unit


def rows(count, patients):
    """Documents of patients in turn, every tenth without one, with dates over two years."""
    return {
        "patient": [None if i % 10 == 0 else f"p{i % patients}" for i in range(count)],
        "id": [f"d{i}" for i in range(count)],
        "date": [f"{2020 + i % 2}-{1 + i % 12:02d}-15" for i in range(count)],
        "source": [f"s{i % 3}" for i in range(count)],
    }


def test_the_same_patient_is_on_the_same_side_whatever_else_is_in_the_corpus():
    settings, table = Splits(test=0.2, validation=0.1), rows(4000, 377)
    whole = part(settings, **table).split
    some = np.arange(0, 4000, 7)
    alone = part(settings, **{name: [column[i] for i in some] for name, column in table.items()}).split
    assert (alone == whole[some]).all()
    backwards = part(settings, **{name: column[::-1] for name, column in table.items()}).split
    assert (backwards[::-1] == whole).all()


def test_no_patient_stands_in_two_splits():
    table = rows(4000, 377)
    parted = part(Splits(test=0.2, validation=0.1), **table)
    sides = {}
    for name, split in zip(table["patient"], parted.split, strict=True):
        if name:
            assert sides.setdefault(name, split) == split
    assert len(set(parted.group)) == len(set(sides)) + 400 and set(sides.values()) == {"train", "validation", "test"}


def test_the_shares_are_exact_in_expectation():
    count = 200_000
    table = {
        "patient": [None] * count,
        "id": [str(i) for i in range(count)],
        "date": [None] * count,
        "source": ["s"] * count,
    }
    split = part(Splits(test=0.1, validation=0.03), **table).split
    for name, share in (("test", 0.1), ("validation", 0.03), ("train", 0.87)):
        sigma = math.sqrt(share * (1 - share) / count)
        assert abs((split == name).mean() - share) < 4 * sigma, name


def test_another_seed_draws_another_test_and_shares_of_zero_and_one_are_kept():
    table = rows(2000, 500)
    a, b = (part(Splits(test=0.3, seed=seed), **table).split for seed in (0, 1))
    assert 0.3 < (a == b).mean() < 0.95
    assert set(part(Splits(test=0, validation=0), **table).split) == {"train"}
    assert set(part(Splits(test=1, validation=0), **table).split) == {"test"}


def test_the_draw_of_a_patient_is_a_number_that_stays():
    """Frozen: were it another, every corpus would get another test."""
    assert int(hashes(["patient:p1"], "0:split:")[0]) == 15322547925786372357
    assert unit(hashes(["patient:p1"], "0:split:"))[0] == (15322547925786372357 >> 11) / 2**53


def test_near_duplicates_pull_the_patients_they_link_to_one_side_and_leave_the_others_where_they_were():
    count = 3000
    table = rows(count, 3000)
    before = part(Splits(test=0.3, validation=0.2), **table)
    cluster = [None] * count
    for i in range(0, 300, 3):  # a note copied from one patient to another, and from that to a third
        cluster[i + 1] = cluster[i + 2] = f"c{i}"
    cluster[1] = cluster[2] = cluster[4]
    after = part(Splits(test=0.3, validation=0.2), **table, cluster=cluster)
    named = [i for i in range(count) if cluster[i]]
    for i in named:
        for j in named:
            if cluster[i] == cluster[j]:
                assert after.split[i] == after.split[j] and after.group[i] == after.group[j]
    untouched = [i for i in range(count) if not cluster[i]]
    assert (after.split[untouched] == before.split[untouched]).all()
    assert len({after.group[i] for i in untouched} & {after.group[i] for i in named}) == 0


def test_whole_sources_are_drawn_where_that_is_asked_for():
    table = rows(3000, 100)
    table["source"] = [f"s{i % 60}" for i in range(3000)]
    parted = part(Splits(by="source", test=0.3, validation=0.2), **table)
    sides = {}
    for source, split in zip(table["source"], parted.split, strict=True):
        assert sides.setdefault(source, split) == split
    assert set(sides.values()) == {"train", "validation", "test"}


VISITS = {
    "patient": ["early", "late", "both", "both", "both", None, None, "undated", "year", "month", "both"],
    "id": list("abcdefghijk"),
    "date": [
        "2020-01-01",
        "2023-06-01T08:00:00Z",
        "2022-12-31",
        "2023-01-01",
        None,
        "2024",
        None,
        None,
        "2023",
        "2022-12",
        "x",
    ],
    "source": ["s"] * 11,
}


def test_what_is_dated_from_the_day_on_is_test_and_so_is_the_whole_patient():
    parted = part(Splits(by="time", time="2023-01-01", validation=0), **VISITS)
    assert list(parted.split) == [
        "train", "test", "test", "test", "test", "test", "left out", "left out", "test", "train", "test",
    ]  # fmt: skip
    assert parted.why == {6: NO_DATE, 7: NO_DATE}


def test_a_year_or_a_month_counts_as_its_last_day():
    date = ["2023", "2022", "2023-06", "2023-05", "2023-06-14", "2023-06-15 08:00", "2023-06-15x", "20230620"]
    ids = list("abcdefgh")
    parted = part(Splits(by="time", time="2023-06-15", validation=0), patient=ids, id=ids, date=date, source=["s"] * 8)
    assert list(parted.split) == ["test", "train", "test", "train", "train", "test", "left out", "left out"]


def test_earlier_documents_of_a_test_patient_are_left_out_where_that_is_asked_for():
    parted = part(Splits(by="time", time="2023-01-01", validation=0, both="drop"), **VISITS)
    assert list(parted.split[2:5]) == ["left out", "test", "left out"] and parted.split[10] == "left out"
    assert parted.why == {2: BOTH, 4: NO_DATE, 6: NO_DATE, 7: NO_DATE, 10: UNREADABLE}
    assert parted.reasons == {NO_DATE: 3, UNREADABLE: 1, BOTH: 1}


def test_public_knowledge_trains_without_a_date_where_it_names_no_patient_and_no_date_that_cannot_be_read():
    table = {
        "patient": [None, None, "p", None],
        "id": list("abcd"),
        "date": [None, None, None, "x"],
        "source": ["s"] * 4,
    }
    parted = part(Splits(by="time", time="2023-01-01", validation=0), **table, public=[True, False, True, True])
    assert list(parted.split) == ["train", "left out", "left out", "left out"]
    assert parted.why == {1: NO_DATE, 2: NO_DATE, 3: UNREADABLE}


def test_nothing_that_may_be_after_the_day_is_trained_on():
    table = rows(5000, 900)
    parted = part(Splits(by="time", time="2021-06-01", validation=0.2), **table)
    for date, split in zip(table["date"], parted.split, strict=True):
        assert date < "2021-06-01" or split == "test"
    assert {"train", "validation", "test"} == set(parted.split)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"by": "time"}, "give time: 2024-01-01"),
        ({"time": "2024-01-01"}, "give by: time"),
        ({"test": 0.7, "validation": 0.6}, "more than 1 together"),
    ],
)
def test_settings_that_contradict_each_other_are_told(settings, words):
    with pytest.raises(UserError, match=words):
        Splits(**settings)


def test_arrow_columns_and_an_empty_corpus_are_taken():
    table = rows(100, 20)
    arrow = {name: pa.array(column, pa.string()) for name, column in table.items()}
    assert (part(Splits(), **arrow).split == part(Splits(), **table).split).all()
    for settings in (Splits(), Splits(by="time", time="2020-01-01")):
        parted = part(settings, patient=[], id=[], date=[], source=[])
        assert len(parted.split) == 0


def test_codes_are_in_the_order_of_their_values():
    numbers, values = codes(["b", None, "a", "b"])
    assert values == [None, "a", "b"] and list(numbers) == [2, 0, 1, 2]
