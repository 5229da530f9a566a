"""An application as a file: what is filled in, how a model is asked, which JSON answers, what is checked in it.

    id: impression
    version: 1
    title: {en: Impression of a report, es: Impresión de un informe}
    about: {en: …, es: …}
    for: clinicians
    output: draft
    guard: clinician
    inputs:
      findings: {title: {en: Findings, es: Hallazgos}, kind: text, most: 8000}
    prompt: {en: …, es: …}
    schema: {type: object, properties: {…}, required: […], additionalProperties: false}
    tokens: 320
    urgency: {least: routine, unanswered: soon, says: urgency}
    measured: {task: none, says: {en: …, es: …}}
    checks:
      support: {at: impression}

``hash`` is that of all that decides what a model is asked and what becomes of its reply; a title is no part of it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from residency.core.store import sha256_json
from residency.infer.prompts.prompt import Prompt
from residency.serve.types import Refused

LANGUAGES = ("en", "es")
WHOM = ("clinicians", "coders", "patients", "students")
OUTPUTS = ("draft", "answer")
"""A draft is signed by a person before it counts; an answer is read and goes no further."""
GUARDS = ("clinician", "document", "patient", "tutor")
"""Whose the words are: the guard's rules go by that (a "document" is not the asker's own words)."""
KINDS = ("text", "number", "whole", "choice", "yes")
CHECKS = (
    "headings", "support", "explains", "doses", "doses_kept", "codes", "abbreviations", "reading", "option",
    "early_warning", "screening", "taken_up",
)  # fmt: skip
"""What is checked in a reply (``checks.py``)."""
UNITS = {"es": {"years": "años"}}
"""The words of units by language, where they are not the file's own."""
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
Words = Mapping[str, str]
"""The same words by language."""


@dataclass(frozen=True, slots=True)
class Field:
    """What is filled in. ``most`` are characters of a text; ``low`` and ``high`` the legal ends of a number.

    ``choices`` of a whole number are the answers that its points stand for: "0" is "Never".
    ``shown``: whether the model reads it. Fields of one ``group`` belong together on a page.
    """

    name: str
    title: Words
    kind: str = "text"
    most: int = 8000
    low: float = 0
    high: float = math.inf
    unit: str = ""
    choices: Mapping[str, Words] = field(default_factory=dict)
    optional: bool = False
    shown: bool = True
    group: str = ""

    def read(self, given: Any) -> str | float | int | bool | None:
        """Return what was filled in, None where that is nothing; Refused says what is wrong, never what was written."""
        if isinstance(given, str) and self.kind != "text":
            given = given.strip()
        if given is None or given == "" or (self.kind == "text" and isinstance(given, str) and not given.strip()):
            if not self.optional:
                raise self.wrong("is missing")
            return None
        readers: dict[str, Callable[[Any], str | float | bool]] = {"text": self._text, "choice": self._choice}
        return readers.get(self.kind, self._yes if self.kind == "yes" else self._number)(given)

    def unit_in(self, language: str) -> str:
        """Return the unit in a language."""
        return UNITS.get(language, {}).get(self.unit, self.unit)

    def wrong(self, why: str) -> Refused:
        """Return the error that says what is wrong with what was filled in."""
        return Refused(f"{self.name} {why}", param=self.name, code="invalid_field")

    def _text(self, given: Any) -> str:
        if not isinstance(given, str):
            raise self.wrong("is no text")
        if len(given) > self.most:
            raise self.wrong(f"has {len(given)} characters; legal are {self.most}")
        if _NO_TEXT.search(given):
            raise self.wrong("has a character that is none of a text (NUL, or half of a pair)")
        return given.strip()

    def _choice(self, given: Any) -> str:
        if not isinstance(given, str) or given not in self.choices:
            raise self.wrong(f"is not one of: {', '.join(self.choices)}")
        return given

    def _yes(self, given: Any) -> bool:
        read = {"true": True, "on": True, "yes": True, "false": False, "no": False}.get(str(given).lower())
        if read is None:
            raise self.wrong("is neither yes nor no")
        return read

    def _number(self, given: Any) -> float | int:
        try:
            number = math.nan if isinstance(given, bool) else float(given)
        except (TypeError, ValueError):
            number = math.nan
        if self.choices and f"{number:g}" not in self.choices:
            raise self.wrong(f"is not one of: {', '.join(self.choices)}")
        if not math.isfinite(number) or (self.kind == "whole" and number != int(number)):
            raise self.wrong(f"is no {'whole ' if self.kind == 'whole' else ''}number")
        if not self.low <= number <= self.high:
            raise self.wrong(f"is out of range; legal: {self.low:g} to {self.high:g} {self.unit}".rstrip())
        return int(number) if self.kind == "whole" else number


