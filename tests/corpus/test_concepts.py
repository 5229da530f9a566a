"""Every concept stands on one side, with its subtree, its kin and all its names."""

from collections import defaultdict

import pytest

from fixture_facts import documents
from residency.core.types import Document
from residency.corpus.concepts import disease_stem, normal, read_facts, spread


@pytest.fixture(scope="module")
def facts():
    return read_facts(documents(), seed=1)


def test_all_three_splits_are_filled_near_their_shares(facts):
    counts = defaultdict(int)
    for term in facts.terms.values():
        counts[term.split] += 1
    total = sum(counts.values())
    assert 0.2 < counts["test"] / total < 0.35
    assert 0.05 < counts["dev"] / total < 0.15


def test_a_test_subtree_is_wholly_in_test(facts):
    for term in facts.terms.values():
        for child in term.children:
            assert facts.terms[child].split == term.split


def test_a_term_below_a_train_and_a_test_node_is_in_test():
    rows = documents()
    base = read_facts(rows, seed=1)
    test = next(key for key, term in base.terms.items() if term.split == "test" and key.endswith("000"))
    train = next(key for key, term in base.terms.items() if term.split == "train" and key.endswith("000"))
    meta = {"kind": "term", "name": "Two masters", "synonyms": [], "parents": [train, test]}
    rows.append(
        Document("HP:9999999", "Two masters", "hpo", "HPO", meta={**meta, "second_level": sorted([train, test])})
    )
    both = read_facts(rows, seed=1).terms["HP:9999999"]
    assert (both.split, both.group) == ("test", test)


def test_a_synonym_that_names_a_test_term_is_taken_from_train():
    rows = documents()
    base = read_facts(rows, seed=1)
    test = next(t for t in base.terms.values() if t.split == "test")
    train = next(t for t in base.terms.values() if t.split == "train" and t.lay)
    row = next(row for row in rows if row.id == train.id)
    row.meta["synonyms"].append({"text": test.name.upper(), "scope": "EXACT", "layperson": True, "abbreviation": False})
    again = read_facts(rows, seed=1)
    assert again.terms[train.id].lay == train.lay
    assert again.shared_strings == base.shared_strings + 1


def test_no_string_names_concepts_of_two_splits(facts):
    owner = defaultdict(set)
    for term in facts.terms.values():
        for name in (term.name, *term.synonyms, *term.lay, *term.short):
            owner[normal(name)].add(term.split)
    for code in facts.codes.values():
        for name in (code.name, *code.inclusion):
            owner[normal(name)].add(code.split)
    assert not [name for name, splits in owner.items() if len(splits) > 1]


def test_a_disease_shows_findings_of_its_own_split_only(facts):
    for disease in facts.diseases.values():
        assert {facts.terms[key].split for key in disease.present + disease.absent} <= {disease.split}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Spinocerebellar ataxia 17", "Spinocerebellar ataxia 3"),
        ("Deafness, autosomal dominant 12", "Deafness, autosomal recessive 4A"),
        ("Microcephaly 5, primary, autosomal recessive", "Microcephaly 2, primary, autosomal recessive"),
    ],
)
def test_numbered_forms_of_a_disease_are_kin(one, other):
    assert disease_stem(one) == disease_stem(other)


def test_different_diseases_are_not_kin():
    assert disease_stem("Marfan syndrome") != disease_stem("Gaucher disease type 1")


def test_spreading_takes_turns_between_groups(facts):
    import random

    rows = [t for t in facts.terms.values() if t.split == "train"]
    groups = {t.group for t in rows}
    first = list(spread(rows, random.Random(0)))[: len(groups)]
    assert {t.group for t in first} == groups
