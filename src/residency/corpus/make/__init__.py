"""Training rows made out of documents, ontologies and judged answers: by templates, or by a model that is handed in.

A maker yields, for everything it was asked for, a row (a ``Document``) or a ``Refused`` with the reason, never both and
never neither. A row stands on the documents that ``meta["from"]`` names and keeps their patient, date and licence. What
a maker has to be handed are its positional arguments, by these names: ``documents``, ``model``, ``strong`` and ``weak``
(models), ``rate`` (a judge); its keyword-only arguments are its settings.
"""

from __future__ import annotations

MAKERS: dict[str, str] = {
    name: f"residency.corpus.make.{place}"
    for name, place in {
        "graph_text": "knowledge:graph_text",
        "graph_questions": "knowledge:graph_questions",
        "questions": "rewrite:questions",
        "instructions": "rewrite:instructions",
        "dialogues": "rewrite:dialogues",
        "rewritten": "rewrite:rewritten",
        "self_instruct": "selfinstruct:self_instruct",
        "judged": "pairs:judged",
        "contrast": "pairs:contrast",
        "ranked": "pairs:ranked",
        "people": "people:people",
        "translated": "translate:translated",
    }.items()
}
"""The makers that a recipe can name, as "module:function"."""
