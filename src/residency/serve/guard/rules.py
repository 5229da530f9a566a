"""The rules as they are written in files: what is looked for, for whom it speaks, and what is then done.

``words.LANGUAGE.yaml`` has each concept's phrases, ``texts.LANGUAGE.yaml`` what is said, ``rules.yaml`` which concepts
together mean what. A hospital's own folder adds to ours under the same names, and never takes away from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from residency.core.errors import RecipeError
from residency.core.legal import nearest
from residency.serve.guard.phrases import Phrases, phrase
from residency.serve.guard.words import SMALL, plain
from residency.serve.types import URGENCIES

OURS = Path(__file__).with_name("rules")
LANGUAGES = ("en", "es")
AUDIENCES = ("anyone", "patient", "clinician", "tutor", "document")
ACTIONS = ("refuse", "answer", "mark", "pass")
"""What a rule does, the strongest first; "pass" notes the urgency alone."""
MEANINGS = ("now", "any")
_WORD = re.compile(r"\b[a-z]{3,}\b(?!\*)")
_FIELDS = {"when", "does", "urgency", "text", "near", "most", "meant", "quoted"}
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Line:
    """What has to stand together: of each part any concept, and none of ``unless``."""

    parts: tuple[frozenset[str], ...]
    unless: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: of ``when`` one line is enough.

    ``does`` is what it does by audience; ``near`` within how many words the parts stand (0: anywhere);
    ``most`` in texts of how many words it speaks, at most (0: in all); ``meant`` "any"
    takes what is denied, past or general, too; ``quoted`` what is said in quotation marks.
    """

    name: str
    when: tuple[Line, ...]
    does: Mapping[str, str]
    urgency: str | None = None
    text: str = ""
    near: int = 0
    most: int = 0
    meant: str = "now"
    quoted: bool = True


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules, their phrases, the texts by language, and which kinds of request are whose.

    ``tongues`` are words by which a language is told: small ones, and those that only its phrases have.
    """

    rules: tuple[Rule, ...]
    phrases: Phrases
    texts: Mapping[str, Mapping[str, str]]
    audiences: Mapping[str, str]
    tongues: Mapping[str, frozenset[str]] = field(default_factory=lambda: SMALL)

    def audience(self, kind: str) -> str:
        """Return whose a kind of request is; of one that is not known: anyone's."""
        return self.audiences.get(kind, "anyone")


@lru_cache(maxsize=8)
def read_rules(own: Path | None = None) -> Rules:
    """Return our rules with those of a hospital's folder; RecipeError holds every mistake with file and line."""
    folders = [OURS, *([own] if own else [])]
    wrong: list[str] = []
    words = {code: _merged(folders, [f"words.{code}.yaml"], wrong) for code in LANGUAGES}
    texts = {code: {name: str(text).strip() for name, text in _merged(folders, [f"texts.{code}.yaml"], wrong).items()}
             for code in LANGUAGES}  # fmt: skip
    found = _merged(folders, ["rules.yaml"], wrong, whole=True)
    concepts: dict[str, list[str]] = {}
    for name, phrases in (one for code in LANGUAGES for one in words[code].items()):
        concepts.setdefault(str(name), []).extend(map(str, phrases))
    wrong += _mistakes(found, concepts, texts)
    if wrong:
        raise RecipeError("\n".join(wrong))
    groups = {name: frozenset(members) for name, members in found.get("groups", {}).items()}
    rules = tuple(_rule(name, one, groups) for name, one in found.get("rules", {}).items())
    audiences = {kind: whose for whose, kinds in found.get("audiences", {}).items() for kind in kinds}
    return Rules(rules, Phrases(concepts), texts, audiences, _tongues(words))


def _tongues(words: Mapping[str, Mapping[str, Iterable[Any]]]) -> dict[str, frozenset[str]]:
    """Return by language its small words, and the words that its phrases have and no other language's."""
    said = {
        code: {word for phrases in found.values() for text in phrases for word in _WORD.findall(plain(str(text)))}
        for code, found in words.items()
    }
    rest = {code: set().union(*(said[other] | SMALL[other] for other in said if other != code)) for code in said}
    return {code: SMALL[code] | (said[code] - rest[code]) for code in said}


