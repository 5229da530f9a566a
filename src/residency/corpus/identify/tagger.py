"""The trained part: a linear chain over hashed features, which learns in seconds from texts with marked identifiers.

It is saved as safetensors with all that it needs to read a text: weights, transitions, and the lists of names that it
was trained with. The same texts and seed give the same weights.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from residency.core.errors import ModelError, UserError
from residency.core.progress import progress
from residency.corpus.identify import chain, likely, seen
from residency.corpus.identify.lexicon import EMPTY
from residency.corpus.identify.words import codes_of, cut, tables

BITS = 20
"""The table of weights has 2^BITS rows; those that were never moved are not kept."""
EPOCHS, RATE, DROP, PENALTY = 16, 0.08, 0.5, 1e-4
"""Chosen on a fifth of MEDDOCAN's training part (docs/lab.md)."""
BARRED = np.float32(-1e9)
Marked = tuple[int, int, str]
"""A marked stretch: first character, the one behind the last, its label."""


@dataclass(frozen=True, slots=True)
class Read:
    """A text as the tagger reads it: code points, words [W, 2], what is known of each [W, FACTS], gaps [W + 1]."""

    codes: np.ndarray
    spans: np.ndarray
    facts: np.ndarray
    gaps: np.ndarray


class Tagger:
    """A trained chain: the probability of every tag of every word, and what it marks."""

    def __init__(
        self,
        labels: Sequence[str],
        weights: np.ndarray,
        moves: np.ndarray,
        lists: tuple[np.ndarray, np.ndarray],
        hash: str = "",
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.labels, self.tags, self.hash, self.facts = list(labels), tags_of(labels), hash, dict(facts or {})
        self.weights, self.moves, self.lists = weights, moves, lists
        self.kinds, self.folded = tables()
        self.bits = int(len(weights)).bit_length() - 1
        self.alive = np.packbits(weights.any(axis=1), bitorder="little").view(np.uint64)
        self.cache = (
            np.zeros(2 * chain.CACHED, np.uint64),
            np.zeros((2 * chain.CACHED, 5, weights.shape[1]), np.float32),
            np.zeros(1, np.int64),
        )

    def read(self, text: str) -> Read:
        """Return a text as it is read."""
        codes = codes_of(text)
        spans = cut(codes, self.kinds)
        return Read(codes, spans, *seen.facts_of(codes, spans, self.kinds, self.folded, *self.lists))

    def scores(self, read: Read, bias: float = 0.0) -> np.ndarray:
        """Return [W, tags] fp32 scores; ``bias`` (nats) is taken from that of no identifier."""
        found = chain.scores_of(
            read.codes,
            read.spans,
            read.facts,
            read.gaps,
            self.kinds,
            self.folded,
            self.bits,
            self.weights,
            self.alive,
            *self.cache,
        )
        found[:, 0] -= np.float32(bias)
        found[:, len(self.tags) :] = BARRED  # columns that only fill the width
        return found

    def marked(self, read: Read, scores: np.ndarray) -> list[Marked]:
        """Return the stretches of the likeliest row of tags."""
        return spans_of(read.spans, likely.likeliest(scores, self.moves, len(self.labels)), self.tags)

    def odds(self, scores: np.ndarray) -> np.ndarray:
        """Return [W, tags] fp32 probabilities."""
        if not len(scores):
            return scores
        return chain.odds(scores, self.moves)[0][:, : len(self.tags)]

    def save(self, folder: Path, about: Mapping[str, object]) -> str:
        """Write the tagger to a folder and return its hash."""
        rows = np.flatnonzero(self.weights.any(axis=1)).astype(np.int32)
        listed = np.flatnonzero(self.lists[0])
        tensors = {
            "rows": rows,
            "weights": self.weights[rows],
            "moves": self.moves,
            "listed": self.lists[0][listed].astype(np.int64),
            "lists": self.lists[1][listed].astype(np.int32),
        }
        folder.mkdir(parents=True, exist_ok=True)
        said = {"labels": self.labels, "bits": self.bits, "room": len(self.lists[0]), **about}
        save_file(tensors, folder / "tagger.safetensors", metadata={"about": json.dumps(said, sort_keys=True)})
        return hashlib.sha256((folder / "tagger.safetensors").read_bytes()).hexdigest()


def tags_of(labels: Sequence[str]) -> list[str]:
    """Return the tags of labels: "O", every "B-", and then every "I-"."""
    return ["O", *(f"{mark}-{label}" for mark in "BI" for label in labels)]


def spans_of(words: np.ndarray, tags: np.ndarray, names: Sequence[str]) -> list[Marked]:
    """Return what a row of tags marks, in characters."""
    made: list[Marked] = []
    marked = np.flatnonzero(tags)
    last, label, start, end = -2, "", 0, 0
    for w in marked.tolist():
        name = names[tags[w]]
        if name[0] == "I" and w == last + 1 and label == name[2:]:
            end = int(words[w, 1])
        else:
            if label:
                made.append((start, end, label))
            start, end, label = int(words[w, 0]), int(words[w, 1]), name[2:]
        last = w
    if label:
        made.append((start, end, label))
    return made


def bio(words: np.ndarray, spans: Iterable[Marked], place: Mapping[str, int]) -> np.ndarray:
    """Return the number of each word's tag; a stretch that begins or ends inside a word takes all of it."""
    tags = np.zeros(len(words), np.int64)
    for start, end, label in sorted(spans):
        first = int(np.searchsorted(words[:, 1], start, side="right"))
        last = int(np.searchsorted(words[:, 0], end, side="left"))
        if first < last:
            tags[first], tags[first + 1 : last] = place[f"B-{label}"], place[f"I-{label}"]
    return tags


def train(
    texts: Sequence[tuple[str, Sequence[Marked]]],
    *,
    lists: tuple[np.ndarray, np.ndarray] = EMPTY,
    seed: int = 0,
    epochs: int = EPOCHS,
    bits: int = BITS,
) -> Tagger:
    """Return a tagger that learned from texts and what is marked in them. Raises UserError where nothing is marked."""
    labels = sorted({label for _, spans in texts for *_, label in spans})
    if not labels:
        raise UserError(f"none of {len(texts)} texts has an identifier marked; a tagger learns from marked ones")
    tags = tags_of(labels)
    width = -(-len(tags) // 8) * 8
    made = Tagger(labels, np.zeros((1 << bits, width), np.float32), _moves(tags, width), lists)
    place = {tag: number for number, tag in enumerate(tags)}
    rows = []
    for text, spans in texts:
        read = made.read(text)
        if len(read.spans):
            known = chain.rows_of(read.codes, read.spans, read.facts, read.gaps, made.kinds, made.folded, bits)
            rows.append((known, bio(read.spans, spans, place)))
    sums, move_sums = np.zeros_like(made.weights), np.zeros_like(made.moves)
    barred, state = made.moves == BARRED, np.array([88172645463325252 + seed], np.uint64)
    order = list(range(len(rows)))
    with progress("tagger of identifiers", total=epochs, unit="epoch") as bar:
        for epoch in range(epochs):
            random.Random(f"{seed}:{epoch}").shuffle(order)
            rate = np.float32(RATE * (1 - epoch / epochs))
            for i in order:
                chain.learn(
                    *rows[i], made.weights, sums, made.moves, move_sums, barred, rate, np.float32(PENALTY), DROP, state
                )
            bar.add(1)
    return Tagger(labels, made.weights, made.moves, lists)


def _moves(tags: Sequence[str], width: int) -> np.ndarray:
    """Return [width, width], to and from: 0 where a tag may follow another, BARRED where not."""
    moves = np.full((width, width), BARRED)
    for to, tag in enumerate(tags):
        for before, other in enumerate(tags):
            if tag[0] != "I" or other[1:] == tag[1:]:
                moves[to, before] = 0
    return moves


def load(folder: Path) -> Tagger:
    """Return the tagger of a folder. Raises ModelError where there is none, or it is damaged."""
    path = folder / "tagger.safetensors"
    try:
        tensors = load_file(path)
        with safe_open(path, "np") as file:
            about = json.loads(file.metadata()["about"])
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ModelError(f"{path} is no tagger, or is damaged; train it again") from error
    weights = np.zeros((1 << about["bits"], tensors["weights"].shape[1]), np.float32)
    weights[tensors["rows"]] = tensors["weights"]
    return Tagger(about["labels"], weights, tensors["moves"], _again(tensors, about["room"]), digest(path), about)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _again(tensors: Mapping[str, np.ndarray], room: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the open table of the lists that were kept."""
    keys, values = np.zeros(room, np.uint64), np.zeros(room, np.uint32)
    mask = np.uint64(room - 1)
    for key, value in zip(tensors["listed"].astype(np.uint64), tensors["lists"].astype(np.uint32), strict=True):
        at = int((key ^ (key >> np.uint64(29))) & mask)
        while keys[at]:
            at = (at + 1) & (room - 1)
        keys[at], values[at] = key, value
    return keys, values