@dataclass(frozen=True, slots=True)
class Urgency:
    """How urgent a reply is: what its field ``says``, and never less than ``least``; ``unanswered`` where there is
    none.
    """

    least: str = "routine"
    unanswered: str = "soon"
    says: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A check by name, and the fields of the reply that it looks ``at`` (``codes[].code``). ``remove``: what fails is
    taken away, else it is marked. ``most`` is a limit of the check's own.
    """

    name: str
    at: tuple[str, ...] = ()
    remove: bool = False
    most: float = 0.0


@dataclass(frozen=True, slots=True)
class Application:
    """An application. ``task`` is what measures it ("none": nothing of ours), and ``fit`` says how near that comes.

    ``grounded``: it answers from a source alone, which is filled in (``source``) or found in the service's indexes.
    """

    id: str
    version: int
    title: Words
    about: Words
    whom: str
    output: str
    guard: str
    inputs: Mapping[str, Field]
    prompts: Mapping[str, Prompt]
    schema: dict[str, Any]
    tokens: int
    urgency: Urgency
    task: str
    fit: Words
    checks: tuple[Check, ...] = ()
    grounded: bool = False

    @property
    def name(self) -> str:
        """Return its name, which is that of its file: the id and the version."""
        return f"{self.id}-{self.version}"

    @property
    def hash(self) -> str:
        """Return a SHA-256 of all that decides what a model is asked and what becomes of its reply."""
        asked = {language: prompt.hash for language, prompt in self.prompts.items()}
        inputs = {name: {**asdict(one), "title": None} for name, one in self.inputs.items()}
        inputs = {name: one | {"high": repr(one["high"])} for name, one in inputs.items()}  # JSON has no infinity
        checks, urgency = [asdict(one) for one in self.checks], asdict(self.urgency)
        parts = [asked, inputs, self.schema, self.tokens, self.guard, self.output, urgency, checks, self.grounded]
        return sha256_json(parts)

    def told(self, language: str = "en") -> dict[str, Any]:
        """Return what it is, as JSON has it, in one language."""
        return {
            "id": self.id,
            "version": self.version,
            "hash": self.hash,
            "title": self.title[language],
            "about": self.about[language],
            "for": self.whom,
            "output": self.output,
            "grounded": self.grounded,
            "inputs": [_told(one, language) for one in self.inputs.values()],
            "schema": self.schema,
            "task": None if self.task == "none" else self.task,
            "fit": self.fit[language],
        }


def _told(one: Field, language: str) -> dict[str, Any]:
    found: dict[str, Any] = {"name": one.name, "title": one.title[language], "kind": one.kind}
    found |= {"optional": one.optional, "group": one.group, "unit": one.unit_in(language)}
    if one.kind == "text":
        found["most"] = one.most
    if one.kind in ("number", "whole"):
        found |= {"low": one.low, "high": one.high if math.isfinite(one.high) else None}
    if one.choices:
        found["choices"] = [{"name": name, "title": words[language]} for name, words in one.choices.items()]
    return found
