"""Whether a question asks what a graph of diseases and findings tells: what something is, which findings it has, how it
is inherited, what causes it, what it is called, of which kind it is.

Whatever else is asked (when to refer, which dose, whether something is right, how much) no fact of it answers, however
many of the question's words it holds.
"""

from __future__ import annotations

import re

from residency.corpus.make.support import stems

_ELSEWHERE = stems(
    "treatment treat treated treating therapy manage managed management cure medication remedy prevent prevention "
    "avoid vaccine dose dosed dosage interaction precaution warning contraindicated test exam screen prognosis"
)
"""Words of the sides of a matter that no fact of a graph of diseases and findings tells."""
_NEVER = re.compile(
    r"\b(?:where|how (?:much|many|often|long|fast|soon|high|low)|refer(?:s|red|ral)?|should"
    r"|right (?:for|to|in|dose|choice|drug)|safe(?:ly|ty)?|shall|must|targets?|goals?|thresholds?|limits?"
    r"|maximum|minimum|recommend\w*|first.line|next|urgent\w*|what to do|do i|do we|give|given"
    r"|stop\w*|start(?:ed)? (?:on|with)"
    r"|dónde|cuánt[oa]s?|dosis|deriv\w+|debe\w*|segur[oa]s?|objetivo|límites?|umbral|máxim[oa]|mínim[oa]|trat\w+"
    r"|recomend\w+)\b|\d+\s*/\s*\d+"
    r"|\d\s*(?:mg|mcg|µg|μg|g|kg|ml|l|mmhg|mmol|iu|units?|%|°|years?|hours?|days?|weeks?|months?|años?)(?!\w)",
    re.I,
)
_WHEN = re.compile(r"\b(?:when|cuándo)\b", re.I)
_ONSET = re.compile(r"\b(?:onset|begins?|starts?|appears?|manifests?|empieza|aparece|comienza)\b", re.I)
_ASKED = re.compile(
    r"\b(?:definition|defined?|findings?|signs?|symptoms?|features?|phenotyp\w+|manifest\w*|present\w*|inherit\w*"
    r"|hereditary|dominant|recessive|genetic\w*|gen(?:e|es)|caus\w+|called|names?|synonyms?|abbreviat\w+|kinds?|types?"
    r"|subtypes?|class\w*|onset|associated|characteri[sz]\w+|mean|have|has"
    r"|qué es|qué son|definición|hallazgos?|signos?|síntomas?|rasgos?|hered\w+|herencia|gen(?:es)?|causa[ns]?|llama\w*"
    r"|nombres?|sinónimos?|tipos?|clases?|tiene[ns]?)\b",
    re.I,
)
_WHAT_IS = re.compile(r"[\s¿]*(?:what|who)(?:'s| is| are)\b(?!.*\b(?:for|to|before|after|during|best|normal)\b)", re.I)


def told_by_graph(question: str) -> bool:
    """Return whether facts of a graph of diseases and findings may answer a question."""
    if _NEVER.search(question) or stems(question) & _ELSEWHERE:
        return False
    if _WHEN.search(question):
        return bool(_ONSET.search(question))
    return bool(_ASKED.search(question) or _WHAT_IS.match(question))
