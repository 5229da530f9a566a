"""A public set as a source of a recipe (``{set: pubmedqa}``): its items as documents, in the shape that suits them.

Only what is for training is read, unless a recipe names another part; that is then written on each document.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

from residency.core.errors import SourceError
from residency.core.legal import Part
from residency.core.types import Document, Message, Span
from residency.corpus import benchmarks
from residency.corpus.records import KNOWLEDGE_KINDS, Bad, Left, Source, SourceName

Item = dict[str, Any]
INSTRUCTIONS = {
    "mts_dialog": "Write the section “{section}” of the note from this conversation.",
    "aci_bench": "Write the note of the visit from this conversation.",
    "meqsum": "Say in one short sentence what is asked.",
}
"""What is asked for where the item's input does not say it itself."""
NOTES = ("meddocan", "medec")
"""Sets whose texts are clinical notes; other plain texts are articles."""

ACCESS = {True: "free at the publisher", False: "comes with an installed package"}


def read_set(
    *,
    # Which public set: residency data list names them.
    name: benchmarks.SetName,
    # The part of the set; any but train is marked as what models are tested on, and not trained on.
    split: Part = "train",
    # Replaces the licence that the set is published under.
    licence: str = "",
    # What the source is called in the card, in the mixture and by makers; empty: the name of the set.
    called: SourceName = "",
) -> Source:
    """Return a public set as a source: its questions, dialogues, notes and labelled texts as documents.

    ``split`` other than "train" is what models are tested on: each document's ``meta`` then says ``evaluation``.
    Raises SourceError where there is no such set, or it is not here.
    """
    about = benchmarks.known(name)
    folder = benchmarks.folder_of(name)
    files = tuple(sorted(path for path in folder.rglob("*") if path.is_file())) if about.folder else ()
    words = f"{name}: {about.url} at {about.commit}, {licence or about.licence}; access: {ACCESS[bool(about.folder)]}."
    part = partial(records, name, split, licence, called or name)
    return Source(called or name, about.commit, licence or about.licence, words, files, (part,))


def records(name: str, split: str, licence: str = "", source: str = "") -> Iterator[Document | Bad | Left]:
    """Yield the documents of one part of a set; what is of other parts, or in no form that is read, is left out."""
    about, found = benchmarks.known(name), benchmarks.items(name, split)
    if not found.items:
        parts = ", ".join(sorted(found.elsewhere)) or "none"
        raise SourceError(f"{name} has no part {split!r} to read; it has: {parts}. Give one of them as split")
    for part, count in (*found.skipped.items(), *(other(found.elsewhere))):
        yield from (Left(part) for _ in range(count))
    for item in found.items:
        text, meta = shape(name, item)
        if not text.strip():
            yield Left("no text")
            continue
        spans = [Span(e["start"], e["end"], e["label"]) for e in item.get("entities", ())]
        meta |= {"set": name, "split": split, **({"evaluation": True} if split != "train" else {})}
        if item["group"] != item["id"]:
            meta["group"] = item["group"]
        own = {key: value for key, value in item.get("meta", {}).items() if value not in ("", None)}
        yield Document(
            item["id"],
            text,
            source or name,
            licence or about.licence,
            about.language,
            spans=spans,
            meta={**own, **meta},
        )


def is_public(document: Document) -> bool:
    """Return whether a document is public knowledge: of an ontology, an article, or of a public set."""
    kind, name = document.meta.get("kind"), document.meta.get("set")
    return kind in KNOWLEDGE_KINDS or kind == "article" or (isinstance(name, str) and name in benchmarks.SETS)


def other(elsewhere: Counter[str]) -> list[tuple[str, int]]:
    """Return the reason and the count for each part of a set that was not asked for."""
    return [(f"of the part {part}, which was not asked for", count) for part, count in sorted(elsewhere.items())]


def shape(name: str, item: Item) -> tuple[str, dict[str, Any]]:
    """Return an item's text and what goes to ``meta``: its kind, and messages or labels where it has them."""
    if "choices" in item:
        return conversation([{"role": "user", "content": question(item)}], answer(item))
    if "turns" in item:
        return conversation(item["turns"], item["reference"], kind="dialogue")
    if "reference" in item:
        wish = INSTRUCTIONS.get(name, "").format(**item.get("meta", {}))
        asked = "\n\n".join(part for part in (wish, item["input"]) if part)
        return conversation([{"role": "user", "content": asked}], item["reference"])
    if "rating" in item:
        parts = {"prompt": item["question"], "completion": item["answer"], "score": item["rating"]}
        return joined(item["question"], item["answer"]), {"kind": "label", **parts}
    if "wrong" in item:
        found = {"label": "no error" if item["wrong"] is None else "error", "sentence": item["wrong"]}
        return item["text"], {"kind": "label", **found, "corrected": item["corrected"]}
    if "label" in item:
        return joined(item["text"], item.get("text_b", "")), {"kind": "label", "label": item["label"]}
    kept = {key: item[key] for key in ("relations",) if item.get(key)}
    if any(entity.get("concepts") for entity in item.get("entities", ())):
        kept["concepts"] = [entity.get("concepts", []) for entity in item["entities"]]
    return item["text"], {"kind": "note" if name in NOTES else "article", **kept}


def question(item: Item) -> str:
    """Return a question with what it is about and its options: words alone in a row, others lettered."""
    options = [str(option) for option in item["choices"]]
    listed = f"({' / '.join(options)})" if plain(options) else "\n".join(lettered(options))
    return joined(item.get("context", ""), item["question"], listed)


def answer(item: Item) -> str:
    """Return the right option, with its letter where the options have letters."""
    options = [str(option) for option in item["choices"]]
    return options[item["answer"]] if plain(options) else lettered(options)[item["answer"]]


def plain(options: list[str]) -> bool:
    """Return whether the options are single words such as yes and no."""
    return all(option.isalpha() for option in options)


def lettered(options: list[str]) -> list[str]:
    """Return options with their letters."""
    return [f"{letter}. {text}" for letter, text in zip(string.ascii_uppercase, options, strict=False)]


def conversation(turns: list[Message], reply: str | list[str], kind: str = "instruction") -> tuple[str, dict[str, Any]]:
    """Return the text of all turns, and their messages; of several references the first is learned."""
    last = reply if isinstance(reply, str) else reply[0]
    messages = [*turns, {"role": "assistant", "content": last}]
    return joined(*(turn["content"] for turn in messages)), {"kind": kind, "messages": messages}


def joined(*parts: str) -> str:
    """Return the parts that hold something, with an empty line between them."""
    return "\n\n".join(part.strip() for part in parts if part and part.strip())