def _merged(folders: Sequence[Path], names: Sequence[str], wrong: list[str], *, whole: bool = False) -> dict[str, Any]:
    """Return the mappings of files of these names put together: lists are added up, the rest is as the first has it."""
    made: dict[str, Any] = {}
    for path in (folder / name for folder in folders for name in names if (folder / name).is_file()):
        try:
            found = yaml.load(path.read_text(encoding="utf-8"), Loader)
            if not isinstance(found, dict):
                raise ValueError("no mapping")
        except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError) as error:
            mark = getattr(error, "problem_mark", None)
            wrong.append(f"{path.name}: {f'line {mark.line + 1}: ' if mark else ''}no YAML mapping of rules")
            continue
        for name, value in found.items():
            if isinstance(value, list):
                made[name] = [*made.get(name, []), *value]
            elif whole and isinstance(value, dict):
                made[name] = {**value, **made.get(name, {})}
            else:
                made.setdefault(name, value)
    return made


def _mistakes(found: Mapping[str, Any], concepts: Mapping[str, Sequence[str]], texts: Any) -> Iterator[str]:
    """Yield what is wrong: phrases that cannot be read, concepts and texts that are not there, fields not known."""
    for name, phrases in concepts.items():
        for text in phrases:
            try:
                phrase(text)
            except ValueError as error:
                yield f"words: {name}: {error}"
    groups = found.get("groups", {})
    known = {*concepts, *groups}
    for name, members in groups.items():
        yield from (f"groups: {name}: {nearest(one, known)}" for one in members if one not in concepts)
    for name, rule in found.get("rules", {}).items():
        yield from (f"rules: {name}: {why}" for why in _wrong(rule, known, texts))


def _wrong(rule: Any, known: set[str], texts: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    if not isinstance(rule, dict) or not rule.get("when") or not rule.get("does"):
        yield "a rule has at least `when` and `does`"
        return
    yield from (f"{name} is no field; {nearest(name, _FIELDS)}" for name in rule if name not in _FIELDS)
    for line in rule["when"]:
        for part in (one.strip().lstrip("!") for one in line.split("+")):
            yield from (f"no concept {one}; {nearest(one, known)}" for one in part.split("|") if one not in known)
    for whose, action in rule["does"].items():
        if whose not in AUDIENCES or action not in ACTIONS:
            yield f"does: {whose}: {action}; legal are {', '.join(AUDIENCES)} with {', '.join(ACTIONS)}"
    if rule.get("urgency") not in (None, *URGENCIES):
        yield f"urgency {rule['urgency']}; {nearest(rule['urgency'], URGENCIES)}"
    if rule.get("meant", "now") not in MEANINGS:
        yield f"meant {rule['meant']}; {nearest(rule['meant'], MEANINGS)}"
    if any(action != "pass" for action in rule["does"].values()):
        yield from (
            f"texts.{code}: {rule.get('text')} is missing" for code in texts if rule.get("text") not in texts[code]
        )


def _rule(name: str, found: dict[str, Any], groups: Mapping[str, frozenset[str]]) -> Rule:
    """Return a rule of a checked mapping."""

    def part(text: str) -> frozenset[str]:
        names = [one.strip() for one in text.strip().lstrip("!").split("|")]
        return frozenset().union(*(groups.get(one, frozenset([one])) for one in names))

    def line(text: str) -> Line:
        parts = [one.strip() for one in text.split("+")]
        unless = [part(one) for one in parts if one.startswith("!")]
        return Line(tuple(part(one) for one in parts if not one.startswith("!")), frozenset().union(*unless))

    rest = {key: found[key] for key in ("urgency", "text", "near", "most", "meant", "quoted") if key in found}
    return Rule(name, tuple(line(one) for one in found["when"]), found["does"], **rest)
