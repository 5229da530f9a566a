"""The guard: rules before and after the model, and how sure an answer is, so that a person is called where one is due.

Rules find words, in English and Spanish, and no more; a reader beside them knows emergencies and crises by how like
they are to example lines. Both miss some, and sometimes speak where nothing is wrong (``bench/guard.py`` measures
that). They stand beside a clinician's judgement, not in its place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.serve.guard.asked import Spoken, earlier_said, is_crisis, read, said_by, speaking, verdict_of
from residency.serve.guard.calibration import Calibration
from residency.serve.guard.confidence import confidence
from residency.serve.guard.identifiers import Hider, finders
from residency.serve.guard.reader import Reader, read_reader
from residency.serve.guard.release import Release
from residency.serve.guard.rules import Rules, read_rules
from residency.serve.guard.told import REPEATS, Told
from residency.serve.guard.words import language, unwrapped, words_of
from residency.serve.types import Confidence, Verdict

if TYPE_CHECKING:
    from residency.corpus.identify.finder import Finder

EMERGENCY = {"en": "your emergency number (112, 911 or 999)", "es": "112 (o el número de emergencias de su país)"}
CRISIS = {
    "en": "a crisis line (988 in the United States, 116 123 in much of Europe)",
    "es": "una línea de crisis (024 en España, 988 en Estados Unidos)",
}


@dataclass(slots=True)
class Guard:
    """What is checked of a request and of its answer; ``finders`` by language find identifiers (none: not looked for).

    ``reader`` (None: rules alone) finds emergencies and crises that no rule has the words for.
    ``emergency`` and ``crisis`` are the numbers to call at this place, in place of the usual ones.
    """

    rules: Rules = field(default_factory=read_rules)
    reader: Reader | None = field(default_factory=read_reader)
    finders: Mapping[str, Finder] = field(default_factory=dict)
    calibrations: Mapping[tuple[str, str], Calibration] = field(default_factory=dict)
    emergency: str = ""
    crisis: str = ""
    clock: Callable[[], float] = time.monotonic
    _texts: dict[str, dict[str, str]] = field(default_factory=dict)

    def audience(self, kind: str) -> str:
        """Return whose a kind of request is: a patient's, a clinician's, a tutor's, a document's, or anyone's."""
        return self.rules.audience(kind)

    def before(self, messages: Sequence[Mapping[str, Any]], kind: str) -> Verdict:
        """Return what the rules say of a request.

        "answer" and "refuse": ``text`` is the reply, and no model is asked; "mark": ``text`` goes before the reply;
        "pass" with an ``urgency``: that of what was asked, for a hand-over.
        """
        earlier, last = said_by(messages)
        audience = self.audience(kind)
        spoken, tongue = self._spoken(last, audience, earlier=earlier)
        if not any(is_crisis(one) for one in spoken):
            spoken += self._still(messages, audience)
        return verdict_of(_each_once(spoken), self.texts(tongue))

    def _spoken(self, text: str, audience: str, *, earlier: str = "") -> tuple[list[Spoken], str]:
        """Return what speaks about a text, and its language: with wrapped lines put together, and as its lines stand.

        A list is read by its lines; a line that was broken in mid-sentence would hide what goes over the break.
        ``earlier`` is read with it, and alone makes nothing speak.
        """
        found = dict.fromkeys(((unwrapped(earlier), unwrapped(text)), (earlier, text)))
        ways = [(read(f"{a}\n{b}" if a else b, self.rules), len(words_of(a)) if a else 0) for a, b in found]
        by_rule = _each_once(one for way, since in ways for one in speaking(way, self.rules, audience, since=since))
        by_reader: list[Spoken] = []
        if self.reader:
            by_reader = [one for way, since in ways for one in self.reader.speaks(way, audience, by_rule, since=since)]
        return _each_once([*by_reader, *by_rule]), ways[0][0].language

    def _still(self, messages: Sequence[Mapping[str, Any]], audience: str) -> list[Spoken]:
        """Return what the asker's messages before the last one still call for, since nobody says a thing twice.

        Each is read by itself, and the last few together, as if they were one. A crisis goes on being handed over; of
        an emergency the reply bears whom to call.
        """
        if audience not in ("anyone", "patient"):
            return []
        found: list[Spoken] = []
        for text in earlier_said(messages):
            spoken, _ = self._spoken(text, audience)
            acute = [each for each in spoken if each.rule.urgency == "emergency" and each.action in ("answer", "mark")]
            found += [each if is_crisis(each) else Spoken(each.rule, "mark") for each in acute]
        return found

    def after(
        self, text: str, known: Sequence[str], kind: str, *, hidden: Sequence[str] = (), asked: str = ""
    ) -> Verdict:
        """Return what the rules say of an answer: "mark", or "answer" with the text that may be shown in its place.

        ``known`` is all that an answer may stand on: what the asker wrote, notes, evidence; ``asked`` is his last
        message (left out: each of ``known`` may be it); ``hidden`` are instructions that are nobody's to read.
        """
        release = self.sentences(known, kind, hidden=hidden, asked=asked, note=False)
        shown = release.feed(text) + release.end()
        verdict = release.verdict
        if shown == text or verdict.action == "answer":
            return verdict
        marked = shown if release.structured or not verdict.text else f"{verdict.text}\n\n{shown}"
        return Verdict("answer", marked, verdict.urgency, verdict.rules)

    def sentences(
        self,
        known: Sequence[str],
        kind: str,
        *,
        hidden: Sequence[str] = (),
        asked: str = "",
        note: bool = True,
    ) -> Release:
        """Return what lets an answer out by sentences, judged as by ``after``; with ``note`` the marks come behind."""
        questions = [asked] if asked else known
        spoken = language(words_of(" ".join(text[:500] for text in questions[:4])), self.rules.tongues)
        told = Told(self.rules, self.audience(kind), known, questions, hidden, kind in REPEATS)
        return Release(told, Hider(self.finders, known), spoken, self.texts(spoken), note=note, clock=self.clock)

    def confidence(self, model_hash: str, kind: str, reply: Any, *, language: str = "en") -> Confidence:
        """Return how sure a reply is, by what is stored for this model and kind of task.

        ``reply`` is a mapping, or a ``Reply``'s ``about``, with ``choice_logprobs``: the options' log-probabilities.
        """
        return confidence(self.calibrations.get((model_hash, kind)), reply, self.texts(language))

    def in_words(self, sure: Confidence, language: str = "en") -> str:
        """Return a confidence in words, with what they were measured on."""
        return sure.measured or self.texts(language)["word.not-measured"]

    def hand_over(self, urgency: str | None, language: str = "en") -> str:
        """Return what is said in place of an answer that the model abstained from."""
        return self.texts(language)[f"hand-over.{urgency or 'routine'}"]

    def texts(self, language: str) -> dict[str, str]:
        """Return all that the guard says in a language, with the numbers of this place."""
        code = language if language in self.rules.texts else "en"
        if code not in self._texts:
            numbers = {"emergency": self.emergency or EMERGENCY[code], "crisis": self.crisis or CRISIS[code]}
            self._texts[code] = {name: _filled(text, numbers) for name, text in self.rules.texts[code].items()}
        return self._texts[code]

    def about(self) -> dict[str, Any]:
        """Return what the guard is made of, for the pages and the record of start-up."""
        return {
            "rules": len(self.rules.rules),
            "examples": self.reader.lines if self.reader else 0,
            "identifiers": {code: finder.about() for code, finder in self.finders.items()},
            "calibrations": [{"hash": h, "kind": kind} for h, kind in self.calibrations],
        }


def _each_once(some: Iterable[Spoken]) -> list[Spoken]:
    return list({(one.rule.name, one.action): one for one in some}.values())


def _filled(text: str, numbers: Mapping[str, str]) -> str:
    for name, number in numbers.items():
        text = text.replace(f"{{{name}}}", number)
    return text


def open_guard(*, own: Path | None = None, models: Iterable[Path] = (), emergency: str = "", crisis: str = "") -> Guard:
    """Return the guard of a service, with what finds identifiers and the calibrations beside its models' files.

    ``own`` is a folder with a hospital's rules and examples, which add to ours. Takes seconds; RecipeError and
    UserError say what is wrong with a file.
    """
    from residency.serve.guard.calibration import beside

    found = [made for place in models for made in beside(place)]
    return Guard(
        rules=read_rules(own),
        reader=read_reader(own),
        finders=finders(),
        calibrations={(made.hash, made.kind): made for made in found},
        emergency=emergency,
        crisis=crisis,
    )
