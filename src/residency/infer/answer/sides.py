"""Which side of a matter a question asks about (its signs, its treatment, its cause), and how texts speak of that side.

The sides are those that clinical questions are sorted by (Ely et al. 2000, A taxonomy of generic clinical questions).
A sentence that speaks of a side seldom uses the question's own word for it: of treatment it says "surgery", or "given".
"""

from __future__ import annotations

import re
from functools import cache

from residency.corpus.make.support import stem, stems

_WORD = re.compile(r"[^\W\d_]+")
_SIDES = {
    "symptom sign feature manifest present look": "symptom sign feature include characterize appear experience develop "
    "pain fever weakness abnormality common frequent",
    "treatment treat therapy manage management cure medication remedy": "treatment treat therapy medication medicine "
    "drug surgery surgical manage relieve transplant given prescribe radiation chemotherapy antibiotic supportive",
    "cause why etiology reason": "cause result due mutation gene trigger lead infection virus bacteria deficiency "
    "unknown",
    "inherit inheritance hereditary familial": "inherit autosomal recessive dominant pattern parent linked sporadic",
    "genetic gene mutation chromosome": "gene mutation chromosome protein variant deletion encode instruction",
    "diagnose diagnosis diagnostic test exam detect screen": "diagnose diagnosis test exam blood imaging biopsy scan "
    "laboratory evaluation detect screening ultrasound",
    "affect common frequency prevalence incidence rare": "affect estimate occur people prevalence incidence "
    "million worldwide rare newborn percent",
    "outlook prognosis survive expect course": "prognosis outlook survival recover course expectancy mortality "
    "complication die live",
    "prevent prevention avoid vaccine": "prevent prevention avoid vaccine reduce lower risk protect",
    "risk susceptible": "risk factor likely age family history smoke",
    "dose dosed dosage much": "dose mg day daily tablet",
    "often frequently": "dose mg day daily tablet every week weekly month monthly hour year twice",
    "complication": "complication lead cause develop",
    "stage staging": "stage staging spread tumor grade",
    "what information define definition mean": "is condition disorder disease type form group",
    "interaction precaution warning safe contraindicate": "avoid interaction tell caution pregnant warning safe",
    "side effect adverse": "effect nausea adverse reaction serious rash",
}
_CUES = [
    (frozenset(stem(word) for word in asked.split()), frozenset(stem(word) for word in said.split()))
    for asked, said in _SIDES.items()
]


@cache
def cues(question: str) -> frozenset[str]:
    """Return the words, without their endings, by which a text speaks of the side that is asked about."""
    asked = stems(question)
    found = [said for words, said in _CUES if words & asked]
    if not found and question.lower().split()[:2] == ["what", "is"]:
        found = [said for words, said in _CUES if "what" in words]
    return frozenset().union(*found)


def speaks_of(question: str, text: str) -> bool:
    """Return whether a text speaks of the side that is asked about; any text does where no side is known."""
    wanted = cues(question)
    return not wanted or bool(stems(text) & wanted)


def side_words(question: str) -> list[str]:
    """Return the words of a question that name the side, as it has them."""
    named = frozenset().union(*(words for words, _ in _CUES))
    return list(dict.fromkeys(word for word in _WORD.findall(question) if stems(word) & named))
