"""How identifiers are hidden: the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from residency.core.errors import UserError
from residency.corpus.identify.kinds import KINDS


@dataclass(frozen=True, slots=True)
class Hiding:
    """How identifiers are hidden. All but ``operator``, ``keep`` and ``sign`` say how surrogates are made."""

    operator: Literal["tag", "mask", "surrogate", "drop"] = "tag"
    keep: tuple[str, ...] = ()
    """Kinds that stay as they are, such as COUNTRY or SEX, which Safe Harbor lets stay."""
    dates: Literal["shift", "year", "tag"] = "shift"
    """Dates move by the patient's days, or only their year stays (Safe Harbor), or they get a tag."""
    days: int = 365
    """The most days that a patient's dates move, back or ahead; at least one."""
    order: Literal["language", "mdy", "dmy"] = "language"
    """Which of two numbers is the month where both can be: English month first, Spanish day first, or as said."""
    latest: int = 2026
    """The year of the latest texts: a date more than 89 years before tells an age over 89, and gets a tag."""
    initials: Literal["consistent", "keep", "mask"] = "consistent"
    """Initials fit the surrogates ("J." and "John" change alike), or keep their letter, or get ``sign``."""
    gender: Literal["keep", "drop"] = "keep"
    """Whether a woman's given name gets a woman's, and a man's a man's."""
    sign: str = "*"
    """What a mask puts for each character."""

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
