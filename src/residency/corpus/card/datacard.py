"""The data card: what a corpus is made of, what was taken out of it, what may be done with it, and what is not known.

``README.md`` is for people and for the hub (its front matter lets ``datasets`` load the folder); ``card.json`` holds
the same as data. Neither holds a word of the documents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from residency.core.store import atomic_path, sha256_file, write_json
from residency.corpus.card import cardtables as tables
from residency.corpus.card.cardtables import words as words
from residency.corpus.card.licences import hub_licence, licence_of, licence_words, listed, together
from residency.corpus.records import built_in

Facts = Mapping[str, Any]
Card = dict[str, Any]
HUB_TASKS = {"instruction": "question-answering", "label": "text-classification", "preference": "text-generation"}
EMPTY: dict[str, Any] = {
    "name": "Corpus",
    "sources": (),
    "documents": None,
    "characters": None,
    "tokens": None,
    "languages": {},
    "kinds": {},
    "dates": {},
    "patients": None,
    "without_patient": None,
    "dropped": {},
    "read": None,
    "duplicates": {},
    "contamination": None,
    "splits": None,
    "shapes": {},
    "mixture": None,
    "deidentification": None,
    "shards": {},
    "hashes": {},
    "versions": {},
    "settings": {},
    "time": {},
}
"""What a card is made from, and what stands for "not said"."""
ASKED = {
    "documents": "how many documents it holds",
    "tokens": "how many tokens it holds",
    "languages": "which languages it is in",
    "kinds": "which kinds of documents it holds",
    "patients": "how many patients it is about",
    "contamination": "whether evaluation sets are in it: nothing was compared",
    "splits": "which documents are kept for the test: it was not split",
}


def write_card(folder: Path, facts: Facts) -> Card:
    """Return the card after writing ``README.md`` and ``card.json`` to ``folder``.

    ``facts`` has keys of ``EMPTY``: ``sources`` (``name``, ``version``, ``licence``, ``access``, ``acknowledgement``,
    ``documents`` that were read, ``bad``, ``left`` by reason, ``stay``, and ``licences`` of these: {licence: count});
    ``tokens`` (``count``, ``by``: the tokenizer, or None where estimated by characters); ``dropped`` ({step: {reason:
    count}}) of ``read`` documents; ``contamination`` (``sets``: ``set``, ``items``, ``rules``: {rule: {found,
    removed}}); ``splits`` (``splits``: {name: counts}, ``in_two``); ``shapes`` ({shape: ``rows``, ``left`` by reason});
    ``mixture`` as ``Plan.facts``; ``shards``: {split: [paths in the folder]}. The hashes of the shards are made here.
    Unknown keys raise ValueError.
    """
    card = make_card(facts)
    card["hashes"] = {**card["hashes"], "shards": shard_hashes(folder, card["shards"])}
    text = readme(card, folder)
    with atomic_path(folder / "README.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    write_json(folder / "card.json", card)
    return card


def make_card(facts: Facts) -> Card:
    """Return the card as data: the facts, what their licences allow together, and what is not known."""
    if wrong := sorted(set(facts) - set(EMPTY)):
        raise ValueError(f"a card knows nothing of {', '.join(wrong)}; it knows {', '.join(EMPTY)}")
    card: Card = {name: facts.get(name, empty) for name, empty in EMPTY.items()}
    card["sources"] = [_source(source) for source in card["sources"]]
    licences = [name for source in card["sources"] for name in held(source)]
    card["licence"] = {**together(licences), **hub_licence(licences), "words": licence_words(licences)}
    found = card["deidentification"]
    card["deidentification_words"] = _privacy_words(found) if found else "Not de-identified: no receipt."
    card["not_known"] = _not_known(card)
    return card


def _privacy_words(found: Facts) -> str:
    """Return whether texts of patients may train, in words."""
    if not found["admitted"]:
        return f"These texts may not train a model ({str(found['reason']).replace('_', ' ')})."
    return "What each source was let in to training on; receipts are in receipts/, or lie with the texts."


def held(source: Facts) -> list[str]:
    """Return the licences that bind a source: those of its documents that stay; of none, the one that it states."""
    return list(source.get("licences") or [source.get("licence", "")])


def _source(source: Facts) -> dict[str, Any]:
    about, allows = licence_of(source.get("licence", "")), together(held(source))
    return {"access": "", "version": "", "acknowledgement": "", **source, "spdx": about.spdx or None, "allows": allows}


def _not_known(card: Card) -> list[str]:
    """Return what a committee would ask and this card cannot say."""
    words = [f"{text[0].upper()}{text[1:]}." for name, text in ASKED.items() if card[name] is None or card[name] == {}]
    if not card["deidentification"]:
        words.append("Whether the texts still name people: they were not de-identified, or there is no receipt.")
    for source in card["sources"]:
        if unknown := [name or "none is stated" for name in held(source) if licence_of(name).hub == "unknown"]:
            words.append(f"The licence of {source['name']}: {listed(unknown)}.")
    tokens = card["tokens"] or {}
    if tokens and not tokens.get("by"):
        words.append("The exact number of tokens: it is estimated by characters.")
    if without := card["dates"].get("without"):
        words.append(f"The date of {tables.counted_words(without, 'document')}.")
    if not card["sources"]:
        words.append("Where the documents come from: no source is named.")
    return words


# --- files and hashes ------------------------------------------------------------------------------------------------


def shard_hashes(folder: Path, shards: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the SHA-256 of each shard by its path in the folder."""
    return {path: sha256_file(folder / path) for paths in shards.values() for path in sorted(paths)}


