"""The words of the report that a clinician need not know, explained at its end: only those that a page uses."""

from __future__ import annotations

import re
from typing import NamedTuple


class Term(NamedTuple):
    """A word, what to look for in a page's text (a regular expression, any case), and its meaning in a sentence."""

    name: str
    sign: str
    means: str


TERMS = (
    Term(
        "Pretrained, tuned, aligned",
        r"\b(pretrained|tuned|aligned)\b",
        "The same model after each stage of training. Pretrained: it went on reading running medical text. Tuned:"
        " it then learned exercises with their answers. Aligned: it then learned to prefer a right answer to the "
        "wrong one that it liked best.",
    ),
    Term(
        "Base",
        r"\bbase\b",
        "The model before any of this training, asked without and, where there are training items to show, with "
        "solved examples before the question.",
    ),
    Term(
        "Compressed, GGUF, Q8_0",
        r"\b(compressed|gguf|q8_0)\b",
        "The aligned model as one file for llama.cpp, its weights rounded to eight bits. Dequantised: those "
        "rounded weights read back into the training library.",
    ),
    Term(
        "Linear CRF",
        r"\blinear CRF\b",
        "A conditional random field: a tagger that knows no language, only which words, endings and neighbours went "
        "with which mark in the task's own training texts. It learns in seconds. A model that does not beat it has "
        "gained nothing by being larger.",
    ),
    Term(
        "Parity",
        r"\bparity\b",
        "Whether the exported file is still the model that was trained: both are given the same text, and it is "
        "counted how often they choose the same next token.",
    ),
    Term(
        "95% interval",
        r"95% interval",
        "The range that a repetition with other test concepts would mostly give: made by drawing the concepts "
        "again and again, whole (a bootstrap).",
    ),
    Term(
        "p, Holm",
        r"\bholm\b",
        "p is how often a difference as large arises by chance alone when two models are equally good. Looking at"
        " several families at once makes a chance hit likelier; Holm's correction raises each p for that.",
    ),
    Term(
        "Trivial rule",
        r"\btrivial rules?\b",
        "A few lines of program without medical knowledge that answer the same items. A model must beat the best "
        "of them, or its score shows only that the exercise can be guessed.",
    ),
    Term(
        "Gating",
        r"\bgat(e|es|ing)\b",
        "A number gates when a verdict hangs on it; all others are shown to be looked at.",
    ),
    Term(
        "Majority",
        r"\bmajority\b|commonest answer",
        "A rule that always gives the commonest answer.",
    ),
    Term(
        "Hypothesis, premise; hypothesis only",
        r"\bhypothesis\b",
        "In inference the premise is the statement that is given, the hypothesis the one to be judged. Hypothesis"
        " only is a rule that never reads the premise, or reads a question's options without the question: what "
        "it gets right, the wording gives away.",
    ),
    Term(
        "Word overlap",
        r"word overlap|shared words",
        "A rule that takes the option with most words in common with the question.",
    ),
    Term(
        "Negation pattern",
        r"negation pattern|the negations only",
        "A rule that looks only at whether the note and the statement hold a word such as no, without or denies.",
    ),
    Term(
        "Clause",
        r"\bclauses?\b",
        "A part of a sentence that says one thing. The rule of this name finds the clause that the statement is "
        "about and answers by how it opens, as in denies or mother has.",
    ),
    Term(
        "Dictionary",
        r"\bdictionary\b",
        "A rule that looks up known names in the text and leaves out those after a negation. The one of training "
        "terms knows what the model could learn; the one of all HPO terms also knows the names that were held "
        "out.",
    ),
    Term(
        "Copy",
        r"Rule: copy|copying the term",
        "A rule that repeats the clinical term or its definition.",
    ),
    Term(
        "HPO, ICD-10-CM",
        r"\b(HPO|ICD-10-CM)\b|Human Phenotype Ontology",
        "The Human Phenotype Ontology names findings and the diseases that show them; ICD-10-CM is the list of "
        "diagnosis codes used in the United States.",
    ),
    Term(
        "Macro F1",
        r"macro F1",
        "For each of the answers: how many of those given were right, and how many of those wanted were given, in"
        " one number. Macro: the mean over the answers, each weighing the same.",
    ),
    Term(
        "Entity F1",
        r"entity F1",
        "The same number over findings: exact findings found against those missed or invented.",
    ),
    Term(
        "ROUGE-L",
        r"ROUGE-L",
        "How much of the wording is shared, in order, with the closest accepted answer.",
    ),
    Term(
        "BERTScore",
        r"BERTScore",
        "How alike two texts are to a small language model, word by word, whatever the wording.",
    ),
    Term(
        "Micro F1",
        r"micro F1",
        "Over all labels of all texts taken together: how many of those given were right, and how many of those wanted "
        "were given, in one number. A common label weighs more than a rare one.",
    ),
    Term(
        "All labels right",
        r"all labels right",
        "Of all texts, how many were given exactly the labels that are wanted, none missing and none too many.",
    ),
    Term(
        "Pearson and Spearman correlation",
        r"(Pearson|Spearman) correlation",
        "How well the model's numbers rise and fall with those that people gave: all the way together, not at all, or "
        "one rising where the other falls (below zero). Pearson looks at the numbers, Spearman at their order only.",
    ),
    Term(
        "Expected calibration error",
        r"expected calibration error",
        "How far, on average, a stated confidence is from how often the answer is right.",
    ),
    Term(
        "Perplexity",
        r"\bperplexity\b",
        "How surprised a model is by a text; lower is better.",
    ),
    Term(
        "Shuffled control",
        r"shuffled.(control|answer)",
        "A model trained in the same way on answers that were exchanged among the questions: what it still learns"
        " is form, not content.",
    ),
    Term(
        "Contaminated",
        r"\bcontaminat\w+",
        "Facts of the test stood in the training data, so that a score may be remembered and not understood.",
    ),
    Term(
        "Token",
        r"\btokens?\b",
        "A piece of a word: what a language model reads and writes.",
    ),
    Term(
        "Loss",
        r"\bloss\b",
        "What training lowers: how unlikely the model found the right answer. Losses of different exercises "
        "cannot be compared.",
    ),
    Term(
        "Adapter, LoRA, rank",
        r"\b(adapter|lora)\b",
        "A small set of added weights that learns while the model's own stay as they are; the rank is its size.",
    ),
)


def occurring(html: str) -> list[Term]:
    """Return the terms that the visible text of a page uses, in the order of the list."""
    text = visible(html)
    return [term for term in TERMS if re.search(term.sign, text, re.I)]


def visible(html: str) -> str:
    """Return a page's text without its tags, scripts and styles."""
    bare = re.sub(r"<(script|style)\b.*?</\1>", " ", html, flags=re.S)
    return re.sub(r"<[^>]+>", " ", bare)
