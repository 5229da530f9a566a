"""What is checked in each sentence of an answer: doses without a source, false reassurance, methods, repetition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from residency.serve.guard.asked import Read, read, speaking
from residency.serve.guard.doses import Dose, doses, unsourced
from residency.serve.guard.rules import Rules
from residency.serve.guard.words import joined, words_of

REPEATS = ("deidentify", "extract", "summarise")
"""Kinds whose answer is made of what was given: that it repeats it is no fault."""
REPEATED, ECHO = 12, 0.8
"""So many words in a row of hidden instructions count as repeated; of a question such a share."""
TEMPLATE = ("<|im_start|>", "<|im_end|>", "<|eot_id|>", "[INST]", "[/INST]", "<|system|>", "<|user|>", "<|assistant|>")
"""Signs of a chat template, which no answer has."""


@dataclass(slots=True)
class Told:
    """What an answer was found to tell so far, and what it is compared with; ``asked`` is among what is ``known``.

    The question is the first of ``asked``; where it is not told apart, evidence stands behind it.
    ``repeats``: an answer of this kind is made of what was given.
    """

    rules: Rules
    audience: str
    known: Sequence[str]
    asked: Sequence[str]
    hidden: Sequence[str] = ()
    repeats: bool = False
    found: list[str] = field(default_factory=list)
    reassured: bool = False
    referred: bool = False
    _doses: frozenset[Dose] | None = None
    _runs: frozenset[str] | None = None

    def look(self, sentence: str, *, whole: bool = False) -> str:
        """Return what of a sentence may be shown ("" for nothing), after noting what it tells.

        ``whole``: it is a piece of JSON, of which nothing is left out but what may never be shown.
        """
        if not sentence.strip():
            return sentence
        seen = read(sentence, self.rules)
        concepts = seen.mentions.keys()
        if "tells-method" in concepts and self.audience in ("anyone", "patient") and self._asks(_SELF_HARM):
            self.note("method-told")
            return ""
        self.reassured = self.reassured or "reassures" in concepts
        self.referred = self.referred or "refers" in concepts
        if any(char.isdigit() for char in sentence) or len(sentence) < _SHORT:
            self._dose(sentence)
        if any(not one.denied for one in seen.mentions.get("advises", ())):
            self._advice(seen)
        return self._repeated(sentence, seen, whole)

    def note(self, rule: str) -> None:
        """Note a rule that spoke, once."""
        if rule not in self.found:
            self.found.append(rule)

    def end(self) -> None:
        """Note what only the whole answer tells."""
        looked = self.audience in ("anyone", "patient", "clinician")
        if looked and self.reassured and not self.referred and self._asks(_EMERGENCY):
            self.note("reassured")

    def _dose(self, sentence: str) -> None:
        if self.audience == "tutor" or "dose-told" in self.found:
            return
        if self._doses is None:
            self._doses = frozenset(dose for text in self.known for dose in doses(text))
        if unsourced(sentence, self._doses):
            self.note("dose-told")

    def _advice(self, seen: Read) -> None:
        if self.audience not in ("anyone", "patient") or "advice-told" in self.found:
            return
        said = (" ".join(seen.words.words[one.start : one.end]) for one in seen.mentions["advises"])
        if any(not any(f" {words} " in joined(text) for text in self.known) for words in said):
            self.note("advice-told")

    def _repeated(self, sentence: str, seen: Read, whole: bool) -> str:
        """Return a sentence without what only the service's own instructions hold."""
        for sign in TEMPLATE:
            if sign in sentence:
                sentence = sentence.replace(sign, "")
                self.note("template")
        if self.hidden and _runs(seen.words.words) & self._secret():
            self.note("repeated")
            return sentence if whole else "[…] "
        return sentence

    def _secret(self) -> frozenset[str]:
        if self._runs is None:
            self._runs = frozenset().union(*(_runs(words_of(text).words) for text in self.hidden))
        return self._runs

    def _asks(self, groups: tuple[str, ...]) -> bool:
        """Return whether what the asker wrote makes a rule of these groups speak."""
        return any(
            one.rule.name.startswith(groups)
            for text in self.asked
            for one in speaking(read(text, self.rules), self.rules, "patient")
        )


_SELF_HARM, _EMERGENCY = ("self-harm.",), ("emergency.",)
_SHORT = 40


def _runs(words: Sequence[str]) -> frozenset[str]:
    return frozenset(" ".join(words[at : at + REPEATED]) for at in range(len(words) - REPEATED + 1))


def echoes(text: str, question: str) -> bool:
    """Return whether an answer of eight words or more is the question again, or most of it, and nothing else.

    What brings a word or a number that the question does not have is none.
    """
    words = words_of(text).words
    if len(words) < 8 or len(words) < ECHO * len(words_of(question)):
        return False
    return f" {' '.join(words)} " in joined(question)
