"""A name is found as it is said, in a variant, or spelt alike; ids and addresses lead to each other."""

import pytest

from residency.corpus.graph.names import Names, Naming, best_alike, normal, spelt_alike, variant
from residency.corpus.graph.terms import address, is_named, node_id, predicate, relation_of, words_of


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    path = tmp_path_factory.mktemp("names") / "names.db"
    making = Naming(path)
    for node, text, how in [
        ("N:1", "Oedema of the legs", "name"),
        ("N:1", "Swollen legs", "synonym"),
        ("N:2", "Multiple sclerosis", "name"),
        ("N:2", "MS", "abbreviation"),
        ("N:3", "Mitral stenosis", "name"),
        ("N:3", "MS", "abbreviation"),
        ("N:2", "MS", "abbreviation"),
    ]:
        making.add(node, text, how)
    assert making.finish() == 6
    return Names(path)


def test_a_name_is_compared_without_case_marks_and_possessives():
    assert normal("Parkinson's  Disease (late-onset)") == "parkinson disease late onset"
    assert normal("Crohn’s disease") == "crohn disease"


def test_variants_share_spelling_number_and_order():
    assert variant("Tumours of the oesophagus") == variant("Esophagus tumor")
    assert variant("Anaemias") == variant("anemia") and variant("biopsies") == variant("biopsy")
    assert variant("hepatitis") == "hepatitis" and variant("pelvis") == "pelvis"
    assert variant("pain without fever") != variant("pain with fever")


def test_said_varied_and_alike(names):
    assert [name.node for name in names.said("swollen LEGS")] == ["N:1"]
    assert [name.node for name in names.varied("leg edema")] == ["N:1"]
    assert [name.node for name in names.said("MS")] == ["N:2", "N:3"]
    assert names.alike("multiple sclerosi")[0].node == "N:2"
    assert names.alike("zz") == [] and names.said("") == []
    assert len(names) == 6


def test_spelling_is_dice_of_the_trigrams():
    # " foot " has 4 trigrams, " food " has 4, of which " fo", "foo" are shared: 2 * 2 / 8
    assert spelt_alike("foot", "food") == 0.5
    assert spelt_alike("foot", "Foot") == 1.0 and spelt_alike("", "foot") == 0.0


def test_of_a_node_the_best_name_counts(names):
    ranked = best_alike("swollen leg", names.alike("swollen leg"))
    assert ranked[0] == (1.0, ranked[0][1]) and ranked[0][1].node == "N:1"  # the variant is just so
    assert len([name for _, name in ranked if name.node == "N:1"]) == 1


@pytest.mark.parametrize(
    "node", ["HP:0000118", "heart failure", "50 % more: naïve", "https://example.org/a#b", "MESH:D01"]
)
def test_an_address_leads_back_to_its_node(node):
    assert node_id(address(node)) == node


def test_addresses_and_words():
    assert address("HP:0000118") == "http://purl.obolibrary.org/obo/HP_0000118"
    assert is_named("heart failure") and not is_named("HP:0000118") and not is_named("urn:x:y")
    assert relation_of(predicate("has finding")) == "has finding" and relation_of(predicate("is a")) == "is a"
    assert words_of("http://example.org/rel#partOf") == "part of" and words_of("has finding") == "has finding"
