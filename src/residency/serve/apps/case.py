"""A case: what was filled in of an application, checked, and how it is laid before a model.

What was filled in is data. It comes fenced as evidence does, and sentences in it that are addressed to a machine are
left out of what the model reads, and counted; only the file's own words stand as an instruction.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residency.core.types import Message
from residency.infer.evidence import RULE, Evidence, fenced, harmless
from residency.infer.orders import without_orders
from residency.serve.apps.application import LANGUAGES, Application, Field
from residency.serve.apps.early_warning import Warned, warned
from residency.serve.apps.screening import Screened, screened, sentences
from residency.serve.types import Refused

OPTIONS = "options"
"""The field whose lines are the options of a question."""
GIVEN = "given"
"""The document that what was filled in counts as."""
TASK = {"en": "Do this with what stands above.", "es": "Hágalo con lo que está arriba."}
SHAPE = {
    "en": "Reply with one JSON object with these keys: {}.",
    "es": "Responda con un objeto JSON con estas claves: {}.",
}


@dataclass(frozen=True, slots=True)
class Case:
    """What an application is asked: ``values`` by field, ``shown`` as a model reads it, ``sources`` that count as
    given.

    ``orders`` is how many sentences addressed to a machine were left out.
    """

    application: Application
    language: str
    values: Mapping[str, Any]
    shown: tuple[Evidence, ...]
    sources: tuple[Evidence, ...]
    evidence: tuple[Evidence, ...] = ()
    orders: int = 0
    screened: Screened | None = None
    warned: Warned | None = None

    @property
    def given(self) -> str:
        """Return what was filled in as one text: what a guard reads, and whose identifiers may come back."""
        return "\n".join(one.text for one in self.sources if one not in self.evidence)

    @property
    def options(self) -> list[str]:
        """Return the options of a question, none where none were given."""
        lines = str(self.values.get(OPTIONS) or "").splitlines()
        return list(dict.fromkeys(line.strip() for line in lines if line.strip()))

    @property
    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of the reply; where options were given, the answer is one of them."""
        found = copy.deepcopy(self.application.schema)
        at = next((one.at[0] for one in self.application.checks if one.name == "option" and one.at), "")
        if self.options and at:
            found["properties"][at] = {"type": "string", "enum": self.options}
        return found

    @property
    def messages(self) -> list[Message]:
        """Return the prompt: the file's words as the system's, then what was filled in, within a fence."""
        keys = ", ".join(self.application.schema["properties"])
        asked = f"{self.application.prompts[self.language].instruction}\n{SHAPE[self.language].format(keys)}"
        filled = [f"{harmless(one.title)}: {harmless(one.text).strip()}" for one in self.shown if one.document == GIVEN]
        found = fenced([one for one in self.shown if one.document != GIVEN]) if self.evidence else ""
        data = "\n".join(filter(None, ["<evidence>", *filled, "</evidence>", found, RULE]))
        turn = f"{data}\n\n{TASK[self.language]}"
        return [{"role": "system", "content": asked}, {"role": "user", "content": turn}]


def case_of(
    application: Application, given: Mapping[str, Any], *, language: str = "en", evidence: Sequence[Evidence] = ()
) -> Case:
    """Return the case; Refused names the field that is wrong or lacks, and never quotes what stands in it."""
    language = language if language in LANGUAGES else LANGUAGES[0]
    if unknown := [name for name in given if name not in application.inputs]:
        raise Refused(
            f"{len(unknown)} fields are unknown; {application.id} takes: {', '.join(application.inputs)}",
            code="invalid_field",
        )
    values = {name: one.read(given.get(name)) for name, one in application.inputs.items()}
    if application.grounded and not evidence and not values.get("source"):
        raise application.inputs["source"].wrong("is missing: this is answered from a source alone")
    wanted = {one.name for one in application.checks}
    found = screened(values, language) if "screening" in wanted else None
    sources = [_evidence(one, values[name], language) for name, one in application.inputs.items()
               if one.shown and values[name] is not None]  # fmt: skip
    if found:
        text = "\n".join(sentences(found, language))
        sources.append(Evidence("given#scores", GIVEN, text, title="Scores"))
    shown, orders = without_orders([*sources, *evidence])
    return Case(
        application,
        language,
        values,
        tuple(shown),
        (*sources, *evidence),
        tuple(evidence),
        orders,
        found,
        warned(values) if "early_warning" in wanted else None,
    )


def _evidence(one: Field, value: Any, language: str) -> Evidence:
    """Return a field that was filled in as a passage with its title."""
    said = one.choices[value][language] if one.kind == "choice" else _plain(value, language)
    text = f"{said} {one.unit_in(language)}".strip()
    return Evidence(f"given#{one.name}", GIVEN, text, end=len(text), title=one.title[language], language=language)


def _plain(value: Any, language: str) -> str:
    if isinstance(value, bool):
        return {"en": ("no", "yes"), "es": ("no", "sí")}[language][value]
    return f"{value:g}" if isinstance(value, float) else str(value)
