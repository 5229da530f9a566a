"""How the values of the axes, the marks and the sizes are said on pages and in pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from residency.catalog.entries import Entry

SHORT = {
    "qa": "QA",
    "ner": "NER",
    "re": "RE",
    "ie": "IE",
    "nli": "NLI",
    "cls": "CLS",
    "sum": "SUM",
    "vqa": "VQA",
    "deid": "de-identification",
    "lm": "base LM",
    "rag": "RAG",
    "peft": "PEFT",
    "risk": "risk prediction",
    "assistant": "health assistant",
    "scratch": "from scratch",
    "noncommercial": "non-commercial",
    "none": "not released",
    "yes_no": "yes or no",
    "finetuning": "fine-tuning",
    "finetune": "fine-tune",
    "general": "general model",
    "domain": "medical model",
    "closed": "closed model",
}
CELLS = {
    "base": "Base",
    "sizes": "Size",
    "architecture": "Architecture",
    "paradigm": "How it was made",
    "compression": "Compression",
    "data": "Data",
    "training": "Training",
    "hardware": "Hardware",
    "kind": "Kind",
    "use": "Use",
    "form": "Form",
    "size": "Size",
    "metrics": "Metrics",
    "within": "Part of",
    "tasks": "Tasks",
    "stakeholders": "For whom",
    "care": "Stage of care",
    "application": "Application",
    "algorithm": "Algorithm",
    "languages": "Language",
    "licence": "Licence",
    "access": "Access",
    "release": "Release",
}
"""The cells of an entry in the order in which they are shown, and what they are called."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def words(value: Any) -> str:
    """Return a value of an axis in words."""
    text = str(value)
    return SHORT.get(text, text.replace("_", " "))


def listed(values: Iterable[Any]) -> str:
    """Return values in words, with commas."""
    return ", ".join(words(value) for value in values)


def amount(found: Mapping[str, Any]) -> str:
    """Return a count with its unit, "about 15,000,000 abstracts"."""
    count = f"{found['count']:,.10g}" if isinstance(found["count"], float) else f"{found['count']:,}"
    lead = "at least " if found.get("least") else "about " if found.get("about") else ""
    part = f" ({found['part']})" if found.get("part") else ""
    return f"{lead}{count} {found['unit']}{part}"


def hardware(found: Mapping[str, Any]) -> str:
    """Return a need of hardware in words, "8 GB, 148 GPU-hours"."""
    said = [str(found[key]) for key in ("memory", "power") if key in found]
    if "gpu_hours" in found:
        said.append(f"{found['gpu_hours']:,.10g} GPU-hours")
    return ", ".join([*said, *([str(found["device"])] if "device" in found else [])])


def month(release: str) -> str:
    """Return a release in words: month and year, or the year where that is all there is."""
    year, _, number = release.partition("-")
    return f"{MONTHS[int(number) - 1]} {year}" if number else year


def value_text(cell: str, value: Any) -> str:
    """Return one value of any cell as text."""
    if isinstance(value, dict):
        return amount(value) if "count" in value else hardware(value)
    if cell == "release":
        return month(str(value))
    plain = ("base", "data", "metrics", "within", "sizes", "licence", "architecture", "languages")
    return str(value) if cell in plain else words(value)


def source_text(entry: Entry) -> str:
    """Return a source in short: "Garg et al. 2025", or its name."""
    authors, year = entry.facts.get("authors"), entry.facts.get("year")
    return f"{authors} {year}" if authors and year else entry.name


def source_brief(entry: Entry) -> str:
    """Return a source as briefly as can be: "Garg 2025"."""
    return source_text(entry).replace(" et al.", "")
