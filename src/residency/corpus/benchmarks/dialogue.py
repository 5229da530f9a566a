"""Recorded consultations, cut before one of the doctor's turns: what was said so far, and what the doctor said next.

In the chat the doctor is the assistant and everyone else (patient, family, another clinician) the user; what one side
says in a row is one turn. Where a dialogue is cut is drawn by the hash of its id, once and for all.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from residency.corpus.benchmarks import writing

Item = dict[str, Any]
LEAST_WORDS = 4
"""A doctor's turn of fewer words ("mm-hmm", "okay, good") is none to be written."""
_SPEAKER = re.compile(r"\s*(?:\[(doctor|patient|patient_guest)\]|(Doctor|Patient)\s*:|(\w+_\w+)\s*[:.])(.*)")


def mts_next_turn(folder: Path) -> Iterator[Item]:
    """Yield one place of each dialogue of MTS-Dialog (Ben Abacha et al. 2023) where the doctor speaks next."""
    return next_turns(writing.mts_dialog(folder), 1)


def aci_next_turn(folder: Path) -> Iterator[Item]:
    """Yield five places of each visit of ACI-Bench (Yim et al. 2023) where the doctor speaks next.

    Some of its speakers were told apart by a machine, and wrongly; its makers left that as it is.
    """
    return next_turns(writing.aci_bench(folder), 5)


def next_turns(dialogues: Iterable[Item], count: int) -> Iterator[Item]:
    """Yield ``{"id", "turns", "reference"}`` for up to ``count`` places of each dialogue; a group is a dialogue.

    The last of ``turns`` is never the doctor's. A dialogue without such a place is left out, with the reason. Ids begin
    with the number of the place, so that the first items in their order are of many dialogues.
    """
    for dialogue in dialogues:
        said = turns(dialogue["input"])
        places = [i for i, turn in enumerate(said) if i and turn["role"] == "assistant" and _is_long(turn["content"])]
        if not places:
            yield {"id": dialogue["id"], "skip": f"no turn of the doctor of {LEAST_WORDS} words after another's"}
        places.sort(key=lambda i: hashlib.sha256(f"{dialogue['id']}:{i}".encode()).hexdigest())
        for number, place in enumerate(places[:count], 1):
            yield {
                "id": f"{number}-{dialogue['id']}-turn-{place:03d}",
                "turns": said[:place],
                "reference": said[place]["content"],
                "split": dialogue["split"],
                "group": dialogue["id"],
            }


def _is_long(text: str) -> bool:
    return len(re.findall(r"\w+", text)) >= LEAST_WORDS


def turns(dialogue: str) -> list[dict[str, str]]:
    """Return a dialogue's turns as ``{"role", "content"}``, the roles alternating.

    A line is ``Doctor: …``, ``Guest_family: …`` or ``[doctor] …``; one without a speaker belongs to the line before.
    Raises ValueError where the first line has none.
    """
    found: list[dict[str, str]] = []
    role = ""
    for line in dialogue.strip('" \n').splitlines():
        if speaker := _SPEAKER.match(line):
            role = "assistant" if "doctor" in (speaker[1], (speaker[2] or "").lower()) else "user"
        elif line.strip() and not role:
            raise ValueError("a dialogue does not begin with a speaker")
        words = (speaker[4] if speaker else line).strip()
        if words and found and found[-1]["role"] == role:
            found[-1]["content"] += f" {words}"
        elif words:
            found.append({"role": role, "content": words})
    return found
