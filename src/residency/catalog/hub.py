"""What the fields of a model card mean on our axes: its tags, kinds of pipeline, relations to a base, and licences.

A kind of pipeline that says how a model works and not what for, such as text-generation, is placed nowhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from residency.core.errors import UserError


def front_matter(path: Path) -> dict[str, Any]:
    """Return the fields at the head of a model card."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise UserError(f"{path} cannot be read as a model card ({reason})") from None
    found = re.match(r"---\s*\n(.*?)\n---\s*(\n|$)", text, flags=re.S)
    if not found:
        raise UserError(
            f"{path} has no fields at its head: a model card begins with --- and YAML, and ends it with ---"
        )
    try:
        head = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 2}" if mark else ""
        raise UserError(
            f"{path}{line}: the fields at its head are not YAML ({getattr(error, 'problem', error)})"
        ) from None
    if not isinstance(head, dict):
        raise UserError(f"{path}: the head of a model card is a mapping of fields, such as license: apache-2.0")
    return {str(key): value for key, value in head.items()}


def texts(value: Any) -> list[str]:
    """Return a field that holds one text or several as a list."""
    found = value if isinstance(value, list) else [value]
    return [str(one).strip() for one in found if isinstance(one, str | int | float) and str(one).strip()]


PIPELINES = {
    "question-answering": "qa",
    "document-question-answering": "qa",
    "table-question-answering": "qa",
    "multiple-choice": "qa",
    "token-classification": "ner",
    "text-classification": "cls",
    "zero-shot-classification": "cls",
    "summarization": "sum",
    "visual-question-answering": "vqa",
    "text-ranking": "retrieval",
    "fill-mask": "lm",
}
"""The task that a kind of pipeline is for."""

RELATIONS = {
    "adapter": ("algorithm", "peft"),
    "merge": ("paradigm", "merging"),
    "quantized": ("compression", "quantization"),
}
"""What a relation to the base says of how a model was made; a finetune may be any of several ways."""

_ONE = {
    ("paradigm", "alignment"): "dpo orpo kto simpo ipo ppo grpo rlhf rlaif preference-optimization",
    ("paradigm", "instruction_tuning"): "sft instruct instruction-tuned instruction-tuning instruction-following",
    (
        "paradigm",
        "continued_pretraining",
    ): "continued-pretraining continual-pretraining domain-adaptive-pretraining dapt",
    ("paradigm", "merging"): "merge mergekit model-merging",
    ("compression", "pruning"): "pruned pruning",
    ("compression", "quantization"): "quantized quantization 4-bit 8-bit int4 int8 awq gptq exl2 bitsandbytes bnb",
    (
        "algorithm",
        "peft",
    ): "peft lora qlora rslora dora dual-lora ia3 adapter adapters prefix-tuning prompt-tuning p-tuning",
    ("algorithm", "rag"): "rag retrieval-augmented-generation",
    ("algorithm", "experts"): "moe mixture-of-experts",
    ("algorithm", "reasoning"): "reasoning chain-of-thought cot",
    ("algorithm", "agents"): "agent agents multi-agent",
    ("algorithm", "knowledge_graph"): "knowledge-graph",
    ("algorithm", "multimodal"): "multimodal vision-language vlm",
    ("algorithm", "privacy"): "federated-learning differential-privacy",
    ("tasks", "qa"): "qa question-answering medical-qa medqa multiple-choice",
    ("tasks", "ner"): "ner named-entity-recognition",
    ("tasks", "re"): "relation-extraction",
    ("tasks", "ie"): "information-extraction event-extraction entity-linking",
    ("tasks", "nli"): "nli natural-language-inference",
    ("tasks", "cls"): "text-classification",
    ("tasks", "dialogue"): "dialogue dialog conversational medical-dialogue",
    ("tasks", "retrieval"): "information-retrieval passage-retrieval dense-retrieval",
    ("tasks", "vqa"): "vqa visual-question-answering medical-vqa",
    ("stakeholders", "patient"): "patient-education patients consumer-health health-literacy",
    ("stakeholders", "clinician"): "clinicians clinical-decision-support",
    ("care", "diagnosis"): "diagnosis differential-diagnosis",
    ("care", "treatment"): "treatment treatment-planning",
    ("care", "risk"): "risk-prediction",
    ("application", "decision_support"): "clinical-decision-support",
    ("application", "education"): "medical-education usmle",
    ("application", "documentation"): "clinical-documentation clinical-notes discharge-summary",
    ("application", "coding"): "medical-coding icd icd-10 icd-coding",
    ("application", "simplification"): "text-simplification plain-language",
    ("application", "mental_health"): "mental-health psychology counseling counselling",
    ("application", "drug_discovery"): "drug-discovery",
    ("application", "trial_matching"): "clinical-trials trial-matching",
}
_SEVERAL = {
    "distillation": (("paradigm", "distillation"), ("compression", "distillation")),
    "knowledge-distillation": (("paradigm", "distillation"), ("compression", "distillation")),
    "distilled": (("paradigm", "distillation"), ("compression", "distillation")),
    "summarization": (("tasks", "sum"),),
    "summarisation": (("tasks", "sum"),),
    "report-generation": (("tasks", "generation"), ("application", "report_generation")),
    "radiology-report-generation": (("tasks", "generation"), ("application", "report_generation")),
    "triage": (("care", "triage"), ("application", "triage")),
    "de-identification": (("tasks", "deid"), ("algorithm", "privacy")),
    "deidentification": (("tasks", "deid"), ("algorithm", "privacy")),
    "phi-detection": (("tasks", "deid"), ("algorithm", "privacy")),
}


def _by_tag() -> dict[str, tuple[tuple[str, str], ...]]:
    """Return tag -> its (axis, value) pairs."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for pair, tags in _ONE.items():
        for tag in tags.split():
            found[tag] = (*found.get(tag, ()), pair)
    return found | _SEVERAL


TAGS = _by_tag()
"""What a tag says: (axis, value) pairs."""

ACCESS = (
    (r"cc-by-nc.*|.*non-?commercial.*", "noncommercial"),
    (r"llama\d.*|gemma|health-ai-developer-foundations", "registration"),
    (
        r"apache-2\.0|mit|bsd.*|cc0.*|cc-by-\d.*|cc-by-sa.*|.*openrail.*|[al]?gpl.*|mpl.*|isc|unlicense|odc-by|pddl",
        "open",
    ),
)
"""Forms of the hub's licences, and by which access what stands on the hub under one is got."""

_SPELLED = {"mit": "MIT", "apache-2.0": "Apache-2.0", "gemma": "Gemma", "llama2": "Llama 2", "llama3": "Llama 3"}


def licence_name(name: str) -> str:
    """Return a licence of the hub as it is commonly spelled."""
    if name.startswith(("cc-", "cc0", "bsd", "gpl", "agpl", "lgpl", "mpl")):
        return name.upper()
    return _SPELLED.get(name, name)
