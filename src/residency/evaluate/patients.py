"""What a run's texts of patients were let in on, in words: a receipt with its recall, or somebody's waiver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def patients_told(privacy: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each source that holds texts of patients; ``privacy`` is what the gate recorded."""
    return list(_told(privacy))


def _told(privacy: Mapping[str, Any]) -> Iterator[str]:
    corpus = privacy.get("corpus") or {}
    for entry in corpus.get("sources", ()):
        name, waiver = entry["source"], entry.get("waiver")
        if entry["why"] == "receipt":
            signed = f"signed by {entry['signed_by'][:16]}" if entry.get("signed_by") else "not signed"
            yield f"{name}: de-identified under the receipt {entry['receipt'][:16]} ({signed}), {_recall(entry)}."
        elif entry["why"] == "waiver" and waiver:
            yield f"{name}: trained on by a waiver ({waiver['reason']}), given by {waiver['by']}."
    for row in privacy.get("labels", ()):
        yield f"{row['source']}: labels of texts, trained on by a waiver ({row['waiver']}), given by the task's file."


def _recall(entry: Mapping[str, Any]) -> str:
    if entry.get("bound") is None:
        waiver = entry.get("waiver") or {}
        why, who = waiver.get("reason", "none"), waiver.get("by", "nobody")
        return f"with a waiver in the place of a measure ({why}, by {who})"
    found = f"{entry['recall']:.3f} of direct identifiers are wholly hidden (lower 95% limit {entry['bound']:.3f}"
    return f"by which {found}, by a labelled sample)"
