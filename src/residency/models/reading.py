"""Models that read a text and write none, told by their folder: encoders, a linear CRF, taggers blended.

What is said here is read from a manifest or a config: no weight is opened and no library of models is loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

READERS = {
    "encoder": "residency.models.encoder:open_encoder",
    "crf": "residency.models.crf:open_crf",
    "blend": "residency.models.blend:open_blend",
}
"""The kinds, as a manifest's ``model`` names them, and what opens each: from a folder, by name, hash and type."""
_HEADS = {"ForTokenClassification": "tag", "ForSequenceClassification": "classify"}
_TWO_WAY = re.compile(r"bert|electra|mpnet|xlm|ernie|funnel|nystrom")
"""Types of network that see a text in both directions."""


def kind_of(path: str, about: Mapping[str, Any]) -> str:
    """Return the kind of a model that only reads; "" for one that writes."""
    if about.get("kind") in READERS:
        return str(about["kind"])
    return "encoder" if "encoder" in about or _is_encoder(_config(path)) else ""


def head_of(path: str, about: Mapping[str, Any]) -> str:
    """Return what a model that reads is for: "tag", "classify", "relation", another word where it said one, or ""."""
    if about.get("kind") in ("crf", "blend"):
        return "tag"
    config = _config(path)
    found = (head for name in _classes(config) for end, head in _HEADS.items() if name.endswith(end))
    return str(about.get("encoder") or ("relation" if config.get("related_types") else next(found, "")))


def labels_of(path: str, about: Mapping[str, Any]) -> list[str]:
    """Return the labels that a model that reads tells apart, those of tags without "B-" and "I-"; none: not known."""
    given = about.get("labels") or _config(path).get("id2label", {}).values()
    if head_of(path, about) != "tag":
        return list(map(str, given))
    return sorted({re.sub("^[BI]-", "", str(label)) for label in given} - {"O"})


def _is_encoder(config: Mapping[str, Any]) -> bool:
    writes = any("CausalLM" in name or "LMHead" in name for name in _classes(config)) or config.get("is_decoder")
    return not writes and bool(_TWO_WAY.search(str(config.get("model_type", ""))))


def _classes(config: Mapping[str, Any]) -> list[str]:
    return [str(name) for name in config.get("architectures") or ()]


def _config(path: str) -> dict[str, Any]:
    file = Path(path) / "config.json"
    if path.startswith(("http://", "https://")) or not file.is_file():
        return {}
    found = json.loads(file.read_text(encoding="utf-8"))
    return found if isinstance(found, dict) else {}
