"""How identifiers are hidden: the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from residency.core.errors import UserError
from residency.core.legal import Range, Rule, nearest
from residency.corpus.identify.kinds import KINDS


def _no_sign(sign: str) -> str | None:
    plain = len(sign) == 1 and not sign.isalnum()
    return None if plain else f"{sign!r} is no sign; legal: one character that is neither a letter nor a digit"


def _no_kind(name: str) -> str | None:
    return None if name in KINDS else f"{name} is no kind of identifier; {nearest(name, KINDS)}"


KindName = Annotated[str, Rule(f"one of {', '.join(KINDS)}", _no_kind)]


@dataclass(frozen=True, slots=True)
class Hiding:
    """How identifiers are hidden. All but ``operator``, ``keep`` and ``sign`` say how surrogates are made."""

    # What stands in place of an identifier: its kind, signs, something made up of the same form, or nothing.
    operator: Literal["tag", "mask", "surrogate", "drop"] = "tag"
    # Kinds that stay as they are, such as COUNTRY or SEX, which Safe Harbor lets stay.
    keep: tuple[KindName, ...] = ()
    # Dates move by the patient's days, or only their year stays (Safe Harbor), or they get a tag.
    dates: Literal["shift", "year", "tag"] = "shift"
    # The most days that a patient's dates move, back or ahead.
    days: Annotated[int, Range(least=1, most=36_500)] = 365
    # Which of two numbers is the month where both can be: English month first, Spanish day first, or as said.
    order: Literal["language", "mdy", "dmy"] = "language"
    # The year of the latest texts: a date more than 89 years before tells an age over 89, and gets a tag.
    latest: Annotated[int, Range(least=1900, most=2200)] = 2026
    # Initials fit the surrogates ("J." and "John" change alike), or keep their letter, or get the sign.
    initials: Literal["consistent", "keep", "mask"] = "consistent"
    # Whether a woman's given name gets a woman's, and a man's a man's.
    gender: Literal["keep", "drop"] = "keep"
    # What a mask puts for each character: one that is neither a letter nor a digit.
    sign: Annotated[str, Rule("one character that is neither a letter nor a digit", _no_sign)] = "*"

    def __post_init__(self) -> None:
        if len(self.sign) != 1 or self.sign.isalnum():
            raise UserError("sign: one character that is neither a letter nor a digit")
        if not 1 <= self.days <= 36_500:
            raise UserError(f"days: {self.days} is not between 1 and 36500")
        if not 1900 <= self.latest <= 2200:
            raise UserError(f"latest: {self.latest} is not a year between 1900 and 2200")
        unknown = sorted(set(self.keep) - set(KINDS))
        if unknown:
            raise UserError(f"keep: {', '.join(unknown)} is no kind; legal: {', '.join(KINDS)}")
