"""Why there is no answer, and what is missing, in the reader's words.

``infer/`` gives its reasons in English, by constants; several come joined, and some name documents or languages. What
is not known here stands as it came, marked as English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from residency.infer.answer import cited, conflict, enough
from residency.infer.retrieve import fuse, index
from residency.serve.engine import sources

if TYPE_CHECKING:
    from residency.serve.workspace.words import Words

WHY = {
    "nothing": cited.NO_HIT,
    "no_passage": index.NOTHING,
    "empty": index.EMPTY,
    "charts": index.CHARTS,
    "no_sources": sources.NONE,
    "expired_named": f"{fuse.ALL_EXPIRED}: {{names}}",
    "expired": cited.EXPIRED,
    "old": cited.OLD,
    "language": cited.LANGUAGE,
    "language_too": cited.LANGUAGE_TOO,
    "thin": cited.THIN,
    "stale": cited.STALE,
    "contradicts": cited.CONTRADICTS,
    "denied": cited.DENIED,
    "unsaid": cited.UNSAID,
    "unwritten": cited.UNWRITTEN,
    "graph_unknown": "the question names nothing that the graph knows",
    "graph_silent": "the graph says nothing of what the question names",
}
"""The reasons by the key of their words (why.*); the longer of two that begin alike stands first."""
SETTLES = re.compile(r"a source that settles what these say: (?P<names>.+)")
CONFLICTS = {conflict.NUMBERS: "numbers", conflict.OPPOSITE: "opposite", conflict.JUDGED: "judged"}
ASKS = frozenset(
    "cuánto cuánta cuántos cuántas dónde quiénes puede pueden puedo podemos debe deben debo debemos tomar toma dar "
    "darse administrar usar tiene tienen adulto adultos persona personas paciente pacientes enfermedad mucho "
    "mucha".split()
)
"""Spanish words that only ask, or say of whom: no passage need speak of them."""
SHORT = 4
"""Letters from which a word is told as missing; of shorter ones only abbreviations are."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason as it is shown; ``foreign``: it is English, whatever the page is in."""

    text: str
    foreign: bool = False


def _pattern(template: str) -> str:
    return re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(template))


_HEADS = "|".join(re.escape(one.partition("{")[0]) for one in WHY.values())
_READ = {key: re.compile(f"{_pattern(one)}(?=; (?:{_HEADS})|$)") for key, one in WHY.items()}


def reasons(why: str | None, t: Words) -> list[Reason]:
    """Return the reasons that one text of ``infer/`` holds, each once."""
    return list(dict.fromkeys(_each(why or "", t)))


def _each(why: str, t: Words) -> Iterator[Reason]:
    at = 0
    while at < len(why):
        met = ((key, found) for key, one in _READ.items() if (found := one.match(why, at)))
        key, found = next(met, ("", None))
        if found is None:
            end = (why.find("; ", at) + 1 or len(why) + 1) - 1
            yield Reason(why[at:end], True)
        else:
            end = found.end()
            yield Reason(t(f"why.{key}", **_named(found.groupdict(), t)))
        at = end + 2


def _named(values: dict[str, str], t: Words) -> dict[str, str]:
    """Return what a reason names: codes of languages by the languages' names, documents as they are."""
    return {
        name: value if name == "names" else ", ".join(t.or_else(f"spoken.{code}", code) for code in value.split(", "))
        for name, value in values.items()
    }


def lacking(missing: Sequence[str], t: Words) -> list[Reason]:
    """Return what is missing: words that no passage speaks of as one line, and what else it takes."""
    said, words = list[Reason](), list[str]()
    for one in missing:
        if one == enough.PASSAGE:
            said.append(Reason(t("lacking.passage")))
        elif one == cited.NO_RECORD:
            said.append(Reason(t("lacking.record")))
        elif found := SETTLES.fullmatch(one):
            said.append(Reason(t("lacking.settles", names=found["names"])))
        elif one.lower() not in ASKS and (len(one) >= SHORT or one.isupper()):
            words.append(one)
    return [*([Reason(t("lacking.words", words=", ".join(words)))] if words else []), *said]


def in_what(why: str, t: Words) -> str:
    """Return in what two sources do not go together."""
    return t(f"conflict.{CONFLICTS[why]}") if why in CONFLICTS else why
