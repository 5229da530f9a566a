"""The gold of the de-identification bench: its spans are exact and complete, its parts apart, its bytes frozen."""

from __future__ import annotations

import importlib
import pkgutil
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from residency.corpus.benchmarks import data_folders

BENCH = Path(__file__).parents[2] / "bench"
GOLD = BENCH / "gold"
PARTS = ("tune", "report")
AS_NAMED = {"clean", "header", "table", "signature", "glued", "lower", "upper"}
"""Messes that leave the letters of a name."""
PARTICLES = set("de la van der von dos al el abu ben jo".split())
GENERIC = set(
    "street st ave avenue road rd lane ct blvd dr terrace apt unit north south east west falls springs heights landing "
    "township grove harbor mills junction corners beach hollow general medical center regional memorial hospital "
    "university community county veterans family practice clinic internal medicine associates orthopedics heart group "
    "manor nursing home rehabilitation house assisted living hospice pharmacy drugs apothecary diagnostics reference "
    "laboratory imaging".split()
)
BARE = re.compile(
    r"\d{1,2}/\d{1,2}/\d{2,4}|\b\d{3}-\d\d-\d{4}|\b555[-.]\d{4}|\S@\S|www\.|https?:"
    r"|\b(january|february|april|june|july|august|september|october|november|december|jan|feb|apr|jun|jul|aug|sep|oct|nov"
    r"|dec)\b[.-]? ?\d|\b(9\d|1[01]\d)[ -]year",
    re.I,
)
"""What would be an identifier wherever it stood."""


@pytest.fixture(scope="module")
def english():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCH))
        yield importlib.import_module("gold.english")


@pytest.fixture(scope="module")
def real(english):
    return importlib.import_module("gold.bases")


@pytest.fixture(scope="module")
def data(real):
    whole = [folder for folder in data_folders() if not real.missing(folder)]
    if not whole:
        pytest.skip(f"not here (RESIDENCY_DATA): {', '.join(real.missing(data_folders()[0]))}")
    return whole[0]


@pytest.fixture(scope="module")
def parts(english, data):
    return {part: english.english(data, part) for part in PARTS}


def plain(word):
    return "".join(s for s in unicodedata.normalize("NFKD", word) if not unicodedata.combining(s)).lower()


def tokens(text):
    """The words of a name or place that could tell it from another."""
    return [word for word in re.split(r"[\W\d_]+", plain(text)) if len(word) > 1 and word not in PARTICLES | GENERIC]


def said(documents, *kinds):
    """The surfaces of some types whose letters are as they were."""
    for document in documents:
        for start, end, kind, mess in document.spans:
            if kind in kinds and mess in AS_NAMED:
                yield document.text[start:end]


def test_spans_lie_in_the_text_in_order_and_apart(english, parts):
    for document in [*parts["tune"], *parts["report"]]:
        for start, end, kind, mess in document.spans:
            assert 0 <= start < end <= len(document.text) and kind in english.TYPES and mess in english.MESSES
            assert document.text[start:end].strip() == document.text[start:end], document.id
        assert all(left[1] <= right[0] for left, right in pairwise(document.spans)), document.id


def test_what_names_one_person_in_one_go_is_one_span(parts):
    for document in [*parts["tune"], *parts["report"]]:
        names = [span for span in document.spans if span[2] == "NAME"]
        between = [document.text[left[1] : right[0]] for left, right in pairwise(names) if right[3] != "dictation"]
        assert not {" ", ","} & set(between), document.id


def test_every_span_is_what_the_specification_says(english, data):
    def even(text):
        return text.replace("\n", " ")

    for part in PARTS:
        for document, pieces in english.built(data, part):
            meant = [(even(piece.text), piece.entity) for piece in pieces if piece.entity]
            found = [(even(document.text[start:end]), kind) for start, end, kind, _ in document.spans]
            assert meant == found, document.id
            assert even("".join(piece.text for piece in pieces)) == even(document.text), document.id


def test_no_name_place_number_or_date_stands_outside_a_span(english, parts):
    for part in PARTS:
        lists = english.loaded("names")[part].values()
        rare = {word for kind in lists for name in kind["rare"] for word in tokens(name) if len(word) > 3}
        for document in parts[part]:
            outside, done = [], 0
            for start, end, _, _ in [*document.spans, (len(document.text), 0, "", "")]:
                outside.append(document.text[done:start])
                done = end
            assert not [word for text in outside for word in re.split(r"[\W_]+", plain(text)) if word in rare], (
                document.id
            )
            assert not [found[0] for text in outside if (found := BARE.search(text))], document.id
            for number in [held["value"] for held in document.patient["identifier"] + document.patient["telecom"]]:
                assert number not in "\0".join(outside), document.id