# --- README.md -------------------------------------------------------------------------------------------------------


def readme(card: Card, folder: Path) -> str:
    """Return the card as Markdown with the hub's front matter."""
    head = yaml.safe_dump(front_matter(card, folder), sort_keys=False, allow_unicode=True, width=1000)
    body = (
        _environment()
        .get_template("datacard.md.jinja")
        .render(card=card, table=tables.markdown, **tables.sections(card))
    )
    return f"---\n{head}---\n\n{tables.tidy(body)}"


@cache
def _environment() -> Any:
    """Return the card's template, which is compiled once."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    place = FileSystemLoader(Path(__file__).parent)
    made = Environment(loader=place, undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    made.filters["plain"] = tables.escaped
    return made


def front_matter(card: Card, folder: Path) -> dict[str, Any]:
    """Return what the hub reads (its dataset card's fields); ``configs`` lets ``datasets`` load the folder as it is."""
    tasks = sorted({HUB_TASKS.get(kind, "text-generation") for kind in card["kinds"]})
    made = any(built_in(source["name"]) == "simulated_hospital" for source in card["sources"])
    found: dict[str, Any] = {
        **{
            name: card["licence"][name]
            for name in ("license", "license_name", "license_link")
            if name in card["licence"]
        },
        "language": sorted(code for code in card["languages"] if 2 <= len(code) <= 3 and code != "und"),
        "pretty_name": card["name"],
        "size_categories": [size_category(card["documents"])] if card["documents"] is not None else [],
        "task_categories": tasks,
        "tags": ["medical", *(["synthetic"] if made else [])],
    }
    files = [{"split": split, "path": paths} for split, paths in data_files(card["shards"], folder).items()]
    if files:
        found["configs"] = [{"config_name": "default", "data_files": files}]
    return {name: value for name, value in found.items() if value != []}


def data_files(shards: Mapping[str, Sequence[str]], folder: Path) -> dict[str, Any]:
    """Return the files of each split as the hub names them: one pattern where a folder holds nothing else."""
    found: dict[str, Any] = {}
    for split, paths in shards.items():
        folders = {PurePosixPath(path).parent for path in paths}
        there = sum(1 for place in folders for _ in (folder / place).glob("*.parquet"))
        if len(folders) == 1 and there == len(paths) and folders != {PurePosixPath()}:
            found[split] = f"{folders.pop()}/*.parquet"
        elif paths:
            found[split] = sorted(paths)
    return found


def size_category(count: int) -> str:
    """Return the hub's name for a number of documents."""
    edges = [1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000, 100_000_000_000]
    names = ["1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T"]
    at = sum(count >= edge for edge in edges)
    return "n<1K" if at == 0 else f"{names[at - 1]}<n<{names[at]}"
