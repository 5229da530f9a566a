"""What models, rules and metrics are called, in which order models stand, and which rules a model must beat."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from residency.core.errors import UserError

STAGES = {
    "pretrained": "pretrain",
    "tuned": "instruct",
    "aligned": "prefer",
    "encoded": "encode",
    "blended": "blend",
    "reward": "reward",
    "gguf": "export",
    "control": "control",
}
"""Trained models in the order of the journey, and the folder of the stage that made each."""

TRAINED = ("aligned", "tuned", "blended", "encoded", "pretrained", "reward")
"""Trained models, the last of the journey first: what a run's numbers are about is the first that there is."""

SHOWN_RULES = {
    "rule:dictionary_hpo": "it is given the names of the very findings that were held out of training, which a model "
    "cannot know; it shows how far looking words up goes",
    "rule:clause": "it is no trivial rule: a reader made by hand that knows that a note is made of clauses and looks "
    "up the one that the question is about; it shows how far careful reading alone goes",
}
"""Rules that are shown beside the others and not held against a model, each with the reason."""

BASELINES = {"baseline:crf": "a linear CRF trained on the task's own training texts"}
"""Models that are trained on the spot to be compared with: cheap, and of no stage of the journey."""

LABELS = {
    "baseline:crf": "Linear CRF",
    "base": "Base",
    "pretrained": "Pretrained",
    "tuned": "Tuned",
    "aligned": "Aligned",
    "encoded": "Encoder",
    "blended": "Encoder and CRF",
    "reward": "Judge",
    "gguf": "Compressed",
    "control": "Shuffled control",
}
METRICS = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "entity_f1": "entity F1",
    "balanced_accuracy": "balanced accuracy",
    "micro_f1": "micro F1",
    "label_f1": "macro F1 over labels",
    "exact_match": "all labels right",
    "pearson": "Pearson correlation",
    "spearman": "Spearman correlation",
    "entity_f1_relaxed": "entity F1, overlap counts",
    "relation_f1": "relation F1",
    "rouge_l": "ROUGE-L",
    "rouge_1": "ROUGE-1",
    "rouge_2": "ROUGE-2",
    "bleu": "BLEU",
    "chrf": "chrF",
    "bertscore": "BERTScore",
    "distinct_1": "Distinct-1",
    "distinct_2": "Distinct-2",
    "gleu": "GLEU",
    "finding_f1": "finding F1",
    "contradiction": "findings contradicted",
    "question_f1": "question F1",
    "question_share": "turns that ask",
    "question_share_recorded": "recorded turns that ask",
    "ece": "expected calibration error",
    "perplexity": "perplexity",
    "instruction_accuracy": "instructions followed",
    "rubric_score": "rubric score",
    "score": "score",
    "consistency": "answered the same by all",
    "accuracy_averaged": "accuracy, averaged over the orders",
    "position_bias": "place chosen most, beyond being right there",
}
WORDS = {
    **BASELINES,
    "pretrained": "the model after continued pretraining",
    "tuned": "the tuned model",
    "aligned": "the aligned model",
    "encoded": "the trained encoder",
    "blended": "the encoder and a linear CRF together",
    "gguf": "the compressed model",
    "control": "the shuffled-answer control",
    "rule:majority": "always the commonest answer",
    "rule:hypothesis_only": "looking at the hypothesis only",
    "rule:word_overlap": "counting shared words",
    "rule:negation_pattern": "looking at the negations only",
    "rule:copy": "copying the term",
    "rule:longer": "choosing the longer answer",
    "rule:clause": "a hand-made reader of clauses",
    "rule:dictionary_train": "a dictionary of the training terms",
    "rule:dictionary_hpo": "a dictionary of all HPO terms",
}
MOST_SHOWN = 16
"""Solved examples before a question."""
NUMBERS = ("no", "one", "two", "three", "four", "five")


def model_name(stem: str, protocol: dict[str, Any]) -> str:
    """Return the model's name in the ledger for a file of items: ``rule_copy`` holds ``rule:copy``, and
    ``baseline_crf`` ``baseline:crf``.

    A base is named by the number of examples that it was shown, which is less than was asked for where a task has no
    training items to show.
    """
    if stem.startswith("rule_"):
        return stem.replace("rule_", "rule:", 1)
    if (name := stem.replace("baseline_", "baseline:", 1)) in BASELINES:
        return name
    if shots(stem) is not None and "shots" in protocol:
        return f"base-{protocol['shots']}shot"
    return stem