def test_the_parts_share_no_base_text_name_place_or_template(real, parts):
    used = [{(base["set"], base["item"]) for base in real.bases(part)} for part in PARTS]
    assert (
        used[0] and not used[0] & used[1] and len(used[0] | used[1]) == len(real.bases("tune") + real.bases("report"))
    )
    for kinds in (("NAME",), ("LOCATION", "HOSPITAL")):
        one, two = (
            {word for text in said(parts[part], *kinds) for word in tokens(text) if len(word) > 3} for part in PARTS
        )
        assert len(one) > 50 and not one & two
    one, two = (sentences(part) for part in PARTS)
    assert not one & two


def sentences(part):
    """All lines and sentences of a part's material, without what every letter has."""
    material = yaml.safe_load((GOLD / f"{part}.yaml").read_text(encoding="utf-8"))
    texts = [
        text for kind in material.values() for text in (kind if isinstance(kind, list) else sum(kind.values(), []))
    ]
    return {line.strip() for text in texts for line in re.split(r"\n|(?<=\.) ", text) if len(line.strip()) > 12}


def lexicon():
    """Every word in Faker's lists of names and places, of all its languages."""
    pytest.importorskip("faker", reason="Faker is not here, whose lists are the lexicon")
    found = set()
    for kind in ("person", "address"):
        root = importlib.import_module(f"faker.providers.{kind}")
        for module in pkgutil.walk_packages(root.__path__, root.__name__ + "."):
            provider = getattr(importlib.import_module(module.name), "Provider", None)
            for text in held(vars(provider) if provider else {}):
                found.update(re.split(r"[\W\d_]+", plain(text)))
    return found


def held(value):
    """Every text in nested lists and mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            if not str(key).startswith("__"):
                yield from held(key)
                yield from held(one)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from held(one)


def test_at_least_half_of_the_names_and_places_stand_in_no_lexicon(parts):
    listed = lexicon()
    assert {"maria", "nguyen", "springfield"} & listed
    for part in PARTS:
        names = [word for text in said(parts[part], "NAME") for word in tokens(text) if len(word) > 3]
        places = [words for text in said(parts[part], "LOCATION", "HOSPITAL") if (words := tokens(text))]
        for kinds in (names, sorted(set(names))):
            assert sum(word not in listed for word in kinds) / len(kinds) > 0.5
        assert sum(not set(words) & listed for words in places) / len(places) > 0.5


def test_every_type_and_mess_is_often_enough_there_to_be_measured(english, parts):
    spans = [span for document in parts["report"] for span in document.spans]
    types, messes = Counter(span[2] for span in spans), Counter(span[3] for span in spans)
    assert len(spans) >= 4500 and len(parts["report"]) == 600 and len(parts["tune"]) == 200
    assert all(types[kind] >= 40 for kind in english.TYPES), types
    assert all(messes[mess] >= 100 for mess in english.MESSES), messes
    assert {document.kind for document in parts["report"]} == {"note", "dialogue", "simulated"}
    near = ("Parkinson's disease", "Foley", "120/80", "3/5", "Bell's palsy", "Coumadin", "10-12", "ICD-10", "Apgar")
    assert all(any(word in document.text for document in parts["report"]) for word in near)


def test_a_mess_is_what_its_name_says(parts):
    for document in [*parts["tune"], *parts["report"]]:
        for start, end, _, mess in document.spans:
            text, before = document.text[start:end], document.text[start - 1 : start]
            if mess == "wrapped":
                assert "\n" in text, document.id
            if mess in ("lower", "upper"):
                assert text == getattr(text, mess)(), document.id
            if mess == "glued":
                tight = len(document.text[end : end + 2].split()) == 1 and not document.text[end].isspace()
                assert (before and not before.isspace()) or tight or "," in text, document.id


def test_a_patient_has_the_fields_of_fhir(parts):
    for document in parts["report"]:
        name, home = document.patient["name"][0], document.patient["address"][0]
        assert name["family"] and all(name["given"]) and re.fullmatch(r"\d{4}-\d\d-\d\d", document.patient["birthDate"])
        assert set(home) == {"line", "city", "state", "postalCode"} and document.patient["identifier"]


def test_the_documents_are_the_frozen_ones_each_time(english, real, data, parts):
    for part in PARTS:
        assert english.fingerprint(parts[part]) == english.FROZEN[part]
        real.texts.cache_clear()
        assert english.fingerprint(english.english(data, part)) == english.FROZEN[part]


def test_a_text_that_is_not_the_one_that_was_read_is_refused(real, data):
    base = {**real.bases("tune")[0], "sha": "0" * 12}
    with pytest.raises(ValueError, match="not the text that was read"):
        real.read(base, data)
