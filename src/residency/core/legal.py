"""What a setting may be beyond its type: a range, or a rule of its own, carried by the type hint.

``tokens: Annotated[int, Range(least=0)]`` says it where the function says its type; ``core/check.py`` enforces it, and
docs/settings.md lists it. A rule is anything with ``legal`` (in words) and ``problem`` (what is wrong, or None).
"""

from __future__ import annotations

import codecs
import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Protocol, get_args, get_origin, runtime_checkable

from residency.core.errors import Contradiction


@runtime_checkable
class Legal(Protocol):
    """What a type hint may carry beside the type."""

    @property
    def legal(self) -> str:
        """The legal values, in words."""
        ...

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value of the right type; None where nothing is."""
        ...


@dataclass(frozen=True, slots=True)
class Range:
    """A number from ``least`` to ``most``, or above ``above``; ``zero`` says what 0 means where that is special."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    zero: str = ""

    @property
    def legal(self) -> str:
        """The range in words."""
        low = f"above {self.above:.15g}" if self.above is not None else f"at least {self.least:.15g}"
        if self.least is not None and self.most is not None:
            low = f"from {self.least:.15g} to {self.most:.15g}"
        elif self.most is not None:
            low = f"{low} and at most {self.most:.15g}"
        return f"{low} (0: {self.zero})" if self.zero else low

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a number; nan and infinity are in no range."""
        inside = math.isfinite(value)
        inside = inside and (self.least is None or value >= self.least) and (self.most is None or value <= self.most)
        inside = inside and (self.above is None or value > self.above)
        return None if inside else f"{value:.15g} is out of range; legal: {self.legal}"


@dataclass(frozen=True)
class Rule:
    """A rule that a function knows: ``find`` returns what is wrong with a value, or None; ``legal`` says it whole."""

    legal: str
    find: Callable[[Any], str | None]

    def problem(self, value: Any) -> str | None:
        """Return what the function finds."""
        return self.find(value)


@dataclass(frozen=True)
class Keys:
    """A mapping whose keys are from ``words``, or such a word with ``-2``, ``-3`` … behind it where ``numbered``."""

    words: tuple[str, ...]
    numbered: bool = False

    @property
    def legal(self) -> str:
        """The legal keys, in words."""
        return f"keys from {', '.join(self.words)}"

    def problem(self, value: Mapping[str, Any]) -> str | None:
        """Return the keys that are not legal, each with the nearest that is."""
        plain = (re.sub(r"-\d+$", "", str(key)) if self.numbered else str(key) for key in value)
        wrong = [key for key, bare in zip(value, plain, strict=True) if bare not in self.words]
        return "; ".join(f"no such key as {key}; {nearest(str(key), self.words)}" for key in wrong) or None


def nearest(name: str, legal: Iterable[str], names: Mapping[str, str] | None = None) -> str:
    """Return "did you mean …?" and the legal names; ``names`` maps further spellings to what they stand for."""
    legal = [str(key) for key in legal]
    names = {**{key: key for key in legal}, **(names or {})}
    near = [names[match] for match in difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)]
    listed = "legal: " + (", ".join(legal) or "none")
    return f"did you mean {near[0]}? {listed}" if near else listed


def rules_of(hint: Any) -> list[Legal]:
    """Return the rules that a hint carries."""
    return [rule for rule in get_args(hint)[1:] if isinstance(rule, Legal)] if get_origin(hint) is Annotated else []


Clash = tuple[tuple[str, ...], str]
"""Names of settings that do not go together, the one to mend first, and what to do."""


def agree(found: Iterable[Clash]) -> None:
    """Raise Contradiction with all that was found; nothing where it holds none."""
    if clashes := tuple(found):
        raise Contradiction(clashes)


# --- what many settings are ------------------------------------------------------------------------------------------


def _iso_date(value: Any) -> str | None:
    try:
        date.fromisoformat(str(value))
    except ValueError:
        return f"{value!r} is not a date; legal: a date such as 2024-12-31"
    return None


def _file_name(value: str) -> str | None:
    if not value or re.fullmatch(r"[\w][\w.-]*", value):
        return None
    return f"{value!r} names a folder; legal: letters, digits, dots, dashes and underscores"


def _language(value: str) -> str | None:
    return None if re.fullmatch(r"[a-z]{2,3}", value) else f"{value!r} is no language code, such as en or und"


def _encoding(value: str) -> str | None:
    try:
        codecs.lookup(value)
    except (LookupError, ValueError):
        return f"no such encoding as {value}; legal: Python's names, such as utf-8, cp1252 or latin-1"
    return None


def _part(value: str) -> str | None:
    return None if value and re.fullmatch(r"\w[\w-]*", value) else f"{value!r} is no part of a set, such as train"


def _file(value: Path | str) -> str | None:
    return None if Path(value).expanduser().is_file() else f"there is no file {value}"


def file_of(what: str) -> Rule:
    """Return the rule that a setting names a file; ``what`` says of which kind it must be."""
    return Rule(what, lambda path: None if _file(path) is None else f"{path} is not a file; it must be {what}")


ExistingFile = Annotated[Path, Rule("a file", _file)]
Language = Annotated[str, Rule("a language code of two or three letters", _language)]
Encoding = Annotated[str, Rule("a name of an encoding, as Python has it", _encoding)]
Part = Annotated[str, Rule("a part of a set: train, validation, test", _part)]
Count = Annotated[int, Range(least=0)]
AtLeastOne = Annotated[int, Range(least=1)]
Share = Annotated[float, Range(least=0, most=1)]
Above0 = Annotated[float, Range(above=0)]
AtLeast0 = Annotated[float, Range(least=0)]
Seed = Annotated[int, Range(least=0, most=2**32 - 1)]
Date = Annotated[str, Rule("a date such as 2024-12-31", _iso_date)]
FileName = Annotated[str, Rule("a word of letters, digits, dots, dashes and underscores", _file_name)]