def apart(name: str) -> tuple[str, int | None]:
    """Return the model that a name means, and how many solved examples it is shown where that stands behind it
    (``runs/latest:base@3``); UserError where it is shown more than 16.
    """
    found = re.fullmatch(r"(.+)@(\d+)", name)
    if found is None or Path(name).exists():
        return name, None
    if int(found[2]) > MOST_SHOWN:
        raise UserError(f"{name}: a model is shown from 0 to {MOST_SHOWN} solved examples")
    return found[1], int(found[2])


def stem_of(model: str) -> str:
    """Return how the file of a rule's or baseline's items is called."""
    return model.replace(":", "_")


def shots(model: str) -> int | None:
    """Return how many solved examples a base's name says it was shown; None for any other model."""
    found = re.fullmatch(r"base-(\d+)shot", model)
    return int(found.group(1)) if found else None


def is_base(model: str) -> bool:
    """Return whether a name in the ledger is the untrained model's, with however many examples."""
    return model.startswith("base-")


def is_rule(model: str) -> bool:
    """Return whether a name in the ledger is a rule's."""
    return model.startswith("rule:")


def is_baseline(model: str) -> bool:
    """Return whether a name in the ledger is that of a baseline."""
    return model in BASELINES


def is_gating_rule(model: str) -> bool:
    """Return whether a name in the ledger is that of a trivial rule that the trained model must beat."""
    return is_rule(model) and model not in SHOWN_RULES


def stage_of(model: str) -> str:
    """Return the stage that made a model: a folder name of the run, "base", "baseline" or "rule"."""
    if is_baseline(model):
        return "baseline"
    return "rule" if is_rule(model) else STAGES.get(unaided(model), "base")


def unaided(model: str) -> str:
    """Return the name of a model without the evidence that it was shown: "tuned" for "tuned+sources"."""
    return re.sub(r"(?:\+(?:sources|graph))+$", "", model)


def in_order(models: Iterable[str]) -> list[str]:
    """Return names as the journey has them: bases by their examples, the trained models, then all others by name."""
    known = list(STAGES)

    def place(name: str) -> tuple[int, int, str]:
        shown = shots(name)
        if shown is not None:
            return 0, shown, name
        return (1, known.index(name), name) if name in STAGES else (2, 0, name)

    return sorted(models, key=place)


def over_baselines(models: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs of a baseline and each model that is held against it: bases, trained models, the control."""
    names = in_order(models)
    held = [name for name in names if not is_rule(name) and not is_baseline(name)]
    return [(name, other) for name in names if is_baseline(name) for other in held]


def label(model: str) -> str:
    """Return a model's short name on a chart: "Tuned", "Base, 3 examples", "Rule: copy"."""
    if is_rule(model):
        return f"Rule: {model[5:].replace('_', ' ')}"
    if evidence := model.removeprefix(unaided(model)):
        return f"{label(unaided(model))}, with {evidence[1:].replace('+', ' and ')}"
    if found := re.fullmatch(r"(.+)-shots(\d+)", model):
        return f"{label(found[1])}, {_examples(found[2] if int(found[2]) else 'no', int(found[2]))}"
    shown = shots(model)
    return LABELS.get(model, model) if shown is None else f"Base, {_examples(str(shown) if shown else 'no', shown)}"


def model_words(model: str) -> str:
    """Return a model's or rule's name in words: "the base (three examples)"."""
    shown = shots(model)
    if shown is None:
        return WORDS.get(model, model)
    return f"the base ({_examples(NUMBERS[shown] if shown < len(NUMBERS) else str(shown), shown)})"


def _examples(number: str, count: int) -> str:
    return f"{number} example{'s' if count > 1 else ''}"


def metric_name(name: str) -> str:
    """Return a metric's name in words: "macro F1", "lowest macro F1"."""
    base, _, end = name.rpartition("_")
    return f"{end} {metric_name(base)}" if base and end in ("lowest", "highest") else METRICS.get(name, name)
