"""Made-up diseases and terms in the shape of HPO's records, and cases drawn from them."""

from residency.core.types import Document
from residency.infer.consult.case import of_disease


def term(key, name, *, plain="", exact=(), area="HP:90"):
    synonyms = [(text, False) for text in exact] + ([(plain, True)] if plain else [])
    rows = [
        {"text": t, "scope": "EXACT", "layperson": lay, "abbreviation": False, "obsolete": False} for t, lay in synonyms
    ]
    meta = {"kind": "term", "name": name, "synonyms": rows, "parents": [], "second_level": [area], "comment": ""}
    return Document(key, name, "hpo", "made up", meta=meta)


TERMS = {
    one.id: one
    for one in (
        term("HP:90", "Abnormality of the snout"),
        term("HP:91", "Abnormality of the tail"),
        term("HP:1", "Blue whiskers", plain="Azure beard"),
        term("HP:2", "Twitching snout", exact=["Nasal fasciculation"]),
        term("HP:3", "Curled tail", area="HP:91"),
        term("HP:4", "Bald tail", area="HP:91"),
        term("HP:5", "Snoring"),
        term("HP:6", "Elevated quill enzyme"),
        term("HP:7", "Humming"),
    )
}


def disease(key, name, *present, absent=(), often="Obligate"):
    rows = [{"hpo": hpo, "name": TERMS[hpo].meta["name"], "negated": False, "frequency": often} for hpo in present]
    rows += [{"hpo": hpo, "name": TERMS[hpo].meta["name"], "negated": True, "frequency": ""} for hpo in absent]
    meta = {"kind": "disease", "name": name, "phenotypes": rows, "conflicting": []}
    return Document(key, name, "hpo", "made up", meta=meta)


BRIMTAIL = disease("D:1", "Brimtail fever", "HP:1", "HP:2", "HP:3", "HP:4", "HP:5", absent=("HP:6",))
OTHERS = [
    disease("D:2", "Okapi rot", "HP:1", "HP:2", "HP:6", "HP:7"),
    disease("D:3", "Quill gout", "HP:3", "HP:6", "HP:7", "HP:5"),
    disease("D:4", "Snout palsy", "HP:2", "HP:5", "HP:7", "HP:4"),
]


def case(seed=0):
    return of_disease(BRIMTAIL, TERMS, seed=seed)
